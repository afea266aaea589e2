"""Every limit of a node: its name, its unit and its reason, in one place.

What exceeds a limit is refused or dropped, and counted (`engine.stats`). Times are in seconds, sizes in bytes. The
bounds of the wire format itself stand with it, in `wire.rpcudp`; those of the table in `routing`. Those that an
operator may have reason to set otherwise are the fields of `engine.operator_limits.Limits`, which is also
`limits.Limits`.
"""

from __future__ import annotations

from kademlia.engine.operator_limits import Limits

__all__ = ["Limits"]  # and every constant below

# -- datagrams -----------------------------------------------------------------------------------------------------

#: Largest datagram we read: a UDP datagram cannot be longer, and old nodes answer with values of any size.
DATAGRAM_BYTES_MAX = 65535

#: Contacts read from one answer: k of the largest network we know of is 20; more is somebody's flood. A lookup
#: believes the k nearest of them.
CONTACTS_PER_REPLY_MAX = 64

# -- calls ---------------------------------------------------------------------------------------------------------

#: A call without an answer for this long counts against the asked node (rpcudp's time-out, in every release).
HARD_TIMEOUT_S = 5.0

#: Bounds of the soft time-out, srtt + 4 var, after which a call's slot is free and it is sent once more.
SOFT_TIMEOUT_MIN_S = 0.2
SOFT_TIMEOUT_MAX_S = 2.0

#: Soft time-out of a node whose round-trip time is not known yet.
SOFT_TIMEOUT_UNKNOWN_S = 0.5

#: Requests under way at once; the rest queue. A default Linux receive buffer holds about this many small datagrams.
REQUESTS_IN_FLIGHT_MAX = 512

#: Hard time-outs in a row, nothing heard in between, after which we believe our own link is down (pymdht's rule).
TIMEOUTS_UNTIL_LINK_DOWN = 10

#: The wall clock leaving the monotonic one by this much means that the machine slept.
SLEEP_GAP_S = 30.0

# -- addresses -----------------------------------------------------------------------------------------------------

#: Addresses remembered at once; about 300 bytes each. The oldest that were never proved are forgotten first, then the
#: oldest of others that are no contacts.
RECORDS_MAX = 65536

#: An address is verified for this long after it answered a request of ours.
VERIFIED_S = 600.0

#: So long after a node asked us something it surely has our address as verified; later we introduce ourselves again.
KNOWN_THERE_S = VERIFIED_S - 60.0

#: Pings under way that ask strangers who they are: half of all places are for our own requests.
STRANGERS_PINGED_MAX = REQUESTS_IN_FLIGHT_MAX // 2

#: Requests of a stranger after which we ask who it is even if its bucket has no room.
REQUESTS_UNTIL_PING = 8

#: Requests and answers held for strangers while they are asked to prove their address.
HELD_MAX = 4096
HELD_BYTES_MAX = 1 << 20

#: Held for one address: a joining node asks a handful of things before its first answer comes.
HELD_PER_ADDRESS_MAX = 64

#: What is held longer than a caller waits is of no use to it.
HELD_S = HARD_TIMEOUT_S

#: First requests are padded to this size, so that the answer and the ping that proves our address fit our credit;
#: a first find_node or find_value to the size of its answer, which need not be held then. That is what passes through
#: every network in one piece: IPv6 promises 1,280 bytes, headers included.
FIRST_REQUEST_BYTES = 128
FIRST_REQUEST_BYTES_MAX = 1200

#: First requests of that size that strangers may leave unanswered; each stranger that answers gives a place back. So a
#: liar that tells of addresses where nobody lives can have 60 kB sent there, and then small requests only.
FULLY_PADDED_MAX = 64

# -- budgets -------------------------------------------------------------------------------------------------------

#: A budget that was not used for so many seconds is full (`Limits.requests_per_s`): a node that joins, or stores a
#: thousand values, is done before it is used up.
BURST_S = 4.0

#: Tokens granted to a verified address at once: reckoning takes 1 us, which so is 0.06 a request.
TOKENS_A_BLOCK = 16

#: Budgets remembered, at about 200 bytes each; those that were not used for the longest are forgotten first.
PURSES_MAX = 16_384

# -- contacts ------------------------------------------------------------------------------------------------------

#: Unanswered calls in a row after which a contact is given up; a replacement takes its place (section 4.1; R31).
STRIKES_UNTIL_STALE = 5

#: Unanswered calls in a row after which a contact's id may be taken by another address; and how long it has to be
#: silent besides, if that is in another network: whoever is cut off for half a minute is not robbed of its place.
STRIKES_UNTIL_MOVED = 2
MOVED_FAR_AFTER_S = 45.0

