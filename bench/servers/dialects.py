"""The two dialects that the load speaks: rpcudp, and BitTorrent's KRPC (BEP 5).

Both can write requests, tell requests from answers, and answer what a server asks those who are in its table.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Any

import msgspec

#: What KRPC calls the argument behind the id, by method.
ARGUMENT_NAMES = {"find_node": "target", "get_peers": "info_hash"}

_packed = msgspec.msgpack.encode
_transaction = re.compile(rb"1:t(\d+):")


class Dialect(ABC):
    """How one kind of node speaks."""

    @abstractmethod
    def request(self, method: str, number: int, *arguments: Any) -> bytes:
        """Return a request whose message id follows from a number."""

    @abstractmethod
    def is_request(self, datagram: bytes) -> bool:
        """Return whether a server asks something."""

    @abstractmethod
    def answer(self, datagram: bytes, own_id: bytes) -> bytes:
        """Return what a node with this id answers, that knows nobody and keeps all it is given."""

    @abstractmethod
    def answers(self, reply: bytes, request: bytes) -> bool:
        """Return whether a datagram is the answer to a request."""


class Rpcudp(Dialect):
    """One byte of type, 20 of message id, a msgpack body."""

    def request(self, method: str, number: int, *arguments: Any) -> bytes:
        """Return a request's datagram."""
        return b"\x00" + number.to_bytes(8, "big") + bytes(12) + _packed((method, arguments))

    def is_request(self, datagram: bytes) -> bool:
        """Look at the type."""
        return datagram.startswith(b"\x00")

    def answer(self, datagram: bytes, own_id: bytes) -> bytes:
        """Answer ping, store, and both kinds of find."""
        method = datagram[21:32]
        if b"ping" in method:
            return b"\x01" + datagram[1:21] + _packed(own_id)
        return b"\x01" + datagram[1:21] + _packed(True if b"store" in method else [])

    def answers(self, reply: bytes, request: bytes) -> bool:
        """Compare message ids."""
        return reply[:1] == b"\x01" and reply[1:21] == request[1:21]

    def result(self, reply: bytes) -> Any:
        """Return what an answer says."""
        return msgspec.msgpack.decode(reply[21:])


class Krpc(Dialect):
    """Bencoded dictionaries: `t` is the message id, `q` the method, `a` its arguments, `r` what is answered."""

    def request(self, method: str, number: int, *arguments: Any) -> bytes:
        """Return a query's datagram."""
        names = ("id", ARGUMENT_NAMES.get(method, ""))
        told = b"".join(_text(name) + _text(value) for name, value in zip(names, arguments, strict=False))
        return b"d1:ad" + told + b"e1:q" + _text(method) + b"1:t" + _text(number.to_bytes(4, "big")) + b"1:y1:qe"

    def is_request(self, datagram: bytes) -> bool:
        """Look at the last key, `y`."""
        return datagram.endswith(b"1:y1:qe")

    def answer(self, datagram: bytes, own_id: bytes) -> bytes:
        """Answer every query with the own id, no nodes and a token."""
        *_, found = _transaction.finditer(datagram)
        transaction = datagram[found.end() : found.end() + int(found[1])]
        return b"d1:rd2:id" + _text(own_id) + b"5:nodes0:5:token4:1234e1:t" + _text(transaction) + b"1:y1:re"

    def answers(self, reply: bytes, request: bytes) -> bool:
        """Look for the request's transaction, of four bytes."""
        return reply.endswith(b"1:y1:re") and b"1:t4:" + request[-11:-7] in reply


def _text(value: str | bytes) -> bytes:
    value = value.encode() if isinstance(value, str) else value
    return b"%d:" % len(value) + value
