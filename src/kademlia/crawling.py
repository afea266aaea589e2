"""Crawls: lookups under way on a network (Kademlia, section 2.3).

`engine.lookup` says whom to ask; `SpiderCrawl` asks and listens. Its two kinds differ in what they ask and in when they
are content.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from kademlia.engine import limits
from kademlia.engine.lookup import Lookup
from kademlia.engine.operation import Operation
from kademlia.node import Node, NodeHeap
from kademlia.utils import BothSpellings
from kademlia.wire import life, rpcudp
from kademlia.wire.packed import TOMBSTONE

if TYPE_CHECKING:
    from kademlia.protocol import KademliaProtocol

#: What a remote call ends with: whether it was answered, and the answer.
Response = tuple[bool, Any]


class RPCFindResponse(BothSpellings):
    """The answer to a find_node or find_value call.

    Args:
        response: The pair (whether it was answered, the answer): a list of (id, ip, port), or {"value": value}.
    """

    def __init__(self, response: Response) -> None:
        self.response = response

    def happened(self) -> bool:
        """Return whether the other host answered at all."""
        return self.response[0]

    def has_value(self) -> bool:
        """Return whether the answer is a value rather than nodes."""
        return isinstance(self.response[1], dict)

    hasValue = has_value

    def get_value(self) -> Any:
        """Return the value.

        Raises:
            KeyError: The answer holds none.
        """
        answer = self.response[1]
        return answer[b"value"] if b"value" in answer else answer["value"]

    getValue = get_value

    def get_node_list(self) -> list[Node]:
        """Return the nodes of the answer; what is not an id, an address and a port is left out."""
        return rpcudp.contacts(self.response[1], limits.CONTACTS_PER_REPLY_MAX) or []

    getNodeList = get_node_list


class SpiderCrawl(BothSpellings):
    """A lookup under way: it asks, listens, and ends with a result.

    Args:
        protocol: The `KademliaProtocol` to ask through.
        node: The node or key looked for.
        peers: The nodes to start from.
        ksize: How many nodes are looked for, the k of the paper.
        alpha: How many requests are under way at once.
    """

    #: The remote method that a kind of crawl asks with.
    method = "find_node"

    #: What its requests ask of the life of a value (`wire.life`).
    told: bytes | None = None

    #: Whether late nodes are waited for before it ends without what it looks for.
    patient = False

    def __init__(self, protocol: KademliaProtocol, node: Node, peers: Iterable[Node], ksize: int, alpha: int) -> None:
        self.protocol = protocol
        self.node = node
        self.ksize = ksize
        self.alpha = alpha
        self.operation: Operation[Any] = Operation()
        self.body = rpcudp.call(self.method, protocol.source_node.id, node.id)  # of every request
        self._started = False
        price = protocol.proximity.price if protocol.latency_aware else None
        self._lookup = Lookup(
            node, peers, ksize, alpha, protocol.source_node.id, price, protocol.limits, protocol.told_by
        )
        self._ends_at = 0.0
        self._advancing = False
        self._reach = ksize  # how many of our own contacts it started from, or could have

    @property
    def nearest(self) -> NodeHeap:
        """The nodes in consideration, nearest first."""
        return self._lookup.nearest

    @property
    def last_ids_crawled(self) -> list[bytes]:
        """The ids that are looked at now; none before the start."""
        return self.nearest.get_ids() if self._started else []

    @property
    def lastIDsCrawled(self) -> list[bytes]:  # the 0.x spelling
        """The 0.x spelling of `last_ids_crawled`."""
        return self.last_ids_crawled

    def find(self) -> Any:
        """Start; return what the protocol's world awaits for the result."""
        return self.protocol.awaitable(self.protocol._begin(self.start))

    def start(self) -> Operation[Any]:
        """Start; return the operation that ends with the result."""
        self._started = True
        self._ends_at = self.protocol.now + self.protocol.limits.lookup_s
        self._advance()
        return self.operation

    def answered_by(self) -> list[Node]:
        """Return the nodes that answered so far, nearest first, at most k."""
        return self._lookup.closest()

    @property
    def asked(self) -> int:
        """How many nodes it has asked so far."""
        return self._lookup.requests

    @property
    def found_all(self) -> bool:
        """Whether the nodes found are all there are so close: it neither gave up nor found few because many failed."""
        return not (self._lookup.thinned or self._lookup.exhausted)

    # -- what the calls tell (engine.calls.Asker) ------------------------------------------------------------------

    def settled(self, node: Node, happened: bool, result: object) -> None:
        """Take an answer, or its absence, and go on."""
        if self.operation.done:
            return
        if happened:
            self._answered(node, result)
        else:
            self._lookup.failed(node)
        self._advance()

    def slow(self, node: Node) -> None:
        """Ask somebody else meanwhile."""
        if not self.operation.done:
            self._lookup.slow(node)
            self._advance()

    # -- parts ---------------------------------------------------------------------------------------------------

    def _advance(self) -> None:
        if self._advancing:  # a call that failed at once, inside of `ask`: the loop below goes on by itself
            return
        self._advancing = True
        lookup, about = self._lookup, self.protocol.asking.about
        if self.protocol.now >= self._ends_at:
            lookup.hurry()
        while not self.operation.done and (peers := lookup.next() or self._farther_ones()):
            for peer in peers:
                about(self, peer)
        self._advancing = False
        if not self.operation.done and lookup.finished and not (self.patient and lookup.late):
            self._exhausted()

    def _farther_ones(self) -> list[Node]:
        """Return whom to ask where the nearest contacts failed us: farther ones of our own table."""
        if not (self._lookup.thinned and self._lookup.settled):
            return []
        self._reach *= 2
        self._lookup.trusts(self.protocol.contacts.to_ask(self.node, self._reach))
        return self._lookup.next()

    def _answered(self, node: Node, result: object) -> None:
        contacts = self._believed(result)
        if contacts is None:
            self.protocol.counts.wrong_replies += 1
            self._lookup.failed(node)
        else:
            told = result[: limits.CONTACTS_PER_REPLY_MAX] if isinstance(result, (list, tuple)) else ()
            self._heard(node, contacts, told)

    def _heard(self, node: Node, contacts: list[Node], told: Sequence[Any]) -> None:
        """Learn of the contacts that a node told of."""
        self._lookup.answered(node, self._askable(contacts, node) if contacts else contacts, told)

    def _askable(self, contacts: list[Node], teller: Node) -> list[Node]:
        """Return those of some contacts that may be asked, and note whether others would be if they had answered."""
        protocol = self.protocol
        askable = protocol.askable(contacts, teller)
        if len(askable) < len(contacts) and not self._lookup.left_out:
            self._lookup.left_out = any(protocol.contacts.resting(node, protocol.now) for node in contacts)
        return askable

    def _believed(self, result: object) -> list[Node] | None:
        """Return the k nearest contacts of an answer, or None: nobody is asked for more (R8)."""
        if isinstance(result, (list, tuple)) and len(result) <= self.ksize:
            return rpcudp.contacts(result, self.ksize, self._lookup.heard_of)
        contacts = rpcudp.contacts(result, limits.CONTACTS_PER_REPLY_MAX)
        if contacts is None:
            return None
        return sorted(contacts, key=self.node.distance_to)[: self.ksize]

    def _exhausted(self) -> None:
        self.operation.finish(self._lookup.closest())