#: A struck contact is not asked for this long, doubling with each strike up to the maximum (section 4.1; R30).
LOCK_MIN_S = 5.0
LOCK_MAX_S = 600.0

#: A full bucket's newcomer from one address is noted once in this time; one glance a minute keeps the order fresh.
REPLACEMENT_NOTED_S = 60.0

#: The head of a full bucket is pinged for a newcomer's sake if it was silent for this long.
HEAD_SILENT_S = 60.0

# -- probes --------------------------------------------------------------------------------------------------------

#: A contact that was silent for this long is asked whether it is there: at first, at least and at most. With IPFS's
#: sessions and 20 minutes 3.5 % of a table's contacts are dead with b = 1, and 5 % with b = 5: it takes in the young.
PROBE_SILENCE_START_S = 60.0
PROBE_SILENCE_MIN_S = 30.0
PROBE_SILENCE_MAX_S = 900.0

#: The share of probes that may find nobody: as many of the contacts are dead and not known to be, at the most.
PROBES_DEAD_SHARE = 0.05

#: The k contacts nearest to us are asked after this share of the silence: they are told most.
PROBE_NEIGHBOURS_SOONER = 0.25

#: Where many contacts are found dead, one that was silent for so many times as long as it may be, because there are too
#: many to ask in time, is taken for dead until it is heard.
DOUBTED_AFTER = 2.5

#: Probes a node makes in the long run, at 150 bytes for both ways: 75 B/s. With the longest silence they do for a table
#: of 450 contacts; in a larger one there are as many more as it takes to keep to that silence.
PROBES_PER_S = 0.5

#: How often it is looked who is due.
PROBE_STEP_MIN_S = 5.0
PROBE_STEP_MAX_S = 60.0

#: Contacts given up and remembered, and how often one of them is asked whether it is back.
LOST_MAX = 64
LOST_ASKED_EVERY_S = 60.0

# -- values ---------------------------------------------------------------------------------------------------------

#: So long a value lives after it was published, unless its publisher says otherwise (section 2.5; R18).
LIFE_S = 86_400.0

#: The longest life, a week: whose publisher is there renews it; it is what `ForgetfulStorage` keeps, too.
LIFE_MAX_S = 604_800.0

#: The shortest life that a publisher may give: a second is lost since lives are told in whole ones, some in a lookup.
LIFE_MIN_S = 5.0

#: A publisher's clock may be so much fast; stamps farther ahead count as now, or nobody could replace their values.
STAMP_AHEAD_S = 300.0

#: Of one stamp, an end that is so much later is a renewal by the publisher; less may be due to slow datagrams.
RENEWED_BY_S = 60.0

#: A value that was superseded, deleted, or died is remembered for so long after it was last met: nodes of the published
#: releases store what they have once an hour.
BYGONE_S = 86_400.0

#: Such values of one key; the latest are those that come back.
BYGONE_PER_KEY = 4

#: Keys of such values, at about 470 bytes each: 31 MB.
BYGONE_KEYS_MAX = 65_536

#: Values that are chosen together to give way on a full shelf: looking for them takes a millisecond or two.
GIVE_WAY_MAX = 64

#: Bytes of values in memory, of others and our own, where a program sets no bound: half a million of 250 bytes, with
#: which the process takes 400 MB. Without a bound strangers fill the machine.
MEMORY_BYTES_MAX = 256 * 2**20

#: Values whose source is remembered (`engine.ledger`), at about 70 bytes each, and 60 more where values are on disk: as
#: many as there is room for in memory. Of more, the latest of the source with the most belong to nobody.
SOURCED_VALUES_MAX = 1 << 20

#: Sources of values that have an account each, at about 500 bytes; there are as many addresses that we may know to be
#: verified. All others share one account.
SOURCES_MAX = RECORDS_MAX

#: Of two sources neither has more if it is by less than this share of the room, 8 KiB of 256 MiB, the largest value of
#: one datagram: then distance decides. A thousand attackers could take 3 % of the room from their equals by that.
EQUAL_WITHIN = 1 / 32_768

#: The share of the room that is for values without a source: below it they give way to no others' values; and above it
#: only to those of sources that have less than `EQUAL_WITHIN` says, so that a thousand attackers displace 3 % of them.
SOURCELESS_SHARE = 0.5

#: Keys of one source that are looked at in one go for the farthest of them: it takes 0.3 ms.
KEYS_OF_SOURCE_PER_LOOK = 1024

