"""Requests of ours: waiting for their turn, under way, late, given up.

A call is matched by message id AND address. After a soft time-out, a few round trips long, it no longer holds its
slot and is sent once more with the same id; when that is late, too, nobody counts on it any more, and after the hard
time-out it counts against the asked node. An answer in between is welcome (Kademlia, section 2.3; R13), but gives no
round-trip sample once sent twice (Karn's rule), unless there is none yet: who is always slow would never be measured.
Time-outs come in a few classes; calls of one class expire in the order they were sent, so that none needs a timer of
its own: a dict keeps that order, and forgets a call at once when it is answered.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from typing import Protocol

from kademlia.engine import limits
from kademlia.engine.records import FOREVER, Record
from kademlia.engine.stats import Counts
from kademlia.node import Address, Node
from kademlia.wire.trailer import without_padding

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

#: How often a request is sent.
SENDINGS_MAX = 2


class Asker(Protocol):
    """Who is told how a call went: a crawl, a publication, an operation."""

    def settled(self, node: Node, happened: bool, result: object) -> None:
        """Learn that a call was answered, or that it never will be."""

    def slow(self, node: Node) -> None:
        """Learn that a call is late; it may still be answered. Said again when its second sending is late, too."""


class Call:
    """One request: what was asked, of whom, on whose behalf, and how far it is."""

    __slots__ = (
        "asker",
        "datagram",
        "message_id",
        "method",
        "node",
        "record",
        "resend",
        "sendings",
        "sent_at",
        "soft_class",
    )

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
        self.soft_class = 0  # index of its soft time-out in SOFT_CLASSES_S
        self.sendings = 1  # all but the last are late; one more than SENDINGS_MAX once that is late, too


class Calls:
    """All calls of one node. What is to be sent lies in `outbox`, in order; `measured` is told each round trip."""

    def __init__(self, counts: Counts, measured: Callable[[float], None]) -> None:
        self._measured = measured
        self.outbox: list[tuple[bytes, Address]] = []
        self._counts = counts
        self._pending: dict[bytes, Call] = {}  # in the order they were sent
        self._soft: list[dict[bytes, Call]] = [{} for _ in SOFT_CLASSES_S]  # those not late, the same
        self._again: list[dict[bytes, Call]] = [{} for _ in SOFT_CLASSES_S]  # late ones that were sent once more
        self._late = 0
        self._due_at = FOREVER
        self._queue: deque[Call] = deque()

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
        if len(self._pending) - self._late >= limits.REQUESTS_IN_FLIGHT_MAX:
            self._queue.append(call)
        else:
            self._send(call, now)

    def carried(self, call: Call, now: float) -> None:
        """Take note of a call that something else carries to its node."""
        call.record.calls += 1
        self._sent(call, now)

    def answered(self, message_id: bytes, record: Record, now: float) -> Call | None:
        """Return the call that an answer belongs to and end it; None if we asked nothing of the kind there."""
        call = self._pending.get(message_id)
        if call is None or call.record.address != record.address:
            return None
        if call.sendings == 1 or not call.record.trip_ms:
            call.record.measured(now - call.sent_at)
            self._measured(now - call.sent_at)
        self._end(call, now)
        return call

    def pending(self, message_id: bytes) -> Call | None:
        """Return the call with this id, if it is under way."""
        return self._pending.get(message_id)

    def expired(self, now: float) -> tuple[list[Call], list[Call]]:
        """Return the calls that became late by now, once or again, and those that ended without an answer."""
        if now < self._due_at:
            return [], []
        late: list[Call] = []
        for seconds, calls, again in zip(SOFT_CLASSES_S, self._soft, self._again, strict=True):
            if calls:
                late += _due(calls, seconds, now)
            if again:
                late += _due(again, 2 * seconds, now)
        for call in late:
            self._made_late(call)
        ended = _due(self._pending, limits.HARD_TIMEOUT_S, now)
        for call in ended:
            self._end(call, now)
        self._due_at = self._next_due()
        self._send_queued(now)
        return late, ended

    def deadline(self) -> float:
        """Return when `expired` may have something to do next: not later than that, but earlier if calls are answered.

        That it need not be looked for saves 2 us a burst.
        """
        return self._due_at if self._pending else FOREVER

    def _next_due(self) -> float:
        dates = []
        for seconds, calls, again in zip(SOFT_CLASSES_S, self._soft, self._again, strict=True):
            if calls:
                dates.append(next(iter(calls.values())).sent_at + seconds)
            if again:
                dates.append(next(iter(again.values())).sent_at + 2 * seconds)
        if self._late:
            dates.append(next(iter(self._pending.values())).sent_at + limits.HARD_TIMEOUT_S)
        return min(dates, default=FOREVER)

    def end(self, call: Call, now: float) -> None:
        """End one call that needs no answer any more."""
        if call.message_id in self._pending:
            self._end(call, now)

    def end_all(self) -> list[Call]:
        """Forget everything under way and waiting; return it."""
        ended = [*self._pending.values(), *self._queue]
        for call in ended:
            call.record.calls -= 1
        self._pending.clear()
        self._queue.clear()
        self.outbox.clear()
        self._late = 0
        for calls in (*self._soft, *self._again):
            calls.clear()
        return ended

    def _send(self, call: Call, now: float) -> None:
        self._sent(call, now)
        self.outbox.append((call.datagram, call.record.address))

    def _sent(self, call: Call, now: float) -> None:
        call.sent_at = now
        call.soft_class = bisect_left(SOFT_CLASSES_S, call.record.soft_timeout())
        due_at = now + SOFT_CLASSES_S[call.soft_class]
        if due_at < self._due_at or not self._pending:
            self._due_at = due_at
        self._pending[call.message_id] = self._soft[call.soft_class][call.message_id] = call
        self._counts.asked += 1

    def _made_late(self, call: Call) -> None:
        call.sendings += 1
        if call.sendings > SENDINGS_MAX:
            del self._again[call.soft_class][call.message_id]
            return
        del self._soft[call.soft_class][call.message_id]
        self._again[call.soft_class][call.message_id] = call
        self._late += 1
        if call.resend and not call.record.strikes:  # who let us down before is hardly just unlucky
            self._counts.resent += 1
            plain = without_padding(call.datagram) or call.datagram  # nor is it worth 1 kB to find out
            self.outbox.append((plain, call.record.address))

    def _end(self, call: Call, now: float) -> None:
        call.record.calls -= 1
        del self._pending[call.message_id]
        if call.sendings == 1:
            del self._soft[call.soft_class][call.message_id]
        else:
            self._late -= 1
            self._again[call.soft_class].pop(call.message_id, None)
        if self._queue:
            self._send_queued(now)

    def _send_queued(self, now: float) -> None:
        while self._queue and self.in_flight < limits.REQUESTS_IN_FLIGHT_MAX:
            self._send(self._queue.popleft(), now)


def _due(calls: dict[bytes, Call], seconds: float, now: float) -> list[Call]:
    """Return those of some calls, in the order they were sent, whose time-out of so many seconds has come."""
    due = []
    for call in calls.values():
        if call.sent_at + seconds > now:  # as `deadline` reckons it
            break
        due.append(call)
    return due
