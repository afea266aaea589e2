"""What a node knows of each address: what it owes it, whether it proved itself, how quickly it answers.

One record an address, so that all protections cost one dict lookup. Return routability stands in for tokens: an
address is verified for ten minutes after it answered a request of ours, whose id nobody else could know. To any
other address we never send more bytes than came from it, or a forged sender could aim us at a victim.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from kademlia.bucket import KBucket
from kademlia.engine import limits
from kademlia.node import Address, Node

#: Before everything. One object, shared: a float of its own takes 24 bytes.
NEVER = float("-inf")

#: After everything.
FOREVER = float("inf")

#: Instead of a number of requests: one slot of a record does for both.
PINGED = -1


class Lapse:
    """What an address owes us: calls it did not answer. Most have none."""

    __slots__ = ("at", "since", "strikes", "until")

    def __init__(self) -> None:
        self.strikes = 0  # calls in a row it did not answer
        self.at = NEVER  # when the last of them was counted
        self.since = FOREVER  # when the first was
        self.until = NEVER  # it is not asked before then


class Record:
    """One address: credit, verification, round-trip time, strikes. The node there, if we know it, is `node`.

    What is the same for most has no object of its own: with its node a contact takes about 600 bytes.
    """

    __slots__ = (
        "address",
        "asked_us_at",
        "bucket",
        "calls",
        "credit",
        "ephemeral",
        "heard_at",
        "lapse",
        "node",
        "ours",
        "proved_at",
        "replacement_noted_at",
        "requests",
        "tokens",
        "trip_ms",
        "trip_variance_ms",
    )

    def __init__(self, address: Address) -> None:
        self.address = address
        self.node: Node | None = None  # who lives here, as it said itself in an answer to us
        self.bucket: KBucket | None = None  # of the routing table, where that node is, or was when we last looked
        self.ephemeral = False  # it said that it will not stay
        self.ours = False  # it sent a trailer: a node that knows lives and deletion
        self.credit = 0  # bytes that came minus bytes sent
        self.proved_at = NEVER  # when it last answered a request of ours
        self.heard_at = NEVER  # when its last answer or verified request came
        self.asked_us_at = NEVER  # when it last asked us something: for a while our answer proves our address there
        self.requests = 0  # since it was last pinged, while unverified; PINGED while such a ping is under way
        self.tokens = 0  # requests it may make before its budget is looked at
        self.calls = 0  # requests of ours under way to it
        self.trip_ms = 0  # smoothed round-trip time, 0 until measured; whole numbers, of which Python keeps up to 256
        self.trip_variance_ms = 0
        self.lapse: Lapse | None = None
        self.replacement_noted_at = NEVER

    def verified(self, now: float) -> bool:
        """Return whether the address proved within the last ten minutes, or by being a contact, that it is real."""
        return self.bucket is not None or now < self.proved_at + limits.VERIFIED_S

    def soft_timeout(self) -> float:
        """Return how long an answer is waited for before the next node is asked: srtt + 4 var (RFC 6298)."""
        if not self.trip_ms:
            return limits.SOFT_TIMEOUT_UNKNOWN_S
        seconds = (self.trip_ms + 4 * self.trip_variance_ms) / 1000
        if seconds < limits.SOFT_TIMEOUT_MIN_S:  # as on every quick network
            return limits.SOFT_TIMEOUT_MIN_S
        return min(seconds, limits.SOFT_TIMEOUT_MAX_S)

    def measured(self, trip: float) -> None:
        """Take a round trip, in seconds, into account (RFC 6298, section 2; its clock ticks in milliseconds)."""
        trip_ms = int(trip * 1000) + 1
        if not self.trip_ms:
            self.trip_ms, self.trip_variance_ms = trip_ms, trip_ms // 2
        elif trip_ms != self.trip_ms or self.trip_variance_ms:
            self.trip_variance_ms += (abs(self.trip_ms - trip_ms) - self.trip_variance_ms) // 4
            self.trip_ms += (trip_ms - self.trip_ms) // 8

    @property
    def pinged(self) -> bool:
        """Whether a ping of ours, asking who it is, is under way."""
        return self.requests == PINGED

    @property
    def strikes(self) -> int:
        """Calls in a row it did not answer."""
        return self.lapse.strikes if self.lapse is not None else 0

    @property
    def struck_at(self) -> float:
        """When the last strike was counted."""
        return self.lapse.at if self.lapse is not None else NEVER

    @property
    def locked_until(self) -> float:
        """When it may be asked again."""
        return self.lapse.until if self.lapse is not None else NEVER

    def struck(self, now: float, *, counts: bool) -> None:
        """Take note of a call without an answer: the address rests for a time that doubles with each strike (R30)."""
        lapse = self.lapse = self.lapse or Lapse()
        if counts and not lapse.strikes:
            lapse.since = now
        lapse.strikes += counts
        lapse.at = now
        rest = min(limits.LOCK_MIN_S * 2 ** min(max(lapse.strikes - 1, 0), 16), limits.LOCK_MAX_S)
        lapse.until = now + rest

    def doubted(self) -> None:
        """Take it for silent until it is heard, without a rest."""
        self.lapse = self.lapse or Lapse()
        self.lapse.strikes = max(self.lapse.strikes, 1)

    def forgiven(self) -> None:
        """Forget all strikes, the fault was ours; what was sent before the last one still does not count again."""
        if self.lapse is not None:
            self.lapse.strikes = 0
            self.lapse.until = NEVER

    def disposable(self) -> bool:
        """Return whether nothing is lost but a credit and a verification if this record is forgotten."""
        return self.bucket is None and (not self.calls or self.pinged)


class Records:
    """The records of all addresses, bounded: when full, the oldest disposable ones make room."""

    def __init__(self) -> None:
        self.make: Callable[[Address], Record] = Record  # a simulation may know more of an address than we do
        self._by_address: dict[Address, Record] = {}
        self.known = self._by_address.get  # the record of an address, or None

    def of(self, address: Address) -> Record:
        """Return the record of an address, a new one if need be."""
        record = self._by_address.get(address)
        if record is None:
            if len(self._by_address) >= limits.RECORDS_MAX:
                self._make_room()
            record = self._by_address[address] = self.make(address)
        return record

    def _make_room(self) -> None:
        """Forget an eighth of all records, so that the walk over those that must stay is paid for once in a while.

        First go those whose address was never proved: a flood of forged ones has nobody else forgotten.
        """
        goal = limits.RECORDS_MAX // 8
        for proved in (False, True):
            disposable = (
                record
                for record in self._by_address.values()
                if record.disposable() and (record.proved_at > NEVER) is proved
            )
            spare = list(islice(disposable, goal))
            goal -= len(spare)
            for record in spare:
                del self._by_address[record.address]

    def __iter__(self) -> Iterator[Record]:
        return iter(self._by_address.values())

    def __len__(self) -> int:
        return len(self._by_address)
