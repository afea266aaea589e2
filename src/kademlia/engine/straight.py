"""The straight way to an answer, for what nearly every datagram is.

That is a documented request in the very bytes that every release since 0.6 sends, for a method that no program
overrides, from an address that has proved itself, or padded as our nodes pad what they ask a stranger first. Comparing
those bytes takes half the time of decoding them. Whatever is out of the ordinary is None here and taken with care by
`engine.answering`, which gives the same answers (tests/properties/test_straight_answers.py) and takes five to ten times
as long.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kademlia.engine.records import Record
from kademlia.node import ID_BYTES
from kademlia.wire import rpcudp, trailer
from kademlia.wire.packed import TOMBSTONE

if TYPE_CHECKING:
    from kademlia.protocol import KademliaProtocol

_RESPONSE = bytes([rpcudp.RESPONSE])
_HEADER_BYTES = rpcudp.HEADER_BYTES
_ACCEPTED = rpcudp.encode(True)
_REFUSED = rpcudp.encode(False)
_QUESTION_BYTES = len(trailer.QUESTION)
_VALUE_FOLLOWS = rpcudp.encode({"value": None})[:-1]

#: How an id begins as an argument, and the bytes of the whole argument.
_ID_FOLLOWS = rpcudp.encode(bytes(ID_BYTES))[:-ID_BYTES]
_ID_ARGUMENT_BYTES = len(_ID_FOLLOWS) + ID_BYTES

#: Where the first byte of the method's name lies: it tells the name's length, and so the four names apart.
_NAME_AT = _HEADER_BYTES + 1

#: Takes what follows the sender's id in a request, and its record; returns the encoded result, or None.
Answer = Callable[[bytes, Record], "bytes | None"]

_NO_FORM: tuple[bytes, int, Answer] = (b"-", 0, lambda _rest, _record: None)


class Straight:
    """Answers requests in one go, one method an RPC; `names` are the RPCs that are answered like this."""

    def __init__(self, protocol: KademliaProtocol, names: list[str]) -> None:
        self._own_id = protocol.source_node.id
        self._own_id_told = rpcudp.encode(self._own_id)
        self._keeping = protocol.keeping
        self._counts = protocol.counts
        self._requested = protocol.contacts.requested
        self._about = protocol.contacts.telling.about
        self._protocol = protocol
        self._forms: dict[int, tuple[bytes, int, Answer]] = {}
        self._harmless: dict[int, tuple[bytes, int, Answer]] = {}  # those that change nothing here
        for name, arguments, answer in (
            ("ping", 1, self._ping),
            ("find_node", 2, self._find_node),
            ("find_value", 2, self._find_value),
            ("store", 3, self._store),
        ):
            if name in names:
                start = rpcudp.encode((name, [None] * arguments))[:-arguments] + _ID_FOLLOWS
                form = (start, _HEADER_BYTES + len(start), answer)
                self._forms[start[_NAME_AT - _HEADER_BYTES]] = form
                if name != "store":
                    self._harmless[start[_NAME_AT - _HEADER_BYTES]] = form

    def reply(self, data: bytes, record: Record, now: float, *, stranger: bool = False) -> bytes | None:
        """Return the answer's datagram to a request of a verified address, or None where more care is needed."""
        if len(data) < rpcudp.PING_BYTES or record.ephemeral:  # it may want to stay now: nothing says otherwise
            return None
        start, id_at, answer = (self._harmless if stranger else self._forms).get(data[_NAME_AT], _NO_FORM)
        id_end = id_at + ID_BYTES
        claimed = data[id_at:id_end]
        if not data.startswith(start, _HEADER_BYTES) or len(claimed) != ID_BYTES or claimed == self._own_id:
            return None
        body = answer(data[id_end:], record)
        if body is None:
            return None if stranger or data[-1:] != trailer.MARK else self.first(data, record, now)
        reply = _RESPONSE + data[1:_HEADER_BYTES] + body
        if stranger:
            return self._introduced(reply, claimed, record, now)
        counts = self._counts
        counts.requests += 1
        counts.answered += 1
        self._requested(record, claimed, False, now)
        return reply

    def first(self, data: bytes, record: Record, now: float) -> bytes | None:
        """Return the answer to a request that introduces its sender by padding, and so has paid for it, or None."""
        request = trailer.without_padding(data)
        if request is None or self._protocol.ephemeral:
            return None
        return self.reply(request, record, now, stranger=True)

    def _introduced(self, reply: bytes, claimed: bytes, record: Record, now: float) -> bytes | None:
        """Return the answer with its trailer, and in it, if wanted, the ping by which a stranger proves its address."""
        protocol = self._protocol
        ping = None
        verified = record.verified(now)
        if not verified:
            if len(reply) + trailer.ANSWER_BYTES_MAX > record.credit:
                return None
            if protocol.contacts.wants_proof(record, claimed):
                ping = protocol.asking.who_along(record)
                if ping is None:
                    return None
        record.ours = True
        reply += trailer.of_answer(self._own_id, ping)
        if not verified:
            record.credit -= len(reply)
        self._counts.requests += 1
        self._counts.answered += 1
        self._requested(record, claimed, protocol.answering.held.waits_for(record.address), now)
        return reply

    def _ping(self, rest: bytes, record: Record) -> bytes | None:
        return None if rest else self._own_id_told

    def _find_node(self, rest: bytes, record: Record) -> bytes | None:
        if len(rest) != _ID_ARGUMENT_BYTES or not rest.startswith(_ID_FOLLOWS):
            return None
        return self._about(rest[-ID_BYTES:], record)

    def _find_value(self, rest: bytes, record: Record) -> bytes | None:
        asks_life = rest.endswith(trailer.QUESTION)
        if len(rest) != _ID_ARGUMENT_BYTES + asks_life * _QUESTION_BYTES or not rest.startswith(_ID_FOLLOWS):
            return None
        record.ours = record.ours or asks_life
        key = rest[len(_ID_FOLLOWS) : _ID_ARGUMENT_BYTES]
        value = self._keeping.get(key)
        if type(value) not in rpcudp.VALUE_TYPES or (value == TOMBSTONE and not asks_life):
            return self._about(key, record)
        if asks_life:
            return rpcudp.encode(self._keeping.answer(key, value, with_life=True))
        return _VALUE_FOLLOWS + rpcudp.encode(value)

    def _store(self, rest: bytes, record: Record) -> bytes | None:
        if len(rest) > rpcudp.SMALL_BODY_BYTES or not rest.startswith(_ID_FOLLOWS):
            return None
        told = trailer.life_alone(rest)
        try:
            value = rpcudp.decode_small(rest[_ID_ARGUMENT_BYTES : -trailer.LIFE_BYTES if told else None])
        except rpcudp.DECODE_ERRORS:
            return None
        if type(value) not in rpcudp.VALUE_TYPES:
            return None
        record.ours = record.ours or bool(told)
        keeping = self._keeping
        life = keeping.believed(told) if told else None
        kept = keeping.put(rest[len(_ID_FOLLOWS) : _ID_ARGUMENT_BYTES], value, life, record.address)
        return _ACCEPTED if kept else _REFUSED
