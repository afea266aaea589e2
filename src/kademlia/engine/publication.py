"""Storing one value: find the k closest nodes and store it at each (Kademlia, section 2.3; R17)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kademlia.engine.operation import Operation
from kademlia.node import Node

if TYPE_CHECKING:
    from kademlia.protocol import KademliaProtocol


class Publication:
    """One value on its way to its holders.

    It ends with True if at least one other node accepted the value, once every holder has answered or is late. The own
    node counts as one of the k: the value is kept here too if we are nearer than the farthest holder, and if there is
    nobody else.
    """

    def __init__(self, protocol: KademliaProtocol, key: Node, value: object) -> None:
        self.operation: Operation[bool] = Operation()
        self._protocol = protocol
        self._key = key
        self._value = value
        self._undecided: set[bytes] = set()
        self._late: set[bytes] = set()
        self._accepted = False

    def start(self, holders: list[Node] | None = None) -> Operation[bool]:
        """Start; with `holders` known already (a replicator's fresh neighbourhood, R27) without a lookup."""
        if holders is None:
            self._protocol.lookup(self._key).then(self._store_at)
        else:
            self._store_at(holders)
        return self.operation

    def _store_at(self, holders: list[Node]) -> None:
        protocol = self._protocol
        if not holders:
            if not protocol.stopped:
                protocol.keep(self._key.id, self._value)
            self.operation.finish(False)
            return
        own = protocol.source_node.distance_to(self._key)
        if own < holders[-1].distance_to(self._key):
            protocol.keep(self._key.id, self._value)
            holders = holders[: protocol.router.ksize - 1] or holders
        self._undecided.update(node.id for node in holders)
        for node in holders:
            protocol.asking.store(node, self._key.id, self._value, self)

    # -- what the calls tell (engine.calls.Asker) ------------------------------------------------------------------

    def settled(self, node: Node, happened: bool, result: object) -> None:
        """Count an answer; a node accepts with True."""
        self._accepted = self._accepted or (happened and result is True)
        self._undecided.discard(node.id)
        self._maybe_end()

    def slow(self, node: Node) -> None:
        """Do not wait for a late node, once somebody has accepted."""
        self._late.add(node.id)
        self._maybe_end()

    def _maybe_end(self) -> None:
        if not self._undecided or (self._accepted and self._undecided <= self._late):
            self.operation.finish(self._accepted)
