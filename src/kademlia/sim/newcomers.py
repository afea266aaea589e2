"""Newcomers that come to be among the k closest of a key: to whom a value is to be handed over (R28)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import TYPE_CHECKING

from kademlia.node import ID_BYTES, Node
from kademlia.tree import ID_BITS

if TYPE_CHECKING:
    from kademlia.sim.resident import Resident
    from kademlia.sim.world import World


class Newcomers:
    """Counts them, as they come.

    Args:
        world: Where they live.
        ksize: The k of all nodes.

    Attributes:
        count: Pairs so far, of a newcomer and a key to which it is one of the k closest living nodes.
    """

    def __init__(self, world: World, ksize: int) -> None:
        self.count = 0
        self._world = world
        self._keys: list[int] = []  # in order
        self._ksize = ksize

    def watch(self, keys: Iterable[bytes]) -> None:
        """Count for these keys from now on."""
        self._keys = sorted(int.from_bytes(key, "big") for key in keys)

    def came(self, newcomer: Resident) -> None:
        """Count the keys of somebody who lives in the world by now."""
        self.count += len(self.keys_of(newcomer.node))

    def keys_of(self, newcomer: Node) -> list[bytes]:
        """Return the keys to which a node is one of the k closest.

        Keys that part from its id at one bit lie in one subtree; if k nodes live there, they are all nearer.
        """
        ids = sorted(resident.protocol.source_node.long_id for resident in self._world.residents.values())
        found: list[bytes] = []
        for bit in range(ID_BITS):
            low = (newcomer.long_id >> bit ^ 1) << bit
            if len(_within(ids, low, bit)) < self._ksize:
                keys = (key.to_bytes(ID_BYTES, "big") for key in _within(self._keys, low, bit))
                found += [key for key in keys if self._is_near(newcomer, Node(key))]
        return found

    def _is_near(self, newcomer: Node, key: Node) -> bool:
        return any(node.id == newcomer.id for node in self._world.closest(key, self._ksize))


def _within(ordered: list[int], low: int, bits: int) -> list[int]:
    """Return the ids in a subtree, by its lowest one and how many bits are free in it."""
    return ordered[bisect_left(ordered, low) : bisect_left(ordered, low + (1 << bits))]
