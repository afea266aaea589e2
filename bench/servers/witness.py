"""What a node under a flood sees of itself: how its own lookups fare, how late timers are, how long the queue is."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import sys
import time
from statistics import median
from typing import Any

from kademlia import Server

#: Between two looks, in seconds.
STEP_S = 0.01

#: Of getsockopt (Linux): nine numbers, of which the first is what the socket's queue takes now, in bytes.
SO_MEMINFO = 55
MEMINFO = struct.Struct("9I")


class Witness:
    """Looks at a node, and has it look for keys that nobody has, from `watch` to `watched`."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._tasks: list[asyncio.Task[None]] = []
        self._late: list[float] = []
        self._queue: list[int] = []
        self._pressed = 0
        self._gets: list[float] = []
        self._before: Any = None

    def watch(self, gets_a_second: float) -> None:
        """Begin."""
        for seen in (self._late, self._queue, self._gets):
            seen.clear()
        self._pressed = 0
        self._before = self._server.stats()
        self._tasks = [asyncio.ensure_future(self._look()), asyncio.ensure_future(self._ask(gets_a_second))]

    def watched(self) -> dict[str, Any]:
        """End, and tell what was seen; times are in milliseconds."""
        for task in self._tasks:
            task.cancel()
        before, after = self._before, self._server.stats()
        counts = ("received", "answered", "shed", "limited", "asked", "replies", "resent", "timeouts", "requests")
        return {
            **{name: getattr(after, name) - getattr(before, name) for name in counts},
            "pressed": self._server.protocol.pressed,
            "pressed_share": self._pressed / max(len(self._late), 1),
            "late_ms": [1000 * share for share in middle_and_end(self._late)],
            "queue_kb": [share / 1024 for share in middle_and_end(self._queue)],
            "gets": len(self._gets),
            "gets_ms": [1000 * share for share in middle_and_end(self._gets)],
            "failing": after.failing,
            "internal_errors": after.internal_errors,
        }

    async def _look(self) -> None:
        sock = self._server.transport.get_extra_info("socket")
        while True:
            begin = time.monotonic()
            await asyncio.sleep(STEP_S)
            self._late.append(time.monotonic() - begin - STEP_S)
            self._pressed += self._server.protocol.pressed
            if sys.platform == "linux":
                self._queue.append(MEMINFO.unpack(sock.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, MEMINFO.size))[0])

    async def _ask(self, gets_a_second: float) -> None:
        while True:
            begin = time.monotonic()
            await self._server.get(os.urandom(20))
            self._gets.append(time.monotonic() - begin)
            await asyncio.sleep(1 / gets_a_second)


def middle_and_end(values: list[float] | list[int]) -> tuple[float, float, float]:
    """Return median, 99th percentile and maximum."""
    if not values:
        return 0.0, 0.0, 0.0
    ranked = sorted(values)
    return median(ranked), ranked[len(ranked) * 99 // 100], ranked[-1]
