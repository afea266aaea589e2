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
from kademlia.wire import life
from kademlia.wire.rpcudp import DECODE_ERRORS

#: The sender's own node id (in answers, which carry none in their body): 20 bytes.
NODE_ID = 1

#: The sender will be gone in a moment: verify it, answer it, but do not put it into a table. True.
EPHEMERAL = 2

#: Filler, so that a first request pays for the answer it will get. Bytes.
PADDING = 3

#: The message id of a ping that an answer carries (R10): its receiver answers it as one that came by itself. 20 bytes.
PING = 4

#: In a store the life of its value (`wire.life`), in a find_value no bytes: it asks for the life. It is no
#: introduction: an answer to a request with nothing else behind it has no trailer.
LIFE = 5

MARK = b"\xc1"

#: Bytes of a trailer besides its map.
FRAME_BYTES = 4

#: Bytes of a trailer that says "ephemeral" and nothing else.
EPHEMERAL_BYTES = FRAME_BYTES + 3

#: Bytes of the trailer of an answer that carries a ping: both ids, and that its sender will not stay.
ANSWER_BYTES_MAX = FRAME_BYTES + 1 + 23 + 23 + 2

#: Most hints in one trailer; we know five.
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

#: The same where behind the padding the life is asked for, and how it is.
_PADDING_AND_MORE_BEGINS = MARK + msgspec.msgpack.encode({PADDING: b"", LIFE: b""})[:1] + _PADDING_BEGINS[2:]
_LIFE_ASKED = msgspec.msgpack.encode({LIFE: b""})[1:]

_fields = msgspec.msgpack.Decoder(Annotated[dict[int, msgspec.Raw], msgspec.Meta(max_length=FIELDS_MAX)]).decode
_hints: dict[int, Callable[[msgspec.Raw], Any]] = {
    NODE_ID: msgspec.msgpack.Decoder(bytes).decode,
    EPHEMERAL: msgspec.msgpack.Decoder(bool).decode,
    PING: msgspec.msgpack.Decoder(bytes).decode,
    LIFE: msgspec.msgpack.Decoder(bytes).decode,
}


def framed(fields: Trailer) -> bytes:
    """Return the bytes of a trailer."""
    marked = MARK + msgspec.msgpack.encode(fields)
    return marked + len(marked).to_bytes(2, "big") + MARK


def append(datagram: bytes, fields: Trailer) -> bytes:
    """Return the datagram with a trailer behind it."""
    return datagram + framed(fields)


#: The trailer of a find_value that asks for the life of the value.
QUESTION = framed({LIFE: life.QUESTION})

_LIFE_BEGINS = MARK + msgspec.msgpack.encode({LIFE: bytes(life.BYTES)})[: -life.BYTES]
_LIFE_ENDS = (len(_LIFE_BEGINS) + life.BYTES).to_bytes(2, "big") + MARK

#: Bytes of the trailer of a store that tells the life of its value, and nothing else.
LIFE_BYTES = len(_LIFE_BEGINS) + life.BYTES + len(_LIFE_ENDS)


def of_life(told: bytes) -> bytes:
    """Return the trailer that tells a life, or asks for one; the same bytes as `framed` makes, sooner."""
    return _LIFE_BEGINS + told + _LIFE_ENDS if told else QUESTION


def life_alone(datagram: bytes) -> bytes | None:
    """Return what a trailer says of a life if it says nothing else, as those of most stores and searches, or None."""
    if datagram.endswith(_LIFE_ENDS) and datagram.startswith(_LIFE_BEGINS, -LIFE_BYTES):
        return datagram[-life.BYTES - len(_LIFE_ENDS) : -len(_LIFE_ENDS)]
    return life.QUESTION if datagram.endswith(QUESTION) else None


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


def introduction(datagram: bytes, ephemeral: bool, size: int, told: bytes | None = None) -> bytes:
    """Return a first request: padded to `size` so that the answer fits our credit, saying so if we will not stay.

    `told` is the life of the value that the request is about, or asks for it; None if it does neither.
    """
    more = 0 if told is None else len(_LIFE_ASKED) + len(told)
    missing = max(size - len(datagram) - FRAME_BYTES - 5 - 2 * ephemeral - more, 0)
    return datagram + _introduction(ephemeral, missing, told)


@lru_cache(maxsize=256)  # nearly all requests are of two or three sizes, and tell no life
def _introduction(ephemeral: bool, missing: int, told: bytes | None) -> bytes:
    """Return the trailer of a first request, with so many bytes of padding besides the map, its keys and lengths."""
    fields: Trailer = {EPHEMERAL: True} if ephemeral else {}
    if missing or not ephemeral:
        fields[PADDING] = bytes(missing)
    if told is not None:
        fields[LIFE] = told
    return framed(fields)


def without_padding(datagram: bytes) -> bytes | None:
    """Return a request as it would be without an introduction, if that is padding alone, as nearly all are, or None."""
    start = len(datagram) - 3 - int.from_bytes(datagram[-3:-1], "big")
    if start <= 0 or datagram[-1:] != MARK:
        return None
    if datagram.startswith(_PADDING_BEGINS, start):
        asks_behind = datagram.endswith(QUESTION, 0, start)  # two trailers, or a key that ends like one
        padding = datagram[start + len(_PADDING_BEGINS) : -3]
        return datagram[:start] if _is_padding(padding) and not asks_behind else None
    if datagram.startswith(_PADDING_AND_MORE_BEGINS, start) and datagram.endswith(_LIFE_ASKED, start, -3):
        padding = datagram[start + len(_PADDING_BEGINS) : -3 - len(_LIFE_ASKED)]
        return datagram[:start] + QUESTION if _is_padding(padding) else None
    return None


def _is_padding(field: bytes) -> bool:
    """Return whether these are some bytes as msgpack writes them, and nothing more."""
    if len(field) > 1 and field[0] == 0xC4:
        return len(field) == 2 + field[1]
    return len(field) > 2 and field[0] == 0xC5 and len(field) == 3 + int.from_bytes(field[1:3], "big")
