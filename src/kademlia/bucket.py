"""A k-bucket: the contacts of one range of ids, in the order they were last seen (Kademlia, sections 2.2 and 4.1).

`kademlia.routing`, where the documentation has it, puts the table together from these.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from kademlia.address import prefix
from kademlia.node import Node
from kademlia.tree import ID_BITS
from kademlia.utils import BothSpellings

#: How many newcomers wait behind a full bucket, in multiples of k: enough to replace every member several times.
REPLACEMENT_FACTOR = 5


class Changes:
    """What the buckets of one table have in common.

    Attributes:
        count: How often contacts came or went: who remembers something of the table looks here.
        networks: How many nodes of each network are in it (`kademlia.address.prefix`), the waiting ones included.
    """

    __slots__ = ("count", "networks")

    def __init__(self) -> None:
        self.count = 0
        self.networks: Counter[str] = Counter()

    def came(self, node: Node) -> None:
        """Count a node that is in a bucket from now on."""
        if network := prefix(node.address[0]):
            self.networks[network] += 1

    def left(self, node: Node) -> None:
        """Count a node that is in no bucket any more."""
        network = prefix(node.address[0])
        if network and self.networks[network] > 1:
            self.networks[network] -= 1
        else:
            self.networks.pop(network, None)


class KBucket(BothSpellings):
    """The contacts of one range of ids, least recently seen first, at most k of them.

    Contacts come and go by `add_node` and `remove_node`, which count in `changes`.

    Args:
        rangeLower: The smallest id of the range, as an integer.
        rangeUpper: The largest id of the range; it belongs to the bucket.
        ksize: How many contacts the bucket holds, the k of the paper.
        replacementNodeFactor: The replacement cache holds this many times k nodes.
        clock: Where the time of the last lookup is read, in seconds.
    """

    __slots__ = (
        "changes",
        "clock",
        "ksize",
        "last_updated",
        "max_replacement_nodes",
        "nodes",
        "range",
        "replacement_nodes",
    )

    def __init__(
        self,
        rangeLower: int,
        rangeUpper: int,
        ksize: int,
        replacementNodeFactor: int = REPLACEMENT_FACTOR,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.range = (rangeLower, rangeUpper)
        self.ksize = ksize
        self.max_replacement_nodes = ksize * replacementNodeFactor
        self.clock = clock
        self.changes = Changes()
        self.nodes: dict[bytes, Node] = {}
        self.replacement_nodes: dict[bytes, Node] = {}
        self.last_updated = clock()

    @property
    def lastUpdated(self) -> float:  # the documented spelling
        """The documented spelling of `last_updated`."""
        return self.last_updated

    @lastUpdated.setter
    def lastUpdated(self, value: float) -> None:
        self.last_updated = value

    @property
    def replacementNodes(self) -> dict[bytes, Node]:
        """The documented spelling of `replacement_nodes`."""
        return self.replacement_nodes

    def touch_last_updated(self) -> None:
        """Note that an id of this range was looked up just now."""
        self.last_updated = self.clock()

    touchLastUpdated = touch_last_updated

    def get_nodes(self) -> list[Node]:
        """Return the contacts, least recently seen first."""
        return list(self.nodes.values())

    getNodes = get_nodes

    def head(self) -> Node:
        """Return the least recently seen contact.

        Raises:
            IndexError: The bucket is empty.
        """
        for node in self.nodes.values():
            return node
        raise IndexError("this bucket holds no contact")

    def has_in_range(self, node: Node) -> bool:
        """Return whether the node's id lies in the range, both ends included."""
        return self.range[0] <= node.long_id <= self.range[1]

    hasInRange = has_in_range

    def is_new_node(self, node: Node) -> bool:
        """Return whether the node is not among the contacts."""
        return node.id not in self.nodes

    isNewNode = is_new_node

    def depth(self) -> int:
        """Return how many leading bits all ids of the range share; 0 for the whole space."""
        return ID_BITS - (self.range[1] - self.range[0]).bit_length()

    def add_node(self, node: Node) -> bool:
        """Add a contact as the most recently seen one, or keep it in the replacement cache.

        Returns:
            True if it is among the contacts now, False if the bucket is full (section 4.1).
        """
        changes = self.changes
        known, waiting = self.nodes.pop(node.id, None), self.replacement_nodes.pop(node.id, None)
        for before in (known, waiting):
            if before is not None:
                changes.left(before)
        changes.came(node)
        if known is not None or len(self.nodes) < self.ksize:
            changes.count += known is not node
            self.nodes[node.id] = node
            return True
        self.replacement_nodes[node.id] = node
        while len(self.replacement_nodes) > self.max_replacement_nodes:
            changes.left(self.replacement_nodes.pop(next(iter(self.replacement_nodes))))
        return False

    addNode = add_node

    def remove_node(self, node: Node) -> None:
        """Forget a node; the most recently seen replacement takes a contact's place."""
        waiting, known = self.replacement_nodes.pop(node.id, None), self.nodes.pop(node.id, None)
        for gone in (waiting, known):
            if gone is not None:
                self.changes.left(gone)
        if known is None:
            return
        self.changes.count += 1
        if self.replacement_nodes:
            node_id, replacement = self.replacement_nodes.popitem()
            self.nodes[node_id] = replacement

    removeNode = remove_node

    def of_network(self, network: str) -> list[Node]:
        """Return the nodes of one network, contacts and then those that wait, least recently seen first."""
        nodes = (*self.nodes.values(), *self.replacement_nodes.values())
        return [node for node in nodes if prefix(node.address[0]) == network]

    def split(self) -> tuple[KBucket, KBucket]:
        """Return two buckets, each with half of the range and the contacts and replacements that lie in it."""
        midpoint = (self.range[0] + self.range[1]) // 2
        factor = self.max_replacement_nodes // self.ksize if self.ksize else REPLACEMENT_FACTOR
        one = KBucket(self.range[0], midpoint, self.ksize, factor, self.clock)
        two = KBucket(midpoint + 1, self.range[1], self.ksize, factor, self.clock)
        one.changes = two.changes = self.changes
        self.changes.count += 1
        for node_id, node in self.nodes.items():
            (one if node.long_id <= midpoint else two).nodes[node_id] = node
        for node in self.replacement_nodes.values():
            self.changes.left(node)
            (one if node.long_id <= midpoint else two).add_node(node)
        one.last_updated = two.last_updated = self.last_updated
        return one, two

    def __getitem__(self, node_id: bytes) -> Node | None:
        return self.nodes.get(node_id)

    def __len__(self) -> int:
        return len(self.nodes)
