"""Requests of ours: waiting for their turn, under way, late, given up.

A call is matched by message id AND address. After a soft time-out, a few round trips long, it no longer holds its
slot and is sent once more with the same id; after the hard one it counts against the asked node. An answer in
between is welcome (Kademlia, section 2.3; R13), but gives no round-trip sample once sent twice (Karn's rule).
Time-outs come in a few classes, each a queue in order of time, so that no call needs a timer of its own.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from kademlia.engine import limits
from kademlia.engine.records import Record
from kademlia.engine.stats import Counts
from kademlia.node import Address, Node

#: Classes of soft time-outs in seconds; a call falls into the first that is long enough.
SOFT_CLASSES_S = (
    limits.SOFT_TIMEOUT_MIN_S,
    0.3,
    limits.SOFT_TIMEOUT_UNKNOWN_S,
    0.75,
    1.0,
    1.5,
    limits.SOFT_TIMEOUT_MAX_S,
)


class Asker(Protocol):
    """Who is told how a call went: a crawl, a publication, an operation."""

    def settled(self, node: Node, happened: bool, result: object) -> None:
        """Learn that a call was answered, or that it never will be."""

    def slow(self, node: Node) -> None:
        """Learn that a call is late; it may still be answered."""


class Call:
    """One request: what was asked, of whom, on whose behalf, and how far it is."""

    __slots__ = ("asker", "datagram", "late", "message_id", "method", "node", "over", "record", "resend", "sent_at")

    def __init__(
        self, message_id: bytes, method: str, datagram: bytes, node: Node, record: Record, asker: Asker, resend: bool
    ) -> None:
        self.message_id = message_id
        self.method = method
        self.datagram = datagram
        self.node = node
        self.record = record
        self.asker = asker
        self.resend = resend  # whether it may be sent a second time
        self.sent_at = 0.0
        self.late = False  # the soft time-out has passed
        self.over = False


class Calls:
    """All calls of one node. What is to be sent lies in `outbox`, in order."""

    def __init__(self, counts: Counts) -> None:
        self.outbox: list[tuple[bytes, Address]] = []
        self._counts = counts
        self._pending: dict[bytes, Call] = {}
        self._late = 0
        self._queue: deque[Call] = deque()
        self._soft: list[deque[tuple[float, Call]]] = [deque() for _ in SOFT_CLASSES_S]
        self._hard: deque[tuple[float, Call]] = deque()

    @property
    def in_flight(self) -> int:
        """How many calls hold one of the slots."""
        return len(self._pending) - self._late

    @property
    def queued(self) -> int:
        """How many calls wait for a slot."""
        return len(self._queue)

    def start(self, call: Call, now: float) -> None:
        """Send a call now, or as soon as a slot is free."""
        call.record.calls += 1
        if self.in_flight >= limits.REQUESTS_IN_FLIGHT_MAX:
            self._queue.append(call)
        else:
            self._send(call, now)

    def answered(self, message_id: bytes, address: Address, now: float) -> Call | None:
        """Return the call that an answer belongs to and end it; None if we asked nothing of the kind there."""
        call = self._pending.get(message_id)
        if call is None or call.record.address != address:
            return None
        if not call.late:
            call.record.measured(now - call.sent_at)
        self._end(call, now)
        return call

    def pending(self, message_id: bytes) -> Call | None:
        """Return the call with this id, if it is under way."""
        return self._pending.get(message_id)

    def expired(self, now: float) -> tuple[list[Call], list[Call]]:
        """Return the calls that became late by now, and those that ended without an answer."""
        late, ended = [], []
        for queue in self._soft:
            while queue and queue[0][0] <= now:
                call = queue.popleft()[1]
                if not call.over:
                    late.append(call)
                    self._made_late(call)
        while self._hard and self._hard[0][0] <= now:
            call = self._hard.popleft()[1]
            if not call.over:
                ended.append(call)
                self._end(call, now)
        self._send_queued(now)
        return late, ended

    def deadline(self) -> float | None:
        """Return when `expired` has something to do next, or None.

        Calls that are over are forgotten here, once a burst: 10,000 of them waiting for their time-outs would make
        the garbage collector look at everything (35 ms).
        """
        heads = []
        for queue in (*self._soft, self._hard):
            while queue and queue[0][1].over:
                queue.popleft()
            if queue:
                heads.append(queue[0][0])
        return min(heads, default=None)

    def end(self, call: Call, now: float) -> None:
        """End one call that needs no answer any more."""
        if not call.over:
            self._end(call, now)

    def end_all(self) -> list[Call]:
        """Forget everything under way and waiting; return it."""
        ended = [*self._pending.values(), *self._queue]
        for call in ended:
            call.over = True
            call.record.calls -= 1
        self._pending.clear()
        self._queue.clear()
        self._hard.clear()
        self.outbox.clear()
        self._late = 0
        for queue in self._soft:
            queue.clear()
        return ended

    def _send(self, call: Call, now: float) -> None:
        call.sent_at = now
        self._pending[call.message_id] = call
        self.outbox.append((call.datagram, call.record.address))
        self._counts.asked += 1
        wanted = call.record.soft_timeout()
        index = next(i for i, seconds in enumerate(SOFT_CLASSES_S) if seconds >= wanted)
        self._soft[index].append((now + SOFT_CLASSES_S[index], call))
        self._hard.append((now + limits.HARD_TIMEOUT_S, call))

    def _made_late(self, call: Call) -> None:
        call.late = True
        self._late += 1
        if call.resend:
            self._counts.resent += 1
            self.outbox.append((call.datagram, call.record.address))

    def _end(self, call: Call, now: float) -> None:
        call.over = True
        call.record.calls -= 1
        self._late -= call.late
        self._pending.pop(call.message_id, None)
        self._send_queued(now)

    def _send_queued(self, now: float) -> None:
        while self._queue and self.in_flight < limits.REQUESTS_IN_FLIGHT_MAX:
            self._send(self._queue.popleft(), now)
