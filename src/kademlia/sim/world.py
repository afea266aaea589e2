"""A world of engines: a heap of events, a virtual clock, and a seeded source of chance.

Datagrams travel as bytes, so the codec is part of what is simulated. The same seed gives the same run, in every
process. Nothing is drawn from the real world: no time, no sockets, no randomness.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable
from heapq import heappop, heappush
from typing import Any

from kademlia.engine.batch import Batch
from kademlia.engine.operation import Operation, finished
from kademlia.node import ID_BYTES, Address, Node
from kademlia.protocol import KademliaProtocol
from kademlia.storage import ForgetfulStorage, IStorage

#: The wall-clock time at which worlds begin, in seconds since 1970.
WALL_START = 1_700_000_000.0


class World:
    """A network and its time.

    Args:
        seed: Everything that happens follows from it.
        latency: Seconds that a datagram takes, one way.
        loss: The share of datagrams that never arrive, 0 to 1.
    """

    def __init__(self, seed: int, *, latency: float = 0.02, loss: float = 0.0) -> None:
        self.now = 0.0
        self.chance = random.Random(seed)  # a simulation must be repeatable
        self.latency = latency
        self.loss = loss
        self.residents: dict[Address, Resident] = {}
        self.traffic: dict[tuple[Address, Address], int] = {}  # bytes sent, by (from, to)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._sequence = 0

    def add(
        self,
        node_id: bytes | None = None,
        *,
        ksize: int = 20,
        storage: IStorage | None = None,
        protocol_class: type[KademliaProtocol] = KademliaProtocol,
        address: Address | None = None,
    ) -> Resident:
        """Let a node live here, at an address of its own unless one is given."""
        number = len(self.residents) + 1
        address = address or (f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 8468)
        node = Node(node_id or self.chance.randbytes(ID_BYTES))
        protocol = protocol_class(node, storage or ForgetfulStorage(clock=lambda: self.now), ksize)
        resident = Resident(self, protocol, address)
        self.residents[address] = resident
        protocol.start(resident, self.now, self.now + WALL_START)
        return resident

    def network(self, size: int, *, ksize: int = 20) -> list[Resident]:
        """Let several nodes live here, each joined by the first."""
        residents = [self.add(ksize=ksize) for _ in range(size)]
        for resident in residents[1:]:
            self.finish(resident.protocol.join([residents[0].address]))
        return residents

    def finish(self, operation: Operation[Any], within: float = 120.0) -> Any:
        """Run until an operation has ended; return its value.

        Raises:
            TimeoutError: It did not end within so many virtual seconds.
        """
        until = self.now + within
        while not operation.done:
            if not self._events or self._events[0][0] > until:
                raise TimeoutError(f"an operation did not end within {within} virtual seconds")
            self._step()
        return operation.value

    def run(self, seconds: float) -> None:
        """Let time pass."""
        until = self.now + seconds
        while self._events and self._events[0][0] <= until:
            self._step()
        self.now = until

    def at(self, time: float, event: Callable[[], None]) -> None:
        """Have something happen at a time."""
        self._sequence += 1
        heappush(self._events, (time, self._sequence, event))

    def carry(self, datagram: bytes, source: Address, target: Address) -> None:
        """Bring a datagram on its way; it may be lost."""
        pair = (source, target)
        self.traffic[pair] = self.traffic.get(pair, 0) + len(datagram)
        if self.chance.random() >= self.loss:
            self.at(self.now + self.latency, lambda: self._arrive(datagram, source, target))

    def _arrive(self, datagram: bytes, source: Address, target: Address) -> None:
        resident = self.residents.get(target)
        if resident is not None:
            resident.arrived(datagram, source)

    def _step(self) -> None:
        self.now, _, event = heappop(self._events)
        event()


class Resident:
    """One engine's host in a world (`engine.host.Host`): what it awaits are the operations themselves."""

    def __init__(self, world: World, protocol: KademliaProtocol, address: Address) -> None:
        self.world = world
        self.protocol = protocol
        self.address = address
        self.transport = self
        self.alive = True
        self.connected = True
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

    def arrived(self, datagram: bytes, source: Address) -> None:
        """Take a datagram."""
        if not self.connected:
            return
        reply = self.protocol.receive(datagram, source, self.world.now)
        if reply is not None:
            self._send(reply, source)
        self.wake()

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

    def _send(self, datagram: bytes, target: Address) -> None:
        if self.connected:
            self.world.carry(datagram, self.address, target)

    def _timer(self) -> None:
        if not self.alive or self._timer_at is None or self.world.now < self._timer_at:
            return
        self._timer_at = None
        self.protocol.tick(self.world.now)
        self.wake()
