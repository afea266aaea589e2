"""Asking others: making requests, and taking their answers, their lateness and their silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kademlia.engine import limits
from kademlia.engine.calls import Asker, Call
from kademlia.engine.outcome import Who, Whoever
from kademlia.engine.records import NEVER, Record
from kademlia.engine.rpcs import FINDING, overrides
from kademlia.node import ID_BYTES, Address, Node, stranger
from kademlia.wire import rpcudp, trailer
from kademlia.wire.packed import TOMBSTONE

if TYPE_CHECKING:
    from kademlia.crawling import SpiderCrawl
    from kademlia.engine.keeping import Life
    from kademlia.protocol import KademliaProtocol


class Asking:
    """The side of a node that asks; `base` is the class whose call_* methods are ours."""

    def __init__(self, protocol: KademliaProtocol, base: type) -> None:
        self._protocol = protocol
        self._counts = protocol.counts
        self._calls = protocol.calls
        self._strangers: set[Address] = set()  # being asked who they are; only ever counted
        answer_bytes = rpcudp.contacts_bytes_max(protocol.router.ksize) + trailer.ANSWER_BYTES_MAX
        self._padded_places = limits.FULLY_PADDED_MAX
        self._first_find_bytes = min(answer_bytes, limits.FIRST_REQUEST_BYTES_MAX)
        self._ping_body = rpcudp.call("ping", protocol.source_node.id)
        kind: Any = type(protocol)
        self._by_program = {
            name: overrides(kind, base, name)
            for name in ("call_ping", "call_find_node", "call_find_value", "call_store", "handle_call_response")
        }
        self._tells_program = self._by_program["handle_call_response"]

    # -- requests ------------------------------------------------------------------------------------------------

    def about(self, crawl: SpiderCrawl, peer: Node) -> None:
        """Send a crawl's find_node or find_value to a peer, by the program's own call_* method if it overrides one."""
        method = crawl.method
        if self._by_program[f"call_{method}"]:
            self._let_program_ask(getattr(self._protocol, f"call_{method}")(peer, crawl.node), peer, crawl)
        else:
            self.request(method, crawl.body, peer, crawl, told=crawl.told)

    def store(
        self, node: Node, key: bytes, value: Any, life: Life, asker: Asker | None = None, body: bytes | None = None
    ) -> None:
        """Send store to a node, with the life of the value, by the program's own `call_store` if it overrides it.

        `body` is that of `store_body`, for a value that goes to several nodes. A deletion goes to nodes of ours only:
        others would keep it as a value.
        """
        asker = asker or Whoever()
        if value == TOMBSTONE and not self._protocol.records.of(node.address).ours:
            asker.settled(node, False, None)
        elif self._by_program["call_store"]:
            with self._protocol.keeping.sending(key, life):
                self._let_program_ask(self._protocol.call_store(node, key, value), node, asker)
        else:
            told = self._protocol.keeping.told(life)
            self.request("store", body or self.store_body(key, value), node, asker, told=told)

    def store_body(self, key: bytes, value: Any) -> bytes:
        """Return the body of a request to keep a value."""
        return rpcudp.call("store", self._protocol.source_node.id, key, value)

    def ping(self, node: Node, asker: Asker, *, resend: bool = True) -> None:
        """Send a ping to a node."""
        self.request("ping", self._ping_body, node, asker, resend=resend)

    def who(self, record: Record) -> None:
        """Ping an address for its id, once at a time. A stranger's ping is paid from its credit, and sent once."""
        protocol = self._protocol
        resend = record.verified(protocol.now)
        if record.pinged:
            return
        if not resend:
            price = rpcudp.PING_BYTES + trailer.EPHEMERAL_BYTES * protocol.ephemeral
            if record.credit < price or self._has_no_place_for_strangers:
                return
            record.credit -= price
            self._strangers.add(record.address)
        if self._by_program["call_ping"] and record.node is not None:
            self._let_program_ask(protocol.call_ping(record.node), record.node, Who(record, self._strangers))
        else:
            node = record.node or stranger(record.address)
            self.ping(node, Who(record, self._strangers), resend=resend)

    def who_along(self, record: Record) -> bytes | None:
        """Begin the ping that an answer to a stranger carries; return its message id, or None if there is to be none.

        It takes a place as the pings of `who` do, and costs no datagram and no credit of its own.
        """
        protocol = self._protocol
        if record.pinged or self._by_program["call_ping"] or self._has_no_place_for_strangers:
            return None
        self._strangers.add(record.address)
        message_id = protocol.chance.bytes(ID_BYTES)
        node = record.node or stranger(record.address)
        asker = Who(record, self._strangers)
        self._calls.carried(Call(message_id, "ping", b"", node, record, asker, False), protocol.now)
        return message_id

    @property
    def _has_no_place_for_strangers(self) -> bool:
        """Whether no stranger can be asked now: what it paid for a ping is not to wait until it has proved itself."""
        full = self._calls.in_flight >= limits.REQUESTS_IN_FLIGHT_MAX
        return full or len(self._strangers) >= limits.STRANGERS_PINGED_MAX

    def request(
        self, method: str, body: bytes, node: Node, asker: Asker, *, resend: bool = True, told: bytes | None = None
    ) -> None:
        """Send one request to a node, now or when its turn comes.

        `told` is the life of the value it is about, or asks for it (`wire.life`).
        """
        protocol = self._protocol
        if protocol.stopped:
            asker.settled(node, False, None)
            return
        record = protocol.records.of(node.address)
        message_id = protocol.chance.bytes(ID_BYTES)
        datagram = rpcudp.request(message_id, body)
        introduces = resend and self._is_news_to(record, method)  # a stranger's ping has to be as small as can be
        if introduces or protocol.ephemeral:
            size = self._introduction_bytes(method, record) if introduces else 0
            datagram = trailer.introduction(datagram, protocol.ephemeral, size, told)
        elif told is not None:
            datagram += trailer.of_life(told)
        self._calls.start(Call(message_id, method, datagram, node, record, asker, resend), protocol.now)

    def _is_news_to(self, record: Record, method: str) -> bool:
        """Return whether an address may not have ours as verified: what it has to tell would not fit our credit then.

        Whom we know, but who asked us nothing for long, has forgotten that we live here, unless we are its contact.
        """
        if record.node is None:
            return True
        return method in FINDING and self._protocol.now > record.asked_us_at + limits.KNOWN_THERE_S

    def _introduction_bytes(self, method: str, record: Record) -> int:
        """Return how large a request to a node that may not know us, or not any more, has to be."""
        if method not in FINDING:
            return limits.FIRST_REQUEST_BYTES
        if record.proved_at == NEVER:
            if not self._padded_places:
                return limits.FIRST_REQUEST_BYTES
            self._padded_places -= 1
        return self._first_find_bytes

    def _let_program_ask(self, awaitable: Any, peer: Node, asker: Asker) -> None:
        host = self._protocol.host
        operation = host.operation(awaitable) if host is not None else None

        def answered(response: object) -> None:
            if isinstance(response, BaseException):
                self._counts.rpc_errors += 1
                self._protocol.report(f"a call to {peer} raised {type(response).__name__}: {response}")
            if isinstance(response, tuple) and len(response) == 2:
                asker.settled(peer, bool(response[0]), response[1])
            else:
                asker.settled(peer, False, None)

        if operation is None:
            answered(awaitable)
        else:
            operation.then(answered)

    # -- what comes of them ----------------------------------------------------------------------------------------

    def response(self, data: bytes, record: Record, now: float) -> None:
        """Take an answer's datagram."""
        call = self._calls.answered(data[1 : rpcudp.HEADER_BYTES], record, now)
        if call is None:
            self._counts.unmatched += 1
            return
        protocol, answering = self._protocol, self._protocol.answering
        self._counts.replies += 1
        understood, result, hints = self._decoded(data)
        told_id = result if call.method == "ping" else hints.get(trailer.NODE_ID) if hints else None
        if told_id is not None and (not rpcudp.is_id(told_id) or told_id == protocol.source_node.id):
            told_id = None
        if hints is not None:
            record.ours = True
            if hints.get(trailer.EPHEMERAL) and record.bucket is None:
                record.ephemeral = True
        asked = call.node if len(call.node.id) == ID_BYTES else None
        if record.proved_at == NEVER and self._padded_places < limits.FULLY_PADDED_MAX:
            self._padded_places += 1
        protocol.contacts.answered(record, told_id, asked, now)
        if hints and told_id is not None and rpcudp.is_id(ping_id := hints.get(trailer.PING)):
            answering.pinged_along(ping_id, told_id, record, now)
        if answering.held.parcels:
            answering.release(record, now)
        someone_else = asked is not None and told_id is not None and told_id != asked.id
        self._settle(call, understood and not someone_else, result)

    def unanswered(self, call: Call, now: float) -> None:
        """Take a call's hard time-out. A stranger that we pinged unasked has no duty to answer."""
        self._counts.timeouts += 1
        if call.resend:
            self._protocol.contacts.unanswered(call.record, call.node, call.sent_at, now)
        self._settle(call, False, None)

    def reached_ourselves(self, call: Call) -> None:
        """End a call that came back to us: its asker is told the own node, and no answer."""
        self._calls.end(call, self._protocol.now)
        call.asker.settled(call.node, False, self._protocol.source_node)

    def _decoded(self, data: bytes) -> tuple[bool, Any, trailer.Trailer | None]:
        """Return whether an answer could be decoded, the answer, and its trailer."""
        for datagram, hints in trailer.readings(data):
            try:
                return True, rpcudp.decode(datagram[rpcudp.HEADER_BYTES :]), hints
            except rpcudp.DECODE_ERRORS:
                continue
        self._counts.wrong_replies += 1
        return False, None, None

    def _settle(self, call: Call, happened: bool, result: object) -> None:
        if not happened:
            result = None
        if self._tells_program and len(call.node.id) == ID_BYTES:
            happened, result = self._protocol.handle_call_response((happened, result), call.node)
        call.asker.settled(call.node, happened, result)
