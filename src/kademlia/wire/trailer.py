"""The trailer: hints that our nodes put behind a datagram's body, where the published releases never look.

Layout: `C1 | msgpack map with small integer keys | uint16 length of the two before | C1`. 0xC1 is the one byte that
msgpack never uses. A trailer is found from the datagram's end; a body that happens to end alike is recognised by
what is left of it not decoding. Nothing may depend on a trailer: old nodes have none.

Anybody can send one, so only hints that we know are decoded, and only in their type; the rest is passed over, which
leaves room for later nodes to say more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec

from kademlia.wire.rpcudp import DECODE_ERRORS

#: The sender's own node id (in answers, which carry none in their body): 20 bytes.
NODE_ID = 1

#: The sender will be gone in a moment: verify it, answer it, but do not put it into a table. True.
EPHEMERAL = 2

#: Filler, so that a first request pays for the answer it will get. Bytes.
PADDING = 3

MARK = b"\xc1"

#: Bytes of a trailer besides its map.
FRAME_BYTES = 4

#: Bytes of a trailer that says "ephemeral" and nothing else.
EPHEMERAL_BYTES = FRAME_BYTES + 3

#: Most hints in one trailer; we know three.
FIELDS_MAX = 16

Trailer = dict[int, Any]

_fields = msgspec.msgpack.Decoder(Annotated[dict[int, msgspec.Raw], msgspec.Meta(max_length=FIELDS_MAX)]).decode
_hints: dict[int, Callable[[msgspec.Raw], Any]] = {
    NODE_ID: msgspec.msgpack.Decoder(bytes).decode,
    EPHEMERAL: msgspec.msgpack.Decoder(bool).decode,
}


def append(datagram: bytes, fields: Trailer) -> bytes:
    """Return the datagram with a trailer behind it."""
    marked = MARK + msgspec.msgpack.encode(fields)
    return datagram + marked + len(marked).to_bytes(2, "big") + MARK


def split(datagram: bytes) -> tuple[bytes, Trailer | None]:
    """Return the datagram without its trailer, and its hints; the whole datagram and None if it has no trailer."""
    if datagram[-1:] == MARK and len(datagram) > FRAME_BYTES:
        start = len(datagram) - 3 - int.from_bytes(datagram[-3:-1], "big")
        if start > 0 and datagram[start : start + 1] == MARK:
            try:
                fields = _fields(datagram[start + 1 : -3])
            except DECODE_ERRORS:
                return datagram, None
            return datagram[:start], _understood(fields)
    return datagram, None


def readings(datagram: bytes) -> tuple[tuple[bytes, Trailer | None], ...]:
    """Return how a datagram may be read, with the hints: without its trailer, else whole, if it only ended like one."""
    if datagram[-1:] != MARK:  # as nearly all
        return ((datagram, None),)
    stripped, hints = split(datagram)
    return ((stripped, None),) if hints is None else ((stripped, hints), (datagram, None))


def _understood(fields: dict[int, msgspec.Raw]) -> Trailer:
    """Return the hints that we know: what else a trailer holds, padding included, is of no use to us."""
    hints: Trailer = {}
    for key, decode in _hints.items():
        if key in fields:
            try:
                hints[key] = decode(fields[key])
            except DECODE_ERRORS:
                continue
    return hints


def introduction(datagram: bytes, ephemeral: bool, size: int) -> bytes:
    """Return a first request: padded to `size` so that the answer fits our credit, saying so if we will not stay."""
    fields: Trailer = {EPHEMERAL: True} if ephemeral else {}
    missing = size - len(datagram) - FRAME_BYTES - 6  # the map, its keys and lengths
    if missing > 0 or not fields:
        fields[PADDING] = bytes(max(missing, 0))
    return append(datagram, fields)
