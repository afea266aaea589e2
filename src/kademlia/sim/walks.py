"""Lookups under observation: how far they went, how long they took, and whether what they found is true.

Hops are counted as in the literature: 1 for a contact of the asker's own table, one more than its teller's for
everybody else. A lookup's holders are the k living nodes closest to its target, without the asker, and without a node
of the target's very id: nobody is told of whom it names.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from kademlia.crawling import NodeSpiderCrawl
from kademlia.engine.operation import Operation
from kademlia.node import Node

if TYPE_CHECKING:
    from kademlia.protocol import KademliaProtocol
    from kademlia.sim.resident import Resident


@dataclass(slots=True, kw_only=True)
class Walk:
    """One lookup, as it went. Times are in virtual seconds since its start; None is what never happened."""

    started: float
    first_holder_s: float | None = None  #: when the first of the k closest living nodes answered
    first_holder_hops: int | None = None
    closest_s: float | None = None  #: when the closest living node answered
    closest_hops: int | None = None
    ended_s: float | None = None
    requests: int = 0
    recall: float = 0.0  #: the share of the k closest living nodes that it found
    asked: tuple[int, ...] = ()  #: ids, in the order they answered: its path

    @property
    def exact(self) -> bool:
        """Whether it found exactly the k closest living nodes."""
        return self.recall == 1.0

    @property
    def found(self) -> bool:
        """Whether the closest living node answered."""
        return self.closest_s is not None


class _Observed(NodeSpiderCrawl):
    """A crawl that notes who was told of at which depth, and when holders answer."""

    def __init__(self, protocol: KademliaProtocol, node: Node, peers: Iterable[Node], ksize: int, alpha: int) -> None:
        peers = list(peers)
        super().__init__(protocol, node, peers, ksize, alpha)
        self.walk = Walk(started=protocol.now)
        self._hops = {peer.id: 1 for peer in peers}
        self.holders: dict[bytes, int] = {}  # by rank

    def settled(self, node: Node, happened: bool, result: object) -> None:
        """Note an answer before the crawl takes it."""
        if happened and not self.operation.done:
            self._note(node, result)
        super().settled(node, happened, result)

    def _note(self, node: Node, result: Any) -> None:
        walk, hops = self.walk, self._hops.get(node.id, 1)
        since = self.protocol.now - walk.started
        walk.asked += (node.long_id,)
        rank = self.holders.get(node.id)
        if rank is not None and walk.first_holder_s is None:
            walk.first_holder_s, walk.first_holder_hops = since, hops
        if rank == 0:
            walk.closest_s, walk.closest_hops = since, hops
        if isinstance(result, list):
            for told in result:
                self._hops.setdefault(told[0], hops + 1)


def observe(resident: Resident, target: Node) -> Operation[Walk]:
    """Have a node look up a target; return the operation that ends with how it went."""
    world, protocol = resident.world, resident.protocol
    protocol.look_at_clock()
    ksize = protocol.router.ksize
    nearest = world.closest(target, ksize + 1, besides=protocol.source_node)
    holders = [node for node in nearest if node.id != target.id][:ksize]
    walked: Operation[Walk] = Operation()

    class Observed(_Observed):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self.holders = {node.id: rank for rank, node in enumerate(holders)}
            self.operation.then(partial(ended, self))

    def ended(crawl: _Observed, nodes: list[Node]) -> None:
        walk = crawl.walk
        walk.ended_s = world.now - walk.started
        walk.requests = crawl.asked
        found = {node.id for node in nodes}
        walk.recall = sum(node.id in found for node in holders) / len(holders) if holders else 1.0
        walked.finish(walk)

    protocol.lookup(target, kind=Observed)
    return walked
