"""The world of one engine with nobody else in it: what it sends is looked at, and arrives nowhere."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from kademlia.engine.batch import Batch
from kademlia.engine.operation import Operation, finished

#: When the world begins, in seconds since 1970.
WALL_START = 1_700_000_000.0


class LoneHost:
    """An engine's host (`kademlia.engine.host.Host`).

    Args:
        outbox: Called when the engine wants its outbox sent.
    """

    def __init__(self, outbox: Callable[[], None]) -> None:
        self.transport = self
        self.time = 0.0
        self.reports = 0
        self._outbox = outbox
        self._chance = random.Random(1)

    def now(self) -> float:
        """Return the time."""
        return self.time

    def random_bytes(self, count: int) -> bytes:
        """Return the same bytes in every world."""
        return self._chance.randbytes(count)

    def result(self, operation: Operation[Any]) -> Operation[Any]:
        """Return the operation itself."""
        return operation

    future = result

    def results(self, batch: Batch[Any]) -> Operation[Any]:
        """Start a batch; return its operation."""
        return batch.start()

    def operation(self, awaitable: Any) -> Operation[Any] | None:
        """Return the operation that a program's method gave."""
        return awaitable if isinstance(awaitable, Operation) else None

    def resolve(self, name: str) -> Operation[str | None]:
        """Know no names."""
        return finished(None)

    def reaches(self, ip: str) -> bool:
        """Reach every address."""
        return True

    def work(self, function: Callable[[], Any]) -> Operation[Any]:
        """Call it at once."""
        return finished(function())

    def wake(self) -> None:
        """Have the outbox sent."""
        self._outbox()

    def report(self, message: str) -> None:
        """Count what the operator would be told."""
        self.reports += 1
