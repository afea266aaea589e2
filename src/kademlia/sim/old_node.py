"""Nodes that treat values as kademlia 2.2.3 does, among ours: what a network does that was not upgraded at once.

They send no trailers, so no stamps and no lives. They keep whatever was stored last, and forget it a week after that;
once an hour each of them looks up the key of every value that was not stored for an hour, and stores it at the k
closest, one after the other, and none of these stores is older than the next. So values never die, and a holder that
missed an update brings the old value back: those are their known defects. To newcomers they hand what is near to the
digest of a key, instead of to the key.

Tables, lookups and time-outs are those of our engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from kademlia.engine.operation import finished
from kademlia.node import Address, Node
from kademlia.protocol import KademliaProtocol
from kademlia.sim.world import World
from kademlia.storage import pairs, pairs_older_than
from kademlia.utils import digest
from kademlia.wire import trailer

if TYPE_CHECKING:
    from kademlia.sim.resident import Resident

#: They refresh and republish so often, all of them, not jittered; and what is so old.
REPUBLISH_S = 3_600.0


class OldNode(KademliaProtocol):
    """A node that keeps and hands over values as 2.2.3; it lives in an `OldAndNew`, which has it republish."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.upkeep.refreshes = False

    def rpc_store(self, sender: Address, nodeid: bytes, key: bytes, value: Any) -> bool:
        """Keep a value, whatever is there."""
        self.storage[key] = value
        return True

    def rpc_find_value(self, sender: Address, nodeid: bytes, key: bytes) -> Any:
        """Answer with the value, or with contacts."""
        value = self.storage.get(key, None)
        return self.rpc_find_node(sender, nodeid, key) if value is None else {"value": value}

    def transfer_key_values(self, node: Node) -> Any:
        """Hand over the values whose key, digested once more, is near to the newcomer and nearest to us."""
        for key, value in list(pairs(self.storage)):
            target = Node(digest(key))
            neighbours = self.router.find_neighbors(target)
            nearest, farthest = (neighbours[0], neighbours[-1]) if neighbours else (None, None)
            is_near = farthest is None or node.distance_to(target) < farthest.distance_to(target)
            is_ours = nearest is None or self.source_node.distance_to(target) < nearest.distance_to(target)
            if is_near and is_ours:
                self.call_store(node, key, value)
        return self.future(finished([]))


class OldAndNew(World):
    """A world in which `OldNode`s live, too: their datagrams have no trailers, and they republish every hour."""

    def add(self, *args: Any, **kwargs: Any) -> Resident:
        """Let a node live here; see `World.add`."""
        resident = super().add(*args, **kwargs)
        if isinstance(resident.protocol, OldNode):
            self.at(self.now + REPUBLISH_S, self._refresh, resident)
        return resident

    def carry(self, datagram: bytes, source: Address, target: Address) -> None:
        """Bring a datagram on its way; see `World.carry`."""
        if is_old(self.residents.get(source)):
            datagram, _ = trailer.split(datagram)
        super().carry(datagram, source, target)

    def _refresh(self, resident: Resident) -> None:
        """Refresh an old node's table, and republish what was not stored for an hour."""
        if not resident.alive:
            return
        self.at(self.now + REPUBLISH_S, self._refresh, resident)
        protocol = resident.protocol
        for node_id in protocol.get_refresh_ids():
            protocol.lookup(Node(node_id))
        self._republish(resident, iter(list(pairs_older_than(protocol.storage, REPUBLISH_S))))

    def _republish(self, resident: Resident, items: Iterator[tuple[bytes, Any]]) -> None:
        """Store the next value at the k closest, and go on with the others."""
        item = next(items, None)
        if item is None or not resident.alive:
            return
        key, value = item
        target = Node(key)

        def store(nodes: list[Node]) -> None:
            own = resident.protocol.source_node
            if nodes and own.distance_to(target) < nodes[-1].distance_to(target):
                resident.protocol.storage[key] = value
            for node in nodes:
                resident.protocol.call_store(node, key, value)
            self._republish(resident, items)

        resident.protocol.lookup(target).then(store)


def is_old(resident: Resident | None) -> bool:
    """Return whether a node is one of those."""
    return resident is not None and isinstance(resident.protocol, OldNode)