class NodeSpiderCrawl(SpiderCrawl):
    """The search for the k nodes closest to a node or key."""

    def find(self) -> Any:
        """Find the closest nodes: a list of at most k that answered, nearest first (section 2.3)."""
        return super().find()


class ValueSpiderCrawl(SpiderCrawl):
    """The search for a value; it ends with the first one (R19) and caches it on the way (R20)."""

    method = "find_value"
    told = life.QUESTION
    patient = True  # better a slow None than a wrong one: the value may be where the answer is late

    def __init__(self, protocol: KademliaProtocol, node: Node, peers: Iterable[Node], ksize: int, alpha: int) -> None:
        super().__init__(protocol, node, peers, ksize, alpha)
        self.nearest_without_value = NodeHeap(node, 1)
        self._undated: list[Any] = []  # values that came without a life

    @property
    def nearestWithoutValue(self) -> NodeHeap:  # the 0.x spelling
        """The 0.x spelling of `nearest_without_value`."""
        return self.nearest_without_value

    def find(self) -> Any:
        """Find the value, or None if no node asked has it."""
        return super().find()

    def _answered(self, node: Node, result: object) -> None:
        if not isinstance(result, dict):
            if isinstance(result, (list, tuple)):
                self.nearest_without_value.push(node)
            super()._answered(node, result)
            return
        storable, value = rpcudp.found_value(result)
        if not storable:
            self.protocol.counts.wrong_replies += 1
            self._lookup.failed(node)
            return
        self._found(node, value, result.get(life.NAME))

    def _found(self, node: Node, value: Any, told: object) -> None:
        """Take a value; the first with a life is it, else the most frequent of all.

        Nodes of the published releases tell no life, and what they have may be old: they keep it for ever. So one of
        theirs is not the end, but nobody who is late is waited for any more.
        """
        if life.decode(told) is not None:
            self._end(value, told)
            return
        self._undated.append(value)
        self.patient = False
        self._lookup.answered(node, [])

    def _end(self, value: Any, told: object) -> None:
        self.operation.finish(None if value == TOMBSTONE else value)
        self._leave_copy(value, told)

    def _leave_copy(self, value: Any, told: object) -> None:
        """Store a value at the nearest node that did not have it, for a part of the life that was told (R20, R21)."""
        if without := self.nearest_without_value.popleft():
            distance = without.distance_to(self.node)
            nearer = sum(other < distance for other, _ in self.nearest.heap)
            copy = self.protocol.keeping.cached(told, nearer)
            self.protocol.asking.store(without, self.node.id, value, copy)

    def _exhausted(self) -> None:
        if self._undated:
            self._end(_most_frequent(self._undated), None)
        else:
            self.operation.finish(None)


def _most_frequent(values: list[Any]) -> Any:
    """Return the value that is there most often, of several the first."""
    encoded = [rpcudp.encode(value) for value in values]
    return values[encoded.index(max(encoded, key=encoded.count))]
