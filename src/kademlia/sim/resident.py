"""One engine's host in a world (`engine.host.Host`): what it awaits are the operations themselves."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

from kademlia.engine.batch import Batch
from kademlia.engine.operation import Operation, finished
from kademlia.node import Address, Node
from kademlia.protocol import KademliaProtocol
from kademlia.sim.links import HEADER_BYTES

if TYPE_CHECKING:
    from kademlia.sim.world import World


class Resident:
    """A node that lives in a world.

    Attributes:
        protocol: Its engine, the very class that servers run.
        alive: Whether its program runs.
        connected: Whether its cable is plugged in; it may be pulled and put back.
        delay: Seconds that it takes to look at a datagram: a slow machine.
        skew: By how many seconds its wall clock is fast.
        sent: Datagrams it sent.
        sent_bytes: Their bytes, UDP and IP headers included.
    """

    __slots__ = (
        "_timer_at",
        "address",
        "alive",
        "connected",
        "delay",
        "protocol",
        "reports",
        "sent",
        "sent_bytes",
        "skew",
        "transport",
        "world",
    )

    def __init__(self, world: World, protocol: KademliaProtocol, address: Address) -> None:
        self.world = world
        self.protocol = protocol
        self.address = address
        self.transport = self
        self.alive = True
        self.connected = True
        self.delay = 0.0
        self.skew = 0.0
        self.sent = 0
        self.sent_bytes = 0
        self.reports: list[str] = []
        self._timer_at: float | None = None

    @property
    def node(self) -> Node:
        """The node as others know it."""
        return Node(self.protocol.source_node.id, *self.address)

    def die(self) -> None:
        """Vanish without a word."""
        self.alive = False
        self.world.residents.pop(self.address, None)
        self.world.census.remove(self.protocol.source_node)

    def set_clock(self, skew: float) -> None:
        """Set the wall clock so many seconds fast, or slow if negative; the node is told as by its driver."""
        self.skew = skew
        self.protocol.wall_clock(self.world.now, self.world.wall + skew)

    def arrived(self, datagram: bytes, source: Address) -> None:
        """Take a datagram, at once or, on a slow machine, in a while."""
        if self.delay:
            self.world.at(self.world.now + self.delay, self._take, datagram, source)
        else:
            self._take(datagram, source)

    # -- engine.host.Host ------------------------------------------------------------------------------------------

    def now(self) -> float:
        """Return the virtual time."""
        return self.world.now

    def random_bytes(self, count: int) -> bytes:
        """Return bytes that follow from the world's seed."""
        return self.world.chance.randbytes(count)

    def result(self, operation: Operation[Any]) -> Operation[Any]:
        """Return the operation itself."""
        return operation

    future = result

    def results(self, batch: Batch[Any]) -> Operation[dict[Hashable, Any]]:
        """Start a batch; return its operation."""
        return batch.start()

    def operation(self, awaitable: Any) -> Operation[Any] | None:
        """Return the operation that a program's method gave."""
        return awaitable if isinstance(awaitable, Operation) else None

    def resolve(self, name: str) -> Operation[str | None]:
        """Know no names."""
        return finished(None)

    def work(self, function: Callable[[], Any]) -> Operation[Any]:
        """Call it at once: there is no disk here that takes time."""
        return finished(function())

    def reaches(self, ip: str) -> bool:
        """Reach every address."""
        return True

    def report(self, message: str) -> None:
        """Keep what the operator would be told."""
        self.reports.append(message)

    def wake(self) -> None:
        """Send the outbox and look at the deadline."""
        if not self.alive:
            return
        for datagram, target in self.protocol.take_outbox():
            self._send(datagram, target)
        deadline = self.protocol.deadline()
        if deadline is not None and (self._timer_at is None or deadline < self._timer_at):
            self._timer_at = max(deadline, self.world.now)
            self.world.at(self._timer_at, self._timer)

    def _take(self, datagram: bytes, source: Address) -> None:
        if self.connected and self.alive:
            reply = self.protocol.receive(datagram, source, self.world.now)
            if reply is not None:
                self._send(reply, source)
            self.wake()

    def _send(self, datagram: bytes, target: Address) -> None:
        if self.connected:
            self.sent += 1
            self.sent_bytes += len(datagram) + HEADER_BYTES
            self.world.carry(datagram, self.address, target)

    def _timer(self) -> None:
        if not self.alive or self._timer_at is None or self.world.now < self._timer_at:
            return
        self._timer_at = None
        deadline = self.protocol.deadline()
        if deadline is not None and deadline <= self.world.now:  # else what it was armed for has been answered
            self.protocol.tick(self.world.now)
        self.wake()
