"""Lookups: a pure "whom do I ask next?" machine, and the documented crawls that drive it.

`Lookup` does no I/O: it is asked `next`, and told `answered`, `slow` or `failed`; late and duplicate answers are
harmless. It keeps alpha requests under way without waiting for whole rounds (Kademlia, section 2.3; R11-R12), drops
who does not answer quickly until it does (R13), asks all of the k closest once alpha answers in a row brought
nobody closer (R14), and ends when the k closest it knows of have answered (R15).

A crawl is a lookup under way on a network: `SpiderCrawl` asks and listens, its two kinds differ in what they ask and
in when they are content.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any

from kademlia.engine import limits
from kademlia.engine.operation import Operation
from kademlia.node import Address, Node, NodeHeap
from kademlia.utils import BothSpellings
from kademlia.wire import rpcudp

if TYPE_CHECKING:
    from kademlia.protocol import KademliaProtocol

#: What a remote call ends with: whether it was answered, and the answer.
Response = tuple[bool, Any]


class Lookup:
    """The search for the k nodes closest to a target, as a machine without a network.

    Args:
        target: The node or key looked for.
        peers: The contacts to start from.
        ksize: How many nodes are looked for.
        alpha: How many requests are under way at once.
        own_id: Our own id: others tell us of ourselves.
    """

    def __init__(self, target: Node, peers: Iterable[Node], ksize: int, alpha: int, own_id: bytes = b"") -> None:
        self.target = target
        self.ksize = ksize
        self.alpha = alpha
        self.nearest = NodeHeap(target, ksize)  # the nodes in consideration
        self.requests = 0
        self.heard_of = {own_id}  # ids in consideration, and those that are out of it
        self._id_at: dict[Address, bytes] = {}  # under which id an address was first told of
        self._more_ids_at: dict[Address, list[bytes]] = {}  # and others, which few addresses have
        self._waiting: set[bytes] = set()  # asked, not late
        self._late: dict[bytes, Node] = {}  # asked, late, out of consideration until they answer
        self._failed: set[bytes] = set()  # will not answer
        self._answered: set[bytes] = set()
        self._fruitless = 0  # answers in a row that brought nobody closer than the closest known
        self._closest: int | None = None  # that distance
        self.heard(peers)
        self._fruitless = 0

    def next(self) -> list[Node]:
        """Return whom to ask now; they count as asked."""
        width = self.ksize if self._fruitless >= self.alpha else self.alpha
        room = min(width - len(self._waiting), self.ksize * limits.LOOKUP_REQUESTS_FACTOR - self.requests)
        if room <= 0:
            return []
        asked = self.nearest.contacted
        chosen = []
        for _, node in self.nearest.heap[: self.ksize]:
            if node.id not in asked:
                asked.add(node.id)
                self._waiting.add(node.id)
                chosen.append(node)
                if len(chosen) == room:
                    break
        self.requests += len(chosen)
        return chosen

    def answered(self, node: Node, contacts: Iterable[Node]) -> None:
        """Learn that a node answered, late or not, and of the contacts it told."""
        if node.id in self._answered:
            return
        self._waiting.discard(node.id)
        if self._late.pop(node.id, None) is not None:
            self.nearest.push(node)
        self._answered.add(node.id)
        self.heard(contacts)

    def heard(self, contacts: Iterable[Node]) -> None:
        """Take nodes into consideration that were not heard of before, and note whether that was progress (R14)."""
        nearest = self.nearest
        heard_of = self.heard_of
        fresh = self._alone([node for node in contacts if node.id not in heard_of])
        if fresh:
            nearest.push(fresh)
            heard_of.update([node.id for node in fresh])
            heard_of.difference_update(nearest.trim(self.ksize * limits.LOOKUP_NODES_FACTOR))
        closest = nearest.heap[0][0] if nearest.heap else None
        if closest is not None and (self._closest is None or closest < self._closest):
            self._closest = closest
            self._fruitless = 0
        else:
            self._fruitless += 1

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
        return node.id in ids

    def slow(self, node: Node) -> None:
        """Learn that a node is late: its place is free, and it is out of consideration until it answers (R13)."""
        if node.id in self._waiting:
            self._waiting.remove(node.id)
            self._late[node.id] = node
            self.nearest.remove([node.id])
            self._fruitless += 1

    def failed(self, node: Node) -> None:
        """Learn that a node will not answer, or answered nonsense."""
        if node.id in self._waiting:
            self._fruitless += 1
        self._waiting.discard(node.id)
        self._late.pop(node.id, None)
        if node.id not in self._answered:
            self._failed.add(node.id)
            self.nearest.remove([node.id])

    @property
    def late(self) -> int:
        """How many nodes are late and may still answer."""
        return len(self._late)

    @property
    def thinned(self) -> bool:
        """Whether fewer than k nodes have answered while others did not."""
        return len(self._answered) < self.ksize and bool(self._late or self._failed)

    @property
    def exhausted(self) -> bool:
        """Whether it has made all the requests it may."""
        return self.requests >= self.ksize * limits.LOOKUP_REQUESTS_FACTOR

    @property
    def finished(self) -> bool:
        """Whether the k closest known nodes have all answered (R15).

        While nobody has answered at all, late answers are waited for: they are all there is.
        """
        if not self._answered and self._late:
            return False
        if self.exhausted and not self._waiting:
            return True
        answered = self._answered
        for _, node in self.nearest.heap[: self.ksize]:  # noqa: SIM110  # a generator takes twice the time
            if node.id not in answered:
                return False
        return True

    def closest(self) -> list[Node]:
        """Return the nodes that answered, nearest first, at most k."""
        answered = (node for _, node in self.nearest.heap if node.id in self._answered)
        return list(islice(answered, self.ksize))


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
        self._lookup = Lookup(node, peers, ksize, alpha, protocol.source_node.id)
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
        while not self.operation.done and (peers := lookup.next() or self._farther_ones()):
            for peer in peers:
                about(self, peer)
        self._advancing = False
        if not self.operation.done and lookup.finished and not (self.patient and lookup.late):
            self._exhausted()

    def _farther_ones(self) -> list[Node]:
        """Return whom to ask where the nearest contacts failed us: farther ones of our own table."""
        if not (self._lookup.thinned and self._lookup.finished):
            return []
        self._reach *= 2
        self._lookup.heard(self.protocol.contacts.to_ask(self.node, self._reach))
        return self._lookup.next()

    def _answered(self, node: Node, result: object) -> None:
        contacts = self._believed(result)
        if contacts is None:
            self.protocol.counts.wrong_replies += 1
            self._lookup.failed(node)
        else:
            self._lookup.answered(node, self.protocol.askable(contacts) if contacts else contacts)

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
    patient = True  # better a slow None than a wrong one: the value may be where the answer is late

    def __init__(self, protocol: KademliaProtocol, node: Node, peers: Iterable[Node], ksize: int, alpha: int) -> None:
        super().__init__(protocol, node, peers, ksize, alpha)
        self.nearest_without_value = NodeHeap(node, 1)

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
        self.operation.finish(value)
        if without := self.nearest_without_value.popleft():
            self.protocol.asking.store(without, self.node.id, value)

    def _exhausted(self) -> None:
        self.operation.finish(None)
