"""One node's engine, as programs know it: `rpc_*` methods answer others, `call_*` methods ask others.

Those are the four requests of Kademlia, section 2.3 (R7), and `stun`. Beside them stand the operations that a program
begins: join, look up, publish, fetch. How datagrams and the time come in is `engine.machine`. Programs extend a node by
subclassing: overriding a method, or adding `rpc_*` methods of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from kademlia.arguments import checked_address
from kademlia.crawling import NodeSpiderCrawl, Response, ValueSpiderCrawl
from kademlia.engine import limits, names
from kademlia.engine.hosted import Hosted
from kademlia.engine.joining import Joining
from kademlia.engine.keeping import Life
from kademlia.engine.machine import Machine
from kademlia.engine.operation import Operation, finished
from kademlia.engine.outcome import Outcome
from kademlia.engine.publication import Publication
from kademlia.node import Address, Node, stranger
from kademlia.searching import FetchResult, Search
from kademlia.storage import IStorage
from kademlia.utils import BothSpellings
from kademlia.wire import life, rpcudp
from kademlia.wire.packed import TOMBSTONE


class KademliaProtocol(Machine, BothSpellings):
    """One node.

    Args:
        source_node: The own node; its id is 20 bytes.
        storage: Where values are kept, an `IStorage`.
        ksize: The k of the paper: contacts in a bucket, nodes in an answer, holders of a value.
    """

    #: Requests that a lookup has under way at once, the alpha of the paper.
    alpha = 3

    #: Whether lookups ask nodes first that are known to answer quickly.
    latency_aware = True

    #: Whether this node tells others that it will be gone in a moment, so that they keep it out of their tables.
    ephemeral = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        names.guard(cls, _ENGINE_NAMES)

    def __init__(self, source_node: Node, storage: IStorage, ksize: int) -> None:
        super().__init__(source_node, storage, ksize, KademliaProtocol)

    @property
    def sourceNode(self) -> Node:  # the documented spelling
        """The documented spelling of `source_node`."""
        return self.source_node

    # -- answering others ------------------------------------------------------------------------------------------

    def rpc_ping(self, sender: Address, nodeid: bytes) -> Any:
        """Answer a ping with the own id."""
        return self.source_node.id

    def rpc_stun(self, sender: Address) -> Any:
        """Answer with the sender's address as seen from here."""
        return sender

    def rpc_store(self, sender: Address, nodeid: bytes, key: bytes, value: Any) -> Any:
        """Keep a value; True if it is kept."""
        return self.keep(key, value)

    def rpc_find_node(self, sender: Address, nodeid: bytes, key: bytes) -> Any:
        """Answer with the k contacts closest to a key, as (id, ip, port), in no promised order (R8)."""
        return [(node.id, *node.address) for node in self.contacts.to_tell(Node(key), sender)]

    def rpc_find_value(self, sender: Address, nodeid: bytes, key: bytes) -> Any:
        """Answer with {"value": value} if it is kept here, else as `rpc_find_node` (R9)."""
        value = self.keeping.get(key)
        asked_for = value != TOMBSTONE or self.keeping.hint == life.QUESTION
        if type(value) in rpcudp.VALUE_TYPES and asked_for:
            return self.keeping.answer(key, value)
        return self.rpc_find_node(sender, nodeid, key)

    def keep(self, key: bytes, value: Any) -> bool:
        """Put a value into the own store; False if it is older than what is there."""
        return self.keeping.put(key, value, self.keeping.believed(self.keeping.hint), self.keeping.asker)

    # -- asking others: the documented calls ------------------------------------------------------------------------

    def call_ping(self, node_to_ask: Node) -> Any:
        """Ping a node. What is returned ends with (True, its id), or (False, None) without an answer."""
        return self._call("ping", node_to_ask)

    callPing = call_ping

    def call_find_node(self, node_to_ask: Node, node_to_find: Node) -> Any:
        """Ask a node for the contacts closest to another; ends with (True, list of [id, ip, port]) or (False, None)."""
        return self._call("find_node", node_to_ask, node_to_find.id)

    callFindNode = call_find_node

    def call_find_value(self, node_to_ask: Node, node_to_find: Node) -> Any:
        """Ask a node for a value; ends with (True, {"value": value}), (True, list as above) or (False, None)."""
        return self._call("find_value", node_to_ask, node_to_find.id)

    callFindValue = call_find_value

    def call_store(self, node_to_ask: Node, key: bytes, value: Any) -> Any:
        """Ask a node to keep a value; ends with (True, True), (True, False) if it refused, or (False, None)."""
        self.look_at_clock()  # what is left of the value's life is told as of now
        return self._call("store", node_to_ask, key, value, told=self.keeping.told_of(key, value))

    callStore = call_store

    def call(self, address: Address, name: str, *args: Any) -> Any:
        """Call any remote method by name, sent at once. `protocol.x(address, ...)` is the same for every own `rpc_x`.

        Returns:
            A Future or a Deferred that ends with (True, answer), or (False, None) without an answer in 5 s.

        Raises:
            TypeError, ValueError: `address` is none, or name and arguments are over 8192 bytes when packed.
        """
        rpcudp.check_size(name, args)
        outcome = Outcome()
        self.call_into(outcome, checked_address(address), name, *args)
        return self.future(outcome.operation)

    def call_into(self, outcome: Outcome, address: Address, name: str, *args: Any) -> None:
        """As `call`, but the engine's way: how it went is told to `outcome`."""

        def resolved(ip: str | None) -> None:
            if ip is None:
                outcome.operation.finish((False, None))
            else:
                self.asking.request(name, rpcudp.call(name, *args), stranger((ip, address[1])), outcome)
                self.wake()

        self.look_at_clock()
        self.resolve(address[0]).then(resolved)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if not name.startswith("_") and hasattr(type(self), f"rpc_{name}"):
                return lambda address, *args: self.call(address, name, *args)
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def handle_call_response(self, result: Response, node: Node) -> Response:
        """Take note of how a call went: an answer makes the node a contact, silence counts against it (R31).

        Override it to see, or change, every result. Returns the result.
        """
        self.look_at_clock()
        record = self.records.of(node.address)
        if not result[0]:
            self.contacts.unanswered(record, node, self.now - limits.HARD_TIMEOUT_S, self.now)
        elif record.verified(self.now):
            self.contacts.answered(record, None, node, self.now)
        else:
            self.welcome_if_new(node)
        return result

    handleCallResponse = handle_call_response

    def welcome_if_new(self, node: Node) -> Any:
        """Add a node to the table and hand it the values it should keep, if it is not there yet.

        A program vouches for addresses of its own; one that a datagram came from has to prove itself first.
        """
        if self.contacts.must_prove(node):
            return self.future(finished([]))
        if self.router.is_new_node(node) and self.router.add_contact(node):
            return self.transfer_key_values(node)
        return self.future(finished([]))

    welcomeIfNewNode = welcome_if_new

    def transfer_key_values(self, node: Node) -> Any:
        """Store at a newcomer all the values it should be keeping (section 2.5; R28).

        Returns:
            What ends with a list of (answered, answer), one for each value sent.
        """
        operation = self.upkeep.handoff.to(node)
        self.wake()
        return self.future(operation)

    transferKeyValues = transfer_key_values

    def get_refresh_ids(self) -> list[bytes]:
        """Return an id to look up in each distance level where nothing was for an hour: 20 bytes each (R22)."""
        self.look_at_clock()
        return self.upkeep.lonely_ids()

    getRefreshIDs = get_refresh_ids

    # -- operations ------------------------------------------------------------------------------------------------

    def join(self, addresses: list[Address]) -> Operation[list[Node]]:
        """Join the network by the nodes at some addresses; ends with the nodes found closest to the own id (R23).

        The addresses are remembered, and tried again by themselves whenever no contact is live.
        """
        self.upkeep.remember(addresses)
        return self._begin(Joining(self, addresses).start)

    def lookup(
        self, target: Node, peers: list[Node] | None = None, kind: type[NodeSpiderCrawl] = NodeSpiderCrawl
    ) -> Operation[list[Node]]:
        """Find the k nodes closest to a target, starting from some peers or from the closest contacts."""
        self.router.bucket_of(target.long_id).last_updated = self.now
        peers = self.contacts.to_ask(target) if peers is None else peers
        crawl = kind(self, target, peers, self.router.ksize, self.alpha)
        crawl.operation.then(partial(self._looked_up, crawl))
        return self._begin(crawl.start)

    def fetch(self, key: bytes) -> Operation[Any]:
        """Find the value of a key (20 bytes): here, else on the network; None if nobody has it."""
        self.look_at_clock()  # the value's life may be over since the last event
        value = self.keeping.get(key)
        if value is not None or self.stopped:
            return finished(None if value == TOMBSTONE else value)
        target = Node(key)
        crawl = ValueSpiderCrawl(self, target, self._near(target), self.router.ksize, self.alpha)
        crawl.operation.then(partial(self._searched, crawl))
        return self._begin(crawl.start)

    def search(self, key: bytes, quorum: int = 1) -> Operation[FetchResult]:
        """Find the newest value among so many holders of a key, the own node included; see `kademlia.searching`."""
        self.look_at_clock()
        target = Node(key)
        crawl = Search(self, target, self._near(target), self.router.ksize, self.alpha, quorum)
        return self._begin(crawl.start)

    def publish(self, key: bytes, value: Any, life_s: float = limits.LIFE_S, *, renew: bool = False) -> Operation[bool]:
        """Store a value at the k nodes closest to its key for so long; True if at least one other node accepted it.

        Args:
            key: 20 bytes.
            value: Of a type that travels.
            life_s: Seconds that holders keep it.
            renew: Publish it again before that ends, until `forget`.
        """
        return self.set_out(key, value, life_s, renew=renew).operation

    def set_out(self, key: bytes, value: Any, life_s: float = limits.LIFE_S, *, renew: bool = False) -> Publication:
        """Begin what `publish` does, and return the `Publication` under way."""
        rpcudp.check_size("store", (self.source_node.id, key, value))
        self.look_at_clock()
        publication = self.publishing(key, value, self.keeping.new_life(life_s, key))
        if renew:
            self.upkeep.published.remember(key, value, life_s, publication)
        else:
            self.upkeep.published.forget(key)
        return publication

    def publishing(self, key: bytes, value: Any, life: Life) -> Publication:
        """Begin to store a value with some life at the nodes closest to its key.

        Who they are a lookup finds, unless those of the last minute tell (`engine.survey`).
        """
        target = Node(key)
        publication = Publication(self, target, value, life)
        if self.stopped:
            publication.give_up()
        else:
            holders = self.survey.holders(target, self.now)
            publication.start(holders if holders is not None and self.diversity.is_spread(holders) else None)
            self.wake()
        return publication

    def delete(self, key: bytes) -> Publication:
        """Delete what anybody published under a key before now: nodes of ours honour that until it would have died."""
        return self.set_out(key, TOMBSTONE, limits.LIFE_MAX_S)

    def forget(self, key: bytes) -> bool:
        """Let a value that this node published die when its life ends; return whether it was one of ours."""
        return self.upkeep.published.forget(key)

    def replicate(self, key: bytes) -> Operation[bool]:
        """Store a value that we keep at the other holders again, with the life that it has.

        It takes no lookup if the neighbourhood tells them (R27).
        """
        self.look_at_clock()
        return self._begin(partial(self.upkeep.replication.of, key))

    def leave(self, seconds: float = limits.LEAVE_S) -> Operation[int]:
        """Hand the values that this node keeps over to those who will be their holders without it.

        It ends with how many of them took one, after so many seconds at the latest; then stop.
        """
        return self._begin(partial(self.upkeep.leaving.start, seconds))

    # -- parts -----------------------------------------------------------------------------------------------------

    def _call(self, method: str, node: Node, *args: Any, told: bytes | None = None) -> Any:
        checked_address(node.address)
        outcome = Outcome()
        self.look_at_clock()
        self.asking.request(method, rpcudp.call(method, self.source_node.id, *args), node, outcome, told=told)
        return self.awaitable(outcome.operation)

    def _begin(self, start: Callable[[], Operation[Any]]) -> Operation[Any]:
        """Begin an operation at the present time, and have its requests sent."""
        self.look_at_clock()
        operation = start()
        self.wake()
        return operation

    def _near(self, target: Node) -> list[Node]:
        """Return whom a search for a value begins with."""
        bucket = self.router.bucket_of(target.long_id)
        bucket.last_updated = self.now
        peers = self.contacts.to_ask(target)
        if len(bucket) >= bucket.ksize:  # there are more nodes than the table has room for
            peers = peers + self.askable(self.survey.near(target, self.alpha, self.now), self.source_node)
        return peers

    def _looked_up(self, crawl: NodeSpiderCrawl, nodes: list[Node]) -> None:
        if crawl.found_all:
            self.survey.found(crawl.node, nodes, self.now)

    def _searched(self, crawl: ValueSpiderCrawl, _value: object) -> None:
        if crawl.asked > self.alpha:  # others than we knew of
            self.survey.heard(crawl.answered_by(), self.now)


_ENGINE_NAMES = names.of_engine(KademliaProtocol, Machine, Hosted)
