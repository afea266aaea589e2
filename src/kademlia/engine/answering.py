"""Answering requests: decode, check, find the method, and see that nobody gets more than is due to it.

To an address that has not proved itself we never send more bytes than came from it. What it asks for beyond that is
held while we ping it, and done and sent in full when the answer comes; its stores have no effect until then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kademlia.engine import limits
from kademlia.engine.held import Held
from kademlia.engine.records import Record
from kademlia.engine.rpcs import FINDING, Rpc, rpcs_of
from kademlia.wire import rpcudp, trailer

if TYPE_CHECKING:
    from kademlia.protocol import KademliaProtocol


_REQUEST = bytes([rpcudp.REQUEST])

#: The documented RPCs that read or write the storage.
USING_STORAGE = ("store", "find_value")


class Answering:
    """The side of a node that others see."""

    def __init__(self, protocol: KademliaProtocol, base: type) -> None:
        self.held = Held(protocol.counts)
        self._protocol = protocol
        self._counts = protocol.counts
        self._keeping = protocol.keeping
        kind: Any = type(protocol)
        self._rpcs = rpcs_of(kind, base)
        self._saving = protocol.saving
        self._under_way = 0  # answers that take their time

    def names_of_ours(self) -> list[str]:
        """Return the RPCs that no code of a program's own takes part in."""
        return [name for name, rpc in self._rpcs.items() if not self._by_program(name, rpc)]

    def request(self, data: bytes, record: Record, now: float, *, held: bool = False) -> bytes | None:
        """Take a request's datagram; return the answer's datagram, or None if there is none, or not yet.

        `held`: it came before its sender's address was proved, and is taken up again.
        """
        name, arguments, hints = self._decoded(data)
        rpc = self._rpcs.get(name)
        if rpc is None:
            if name:
                self._counts.unknown_methods += 1
            else:
                self._counts.malformed += 1
            return None
        if not rpc.accepts(arguments):
            self._counts.malformed += 1
            return None
        claimed = arguments[0] if rpc.checks else None
        if claimed == self._protocol.source_node.id:
            self._from_ourselves(data)
            return None
        record.ours = record.ours or hints is not None
        told = hints.pop(trailer.LIFE, None) if hints else None
        if told is not None and trailer.life_alone(data) is not None:
            hints = None  # it is no introduction
        self._counts.requests += not held
        if record.bucket is None:
            record.ephemeral = bool(hints and hints.get(trailer.EPHEMERAL))
        self._keeping.take_in_hand(record.address, told)
        reply = self._answer(name, rpc, arguments, data, record, hints, now)
        self._keeping.take_in_hand(None)
        if claimed is not None:
            self._protocol.contacts.requested(record, claimed, self.held.waits_for(record.address), now)
        return reply

    def pinged_along(self, message_id: bytes, claimed: bytes, record: Record, now: float) -> None:
        """Answer a ping that came along with an answer to us."""
        rpc = self._rpcs.get("ping")
        if rpc is not None:
            record.asked_us_at = now
            self._counts.requests += 1
            reply = self._answer("ping", rpc, [claimed], _REQUEST + message_id, record, None, now)
            if reply is not None:
                self._protocol.send(reply, record.address)

    def release(self, record: Record, now: float) -> None:
        """Do and send what was held for an address that just proved itself."""
        if not self.held.waits_for(record.address):
            return
        for parcel in self.held.release(record.address):
            datagram = parcel.datagram if parcel.outgoing else self.request(parcel.datagram, record, now, held=True)
            if datagram is not None:
                self._protocol.send(datagram, record.address)
                self._counts.answered += parcel.outgoing

    def _decoded(self, data: bytes) -> tuple[str, list[Any], trailer.Trailer | None]:
        """Return method name, arguments and trailer; an empty name if the bytes are no request."""
        for datagram, hints in trailer.readings(data):
            body = datagram[rpcudp.HEADER_BYTES :]
            if len(body) <= rpcudp.REQUEST_BODY_BYTES_MAX:
                try:
                    return *rpcudp.decode_request(body), hints
                except rpcudp.DECODE_ERRORS:
                    continue
        return "", [], None

    def _answer(
        self,
        name: str,
        rpc: Rpc,
        arguments: list[Any],
        data: bytes,
        record: Record,
        hints: trailer.Trailer | None,
        now: float,
    ) -> bytes | None:
        message_id = data[1 : rpcudp.HEADER_BYTES]
        if not record.verified(now) and (
            name == "store" or (name in FINDING and self._surely_exceeds_credit(name, arguments[1], record))
        ):
            self.held.add(record.address, message_id, data, False, now)
            return None
        method = getattr(self._protocol, rpc.method)
        if self._by_program(name, rpc):
            return self._answer_by_program(method, arguments, message_id, record, hints, now)
        body = rpcudp.encode(method(record.address, *arguments))
        if record.verified(now):
            self._counts.answered += 1
            return self._datagram(message_id, body, hints)
        along = self._ping_along(body, arguments, record, hints)
        reply = self._datagram(message_id, body, hints, along)
        if self._fits_credit(reply, record, self._reserve(name, arguments, record)):
            self._counts.answered += 1
            return reply
        if name == "stun":
            self._counts.uncredited += 1
        else:
            self.held.add(record.address, message_id, data, False, now)
        return None

    def _by_program(self, name: str, rpc: Rpc) -> bool:
        """Return whether code of a program's own answers, which may raise: its method, storage, or find_node."""
        if name in USING_STORAGE and not self._keeping.storage_is_ours:
            return True
        if name == "store" and self._saving.always:  # its answer comes later, too
            return True
        return rpc.own or (name == "find_value" and self._rpcs["find_node"].own)

    def _answer_by_program(
        self,
        method: Any,
        arguments: list[Any],
        message_id: bytes,
        record: Record,
        hints: trailer.Trailer | None,
        now: float,
    ) -> bytes | None:
        """Call a program's own rpc_* method: it may raise, and its result may come later."""
        if self._under_way >= limits.ANSWERS_UNDER_WAY_MAX:
            self._counts.unattended += 1
            return None
        try:
            result = method(record.address, *arguments)
        except Exception as fault:  # noqa: BLE001  # whatever a program's own code raises
            self._program_failed(method, fault)
            return None
        host = self._protocol.host
        operation = host.operation(result) if host is not None else None
        if result is True and method.__name__ == "rpc_store" and self._saving.always:
            operation = self._saving.saved()
        if operation is None:
            return self._program_answered(method, message_id, result, record, hints)

        def later(result: object) -> None:
            self._under_way -= 1
            reply = self._program_answered(method, message_id, result, record, hints)
            if reply is not None:
                self._protocol.send(reply, record.address)
                self._protocol.wake()

        self._under_way += 1
        operation.then(later)
        return None

    def _program_answered(
        self, method: Any, message_id: bytes, result: object, record: Record, hints: trailer.Trailer | None
    ) -> bytes | None:
        if isinstance(result, BaseException):
            self._program_failed(method, result)
            return None
        try:
            reply = self._datagram(message_id, rpcudp.encode(result), hints)
        except (TypeError, ValueError, OverflowError, RecursionError) as fault:  # not a value that msgpack can carry
            self._program_failed(method, fault)
            return None
        now = self._protocol.now
        if record.verified(now) or self._fits_credit(reply, record):
            self._counts.answered += 1
            return reply
        self.held.add(record.address, message_id, reply, True, now)
        return None

    def _program_failed(self, method: Any, fault: BaseException) -> None:
        self._counts.rpc_errors += 1
        self._protocol.report(
            f"{method.__qualname__} raised {type(fault).__name__}: {fault}; its caller gets no answer"
        )

    def _datagram(
        self, message_id: bytes, body: bytes, hints: trailer.Trailer | None, ping: bytes | None = None
    ) -> bytes:
        reply = rpcudp.response(message_id, body)
        if hints is not None:
            told: trailer.Trailer = {trailer.NODE_ID: self._protocol.source_node.id}
            if self._protocol.ephemeral:
                told[trailer.EPHEMERAL] = True
            if ping is not None:
                told[trailer.PING] = ping
            reply = trailer.append(reply, told)
        return reply

    def _ping_along(
        self, body: bytes, arguments: list[Any], record: Record, hints: trailer.Trailer | None
    ) -> bytes | None:
        """Return the message id of the ping that an answer to a stranger carries, if it fits and is of use.

        Only a node of ours, as one that sent a trailer, understands it.
        """
        if hints is None or rpcudp.HEADER_BYTES + len(body) + trailer.ANSWER_BYTES_MAX > record.credit:
            return None
        protocol = self._protocol
        wanted = bool(arguments) and protocol.contacts.wants_proof(record, arguments[0])
        return protocol.asking.who_along(record) if wanted else None

    def _surely_exceeds_credit(self, name: str, key: bytes, record: Record) -> bool:
        """Return whether a stranger asks for more contacts than it paid for: half of all requests while nodes join.

        Then the answer need not be made twice. Of the contacts in the target's bucket two may be the asker and the
        target; a program's own method or storage may have less to say.
        """
        if self._by_program(name, self._rpcs[name]) or (name == "find_value" and self._keeping.get(key) is not None):
            return False
        contacts = self._protocol.contacts
        told = len(self._protocol.router.bucket_of(int.from_bytes(key, "big"))) - len(contacts.failing) - 2
        return rpcudp.HEADER_BYTES + told * rpcudp.CONTACT_BYTES_MIN > record.credit

    def _reserve(self, name: str, arguments: list[Any], record: Record) -> int:
        """Return what of a stranger's credit is kept for the ping that proves its address: it answers a find_ later."""
        if name not in FINDING or record.credit < rpcudp.PING_BYTES:
            return 0
        return rpcudp.PING_BYTES if self._protocol.contacts.wants_proof(record, arguments[0]) else 0

    def _fits_credit(self, reply: bytes, record: Record, reserve: int = 0) -> bool:
        if len(reply) + reserve > record.credit:
            return False
        record.credit -= len(reply)
        return True

    def _from_ourselves(self, data: bytes) -> None:
        """Somebody uses our id: we ourselves, if we asked it; then that call need not wait for its time-out."""
        call = self._protocol.calls.pending(data[1 : rpcudp.HEADER_BYTES])
        if call is None:
            self._counts.malformed += 1
        else:
            self._protocol.asking.reached_ourselves(call)
