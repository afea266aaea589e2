"""Who calls a node at a steady pace, as our nodes call: sent again after half a second, given up after five.

The callers are places in a crowd; the answers come in while the crowd attends to what the node asks.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from servers.witness import middle_and_end

if TYPE_CHECKING:
    from load import Crowd

#: A call is sent once more after this long, and given up after that, in seconds.
AGAIN_S = 0.5
GIVEN_UP_S = 5.0

#: What is asked, in turn.
METHODS = ("ping", "find_node")


@dataclass
class Call:
    """One call: when it was begun, in what time it was answered, if it was."""

    place: int
    datagram: bytes
    begun_at: float
    took_s: float | None = None
    sendings: int = 1


@dataclass
class Tale:
    """What came of some calls."""

    calls: list[Call] = field(default_factory=list)

    @property
    def share(self) -> float:
        """The share that was answered."""
        return sum(call.took_s is not None for call in self.calls) / max(len(self.calls), 1)

    @property
    def at_once(self) -> float:
        """The share that was answered without being sent again."""
        return sum(call.took_s is not None and call.sendings == 1 for call in self.calls) / max(len(self.calls), 1)

    @property
    def ms(self) -> tuple[float, float, float]:
        """Median, 99th percentile and maximum of the times of those that were answered, in milliseconds."""
        middle, late, last = middle_and_end([call.took_s for call in self.calls if call.took_s is not None])
        return middle * 1000, late * 1000, last * 1000


class Callers:
    """Some places of a crowd.

    Args:
        crowd: The crowd.
        places: Which call, in turn.
        rate: Calls that all of them begin a second.
        first_number: Of their message ids, which are theirs alone.
    """

    def __init__(self, crowd: Crowd, places: Sequence[int], rate: float, first_number: int) -> None:
        self._crowd = crowd
        self._places = places
        self._step_s = 1 / rate
        self._number = self._first = first_number
        self._chance = random.Random(first_number)
        self.begin()

    def begin(self) -> None:
        """Begin a new tale."""
        self.tale = Tale()
        self._waiting: dict[bytes, Call] = {}
        self._again: deque[tuple[bytes, Call]] = deque()
        self._due_at = time.perf_counter()

    @property
    def waiting(self) -> bool:
        """Whether a call is neither answered nor given up."""
        return bool(self._waiting)

    def step(self, *, calling: bool) -> None:
        """Send what is due: calls that were not answered once more, and, while `calling`, new ones."""
        now = time.perf_counter()
        while self._waiting and now > next(iter(self._waiting.values())).begun_at + GIVEN_UP_S:
            del self._waiting[next(iter(self._waiting))]
        while self._again and now > self._again[0][1].begun_at + AGAIN_S:
            message_id, call = self._again.popleft()
            if message_id in self._waiting:
                call.sendings += 1
                self._crowd.sockets[call.place].send(call.datagram)
        while calling and now >= self._due_at:
            self._due_at = max(self._due_at + self._step_s, now - AGAIN_S)
            self._call(now)

    def heard(self, reply: bytes) -> None:
        """Take an answer."""
        call = self._waiting.pop(reply[1:21], None)
        if call is not None:
            call.took_s = time.perf_counter() - call.begun_at

    def _call(self, now: float) -> None:
        turn = self._number - self._first
        place = self._places[turn % len(self._places)]
        method = METHODS[turn % len(METHODS)]
        arguments = () if method == "ping" else (self._chance.randbytes(20),)
        datagram = self._crowd.dialect.request(method, self._number, self._crowd.ids[place], *arguments)
        self._number += 1
        call = Call(place, datagram, now)
        self.tale.calls.append(call)
        self._waiting[datagram[1:21]] = call
        self._again.append((datagram[1:21], call))
        self._crowd.sockets[place].send(datagram)
