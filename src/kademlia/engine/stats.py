"""What a node counted: the events since its start, and what it holds now."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """One look at a node. Fields up to `internal_errors` are counts since the start; the rest are as of now."""

    received: int  #: datagrams that arrived
    received_bytes: int
    sent: int  #: datagrams handed to the socket
    sent_bytes: int
    unsent: int  #: datagrams the socket would not take: a full buffer, no route
    requests: int  #: well-formed requests that arrived
    answered: int  #: requests of others that got their answer
    asked: int  #: requests of our own
    resent: int  #: of those, sent a second time after the soft time-out
    replies: int  #: answers to our requests
    timeouts: int  #: requests of ours that nobody answered within the hard time-out
    malformed: int  #: datagrams that were dropped because they are not of this protocol
    unknown_methods: int  #: requests for an RPC we do not have
    unmatched: int  #: answers to nothing we asked, or from an address we did not ask
    wrong_replies: int  #: answers of the wrong shape
    held: int  #: requests and answers held until a stranger proved its address
    held_dropped: int  #: of those, given up: too many, too large, or no proof in time
    uncredited: int  #: answers not sent because they would have been larger than what came from a stranger
    rpc_errors: int  #: exceptions raised by a program's own rpc_* methods
    internal_errors: int  #: exceptions raised by our own code; anything but 0 is a defect to report
    contacts: int  #: in the routing table
    failing: int  #: contacts that left our last request unanswered
    replacements: int  #: in the replacement caches
    buckets: int
    records: int  #: addresses remembered
    in_flight: int  #: requests of ours under way
    queued: int  #: requests of ours waiting for their turn
    holding: int  #: requests and answers held now
    link_down: bool  #: whether nothing was heard for so long that our own link must be down


#: The counts, in order: every field before `contacts`.
COUNTED = [field.name for field in fields(Stats)][: [field.name for field in fields(Stats)].index("contacts")]


def new_counts() -> dict[str, int]:
    """Return all counts at zero; the engine's parts share one such dict and `Stats` is made from it."""
    return dict.fromkeys(COUNTED, 0)
