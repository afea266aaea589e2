"""Nodes and the order among them: ids, the XOR distance, and a heap of the nearest.

An id is 20 bytes on every boundary; its integer (`long_id`) exists for geometry only and is computed once.
Distance is the XOR of two ids read as big-endian integers (Kademlia, section 2.1; rules R1 and R2): it is
symmetric, zero only for equal ids, and for any id there is exactly one other at a given distance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import itemgetter

from kademlia.utils import BothSpellings

#: Length of a node id and of a key on the wire, in bytes (160 bits: a SHA-1 digest).
ID_BYTES = 20

#: An (ip, port) pair, as it stands in datagrams, in state files and in `Node`.
Address = tuple[str, int]

#: Nodes remembered, so that one that is told of again and again is one object; about 400 bytes each. All are forgotten
#: when there are more.
NODES_REMEMBERED_MAX = 16384

_new = object.__new__
_integer = int.from_bytes
_distance = itemgetter(0)


class Node(BothSpellings):
    """A node or a key on the ring: an id and, for a node, the address where it lives.

    Args:
        id: The id as bytes; 20 of them on the network, any number but zero elsewhere.
        ip: The address in text form, or None for a key.
        port: The UDP port, or None for a key.
        node_id: The 2.x releases' keyword for `id`.

    Raises:
        TypeError: The id is not bytes.
        ValueError: The id is empty.
    """

    __slots__ = ("address", "id", "long_id")

    def __init__(
        self,
        id: bytes | None = None,
        ip: str | None = None,
        port: int | None = None,
        *,
        node_id: bytes | None = None,
    ) -> None:
        id = node_id if id is None else id
        if not isinstance(id, bytes):
            raise TypeError(f"a node's id is bytes (20 of them, see kademlia.utils.digest), not {id!r}")
        if not id:
            raise ValueError("a node's id is empty; pass 20 bytes, for instance kademlia.utils.digest(name)")
        self.id = id
        self.address: Address = (ip, port)  # type: ignore[assignment]  # a key has none and is never sent to
        self.long_id = int.from_bytes(id, "big")

    @staticmethod
    def at(node_id: bytes, address: Address) -> Node:
        """Return the node with an id of 20 bytes at an address, which is shared and not copied."""
        node = _new(Node)
        node.id = node_id
        node.address = address
        node.long_id = _integer(node_id, "big")
        return node

    @staticmethod
    def shared(node_id: bytes, address: Address) -> Node:
        """Return the node with an id of 20 bytes at an address, the same object as before if it is remembered.

        Nobody changes a node. So all tables and lookups of a process can share it, which makes a network of many
        nodes in one process small, and quick: its nodes stay in the processor's cache.
        """
        node = remembered(node_id)
        if node is None or node.address != address:
            if len(_remembered) >= NODES_REMEMBERED_MAX:
                forget_shared()
            node = _remembered[node_id] = Node.at(node_id, address)
        return node

    @property
    def ip(self) -> str:
        """The address in text form; None for a key."""
        return self.address[0]

    @property
    def port(self) -> int:
        """The UDP port; None for a key."""
        return self.address[1]

    def same_home_as(self, node: Node) -> bool:
        """Return whether both live at the same (ip, port)."""
        return self.address == node.address

    sameHomeAs = same_home_as

    def distance_to(self, node: Node) -> int:
        """Return the XOR of both ids as an integer (Kademlia, section 2.1)."""
        return self.long_id ^ node.long_id

    distanceTo = distance_to

    def __iter__(self) -> Iterator[object]:
        """Iterate over id, ip and port, so that `tuple(node)` is what travels in an answer."""
        return iter((self.id, *self.address))

    def __repr__(self) -> str:
        return repr([self.long_id, self.ip, self.port])

    def __str__(self) -> str:
        return f"{self.ip}:{self.port}"


_remembered: dict[bytes, Node] = {}

#: Returns the node last shared that has an id, or None.
remembered = _remembered.get

#: Forgets the nodes that are shared; they stay as they are.
forget_shared = _remembered.clear


def stranger(address: Address) -> Node:
    """Return the node at an address whose id is not known yet; its own id, of one byte, is nobody's."""
    return Node.at(b"?", address)


class NodeHeap(BothSpellings):
    """The nodes nearest to a given one, nearest first, with a note of which were contacted.

    It shows at most `maxsize` nodes but remembers all that were pushed, so that removing a visible one brings
    a hidden one into view. One entry per id; the first one pushed wins.

    Args:
        node: The node (or key) that distances are measured to.
        maxsize: How many nodes are visible, usually k.
    """

    def __init__(self, node: Node, maxsize: int) -> None:
        self.node = node
        self.maxsize = maxsize
        self.heap: list[tuple[int, Node]] = []  # sorted by distance; a sorted list is a heap
        self.contacted: set[bytes] = set()
        self._by_id: dict[bytes, Node] = {}

    def push(self, nodes: Node | Iterable[Node]) -> None:
        """Add one node or several; an id that is there already is left as it is."""
        heap, by_id, target = self.heap, self._by_id, self.node.long_id
        for node in (nodes,) if isinstance(nodes, Node) else nodes:
            if node.id not in by_id:
                by_id[node.id] = node
                heap.append((target ^ node.long_id, node))
        heap.sort(key=_distance)  # nearly in order: for a handful of nodes a third of what inserting each takes

    def remove(self, peers: Iterable[bytes]) -> None:
        """Forget the nodes with these ids; hidden ones may become visible in their place."""
        gone = [node_id for node_id in peers if self._by_id.pop(node_id, None) is not None]
        if gone:
            self.heap = [entry for entry in self.heap if entry[1].id in self._by_id]

    def popleft(self) -> Node | None:
        """Remove and return the nearest node, or None if there is none."""
        if not self.heap:
            return None
        node = self.heap.pop(0)[1]
        del self._by_id[node.id]
        return node

    def get_node(self, node_id: bytes) -> Node | None:
        """Return the node with this id, hidden ones included, or None."""
        return self._by_id.get(node_id)

    getNodeById = get_node

    def get_ids(self) -> list[bytes]:
        """Return the ids of the visible nodes, nearest first."""
        return [node.id for _, node in self.heap[: self.maxsize]]

    getIDs = get_ids

    def mark_contacted(self, node: Node) -> None:
        """Note that this node was asked."""
        self.contacted.add(node.id)

    markContacted = mark_contacted

    def get_uncontacted(self) -> list[Node]:
        """Return the visible nodes that were not asked yet, nearest first."""
        contacted = self.contacted
        return [node for _, node in self.heap[: self.maxsize] if node.id not in contacted]

    getUncontacted = get_uncontacted

    def have_contacted_all(self) -> bool:
        """Return whether every visible node was asked; True for an empty heap."""
        return not self.get_uncontacted()

    allBeenContacted = have_contacted_all

    def __len__(self) -> int:
        return min(len(self.heap), self.maxsize)

    def __iter__(self) -> Iterator[Node]:
        return iter([node for _, node in self.heap[: self.maxsize]])

    def __contains__(self, node: object) -> bool:
        return isinstance(node, Node) and node.id in self._by_id
