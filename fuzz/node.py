"""The node under test: one engine, what reaches it and what it sends, and the rules that it has to keep."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from fuzz import limited
from fuzz.cast import CONTACTS, OWN_ID, K
from fuzz.host import WALL_START, LoneHost
from fuzz.ledger import Ledger
from fuzz.target import Broken, must

from kademlia.engine import limits
from kademlia.engine.calls import Call
from kademlia.engine.operation import Operation
from kademlia.node import ID_BYTES, Address, Node
from kademlia.protocol import KademliaProtocol
from kademlia.storage import ForgetfulStorage
from kademlia.wire import rpcudp

#: Ticks at one time after which the engine is taken to turn in circles.
TICKS_AT_ONCE_MAX = 2000

#: Datagrams of the engine that are remembered, to be sent back to it.
SENT_REMEMBERED = 16

encode = rpcudp.encode


class Guarded(ForgetfulStorage):
    """A storage in memory that takes nothing from a stranger."""

    may_write: Callable[[bytes, Any], bool]

    def write(self, key: bytes, value: Any, life: complex) -> None:
        """Keep a value, if it is one, and its sender proved its address."""
        must(self.may_write(key, value), "a store of a stranger took effect")
        must(len(key) == ID_BYTES and type(value) in rpcudp.VALUE_TYPES, f"kept {value!r:.80} under {key!r}")
        super().write(key, value, life)


class TestedNode:
    """One engine, with the contacts of the cast."""

    def __init__(self) -> None:
        self.host = LoneHost(self._flush)
        self.storage = Guarded(clock=self.host.now, max_records=limited.VALUES_MAX, max_bytes=limited.VALUES_BYTES_MAX)
        self.storage.may_write = self._may_write
        self.protocol = KademliaProtocol(Node(OWN_ID, "198.51.100.200", 8468), self.storage, K)
        self.protocol.limits = limited.LIMITS
        self.ledger = Ledger(self.protocol)
        self.sent: deque[tuple[bytes, Address]] = deque(maxlen=SENT_REMEMBERED)
        self.operations: list[tuple[str, Operation[Any]]] = []
        self.own: set[tuple[bytes, bytes]] = set()  # what it published itself
        self._asking: Address | None = None  # a stranger whose request is in hand
        self._flushing = False
        self.protocol.start(self.host, 0.0, WALL_START)
        for node_id, address in CONTACTS:
            self.protocol.call_ping(Node(node_id, *address))
            self.answer_honestly(len(CONTACTS))

    @property
    def now(self) -> float:
        """The time."""
        return self.host.time

    # -- what happens to it ----------------------------------------------------------------------------------------

    def receive(self, data: bytes, address: Address) -> None:
        """Have a datagram arrive."""
        now = self.now
        self.ledger.arrives(data, address, now)
        self._asking = None if self.ledger.verified(address, now) else address
        reply = self.protocol.receive(data, address, now)
        self._asking = None
        if reply is not None:
            must(reply[:21] == b"\x01" + data[1:21], "a request is answered with another message id")
            self._sends(reply, address)
        self._flush()

    def sleep(self, seconds: float) -> None:
        """Let time pass without the node."""
        self.host.time += seconds
        self.run(0.0)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        protocol, until = self.protocol, self.now + seconds
        ticks = 0
        while (deadline := protocol.deadline()) is not None and deadline <= until:
            at = max(deadline, self.now)
            ticks = ticks + 1 if at == self.now else 0
            must(ticks < TICKS_AT_ONCE_MAX, "many ticks at one time, and still something to do at once")
            self.host.time = at
            protocol.tick(at)
            self._flush()
        self.host.time = until

    def begin(self, name: str, operation: Operation[Any], fits: Callable[[Any], bool]) -> None:
        """Remember an operation that has to end, and with what."""
        self.operations.append((name, operation))
        operation.then(lambda value: must(fits(value), f"{name} ends with {value!r:.200}"))
        self._flush()

    def pending(self) -> list[Call]:
        """Return the calls under way, in the order they were sent."""
        return list(self.protocol.calls._pending.values())

    def answer_honestly(self, most: int) -> None:
        """Have contacts answer what they are asked."""
        ids = {address: node_id for node_id, address in CONTACTS}
        for call in [call for call in self.pending() if call.record.address in ids][:most]:
            contacts = [(node_id, *address) for node_id, address in CONTACTS[:K]]
            result = {"ping": ids[call.record.address], "store": True}.get(call.method, contacts)
            if self.protocol.calls.pending(call.message_id) is call:
                self.receive(b"\x01" + call.message_id + encode(result), call.record.address)

    def end(self) -> None:
        """Let nobody answer any more: everything under way has to end; then stop.

        Raises:
            Broken: Something does not end, or is left behind.
        """
        self.run(300)
        for name, operation in self.operations:
            must(operation.done, f"{name} has not ended after 300 s of silence")
        self.check()
        self.protocol.stop()
        must(not self.pending() and not self.protocol.calls.queued, "calls are under way after the stop")
        must(self.protocol.take_outbox() == [], "something is to be sent after the stop")

    # -- rules -------------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Hold the node to its limits, and to whom it may believe."""
        protocol, stats = self.protocol, self.protocol.stats()
        must(stats.internal_errors == 0, f"{stats.internal_errors} internal errors")
        lasting = sum(not record.disposable() for record in protocol.records)
        must(stats.records <= limits.RECORDS_MAX + lasting, f"{stats.records} records, {lasting} of them in use")
        must(min((record.credit for record in protocol.records), default=0) >= 0, "a credit below zero")
        must(stats.holding <= limits.HELD_MAX, f"{stats.holding} requests held")
        must(protocol.answering.held._bytes <= limits.HELD_BYTES_MAX, f"{protocol.answering.held._bytes} bytes held")
        must(stats.in_flight <= limits.REQUESTS_IN_FLIGHT_MAX, f"{stats.in_flight} requests in flight")
        must(len(protocol.asking._strangers) <= limits.STRANGERS_PINGED_MAX, "too many strangers are pinged")
        must(len(protocol.contacts.lost) <= limits.LOST_MAX, f"{len(protocol.contacts.lost)} lost contacts")
        must(len(protocol.keeping.bygone) <= limits.BYGONE_KEYS_MAX, f"{len(protocol.keeping.bygone)} bygone keys")
        must(stats.published <= limits.PUBLISHED_MAX, f"{stats.published} published values")
        must(stats.values <= limited.VALUES_MAX, f"{stats.values} values")
        must(self.storage.size <= limited.VALUES_BYTES_MAX, f"{self.storage.size} bytes of values")
        self._check_table()

    def _check_table(self) -> None:
        protocol = self.protocol
        contacts: set[bytes] = set()
        said = self.ledger.said
        for bucket in protocol.router.buckets:
            if len(bucket.nodes) > K:
                raise Broken(f"{len(bucket.nodes)} contacts in a bucket")
            for node in (*bucket.nodes.values(), *bucket.replacement_nodes.values()):  # no f-string: it is made often
                if type(node.id) is not bytes or len(node.id) != ID_BYTES or node.id == OWN_ID:
                    raise Broken(f"the id {node.id!r} in the table")
                if not said(node.address, node.id) or not bucket.has_in_range(node):
                    raise Broken(f"{node!r} in the table, which never said so, or in the wrong bucket")
            contacts.update(bucket.nodes)
        must(protocol.contacts.failing <= contacts, "an id fails that is no contact")

    def _may_write(self, key: bytes, value: Any) -> bool:
        return self._asking is None or (key, encode(value)) in self.own

    def _flush(self) -> None:
        if self._flushing:
            return
        self._flushing = True
        try:
            for datagram, address in self.protocol.take_outbox():
                self._sends(datagram, address)
        finally:
            self._flushing = False

    def _sends(self, datagram: bytes, address: Address) -> None:
        if not 0 < address[1] < 65536:
            raise Broken(f"a datagram to {address}")
        self.ledger.leaves(datagram, address, self.now)
        self.sent.append((datagram, address))
