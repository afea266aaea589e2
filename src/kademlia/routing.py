"""The routing table: k-buckets in the order of their ranges, and the exact k closest contacts of any id.

The table is a binary tree whose leaves are buckets; kept as a sorted list, since a leaf is a contiguous range of
ids (Kademlia, section 2.4; rule R24). Within a bucket contacts stand in the order they were last seen, oldest
first (R4). A full bucket splits if it holds the own id, if its depth is not a multiple of b (section 4.2; R32), or
if it belongs to the neighbourhood: the smallest subtree around the own id with k contacts, all of which are kept
(section 2.4; R25). Otherwise a newcomer waits in the bucket's replacement cache (section 4.1; R29).

The table schedules nothing: whom to ping and whom to give up is the engine's to decide.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterator

from kademlia.bucket import Changes, KBucket
from kademlia.node import Address, Node
from kademlia.tree import ID_BITS, ID_MAX, Tree, level, mirrored, shared_bits
from kademlia.utils import BothSpellings

__all__ = ["KBucket", "RoutingTable", "TableTraverser"]  # the documented names

#: A bucket is lonely when nothing was looked up in its range for this long, in seconds (section 2.3; R22).
LONELY_S = 3600.0

#: The neighbourhood of R25 splits while it holds fewer contacts than this many times k: one to two times in a network
#: of random ids, more only where somebody chose the ids.
NEIGHBOURHOOD_FACTOR = 5


class TableTraverser(BothSpellings):
    """Walk over a table's contacts: the start's bucket newest first, then one bucket to the left, one to the right.

    Starting counts as a lookup in the start's bucket. For the k closest contacts use `find_neighbors`: the order of
    buckets in a list is not the order of distance.
    """

    def __init__(self, table: RoutingTable, startNode: Node) -> None:
        index = table.get_bucket_for(startNode)
        table.buckets[index].touch_last_updated()
        self.current_nodes = table.buckets[index].get_nodes()
        self.left_buckets = table.buckets[:index]
        self.right_buckets = table.buckets[index + 1 :]
        self.left = True

    def __iter__(self) -> Iterator[Node]:
        return self

    def __next__(self) -> Node:
        """Pop a contact from the left subtree, then right, then left, and so on."""
        while not self.current_nodes:
            if not self.left_buckets and not self.right_buckets:
                raise StopIteration
            if self.left_buckets and (self.left or not self.right_buckets):
                self.current_nodes = self.left_buckets.pop().get_nodes()
                self.left = False
            else:
                self.current_nodes = self.right_buckets.pop(0).get_nodes()
                self.left = True
        return self.current_nodes.pop()

    next = __next__


class RoutingTable(BothSpellings):
    """All the contacts of one node.

    Args:
        protocol: The protocol this table belongs to; kept for programs that look for it.
        ksize: Contacts in a bucket and in an answer, the k of the paper.
        node: The own node. It is never in the table; its place decides which buckets split.
        b: Bits that a lookup gains at a time (section 4.2).
        clock: Where buckets read the time of lookups, in seconds.
    """

    def __init__(
        self,
        protocol: object,
        ksize: int,
        node: Node,
        b: int = 5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.protocol = protocol
        self.ksize = ksize
        self.node = node
        self.b = b
        self.clock = clock
        self.changes = Changes()  # of all buckets, which share it
        self._neighbourhood_as_of = -1
        self._neighbourhood_bits = 0
        self.flush()

    @property
    def buckets(self) -> list[KBucket]:
        """The buckets in the order of their ranges; a program may set a list of its own."""
        return self._tree.leaves

    @buckets.setter
    def buckets(self, buckets: list[KBucket]) -> None:
        self._take(buckets)
        self.is_tree = False  # perhaps

    def flush(self) -> None:
        """Forget all contacts: one bucket for the whole space."""
        self.plant([KBucket(0, ID_MAX, self.ksize, clock=self.clock)])

    def plant(self, buckets: list[KBucket]) -> None:
        """Take over the buckets of a tree: together they cover all ids, and each could have come of splitting."""
        self._take(buckets)
        self.is_tree = True  # and it stays one, as buckets only ever split in halves

    def _take(self, buckets: list[KBucket]) -> None:
        self._tree = Tree(buckets)
        self.changes.count += 1
        self.changes.networks.clear()
        for bucket in buckets:
            bucket.changes = self.changes
            for node in (*bucket.nodes.values(), *bucket.replacement_nodes.values()):
                self.changes.came(node)

    # -- contacts ------------------------------------------------------------------------------------------------

    def add_contact(self, node: Node) -> bool:
        """Add a contact as the most recently seen of its bucket, splitting full buckets by R24, R25 and R32.

        Returns:
            True if it is in the table now, False if it waits in a replacement cache (or is the own id).
        """
        if node.id == self.node.id:
            return False
        bucket = self.bucket_of(node.long_id)
        while not bucket.add_node(node):
            if not self._splits(bucket):
                return False
            self.split_bucket(self.get_bucket_for(node))
            bucket = self.bucket_of(node.long_id)
        return True

    addContact = add_contact

    def remove_contact(self, node: Node) -> None:
        """Forget a contact; the most recently seen replacement takes its place."""
        self.bucket_of(node.long_id).remove_node(node)

    removeContact = remove_contact

    def is_new_node(self, node: Node) -> bool:
        """Return whether the node is not in the table."""
        return self.bucket_of(node.long_id).is_new_node(node)

    isNewNode = is_new_node

    def has_room(self, long_id: int) -> bool:
        """Return whether a node with this id would become a contact at once."""
        bucket = self.bucket_of(long_id)
        return len(bucket.nodes) < bucket.ksize or self._splits(bucket)

    def contacts(self) -> list[Node]:
        """Return every contact, in the order of buckets."""
        return [node for bucket in self.buckets for node in bucket.nodes.values()]

    def __len__(self) -> int:
        return sum(map(len, self.buckets))

    # -- buckets -------------------------------------------------------------------------------------------------

    def bucket_of(self, long_id: int) -> KBucket:
        """Return the bucket whose range holds this id."""
        return self._tree.leaf(long_id)

    def get_bucket_for(self, node: Node) -> int:
        """Return the index of the bucket that the node falls into; both ends of a range belong to its bucket."""
        return self._tree.index(node.long_id)

    getBucketFor = get_bucket_for

    def split_bucket(self, index: int) -> None:
        """Replace a bucket by its two halves; it is empty then."""
        whole = self.buckets[index]
        self._tree.replace(index, whole.split())
        whole.nodes.clear()
        whole.replacement_nodes.clear()

    splitBucket = split_bucket

    def lonely_buckets(self) -> list[KBucket]:
        """Return the buckets in whose range nothing was looked up for over an hour (section 2.3)."""
        hour_ago = self.clock() - LONELY_S
        return [bucket for bucket in self.buckets if bucket.last_updated < hour_ago]

    getLonelyBuckets = lonely_buckets

    def levels(self) -> Iterator[tuple[int, int, list[KBucket]]]:
        """Yield each distance level, farthest first: its lowest and highest id, and the buckets in it.

        A level holds the ids that share a given number of bits with the own id and differ in the next: a k-bucket of
        the paper's section 2.2. With b over 1 several of our buckets share one. The own bucket is the last level.
        """
        for depth in range(ID_BITS):
            low, high = level(self.node.long_id, depth)
            bucket = self.bucket_of(low)
            if bucket.has_in_range(self.node):
                yield *bucket.range, [bucket]
                return
            yield low, high, list(self._tree.around(low, depth + 1))

    def rings(self, bucket: KBucket) -> Iterator[list[KBucket]]:
        """Yield a bucket of a tree, then its sibling subtrees, each farther from all ids of the bucket's range."""
        yield [bucket]
        for depth in range(bucket.depth() - 1, -1, -1):
            yield list(self._tree.around(mirrored(bucket.range[0], depth), depth + 1))

    def _splits(self, bucket: KBucket) -> bool:
        low, high = bucket.range
        if low == high:
            return False
        if bucket.has_in_range(self.node) or bucket.depth() % self.b:
            return True
        return self._in_neighbourhood(low)

    def _in_neighbourhood(self, low: int) -> bool:
        """Return whether the bucket at `low` lies in the smallest subtree around the own id with k contacts."""
        if self._neighbourhood_as_of != self.changes.count:
            self._neighbourhood_as_of = self.changes.count
            self._neighbourhood_bits = self._bits_of_neighbourhood()
        return shared_bits(low, self.node.long_id) >= self._neighbourhood_bits

    def _bits_of_neighbourhood(self) -> int:
        """Return how many bits the neighbourhood shares: found from the own bucket outwards, level by level."""
        own = self.node.long_id
        bucket = self.bucket_of(own)
        count = len(bucket.nodes)
        for depth in range(bucket.depth() - 1, -1, -1):
            whole = count + sum([len(leaf.nodes) for leaf in self._tree.around(mirrored(own, depth), depth + 1)])
            if count >= self.ksize or whole >= self.ksize * NEIGHBOURHOOD_FACTOR:
                return depth + 1
            count = whole
        return 0

    # -- the k closest -------------------------------------------------------------------------------------------

    def find_neighbors(self, node: Node, k: int | None = None, exclude: Node | None = None) -> list[Node]:
        """Return the k contacts closest to a node's id, nearest first: exactly those (section 2.3; R8).

        Args:
            node: The node or key; a contact with its very id is left out.
            k: How many at most; None or 0 means the table's k.
            exclude: The contact at this node's address is left out, whatever its id.
        """
        return self.closest(node, k or self.ksize, exclude.address if exclude is not None else None)

    findNeighbors = find_neighbors

    def closest(self, target: Node, k: int, exclude: Address | None = None, skip: Container[bytes] = ()) -> list[Node]:
        """Return the k contacts closest to `target`, nearest first, without its own id, an address, and ids to skip."""
        long_id = target.long_id
        return sorted(self.closest_of(target, k, exclude, skip), key=lambda node: node.long_id ^ long_id)

    def closest_of(
        self, target: Node, k: int, exclude: Address | None = None, skip: Container[bytes] = ()
    ) -> list[Node]:
        """Return the same in no order: only within the farthest bucket it has to be found out who is nearest."""
        long_id = target.long_id
        found: list[Node] = []
        for bucket in self._nearest_first(long_id):
            fit = [node for node in bucket.nodes.values() if node.address != exclude and node.id not in skip]
            if not found and target.id in bucket.nodes:
                fit = [node for node in fit if node.long_id != long_id]
            missing = k - len(found)
            if len(fit) > missing:
                fit.sort(key=lambda node: node.long_id ^ long_id)
                del fit[missing:]
            found += fit
            if len(found) == k:
                break
        return found

    def _nearest_first(self, long_id: int) -> Iterator[KBucket]:
        """Yield the buckets so that none has a contact nearer to the id than one of an earlier bucket."""
        if self.is_tree:
            return self._tree.around(long_id)
        everything = KBucket(0, ID_MAX, 0)  # a program's own buckets: all contacts are sorted at once
        everything.nodes.update((node.id, node) for node in self.contacts())
        return iter((everything,))