#: Answers under way that take their time, at about 2 kB each: those of a program's own `rpc_*` methods, and stores that
#: wait for the disk. A disk that takes 100 batches a second is done with 10 ms of stores, a few hundred, at a time.
ANSWERS_UNDER_WAY_MAX = 1024

#: On a full shelf dead values are looked for so often while there are none, or each store would cost a millisecond.
ENDED_LOOKED_FOR_S = 0.1

#: Values that a node publishes again by itself, at about 300 bytes each besides the values; what exceeds it lives once.
PUBLISHED_MAX = 100_000

#: The share of its life after which a value is renewed by its publisher, jittered by a tenth: two renewals may fail.
RENEW_AFTER = 0.7
RENEW_JITTER = 0.1

#: A publication that nobody took is tried again after this, doubling up to the last.
PUBLISH_RETRY_MIN_S = 30.0
PUBLISH_RETRY_MAX_S = 1800.0

#: After a restart what was published is published again within this time, spread: a thousand nodes restart together.
RESUME_SPREAD_S = 1800.0

#: Values that a node publishes again or replicates, a second: with k = 20 it sends 400 datagrams, of 150 bytes mostly.
#: Of a million records it replicates one in k each hour, 14 a second.
VALUES_PER_S = 20.0

#: Of these under way at once: with k requests each a tenth of the places for requests in flight.
VALUES_AT_ONCE = 3

#: If nobody answers any more, values wait for this long, doubling up to the last.
VALUES_PAUSE_MIN_S = 1.0
VALUES_PAUSE_MAX_S = 300.0

#: A node that leaves hands over for so long at the most, in seconds: 512 requests in flight do 100,000 values in it.
LEAVE_S = 30.0

#: Values on their way from a node that leaves: half of the places for requests in flight.
LEAVE_STORES_IN_FLIGHT_MAX = REQUESTS_IN_FLIGHT_MAX // 2

# -- lookups -------------------------------------------------------------------------------------------------------

#: Ids under which one lookup asks the same address: whoever is told of under a second one may have been lied about.
LOOKUP_IDS_PER_ADDRESS = 2

#: Nodes that do not answer, after which it is believed of who told of them that it lies: so many, and as many more for
#: each that it told of and that answered. Of an honest node's contacts half may be dead.
LOOKUP_LIES_MAX = 3

#: Of those that only liars told of a lookup asks so many after all, in multiples of k, when it has asked all others.
LOOKUP_DOUBTED_FACTOR = 1

#: Nodes one lookup remembers, in multiples of k: the nearest, so that failures have someone to take their place.
LOOKUP_NODES_FACTOR = 32

# -- batches -------------------------------------------------------------------------------------------------------

#: Keys of one batch under way at once: with alpha requests each, and k in the burst at the end, a batch takes at most
#: two thirds of the places for requests in flight.
BATCH_AT_ONCE = 16

# -- surveys -------------------------------------------------------------------------------------------------------

#: What lookups found is forgotten after this long: nodes come and go. Of those with an hour to live, 2 % are gone.
SURVEY_S = 60.0

#: Nodes that lookups found and are remembered, at about 250 bytes each; with more all is forgotten.
SURVEY_NODES_MAX = 16384

# -- upkeep --------------------------------------------------------------------------------------------------------

#: Buckets without a lookup for this long are refreshed, values held for this long are republished (R22, R26).
REFRESH_S = 3600.0

#: How often refreshing and republishing are looked at; jittered, so that one holder goes first and others see it.
UPKEEP_S = 600.0

#: Share by which periods are jittered either way.
JITTER = 0.2

#: A node without live contacts tries its bootstrap addresses again after the first time, doubling to the last.
BOOTSTRAP_RETRY_MIN_S = 1.0
BOOTSTRAP_RETRY_MAX_S = 300.0

#: Bootstrap addresses remembered; anybody's list is shorter.
BOOTSTRAP_ADDRESSES_MAX = 100

#: Lookups that upkeep has under way at once (refreshing, joining, republishing).
UPKEEP_LOOKUPS_MAX = 3

#: Keys compared with a newcomer in one go (R28), at about 1 us each: a full store must not hold up the loop for 5 ms.
HANDOFF_KEYS_PER_STEP = 256

#: Values sent to a newcomer in one go: sending one datagram was seen to take up to 0.3 ms.
HANDOFF_STORES_PER_STEP = 8

#: Values on their way to a newcomer at once.
HANDOFF_STORES_IN_FLIGHT_MAX = 32

#: Newcomers waiting for their values; later ones get them by republishing.
HANDOFF_NEWCOMERS_MAX = 256
