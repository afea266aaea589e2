"""What a node counted: the events since its start, and what it holds now."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING


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
    unroutable: int  #: datagrams dropped because nobody can live at the address that they claim to come from
    limited: int  #: requests dropped because their sender, its address or its network had used up its budget
    shed: int  #: datagrams of others than contacts dropped unread while they came faster than they could be answered
    unattended: int  #: requests dropped while as many answers as may be took their time: a program's, or the disk's
    unknown_methods: int  #: requests for an RPC we do not have
    unmatched: int  #: answers to nothing we asked, or from an address we did not ask
    wrong_replies: int  #: answers of the wrong shape
    held: int  #: requests and answers held until a stranger proved its address
    held_dropped: int  #: of those, given up: too many, too large, or no proof in time
    uncredited: int  #: answers not sent because they would have been larger than what came from a stranger
    refused: int  #: values of others that there was no room for, or over the quota of their source
    evicted: int  #: values that gave way: dead ones, those of the source with the most, the farthest from the own id
    rpc_errors: int  #: exceptions raised by a program's own rpc_* methods
    internal_errors: int  #: exceptions raised by our own code; anything but 0 is a defect to report
    contacts: int  #: in the routing table
    failing: int  #: contacts told to nobody: they left our last request unanswered, or were silent for very long
    replacements: int  #: in the replacement caches
    buckets: int
    records: int  #: addresses remembered
    in_flight: int  #: requests of ours under way
    queued: int  #: requests of ours waiting for their turn
    holding: int  #: requests and answers held now
    values: int  #: kept for the network, and for ourselves
    published: int  #: values of ours that are renewed until they are forgotten
    link_down: bool  #: whether nothing was heard for so long that our own link must be down


#: The counts, in order: every field before `contacts`.
COUNTED = [field.name for field in fields(Stats)][: [field.name for field in fields(Stats)].index("contacts")]


class Counts:
    """All counts, as attributes; the engine's parts share one such object, and `Stats` is made from it.

    Slots, because six of them are counted up for every request: half the time that a dict takes.
    """

    __slots__ = tuple(COUNTED)

    def __init__(self) -> None:
        for name in COUNTED:
            setattr(self, name, 0)

    def as_dict(self) -> dict[str, int]:
        """Return the counts by name."""
        return {name: getattr(self, name) for name in COUNTED}

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> int: ...
        def __setattr__(self, name: str, value: int) -> None: ...
