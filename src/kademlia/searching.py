"""The search for a value that tells who has it: with a quorum the newest wins, and who had an older one is told.

An ordinary get ends with the first value (R19). After an update that some holders missed that may be the old one; who
asks several gets the newest that any of them has.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kademlia.crawling import ValueSpiderCrawl
from kademlia.engine.keeping import Life
from kademlia.node import Node
from kademlia.wire import rpcudp
from kademlia.wire.packed import TOMBSTONE

if TYPE_CHECKING:
    from kademlia.protocol import KademliaProtocol


@dataclass(slots=True, kw_only=True)
class FetchResult:
    """What was found under a key.

    Attributes:
        value: The newest value of those that answered; None if nobody had one, or it was deleted.
        holders: The nodes that answered with it, nearest to the key first; the own node is among them if it has it.
        stale: Those that answered with an older one; they have been sent the newest.
        stamp: When the value was set, in seconds since 1970 by its publisher's clock; None if nobody knows.
        expires_at: When its life ends, in seconds since 1970 by the clock of this machine; None as for `stamp`.
        deleted: Whether it is gone because somebody deleted it.
        hops: How many nodes stood one behind the other on the way to the first value: 0 if it was here, 1 if a contact
            had it.
        asked: How many nodes were asked.
        duration: Seconds from the start to the end.
    """

    value: Any = None
    holders: list[Node] = field(default_factory=list)
    stale: list[Node] = field(default_factory=list)
    stamp: float | None = None
    expires_at: float | None = None
    deleted: bool = False
    hops: int = 0
    asked: int = 0
    duration: float = 0.0


@dataclass(slots=True)
class _Answer:
    """What one holder has."""

    node: Node
    value: Any
    life: Life

    def rank(self) -> tuple[int, bytes]:
        return self.life.stamp, rpcudp.encode(self.value)


class Search(ValueSpiderCrawl):
    """A search under way for the newest of some values; its operation ends with a `FetchResult`."""

    def __init__(
        self, protocol: KademliaProtocol, node: Node, peers: Iterable[Node], ksize: int, alpha: int, quorum: int
    ) -> None:
        peers = list(peers)
        super().__init__(protocol, node, peers, ksize, alpha)
        self._quorum = quorum
        self._began_at = protocol.now
        self._hops = {peer.id: 1 for peer in peers}
        self._answers: list[_Answer] = []
        self._hops_to_first: int | None = None
        self._dated = 0  # of the answers
        own = protocol.keeping.held(node.id)
        if own is not None:
            self._answers.append(_Answer(protocol.source_node, *own))
            self._dated += 1
            self._hops_to_first = 0

    def start(self) -> Any:
        """Start, unless the own store does."""
        if len(self._answers) >= self._quorum:
            self._started = True
            self._finish()
            return self.operation
        return super().start()

    def _heard(self, node: Node, contacts: list[Node], told: Sequence[Any]) -> None:
        hops = self._hops.get(node.id, 1) + 1
        for contact in contacts:
            self._hops.setdefault(contact.id, hops)
        super()._heard(node, contacts, told)

    def _found(self, node: Node, value: Any, told: object) -> None:
        """Take what one holder has; those without a life may be old, and do not count for the quorum."""
        self._lookup.answered(node, [])
        life = self.protocol.keeping.believed(told)
        self._answers.append(_Answer(node, value, life or Life(0, self.protocol.now)))
        self._dated += life is not None
        if self._hops_to_first is None:
            self._hops_to_first = self._hops.get(node.id, 1)
        if self._dated >= self._quorum:
            self._finish()

    def _exhausted(self) -> None:
        self._finish()

    def _finish(self) -> None:
        protocol = self.protocol
        result = FetchResult(asked=self.asked, duration=protocol.now - self._began_at)
        if self._answers:
            newest = max(self._answers, key=_Answer.rank)
            result.hops = self._hops_to_first or 0
            result.deleted = newest.value == TOMBSTONE
            result.value = None if result.deleted else newest.value
            if newest.life.stamp:
                result.stamp = newest.life.stamp / 1000
                result.expires_at = newest.life.ends_at + protocol.wall_offset
            self._sort_out(newest, result)
        self.operation.finish(result)

    def _sort_out(self, newest: _Answer, result: FetchResult) -> None:
        """Tell holders of the newest from others, and send it to those; one without a stamp is no news to anybody."""
        protocol, key = self.protocol, self.node.id
        for answer in sorted(self._answers, key=lambda answer: answer.node.distance_to(self.node)):
            if answer.rank() == newest.rank():
                result.holders.append(answer.node)
                continue
            result.stale.append(answer.node)
            if newest.life.stamp and answer.node is protocol.source_node:
                protocol.keeping.put(key, newest.value, newest.life)
            elif newest.life.stamp:
                protocol.asking.store(answer.node, key, newest.value, newest.life)
        if newest.life.stamp and newest.node is not protocol.source_node:
            self._leave_copy(newest.value, protocol.keeping.told(newest.life))
