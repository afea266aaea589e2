"""The trailer: hints that our nodes put behind a datagram's body, where the published releases never look.

Layout: `C1 | msgpack map with small integer keys | uint16 length of the two before | C1`. 0xC1 is the one byte that
msgpack never uses. A trailer is found from the datagram's end; a body that happens to end alike is recognised by
what is left of it not decoding. Nothing may depend on a trailer: old nodes have none.

Anybody can send one, so only hints that we know are decoded, and only in their type; the rest is passed over, which
leaves room for later nodes to say more.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Any

import msgspec

from kademlia.node import ID_BYTES
from kademlia.wire.rpcudp import DECODE_ERRORS

#: The sender's own node id (in answers, which carry none in their body): 20 bytes.
NODE_ID = 1

#: The sender will be gone in a moment: verify it, answer it, but do not put it into a table. True.
EPHEMERAL = 2

#: Filler, so that a first request pays for the answer it will get. Bytes.
PADDING = 3

#: The message id of a ping that an answer carries (R10): its receiver answers it as one that came by itself. 20 bytes.
PING = 4

MARK = b"\xc1"

#: Bytes of a trailer besides its map.
FRAME_BYTES = 4

#: Bytes of a trailer that says "ephemeral" and nothing else.
EPHEMERAL_BYTES = FRAME_BYTES + 3

#: Bytes of the trailer of an answer that carries a ping: both ids, and that its sender will not stay.
ANSWER_BYTES_MAX = FRAME_BYTES + 1 + 23 + 23 + 2

#: Most hints in one trailer; we know four.
FIELDS_MAX = 16

Trailer = dict[int, Any]

#: The trailer that tells an id and nothing else: what is before the id, and what is behind it.
_ID_BEGINS = MARK + msgspec.msgpack.encode({NODE_ID: bytes(ID_BYTES)})[:-ID_BYTES]
_ID_ENDS = (len(_ID_BEGINS) + ID_BYTES).to_bytes(2, "big") + MARK
_ID_TOLD_BYTES = len(_ID_BEGINS) + ID_BYTES + len(_ID_ENDS)

#: The same with a ping behind the id, in two parts.
_PING_FOLLOWS = msgspec.msgpack.encode({PING: bytes(ID_BYTES)})[1:-ID_BYTES]
_BOTH_BEGIN = MARK + msgspec.msgpack.encode({NODE_ID: b"", PING: b""})[:1] + _ID_BEGINS[2:]
_BOTH_END = (len(_BOTH_BEGIN) + len(_PING_FOLLOWS) + 2 * ID_BYTES).to_bytes(2, "big") + MARK

#: How a trailer of padding begins; the type and the length of the padding follow.
_PADDING_BEGINS = MARK + msgspec.msgpack.encode({PADDING: b""})[:-2]

_fields = msgspec.msgpack.Decoder(Annotated[dict[int, msgspec.Raw], msgspec.Meta(max_length=FIELDS_MAX)]).decode
_hints: dict[int, Callable[[msgspec.Raw], Any]] = {
    NODE_ID: msgspec.msgpack.Decoder(bytes).decode,
    EPHEMERAL: msgspec.msgpack.Decoder(bool).decode,
    PING: msgspec.msgpack.Decoder(bytes).decode,
}


def framed(fields: Trailer) -> bytes:
    """Return the bytes of a trailer."""
    marked = MARK + msgspec.msgpack.encode(fields)
    return marked + len(marked).to_bytes(2, "big") + MARK


def append(datagram: bytes, fields: Trailer) -> bytes:
    """Return the datagram with a trailer behind it."""
    return datagram + framed(fields)


def of_answer(node_id: bytes, ping: bytes | None) -> bytes:
    """Return the trailer of an answer: our id, and a ping's message id; the same bytes as `framed` makes, sooner."""
    if ping is None:
        return _ID_BEGINS + node_id + _ID_ENDS
    return _BOTH_BEGIN + node_id + _PING_FOLLOWS + ping + _BOTH_END


def split(datagram: bytes) -> tuple[bytes, Trailer | None]:
    """Return the datagram without its trailer, and its hints; the whole datagram and None if it has no trailer."""
    if datagram.endswith(_ID_ENDS) and datagram.startswith(_ID_BEGINS, -_ID_TOLD_BYTES):  # as nearly all answers' do
        return datagram[:-_ID_TOLD_BYTES], {NODE_ID: datagram[-ID_BYTES - 3 : -3]}
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
    return datagram + _introduction(ephemeral, max(size - len(datagram) - FRAME_BYTES - 6, 0))


@lru_cache(maxsize=256)  # nearly all requests are of two or three sizes
def _introduction(ephemeral: bool, missing: int) -> bytes:
    """Return the trailer of a first request, with so many bytes of padding besides the map, its keys and lengths."""
    fields: Trailer = {EPHEMERAL: True} if ephemeral else {}
    if missing or not ephemeral:
        fields[PADDING] = bytes(missing)
    return framed(fields)


def without_padding(datagram: bytes) -> bytes | None:
    """Return a request without its trailer if that is padding and nothing else, as nearly all introductions are."""
    start = len(datagram) - 3 - int.from_bytes(datagram[-3:-1], "big")
    if start > 0 and datagram[-1:] == MARK and datagram.startswith(_PADDING_BEGINS, start):
        padding = datagram[start + len(_PADDING_BEGINS) : -3]
        if len(padding) > 1 and padding[0] == 0xC4 and len(padding) == 2 + padding[1]:
            return datagram[:start]
        if len(padding) > 2 and padding[0] == 0xC5 and len(padding) == 3 + int.from_bytes(padding[1:3], "big"):
            return datagram[:start]
    return None
