"""A world of engines: a heap of events, a virtual clock, and a seeded source of chance.

Any number of nodes live in one, each a `KademliaProtocol`, the class that servers run. Datagrams travel as bytes, so
the codec is part of what is simulated. The same seed gives the same run, in every process: one hash over all
datagrams (`World.trace`) says so. Nothing is drawn from the real world: no time, no sockets, no randomness.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

from kademlia.engine.operation import Operation
from kademlia.node import ID_BYTES, Address, Node
from kademlia.protocol import KademliaProtocol
from kademlia.sim.census import Census
from kademlia.sim.filled import fill
from kademlia.sim.latency import Latency
from kademlia.sim.links import HEADER_BYTES, Links
from kademlia.sim.resident import Resident
from kademlia.sim.trace import DELIVERED, DROPPED, SENT, Trace
from kademlia.storage import ForgetfulStorage, IStorage

#: The wall-clock time at which worlds begin, in seconds since 1970.
WALL_START = 1_700_000_000.0

Event = Callable[..., object]

#: Told what became of a datagram (one of `trace.SENT`, `DELIVERED`, `DROPPED`), the datagram, source and target.
Listener = Callable[[bytes, bytes, Address, Address], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldStats:
    """What happened in a world so far, as counts since its beginning."""

    events: int  #: datagrams that arrived, timers, and what programs had happen
    datagrams: int  #: sent
    bytes: int  #: of those, UDP and IP headers included
    delivered: int  #: datagrams that came to a living node
    dropped: int  #: datagrams that were lost, cut off, or came to nobody


class World:
    """A network and its time.

    Args:
        seed: Everything that happens follows from it.
        latency: A model of latency (`kademlia.sim.latency`), or the seconds that every datagram takes one way.
        loss: The share of datagrams that never arrive, 0 to 1.
        links: The network between the nodes, with all that goes wrong in it, instead of `latency` and `loss`.
        traced: Whether all datagrams go into the hash `trace`, which takes about 1 us each.
    """

    def __init__(
        self,
        seed: int,
        *,
        latency: Latency | float = 0.02,
        loss: float = 0.0,
        links: Links | None = None,
        traced: bool = True,
    ) -> None:
        self.seed = seed
        self.now = 0.0
        self.chance = random.Random(seed)  # a simulation must be repeatable
        self.links = links or Links(seed, latency, loss=loss)
        self.residents: dict[Address, Resident] = {}  # those alive
        self.census = Census()
        self.listeners: list[Listener] = []  # told of each datagram when it is sent, after it was taken, or dropped
        self._born = 0
        self._places: dict[Address, int] = {}
        self._trace = Trace() if traced else None
        self._events: list[tuple[float, int, Event, tuple[Any, ...]]] = []
        self._sequence = 0
        self._happened = self._sent = self._sent_bytes = self._delivered = self._dropped = 0

    # -- reading ---------------------------------------------------------------------------------------------------

    @property
    def wall(self) -> float:
        """The wall-clock time, in seconds since 1970."""
        return WALL_START + self.now

    @property
    def trace(self) -> str:
        """The hash over every datagram sent, delivered or dropped so far, as hexadecimal digits; "" if not traced."""
        return self._trace.hexdigest() if self._trace is not None else ""

    def stats(self) -> WorldStats:
        """Return what happened so far."""
        return WorldStats(
            events=self._happened,
            datagrams=self._sent,
            bytes=self._sent_bytes,
            delivered=self._delivered,
            dropped=self._dropped,
        )

    def closest(self, target: Node, count: int, *, besides: Node | None = None) -> list[Node]:
        """Return the living nodes closest to a target, nearest first, all but one."""
        nearest = self.census.closest(target.long_id, count + (besides is not None))
        return [node for node in nearest if besides is None or node.id != besides.id][:count]

    # -- nodes -----------------------------------------------------------------------------------------------------

    def add(
        self,
        node_id: bytes | None = None,
        *,
        ksize: int = 20,
        b: int | None = None,
        storage: IStorage | None = None,
        protocol_class: type[KademliaProtocol] = KademliaProtocol,
        address: Address | None = None,
        skew: float = 0.0,
    ) -> Resident:
        """Let a node live here, at an address of its own unless one is given.

        Args:
            node_id: 20 bytes; random ones if there are none.
            ksize: The k of the paper.
            b: Bits that a lookup gains at a time (section 4.2); that of real nodes unless given.
            storage: Where it keeps values; in memory unless given.
            protocol_class: Another class of engine.
            address: Where it lives.
            skew: By how many seconds its wall clock is fast.
        """
        self._born += 1
        number = self._born
        address = address or (f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 8468)
        node = Node(node_id or self.chance.randbytes(ID_BYTES), *address)
        protocol = protocol_class(node, storage or ForgetfulStorage(clock=self._clock), ksize)
        if b is not None:
            protocol.router.b = b
        resident = Resident(self, protocol, address)
        resident.skew = skew
        self.residents[address] = resident
        self.census.add(node)
        protocol.start(resident, self.now, self.wall + skew)
        resident.wake()
        return resident

    def filled(self, size: int, *, ksize: int = 20, b: int | None = None) -> list[Resident]:
        """Let many nodes live here whose tables are full from the start (`kademlia.sim.filled`)."""
        residents = [self.add(ksize=ksize, b=b) for _ in range(size)]
        fill(residents, self.chance)
        return residents

    def network(self, size: int, *, ksize: int = 20, b: int | None = None, refresh: bool = True) -> list[Resident]:
        """Let several nodes live here, each joined by the first.

        With `refresh` each refreshes its farther levels, as real nodes do (R23); without it is content with the lookup
        of its own id, which takes a tenth of the datagrams.
        """
        residents = [self.add(ksize=ksize, b=b) for _ in range(size)]
        first = residents[0]
        for resident in residents[1:]:
            protocol = resident.protocol
            if refresh:
                self.finish(protocol.join([first.address]))
            else:
                self.finish(protocol.lookup(protocol.source_node, [first.node]))
        return residents

    # -- time ------------------------------------------------------------------------------------------------------

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

    def at(self, time: float, event: Event, *arguments: Any) -> None:
        """Have something happen at a time: a function is called with these arguments."""
        self._sequence += 1
        heappush(self._events, (time, self._sequence, event, arguments))

    # -- datagrams -------------------------------------------------------------------------------------------------

    def carry(self, datagram: bytes, source: Address, target: Address) -> None:
        """Bring a datagram on its way; it may be lost."""
        self._sent += 1
        self._sent_bytes += len(datagram) + HEADER_BYTES
        if self._trace is not None:
            self._trace.note(SENT, self.now, source, target, datagram)
        for listener in self.listeners:
            listener(SENT, datagram, source, target)
        places = self._place(source), self._place(target)
        delays = self.links.delays(source, target, places, self.now, self.chance)
        for seconds in delays:
            self.at(self.now + seconds, self._arrive, datagram, source, target)
        if not delays:
            self._drop(datagram, source, target)

    def _arrive(self, datagram: bytes, source: Address, target: Address) -> None:
        resident = self.residents.get(target)
        if resident is None or not self.links.admits(source, target, self.now):
            self._drop(datagram, source, target)
            return
        self._delivered += 1
        if self._trace is not None:
            self._trace.note(DELIVERED, self.now, source, target, datagram)
        resident.arrived(datagram, source)
        for listener in self.listeners:
            listener(DELIVERED, datagram, source, target)

    def _drop(self, datagram: bytes, source: Address, target: Address) -> None:
        self._dropped += 1
        if self._trace is not None:
            self._trace.note(DROPPED, self.now, source, target, datagram)
        for listener in self.listeners:
            listener(DROPPED, datagram, source, target)

    def _place(self, address: Address) -> int:
        place = self._places.get(address)
        if place is None:
            place = self._places[address] = len(self._places)
        return place

    def _clock(self) -> float:
        return self.now

    def _step(self) -> None:
        self.now, _, event, arguments = heappop(self._events)
        self._happened += 1
        event(*arguments)
