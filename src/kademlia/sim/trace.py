"""One hash over everything that happened: equal traces mean equal runs, to the byte.

What is hashed, in order: for every datagram sent, delivered or dropped, which of the three, the virtual time, both
addresses and the bytes. Numbers are packed, so the hash is the same in every process and with every PYTHONHASHSEED.
"""

from __future__ import annotations

from hashlib import blake2b
from struct import Struct

from kademlia.node import Address

SENT, DELIVERED, DROPPED = b"s", b"d", b"x"

#: Bytes of the hash.
TRACE_BYTES = 16

#: Parts gathered before they are hashed in one go, four of each event.
PARTS_AT_ONCE = 2048

_head = Struct("<cdI").pack


class Trace:
    """The hash of a world's datagrams."""

    def __init__(self) -> None:
        self._hash = blake2b(digest_size=TRACE_BYTES)
        self._parts: list[bytes] = []
        self._names: dict[Address, bytes] = {}  # of all addresses that ever were: a world keeps their places, too

    def note(self, what: bytes, now: float, source: Address, target: Address, datagram: bytes) -> None:
        """Take one event into the hash."""
        names = self._names
        self._parts += (
            _head(what, now, len(datagram)),
            names.get(source) or self._named(source),
            names.get(target) or self._named(target),
            datagram,
        )
        if len(self._parts) >= PARTS_AT_ONCE:
            self._flush()

    def hexdigest(self) -> str:
        """Return the hash so far, as 32 hexadecimal digits."""
        self._flush()
        return self._hash.hexdigest()

    def _named(self, address: Address) -> bytes:
        name = self._names[address] = f"{address[0]} {address[1]} ".encode()
        return name

    def _flush(self) -> None:
        self._hash.update(b"".join(self._parts))
        self._parts.clear()
