"""Who keeps which values at one moment: what no node can know, against which durability is judged.

A node keeps a value if it would answer a find_value with it now: it lives, and the life of the value goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING

from kademlia.node import Node

if TYPE_CHECKING:
    from kademlia.sim.resident import Resident
    from kademlia.sim.world import World


class Holders:
    """A look at all stores; nothing comes or goes by it but what was dead already.

    Args:
        world: Where the nodes live.
        keys: The keys that are looked for.
        counts: Whether a living node counts; all do unless given.
    """

    def __init__(
        self, world: World, keys: Collection[bytes], counts: Callable[[Resident], bool] = lambda _resident: True
    ) -> None:
        self._world = world
        self._counts = counts
        self.of: dict[bytes, dict[bytes, Resident]] = {key: {} for key in keys}  #: by key and by the holder's id
        for resident in list(world.residents.values()):
            if counts(resident):
                self._look_at(resident)

    def copies(self) -> int:
        """Return how many copies there are of all values together."""
        return sum(map(len, self.of.values()))

    def lost(self) -> list[bytes]:
        """Return the keys whose value nobody keeps."""
        return [key for key, holders in self.of.items() if not holders]

    def at_the_closest(self, key: bytes, ksize: int) -> float:
        """Return the share of the k closest living nodes, of those that count, that keep the value of a key."""
        closest = self._closest(key, ksize)
        return sum(node.id in self.of[key] for node in closest) / len(closest) if closest else 0.0

    def at_the_closest_of_all(self, ksize: int, keys: Iterable[bytes] | None = None) -> float:
        """Return the mean of these shares over some keys, or over all of them."""
        shares = [self.at_the_closest(key, ksize) for key in (self.of if keys is None else keys)]
        return sum(shares) / len(shares) if shares else 0.0

    def _closest(self, key: bytes, ksize: int) -> list[Node]:
        residents = self._world.residents
        closest = self._world.closest(Node(key), ksize)
        return [node for node in closest if self._counts(residents[node.address])]

    def _look_at(self, resident: Resident) -> None:
        keeping, node_id = resident.protocol.keeping, resident.protocol.source_node.id
        for key in keeping.due(0.0):  # whatever its age
            holders = self.of.get(key)
            if holders is not None and keeping.get(key) is not None:
                holders[node_id] = resident
