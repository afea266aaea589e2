"""A node's side of the seam to its world: everything it asks its host for, and what it does without one."""

from __future__ import annotations

from typing import Any

from kademlia.address import is_numeric, plain_ip
from kademlia.engine.batch import Batch
from kademlia.engine.forwards import Forwards
from kademlia.engine.host import Host
from kademlia.engine.operation import Operation, finished


class Hosted(Forwards):
    """Something that lives in a world once it has a host; until then operations are returned as they are."""

    def __init__(self) -> None:
        self.host: Host | None = None
        self.now = 0.0  # the time of the last event, in seconds on the host's monotonic clock

    def look_at_clock(self) -> None:
        """Bring `now` up to date: a program calls at any time, not only when a datagram comes."""
        if self.host is not None:
            self.now = self.host.now()

    def wake(self) -> None:
        """Have the outbox sent and the next deadline looked at."""
        if self.host is not None:
            self.host.wake()

    def report(self, message: str) -> None:
        """Tell the operator something that he can do something about."""
        if self.host is not None:
            self.host.report(message)

    def resolve(self, name: str) -> Operation[str | None]:
        """Find the address of a host; addresses are taken as they are."""
        ip = plain_ip(name)
        if is_numeric(ip) or self.host is None:
            return finished(ip)
        return self.host.resolve(name)

    def reaches(self, ip: str | None) -> bool:
        """Return whether we can send to addresses of this one's family."""
        return self.host is None or (ip is not None and self.host.reaches(ip))

    def future(self, operation: Operation[Any]) -> Any:
        """Return what needs no await: a Future, a Deferred, or the operation itself without a host."""
        return operation if self.host is None else self.host.future(operation)

    def results(self, batch: Batch[Any]) -> Any:
        """Start a batch; return what the world awaits for all its results, or its operation without a host."""
        return batch.start() if self.host is None else self.host.results(batch)

    def awaitable(self, operation: Operation[Any]) -> Any:
        """Return what the world awaits: a coroutine, a Deferred, or the operation itself without a host."""
        self.wake()
        return operation if self.host is None else self.host.result(operation)
