"""How many nodes of one network a node deals with: in a bucket, in its table, among the holders of a value.

Whoever has one network can have any number of addresses in it, and an id for each. With two hosts, two thirds of all
slots of a node in another network could be taken (Marcus et al., 2018); two contacts of a /24 in a bucket and ten in a
table are what was done about it. Those that wait behind a full bucket are counted as well, so that they can take a
contact's place at any time. Within the loopback and private scopes nobody is counted: there it would only hurt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import TYPE_CHECKING, TypeVar

from kademlia.address import prefix
from kademlia.bucket import KBucket
from kademlia.node import Address, Node

if TYPE_CHECKING:
    from kademlia.protocol import KademliaProtocol

Item = TypeVar("Item")


class Diversity:
    """Whom one node takes into its table, as far as networks matter."""

    def __init__(self, protocol: KademliaProtocol) -> None:
        self._protocol = protocol

    def admits(self, address: Address, bucket: KBucket) -> bool:
        """Return whether a bucket takes one more node of an address's network."""
        network = prefix(address[0])
        if not network:
            return True
        bounds = self._protocol.limits
        if bounds.contacts_per_table is not None and bucket.changes.networks[network] >= bounds.contacts_per_table:
            return False
        return bounds.contacts_per_bucket is None or len(bucket.of_network(network)) < bounds.contacts_per_bucket

    def make_way(self, address: Address, bucket: KBucket) -> bool:
        """Have a bucket take one more of an address's network, in place of one that waits there if need be.

        Returns:
            Whether it does.
        """
        if self.admits(address, bucket):
            return True
        waiting = [node for node in bucket.of_network(prefix(address[0])) if node.id in bucket.replacement_nodes]
        if waiting:
            bucket.remove_node(waiting[0])
        return self.admits(address, bucket)

    def is_spread(self, nodes: list[Node]) -> bool:
        """Return whether all of some nodes may hold one value."""
        networks = Counter(prefix(node.address[0]) for node in nodes)
        del networks[""]
        most = self._protocol.limits.nodes_per_lookup
        return most is None or all(count <= most for count in networks.values())

    def holders(self, nodes: Iterable[Node], count: int) -> list[Node]:
        """Return who of some nodes, nearest first, are to hold a value, at most so many."""
        return spread(nodes, count, self._protocol.limits.nodes_per_lookup, lambda node: node)


def spread(items: Iterable[Item], count: int, most: int | None, node: Callable[[Item], Node]) -> list[Item]:
    """Return the first so many of some items, in their order, but of each network the first few only.

    Where there are not enough of others the rest is of those that were passed over: whoever lives in one network alone,
    behind one address, say, crowds out nobody.

    Args:
        items: Nodes, or what has a node.
        count: How many are wanted.
        most: How many of one network; None for any number.
        node: The node of an item.
    """
    seen: dict[str, int] = {}
    chosen: list[tuple[int, Item]] = []
    passed_over: list[tuple[int, Item]] = []
    for place, item in enumerate(items):
        network = prefix(node(item).address[0])
        seen[network] = seen.get(network, 0) + 1
        (chosen if most is None or not network or seen[network] <= most else passed_over).append((place, item))
        if len(chosen) == count:
            break
    chosen += passed_over[: count - len(chosen)]
    return [item for _, item in sorted(chosen, key=itemgetter(0))]
