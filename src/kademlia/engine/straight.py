"""The straight way to an answer, for what nearly every datagram is.

That is a documented request without a trailer, of up to 1 kB, from an address that has proved itself, for a method
that no program overrides. Whatever is out of the ordinary is None here and taken with care by `engine.answering`,
which gives the same answers (tests/properties/test_straight_answers.py) and takes five to ten times as long.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kademlia.engine.records import Record
from kademlia.node import ID_BYTES
from kademlia.wire import rpcudp, trailer

if TYPE_CHECKING:
    from kademlia.protocol import KademliaProtocol

_RESPONSE = bytes([rpcudp.RESPONSE])
_MARK = trailer.MARK[0]
_LONGEST = rpcudp.HEADER_BYTES + rpcudp.SMALL_BODY_BYTES
_ACCEPTED = rpcudp.encode(True)
_VALUE_FOLLOWS = rpcudp.encode({"value": None})[:-1]

#: Takes the arguments of a request and its sender's record; returns the encoded result, or None to take more care.
Answer = Callable[[list[Any], Record], "bytes | None"]


class Straight:
    """Answers requests in one go, one method an RPC; `names` are the RPCs that are answered like this."""

    def __init__(self, protocol: KademliaProtocol, names: list[str]) -> None:
        self._own_id = protocol.source_node.id
        self._own_id_told = rpcudp.encode(self._own_id)
        self._storage = protocol.storage
        self._counts = protocol.counts
        self._contacts = protocol.contacts
        self._about = protocol.contacts.telling.about
        every: dict[str, tuple[int, Answer]] = {
            "ping": (1, self._ping),
            "find_node": (2, self._find_node),
            "find_value": (2, self._find_value),
            "store": (3, self._store),
        }
        self._answers = {name: every[name] for name in names if name in every}

    def reply(self, data: bytes, record: Record, now: float) -> bytes | None:
        """Return the answer's datagram to a request of a verified address, or None where more care is needed."""
        if data[-1] == _MARK or len(data) > _LONGEST:
            return None
        try:
            name, arguments = rpcudp.decode_small_request(data[21:])
        except rpcudp.DECODE_ERRORS:
            return None
        count, answer = self._answers.get(name, (0, None)) if type(name) is str else (0, None)
        if answer is None or len(arguments) != count:
            return None
        claimed = arguments[0]
        if type(claimed) is not bytes or len(claimed) != ID_BYTES or claimed == self._own_id:
            return None
        if count > 1:
            key = arguments[1]
            if type(key) is not bytes or len(key) != ID_BYTES:
                return None
        body = answer(arguments, record)
        if body is None:
            return None
        counts = self._counts
        counts["requests"] += 1
        counts["answered"] += 1
        self._contacts.requested(record, claimed, False, now)
        return _RESPONSE + data[1:21] + body

    def _ping(self, arguments: list[Any], record: Record) -> bytes:
        return self._own_id_told

    def _find_node(self, arguments: list[Any], record: Record) -> bytes | None:
        return self._about(arguments[1], record)

    def _find_value(self, arguments: list[Any], record: Record) -> bytes | None:
        value = self._storage.get(arguments[1])
        if type(value) in rpcudp.VALUE_TYPES:
            return _VALUE_FOLLOWS + rpcudp.encode(value)
        return self._about(arguments[1], record)

    def _store(self, arguments: list[Any], record: Record) -> bytes | None:
        value = arguments[2]
        if type(value) not in rpcudp.VALUE_TYPES:
            return None
        self._storage[arguments[1]] = value
        return _ACCEPTED
