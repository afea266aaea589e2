"""Storing one value: find the k closest nodes and store it at each (Kademlia, section 2.3; R17)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kademlia.engine.operation import Operation
from kademlia.node import Node

if TYPE_CHECKING:
    from kademlia.engine.keeping import Life
    from kademlia.protocol import KademliaProtocol


class Publication:
    """One value on its way to its holders.

    It ends with True if at least one other node accepted the value, once every holder has answered or is late. The own
    node counts as one of the k: the value is kept here too if we are nearer than the farthest holder, and if there is
    nobody else.
    """

    def __init__(self, protocol: KademliaProtocol, key: Node, value: object, life: Life) -> None:
        self.operation: Operation[bool] = Operation()
        self._protocol = protocol
        self._key = key
        self._value = value
        self._life = life
        self._body = protocol.asking.store_body(key.id, value)
        self._asked: set[bytes] = set()
        self._undecided: set[bytes] = set()
        self._late: set[bytes] = set()
        self._accepted = False
        self._guessing = False  # the holders are our table's, and no lookup has shown them alive
        self._looking = False

    def start(self, holders: list[Node] | None = None) -> Operation[bool]:
        """Start with a lookup, or with the holders that the own table (R27) or the survey tells.

        If one of the latter does not answer, a lookup finds who is there instead.
        """
        if holders:
            self._guessing = True
            self._store_at(holders)
        else:
            self._look()
        return self.operation

    def _look(self) -> None:
        self._guessing = False
        self._looking = True
        self._protocol.lookup(self._key).then(self._store_at)

    def _store_at(self, holders: list[Node]) -> None:
        self._looking = False
        protocol = self._protocol
        own = protocol.source_node.distance_to(self._key)
        if not holders or own < holders[-1].distance_to(self._key):
            if not protocol.stopped:
                protocol.keeping.put(self._key.id, self._value, self._life)
            holders = holders[: protocol.router.ksize - 1] or holders
        fresh = [node for node in holders if node.id not in self._asked]
        self._asked.update(node.id for node in fresh)
        self._undecided.update(node.id for node in fresh)
        for node in fresh:
            protocol.asking.store(node, self._key.id, self._value, self._life, self, self._body)
        self._maybe_end()

    # -- what the calls tell (engine.calls.Asker) ------------------------------------------------------------------

    def settled(self, node: Node, happened: bool, result: object) -> None:
        """Count an answer; a node accepts with True."""
        self._accepted = self._accepted or (happened and result is True)
        self._undecided.discard(node.id)
        self._heard_from(happened)

    def slow(self, node: Node) -> None:
        """Do not wait for a late node, once somebody has accepted."""
        self._late.add(node.id)
        self._heard_from(False)

    def _heard_from(self, in_time: bool) -> None:
        if self._guessing and not in_time:
            self._look()
        self._maybe_end()

    def _maybe_end(self) -> None:
        waiting = self._undecided - self._late if self._accepted else self._undecided
        if not waiting and not self._looking:
            self.operation.finish(self._accepted)
