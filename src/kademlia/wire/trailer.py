"""The trailer: hints that our nodes put behind a datagram's body, where the published releases never look.

Layout: `C1 | msgpack map with small integer keys | uint16 length of the two before | C1`. 0xC1 is the one byte that
msgpack never uses. A trailer is found from the datagram's end; a body that happens to end alike is recognised by
what is left of it not decoding. Nothing may depend on a trailer: old nodes have none.
"""

from __future__ import annotations

from typing import Any

import msgspec

#: The sender's own node id (in answers, which carry none in their body): 20 bytes.
NODE_ID = 1

#: The sender will be gone in a moment: verify it, answer it, but do not put it into a table. True.
EPHEMERAL = 2

#: Filler, so that a first request pays for the answer it will get. Bytes.
PADDING = 3

MARK = b"\xc1"

#: Bytes of a trailer besides its map.
FRAME_BYTES = 4

Trailer = dict[int, Any]

_decode = msgspec.msgpack.Decoder(Trailer).decode


def append(datagram: bytes, fields: Trailer) -> bytes:
    """Return the datagram with a trailer behind it."""
    marked = MARK + msgspec.msgpack.encode(fields)
    return datagram + marked + len(marked).to_bytes(2, "big") + MARK


def split(datagram: bytes) -> tuple[bytes, Trailer | None]:
    """Return the datagram without its trailer, and the trailer; the whole datagram and None if it has none."""
    if datagram[-1:] == MARK and len(datagram) > FRAME_BYTES:
        start = len(datagram) - 3 - int.from_bytes(datagram[-3:-1], "big")
        if start > 0 and datagram[start : start + 1] == MARK:
            try:
                return datagram[:start], _decode(datagram[start + 1 : -3])
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                pass
    return datagram, None


def introduction(datagram: bytes, ephemeral: bool, size: int) -> bytes:
    """Return a first request: padded to `size` so that the answer fits our credit, saying so if we will not stay."""
    fields: Trailer = {EPHEMERAL: True} if ephemeral else {}
    missing = size - len(datagram) - FRAME_BYTES - 6  # the map, its keys and lengths
    fields[PADDING] = bytes(max(missing, 0))
    return append(datagram, fields)
