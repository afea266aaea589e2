"""Whom a lookup has in consideration, and which of them count.

The k nearest count (Kademlia, section 2.3). Not more than a few of them may be of one network, or whoever has one could
be everybody who is near some key; nobody counts who is only told of by those who lied before (`engine.informants`); and
nobody lives at one address under many ids. An id that is told of at several addresses is tried at one after the other,
and an address under one id after the other: who tells of it first need not be right.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from operator import itemgetter

from kademlia.address import prefix
from kademlia.engine import limits
from kademlia.engine.diversity import spread
from kademlia.engine.informants import Informants, Reader, word
from kademlia.node import Address, Node, NodeHeap

#: A node in consideration, behind its distance.
Entry = tuple[int, Node]

#: Where we are told to live, whatever is told: nobody is asked there.
HERE: Address = ("", 0)


class Shortlist:
    """The nodes that one lookup considers.

    Args:
        target: The node or key looked for.
        ksize: How many nodes are looked for.
        own_id: Our own id: others tell us of ourselves.
        of_network: How many nodes of one network may count; None for any number.
        answered: The ids of those that answered; the lookup keeps it up to date.
        read: Reads what a node told.

    Attributes:
        nearest: All of them, nearest first.
        heard_of: The address at which each id is tried; those that are out of consideration stay here.
        informants: Who told of whom.
    """

    def __init__(
        self, target: Node, ksize: int, own_id: bytes, of_network: int | None, answered: set[bytes], read: Reader
    ) -> None:
        self.nearest = NodeHeap(target, ksize)
        self.heard_of = {own_id: HERE}
        self.informants = Informants(read)
        self._ksize = ksize
        self._answered = answered
        self._of_network = of_network
        self._heard_of_network: dict[str, int] = {}
        self._crowded = False  # whether more were heard of any network than may count
        self._id_at: dict[Address, bytes] = {}  # under which id an address was first told of
        self._more_ids_at: dict[Address, list[bytes]] = {}  # and others, which few addresses have
        self._left_out_at: dict[Address, tuple[Node, ...]] = {}  # and some of the rest; empty once they had a turn

    def hear(self, nodes: Iterable[Node]) -> None:
        """Take nodes into consideration that were not heard of before."""
        fresh = self._alone([node for node in nodes if node.id not in self.heard_of])
        if fresh:
            self._consider(fresh)

    def _consider(self, nodes: list[Node]) -> None:
        self.nearest.push(nodes)
        for node in nodes:
            self.heard_of.setdefault(node.id, node.address)
        self._count_networks(nodes)
        surplus = len(self.nearest.heap) - self._ksize * limits.LOOKUP_NODES_FACTOR
        if surplus > 0:
            self._forget(surplus)

    def _forget(self, count: int) -> None:
        """Forget so many: first those that are doubted, then others that we do not know ourselves, farthest first."""
        informants = self.informants
        nodes = [node for _, node in reversed(self.nearest.heap) if not informants.trusts(node)]
        if informants.doubted:
            nodes.sort(key=lambda node: word(node) not in informants.doubted)
        ids = [node.id for node in nodes[:count]]
        self.nearest.remove(ids)
        for node_id in ids:
            self.heard_of.pop(node_id, None)

    def is_another(self, node: Node) -> None:
        """Learn that somebody else lives at a node's address: it may be whom we left out, once."""
        left_out = self._left_out_at.get(node.address, ())
        self._left_out_at[node.address] = ()
        self._consider([other for other in left_out if other.id not in self.heard_of])

    def prefer_the_believed(self) -> None:
        """Try ids elsewhere whose address is doubted, where somebody who is believed told another one."""
        informants = self.informants
        for _, node in list(self.nearest.heap):
            if word(node) in informants.doubted and node.id not in self.nearest.contacted:
                other = informants.elsewhere(node)
                if other is not None and word(other) not in informants.doubted:
                    self.move(other)

    def mistaken(self, informant: bytes) -> list[Node]:
        """Return whom a node told of at another address than the one where they were silent."""
        informants, heard_of = self.informants, self.heard_of
        return [
            node
            for node in informants.told_by(informant)
            if (address := heard_of.get(node.id)) is not None
            and (node.id, *address) in informants.silent
            and word(node) not in informants.silent
        ]

    def move(self, node: Node) -> None:
        """Try an id at this address from now on."""
        self.heard_of[node.id] = node.address
        self.nearest.remove([node.id])
        self.nearest.contacted.discard(node.id)
        self.nearest.push(node)

    def is_tried(self, node: Node) -> bool:
        """Return whether its id is tried at its address, and not at another one meanwhile."""
        return self.heard_of.get(node.id, node.address) == node.address

    # -- who counts ------------------------------------------------------------------------------------------------

    def counting(self) -> list[Entry]:
        """Return the k nearest that count."""
        if not self._crowded and not self.informants.doubted:  # as nearly always
            return self.nearest.heap[: self._ksize]
        doubted = self.informants.doubted
        believed = (entry for entry in self.nearest.heap if not doubted or word(entry[1]) not in doubted)
        return self._spread(believed)

    def closest(self) -> list[Node]:
        """Return the k nearest of those that answered, as many of one network as may count."""
        return [node for _, node in self._spread(entry for entry in self.nearest.heap if entry[1].id in self._answered)]

    def believe_some(self, count: int) -> int:
        """Let the nearest of the doubted count, at most so many; return how many there were."""
        doubted = self.informants.doubted
        nodes = [node for _, node in self.nearest.heap if word(node) in doubted][:count]
        self.informants.trust(nodes)
        return len(nodes)

    def _spread(self, entries: Iterable[Entry]) -> list[Entry]:
        """Return the first k, as many of one network as may count."""
        if not self._crowded:
            return list(islice(entries, self._ksize))
        return spread(entries, self._ksize, self._of_network, itemgetter(1))

    def _count_networks(self, nodes: list[Node]) -> None:
        if self._of_network is None:
            return
        heard = self._heard_of_network
        for node in nodes:
            network = prefix(node.address[0])
            if network:
                heard[network] = heard.get(network, 0) + 1
                self._crowded = self._crowded or heard[network] > self._of_network

    # -- one address, one node -------------------------------------------------------------------------------------

    def _alone(self, nodes: list[Node]) -> list[Node]:
        """Leave out nodes at addresses that were told of under too many ids: nobody lives there twice."""
        ids = {node.address: node.id for node in nodes}
        if len(ids) == len(nodes) and ids.keys().isdisjoint(self._id_at):  # as nearly always
            self._id_at.update(ids)
            return nodes
        return [node for node in nodes if self._lives_alone(node)]

    def _lives_alone(self, node: Node) -> bool:
        if self._id_at.setdefault(node.address, node.id) == node.id:
            return True
        ids = self._more_ids_at.setdefault(node.address, [])
        if node.id not in ids and len(ids) + 1 < limits.LOOKUP_IDS_PER_ADDRESS:
            ids.append(node.id)
        if node.id in ids:
            return True
        left_out = self._left_out_at.setdefault(node.address, (node,))
        if 0 < len(left_out) < limits.LOOKUP_IDS_PER_ADDRESS:
            self._left_out_at[node.address] = (*left_out, node)
        return False
