"""What one network holds of a node: contacts, those that wait, those it tells of, those that keep its values.

A network is a /24, or a /48 of IPv6 (`kademlia.address`). Each number is the most that was seen at any look.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kademlia.address import place
from kademlia.node import Node

if TYPE_CHECKING:
    from kademlia.protocol import KademliaProtocol


def of_networks(nodes: Iterable[Node], networks: Iterable[str]) -> int:
    """Return how many of some nodes are in that one of some networks which has most of them."""
    places = (place(node.ip) for node in nodes)
    count = Counter(where.prefix for where in places if where is not None)
    return max((count[network] for network in networks), default=0)


@dataclass(slots=True)
class Holdings:
    """The most that any one of some networks held so far."""

    networks: list[str]
    looks: int = 0
    bucket: int = 0  #: contacts in one bucket
    waiting: int = 0  #: nodes in one replacement cache
    table: int = 0  #: contacts in the table
    told: int = 0  #: contacts in one answer to find_node
    found: int = 0  #: nodes that one lookup ended with
    holders: int = 0  #: nodes that took one value

    def look(self, protocol: KademliaProtocol) -> None:
        """Look at a node's table."""
        self.looks += 1
        for bucket in protocol.router.buckets:
            self.bucket = max(self.bucket, self._of(bucket.nodes.values()))
            self.waiting = max(self.waiting, self._of(bucket.replacement_nodes.values()))
        self.table = max(self.table, self._of(protocol.router.contacts()))

    def tell(self, protocol: KademliaProtocol, targets: Iterable[bytes]) -> None:
        """Look at what a node tells of some targets."""
        for target in targets:
            self.told = max(self.told, self._of(protocol.contacts.to_tell(Node(target), None)))

    def looked_up(self, nodes: Iterable[Node]) -> None:
        """Look at what a lookup ended with."""
        self.found = max(self.found, self._of(nodes))

    def published(self, holders: Iterable[Node]) -> None:
        """Look at who took a value."""
        self.holders = max(self.holders, self._of(holders))

    def _of(self, nodes: Iterable[Node]) -> int:
        return of_networks(nodes, self.networks)
