"""Lists and maps as values: on the wire they are bytes, so that nodes that know plain values only carry them too.

Layout: `C1 | "k" | what it is, a letter | version | the rest`. 0xC1 is the one byte that msgpack never uses. A list or
a map is `C1 "k" "m" 01` and its msgpack. Bytes of a program that begin with `C1 "k"` are packed in the same way, so
that all bytes come back as they were set, and none are taken for ours.

The rule: engine, storages and remote methods know wire values only; `Server` packs what programs set, and unpacks what
they get. What `unpack` does not understand may come from anybody, a stranger or a later release: it never raises, and
returns the bytes as they are.

Maps have text as keys, and tuples are refused (`arguments.check_value`): what is set comes back equal and of the same
type, and every list or map without bytes in it can be written as JSON.
"""

from __future__ import annotations

from typing import Any

from kademlia.wire.rpcudp import DECODE_ERRORS, NESTING_MAX, VALUE_TYPES, decode, encode

#: How every value begins that is more than the bytes it is.
PREFIX = b"\xc1k"

#: How a list or a map begins, and bytes that begin with `PREFIX`; msgpack follows.
LISTS_AND_MAPS = b"\xc1km\x01"

#: What stands in place of a deleted value.
TOMBSTONE = b"\xc1kd\x01"


def pack(value: Any) -> Any:
    """Return a program's value as it travels: lists, maps and bytes that begin with `PREFIX` as bytes, others as is.

    Args:
        value: One that `arguments.check_value` lets pass.
    """
    is_container = type(value) is list or type(value) is dict
    if is_container or (type(value) is bytes and value.startswith(PREFIX)):
        return LISTS_AND_MAPS + encode(value)
    return value


def unpack(value: Any) -> Any:
    """Return the program's value of one that travelled: what `pack` could not have made is returned as it is."""
    if type(value) is not bytes or not value.startswith(LISTS_AND_MAPS):
        return value
    try:
        found = decode(value[len(LISTS_AND_MAPS) :])
    except DECODE_ERRORS:
        return value
    return found if _is_packable(found) else value


def _is_packable(found: object) -> bool:
    if type(found) is bytes:
        return found.startswith(PREFIX)
    return type(found) in (list, dict) and _is_plain(found, NESTING_MAX)


def _is_plain(value: object, levels: int) -> bool:
    """Return whether this is a basic type or None, or at most so many levels of lists, and of maps with text as keys.

    Extensions and time stamps, which msgpack has too, are neither.
    """
    if type(value) is list:
        return levels > 0 and all(_is_plain(item, levels - 1) for item in value)
    if type(value) is dict:
        return levels > 0 and all(type(key) is str and _is_plain(item, levels - 1) for key, item in value.items())
    return value is None or type(value) in VALUE_TYPES
