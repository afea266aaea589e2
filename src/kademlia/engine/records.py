"""What a node knows of each address: what it owes it, whether it proved itself, how quickly it answers.

One record an address, so that all protections cost one dict lookup. Return routability stands in for tokens: an
address is verified for ten minutes after it answered a request of ours, whose id nobody else could know. To any
other address we never send more bytes than came from it, or a forged sender could aim us at a victim.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from kademlia.engine import limits
from kademlia.node import Address, Node
from kademlia.routing import KBucket

#: Before everything. One object, shared: a float of its own takes 24 bytes.
NEVER = float("-inf")

#: After everything.
FOREVER = float("inf")


class Record:
    """One address: credit, verification, round-trip time, strikes. The node there, if we know it, is `node`."""

    __slots__ = (
        "address",
        "bucket",
        "calls",
        "credit",
        "ephemeral",
        "heard_at",
        "locked_until",
        "node",
        "pinged",
        "replacement_noted_at",
        "requests",
        "strikes",
        "struck_at",
        "trip",
        "trip_variance",
        "verified_until",
    )

    def __init__(self, address: Address) -> None:
        self.address = address
        self.node: Node | None = None  # who lives here, as it said itself in an answer to us
        self.bucket: KBucket | None = None  # of the routing table, where that node is, or was when we last looked
        self.ephemeral = False  # it said that it will not stay
        self.credit = 0  # bytes that came minus bytes sent
        self.verified_until = NEVER
        self.heard_at = NEVER  # when its last answer or verified request came
        self.requests = 0  # since it was last pinged, while unverified
        self.pinged = False  # a ping of ours, asking who it is, is under way
        self.calls = 0  # requests of ours under way to it
        self.trip = 0.0  # smoothed round-trip time in seconds, 0 until measured
        self.trip_variance = 0.0
        self.strikes = 0  # calls in a row it did not answer
        self.struck_at = NEVER  # when the last of them was counted
        self.locked_until = NEVER  # it is not asked before then
        self.replacement_noted_at = NEVER

    def verified(self, now: float) -> bool:
        """Return whether the address proved within the last ten minutes, or by being a contact, that it is real."""
        return self.bucket is not None or now < self.verified_until

    def soft_timeout(self) -> float:
        """Return how long an answer is waited for before the next node is asked: srtt + 4 var (RFC 6298)."""
        if not self.trip:
            return limits.SOFT_TIMEOUT_UNKNOWN_S
        return min(max(self.trip + 4 * self.trip_variance, limits.SOFT_TIMEOUT_MIN_S), limits.SOFT_TIMEOUT_MAX_S)

    def measured(self, trip: float) -> None:
        """Take a round trip into account (RFC 6298, section 2)."""
        if not self.trip:
            self.trip, self.trip_variance = trip, trip / 2
        else:
            self.trip_variance += (abs(self.trip - trip) - self.trip_variance) / 4
            self.trip += (trip - self.trip) / 8

    def struck(self, now: float, *, counts: bool) -> None:
        """Take note of a call without an answer: the address rests for a time that doubles with each strike (R30)."""
        self.strikes += counts
        self.struck_at = now
        lock = min(limits.LOCK_MIN_S * 2 ** min(max(self.strikes - 1, 0), 16), limits.LOCK_MAX_S)
        self.locked_until = now + lock

    def forgiven(self) -> None:
        """Forget all strikes: it was heard, or the fault was ours."""
        self.strikes = 0
        self.locked_until = NEVER

    def disposable(self) -> bool:
        """Return whether nothing is lost but a credit and a verification if this record is forgotten."""
        return self.bucket is None and (not self.calls or self.pinged)


class Records:
    """The records of all addresses, bounded: when full, the oldest disposable ones make room."""

    def __init__(self) -> None:
        self._by_address: dict[Address, Record] = {}
        self.known = self._by_address.get  # the record of an address, or None

    def of(self, address: Address) -> Record:
        """Return the record of an address, a new one if need be."""
        record = self._by_address.get(address)
        if record is None:
            if len(self._by_address) >= limits.RECORDS_MAX:
                self._make_room()
            record = self._by_address[address] = Record(address)
        return record

    def _make_room(self) -> None:
        """Forget an eighth of all records, so that the walk over those that must stay is paid for once in a while."""
        goal = limits.RECORDS_MAX // 8
        disposable = (record for record in self._by_address.values() if record.disposable())
        for record in list(islice(disposable, goal)):
            del self._by_address[record.address]

    def __iter__(self) -> Iterator[Record]:
        return iter(self._by_address.values())

    def __len__(self) -> int:
        return len(self._by_address)
