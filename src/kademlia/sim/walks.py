"""Lookups under observation: how far they went, how long they took, and whether what they found is true.

Hops are counted as in the literature: 1 for a contact of the asker's own table, one more than its teller's for
everybody else. A lookup's holders are the k living nodes closest to its target, without the asker, and without a node
of the target's very id: nobody is told of whom it names.

Under churn the truth changes while a lookup is under way. It has to find those holders that lived from its beginning
to its end, however young they were when it began: who dies meanwhile may answer or not, who is born meanwhile is no
holder.
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
    closest_s: float | None = None  #: when the closest holder that lived to the end answered
    closest_hops: int | None = None
    ended_s: float | None = None
    requests: int = 0
    recall: float = 0.0  #: the share of the holders that lived to the end that it found
    asked: tuple[int, ...] = ()  #: ids, in the order they answered: its path

    @property
    def exact(self) -> bool:
        """Whether it found all of the k closest nodes that lived to its end."""
        return self.recall == 1.0

    @property
    def found(self) -> bool:
        """Whether the closest of the nodes that lived to its end answered."""
        return self.closest_s is not None


class _Observed(NodeSpiderCrawl):
    """A crawl that notes who was told of at which depth, and when holders answer."""

    def __init__(self, protocol: KademliaProtocol, node: Node, peers: Iterable[Node], ksize: int, alpha: int) -> None:
        peers = list(peers)
        super().__init__(protocol, node, peers, ksize, alpha)
        self.walk = Walk(started=protocol.now)
        self._hops = {peer.id: 1 for peer in peers}
        self.holders: frozenset[bytes] = frozenset()
        self.answers: dict[bytes, tuple[float, int]] = {}  # of holders: after how many seconds, and hops away

    def settled(self, node: Node, happened: bool, result: object) -> None:
        """Note an answer before the crawl takes it."""
        if happened and not self.operation.done:
            self._note(node, result)
        super().settled(node, happened, result)

    def _note(self, node: Node, result: Any) -> None:
        walk, hops = self.walk, self._hops.get(node.id, 1)
        since = self.protocol.now - walk.started
        walk.asked += (node.long_id,)
        if node.id in self.holders:
            self.answers[node.id] = since, hops
            if walk.first_holder_s is None:
                walk.first_holder_s, walk.first_holder_hops = since, hops
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

    def lives(node: Node) -> bool:
        there = world.residents.get(node.address)
        return there is not None and there.protocol.source_node.id == node.id

    class Observed(_Observed):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self.holders = frozenset(node.id for node in holders)
            self.operation.then(partial(ended, self))

    def ended(crawl: _Observed, nodes: list[Node]) -> None:
        walk = crawl.walk
        walk.ended_s = world.now - walk.started
        walk.requests = crawl.asked
        found = {node.id for node in nodes}
        living = [node for node in holders if lives(node)]
        walk.recall = sum(node.id in found for node in living) / len(living) if living else 1.0
        if living:
            walk.closest_s, walk.closest_hops = crawl.answers.get(living[0].id, (None, None))
        walked.finish(walk)

    protocol.lookup(target, kind=Observed)
    return walked
