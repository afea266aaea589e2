"""Who keeps a value in a simulated world, and until when."""

from __future__ import annotations

from typing import Any

from kademlia.engine import limits
from kademlia.engine.keeping import Keeping
from kademlia.node import Node
from kademlia.protocol import KademliaProtocol
from kademlia.sim import Resident, World
from kademlia.storage import ForgetfulStorage
from kademlia.utils import digest

KEY = digest("key")

#: A life is told in whole seconds and counts anew where it is heard; it is dropped by the next upkeep but one.
SLACK_S = 60.0
DROPPED_S = limits.REFRESH_S + 2 * limits.UPKEEP_S * (1 + limits.JITTER)


def network(seed: int, size: int, settling_s: float, ksize: int = 4) -> tuple[World, list[Resident]]:
    """Return a joined network that has lived for some seconds, and whose datagrams are not hashed."""
    world = World(seed, traced=False)
    residents = world.network(size, ksize=ksize)
    world.run(settling_s)
    return world, residents


def holders(world: World, key: bytes = KEY) -> list[Resident]:
    """Return who has a value in its storage, dead or alive: without a look that would drop it."""
    return [resident for resident in nodes(world) if key in data_of(resident)]


def nodes(world: World) -> list[Resident]:
    """Return all nodes; a stranger of `tests.hostile` is none."""
    return [resident for resident in world.residents.values() if isinstance(resident, Resident)]


def data_of(resident: Resident) -> dict[bytes, tuple[float, object]]:
    """Return what lies in a node's storage."""
    storage = resident.protocol.storage
    assert isinstance(storage, ForgetfulStorage)
    return storage.data


def values(world: World) -> list[object]:
    """Return the values of all holders."""
    return [resident.protocol.keeping.get(KEY) for resident in holders(world)]


def ends(world: World) -> list[float]:
    """Return when the copies of a value end, by their holders."""
    return [resident.protocol.keeping.life_of(KEY).ends_at for resident in holders(world)]


def outsider(world: World) -> Resident:
    """Return a node that does not keep the value."""
    return next(resident for resident in nodes(world) if KEY not in data_of(resident))


def in_order(world: World, key: bytes = KEY) -> list[Resident]:
    """Return all nodes, nearest to the key first."""
    target = Node(key)
    return sorted(nodes(world), key=lambda resident: resident.node.distance_to(target))


def alone(max_records: int | None = None, max_bytes: int | None = None) -> tuple[World, KademliaProtocol, Keeping]:
    """Return the one node of a world, which does nothing unasked, and what it keeps, within some bounds."""
    world = World(1)
    protocol = world.add(
        storage=ForgetfulStorage(clock=lambda: world.now, max_records=max_records, max_bytes=max_bytes)
    ).protocol
    protocol.probing.stop()
    protocol.upkeep.stop()
    return world, protocol, protocol.keeping


def joined(world: World, ksize: int = 4, **how: Any) -> Resident:
    """Let one more node live in a world, joined by the first."""
    first = next(iter(world.residents.values()))
    resident = world.add(ksize=ksize, **how)
    world.finish(resident.protocol.join([first.address]))
    return resident
