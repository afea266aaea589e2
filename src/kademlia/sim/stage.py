"""A network with values in it: what all experiments on durability begin with.

Values are published by the engine itself, each by a node drawn at random, over a while, so that no two are due at the
same moment. Their publishers do not renew them: whatever lives on is kept by its holders.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from kademlia.node import ID_BYTES
from kademlia.protocol import KademliaProtocol
from kademlia.sim.churn import HOUR_S, Churn, Law
from kademlia.sim.filled import fill
from kademlia.sim.latency import KING_MEDIAN_S
from kademlia.sim.stores import Stores
from kademlia.sim.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from kademlia.sim.resident import Resident

#: Seconds that a datagram takes: half of King's median round trip. Values live for hours, whatever the latency is.
ONE_WAY_S = KING_MEDIAN_S / 2


class Stage:
    """A network of full tables, and values in it.

    Args:
        seed: Everything that happens follows from it.
        nodes: How many nodes.
        ksize: The k of all of them.
        b: The b of all of them; that of real nodes unless given.
        kinds: The classes of nodes, in turn.
        world: Where they are to live; a world of their own unless given.

    Attributes:
        world: Where it happens.
        churn: Who comes and goes, once anybody does.
        stores: What is sent for the values.
        values: What is published, by key, from when at least one node accepted it.
        publishers: Who published each.
    """

    def __init__(
        self,
        seed: int,
        nodes: int,
        *,
        ksize: int = 20,
        b: int | None = 1,
        kinds: tuple[type[KademliaProtocol], ...] = (KademliaProtocol,),
        world: World | None = None,
    ) -> None:
        self.world = world or World(seed, latency=ONE_WAY_S, traced=False)
        self.ksize = ksize
        self.stores = Stores(self.world)
        self.values: dict[bytes, object] = {}
        self.publishers: dict[bytes, Resident] = {}
        self.churn: Churn | None = None
        self.chance = Random(f"stage {seed}")  # of its own: what is drawn here changes nothing of the network
        self._b = b
        residents = [self._born(kinds[number % len(kinds)]) for number in range(nodes)]
        fill(residents, self.world.chance)

    def _born(self, kind: type[KademliaProtocol]) -> Resident:
        return self.world.add(ksize=self.ksize, b=self._b, protocol_class=kind)

    # -- nodes -----------------------------------------------------------------------------------------------------

    def residents(self) -> list[Resident]:
        """Return who lives, in the order in which they came."""
        return list(self.world.residents.values())

    def anybody(self) -> Resident:
        """Draw a living node."""
        return self.chance.choice(self.churn.residents if self.churn is not None else self.residents())

    def move(self, law: Law, told: Callable[[Resident], object] | None = None) -> None:
        """Let nodes come and go from now on, each newcomer with a new id, so that there are always as many."""
        self.churn = Churn(self.world, law, ksize=self.ksize, b=self._b, told=told)
        self.churn.start(self.residents())

    # -- values ----------------------------------------------------------------------------------------------------

    def publish(self, count: int, over_s: float, life_s: float, progress: Callable[[str], None] = print) -> None:
        """Publish so many values at even times, and let this time and a minute pass."""
        keys = [self.chance.randbytes(ID_BYTES) for _ in range(count)]
        self.stores.watch(keys)
        for number, key in enumerate(keys):
            self.world.at(self.world.now + over_s * number / count, self.set, key, b"value %d" % number, life_s)
        self.pass_time(over_s + 60.0, progress, "publishing")

    def set(self, key: bytes, value: object, life_s: float, publisher: Resident | None = None) -> None:
        """Have a node publish a value; it counts as soon as another node took it."""
        publisher = publisher or self.anybody()

        def ended(accepted: Any) -> None:
            if accepted:
                self.values[key] = value
                self.publishers[key] = publisher

        publisher.protocol.publish(key, value, life_s).then(ended)

    def found(self, keys: list[bytes]) -> dict[bytes, bool]:
        """Have the value of each key fetched by a node drawn at random; return whether it was what was set."""
        found = {}
        for key in keys:
            value = self.world.finish(self.anybody_besides(key).protocol.fetch(key))
            found[key] = value == self.values[key]
        return found

    def anybody_besides(self, key: bytes) -> Resident:
        """Draw a living node that does not keep the value of a key, if there is one at hand."""
        resident = self.anybody()
        for _ in range(20):
            if resident.protocol.keeping.get(key) is None:
                break
            resident = self.anybody()
        return resident

    # -- time ------------------------------------------------------------------------------------------------------

    def pass_time(self, seconds: float, progress: Callable[[str], None] = print, doing: str = "running") -> None:
        """Let time pass, and tell of it ten times an hour."""
        until = self.world.now + seconds
        while self.world.now < until:
            self.world.run(min(HOUR_S / 10, until - self.world.now))
            progress(f"{doing}: {self.world.now / HOUR_S:.1f} virtual hours")
