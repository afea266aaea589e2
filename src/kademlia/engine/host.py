"""What an engine needs of the world it lives in. Drivers and the simulator are hosts; nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from kademlia.engine.batch import Batch
from kademlia.engine.operation import Operation


class Host(Protocol):
    """The seam between one engine and its world."""

    #: What a program sees as `protocol.transport`.
    transport: Any

    def now(self) -> float:
        """Return the monotonic time in seconds."""

    def random_bytes(self, count: int) -> bytes:
        """Return bytes that nobody can guess (in simulations: seeded ones)."""

    def result(self, operation: Operation[Any]) -> Any:
        """Return what this world awaits for an operation's value: a coroutine, a Deferred, the operation itself."""

    def future(self, operation: Operation[Any]) -> Any:
        """Return the same as something that needs no await: a Future, a Deferred, the operation itself."""

    def results(self, batch: Batch[Any]) -> Any:
        """Start a batch; return what this world awaits for all its results."""

    def operation(self, awaitable: Any) -> Operation[Any] | None:
        """Return the operation for a coroutine, Future or Deferred that a program's method gave; None if it is neither.

        The operation's value is the result, or the exception it raised.
        """

    def resolve(self, name: str) -> Operation[str | None]:
        """Return the operation that ends with a host name's address, or None if it has none."""

    def reaches(self, ip: str) -> bool:
        """Return whether our socket can send to addresses of this one's family."""

    def work(self, function: Callable[[], Any]) -> Operation[Any]:
        """Call a function that may wait for a disk, and never raises, where it holds up nobody.

        One such function runs at a time; the operation ends with what it returned.
        """

    def wake(self) -> None:
        """Send what lies in the outbox and look at the next deadline."""

    def report(self, message: str) -> None:
        """Tell the operator something that happens seldom and that he can do something about."""
