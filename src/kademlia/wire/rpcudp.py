"""The rpcudp dialect, spoken by every published release: one byte of type, 20 of message id, a msgpack body.

A request's body is `[method, [arguments]]`, an answer's is the bare result. There is no error answer, no version,
and no sender id outside the arguments. We send text as msgpack str and take str or bin for method names, addresses
and the word "value", which makes nodes of 0.4, 0.6 and 2.x all understand each other. What follows the body is a
trailer (`wire.trailer`), which those releases never look at.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any, TypeGuard

import msgspec

from kademlia.address import IP_CHARACTERS_MAX, place
from kademlia.node import ID_BYTES, Node, remembered

REQUEST = 0
RESPONSE = 1

#: Bytes before the body: type and message id.
HEADER_BYTES = 21

#: Smallest datagram: a header and a body of one byte.
DATAGRAM_BYTES_MIN = HEADER_BYTES + 1

#: Bytes of a ping: a header and `["ping", [id]]`.
PING_BYTES = 50

#: Largest packed [name, arguments] of a request, in bytes; the published releases refuse to send more.
REQUEST_BODY_BYTES_MAX = 8192

#: The types a stored value may have, and no others (no subclasses, as in 2.x).
VALUE_TYPES = frozenset((int, float, bool, str, bytes))

#: What decoding hostile bytes can raise.
DECODE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

#: Least bytes of a contact in an answer: an array of three, an id, the shortest address, a port.
CONTACT_BYTES_MIN = 1 + 22 + 8 + 1

#: Most bytes of a contact with an IPv4 address.
CONTACT_V4_BYTES_MAX = 1 + 22 + 16 + 3

#: Integers that msgpack can carry.
INT_MIN, INT_MAX = -(2**63), 2**64 - 1

#: Longer bodies are decoded part by part. Arrays may be map keys, and since -1 and -2 hash alike, any number of arrays
#: with one hash can be made: 4,000 of them in one map of 64 kB took 0.2 s. In 1 kB they take 0.15 ms.
SMALL_BODY_BYTES = 1024

#: Deepest nesting of arrays and maps in a long body; the protocol itself needs three levels.
NESTING_MAX = 16

encode = msgspec.msgpack.encode
#: As `decode`, for bytes of which there are at most `SMALL_BODY_BYTES`.
decode_small = msgspec.msgpack.Decoder().decode
_decode_request = msgspec.msgpack.Decoder(tuple[Any, list[Any]]).decode
_request_parts = msgspec.msgpack.Decoder(tuple[msgspec.Raw, list[msgspec.Raw]]).decode
_array_parts = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode
_map_parts = (
    msgspec.msgpack.Decoder(dict[str | int | float | bool | None, msgspec.Raw]).decode,
    msgspec.msgpack.Decoder(dict[bytes | int | float | bool | None, msgspec.Raw]).decode,
)


def request(message_id: bytes, body: bytes) -> bytes:
    """Return a request's datagram from its encoded `[method, arguments]`."""
    return b"\x00" + message_id + body


def call(method: str, *arguments: object) -> bytes:
    """Return a request's body; the same one may be sent to many nodes."""
    return encode((method, arguments))


def response(message_id: bytes, body: bytes) -> bytes:
    """Return an answer's datagram from its encoded result."""
    return b"\x01" + message_id + body


def contacts_bytes_max(count: int) -> int:
    """Return how many bytes an answer with so many contacts takes at most, its header included, over IPv4."""
    return HEADER_BYTES + 3 + count * CONTACT_V4_BYTES_MAX


def decode(body: bytes | msgspec.Raw, levels: int = NESTING_MAX) -> Any:
    """Return what an answer's body says, or any part of a body.

    Raises:
        msgspec.DecodeError, UnicodeDecodeError, RecursionError: The bytes are no msgpack, or a long body is nested over
            16 levels deep, or has a map with arrays as keys, or with both text and bytes as keys.
    """
    if len(body) <= SMALL_BODY_BYTES:
        return decode_small(body)
    if levels < 0:
        raise msgspec.DecodeError(f"nested over {NESTING_MAX} levels deep")
    kind = memoryview(body)[0]
    if 0x90 <= kind <= 0x9F or kind in (0xDC, 0xDD):
        return [decode(part, levels - 1) for part in _array_parts(body)]
    if 0x80 <= kind <= 0x8F or kind in (0xDE, 0xDF):
        return {key: decode(part, levels - 1) for key, part in _parts_of_map(body).items()}
    return decode_small(body)


def _parts_of_map(body: bytes | msgspec.Raw) -> dict[Any, msgspec.Raw]:
    by_text, by_bytes = _map_parts
    try:
        return by_text(body)
    except msgspec.ValidationError:
        return by_bytes(body)


def decode_request(body: bytes) -> tuple[str, list[Any]]:
    """Return method name and arguments.

    Raises:
        msgspec.DecodeError, UnicodeDecodeError, RecursionError: The bytes are no request; see `decode`.
    """
    if len(body) <= SMALL_BODY_BYTES:
        name, arguments = _decode_request(body)
    else:
        method, parts = _request_parts(body)
        name, arguments = decode(method), [decode(part) for part in parts]
    if type(name) is bytes:  # Python 2 nodes
        name = name.decode()
    if type(name) is not str:
        raise msgspec.DecodeError("the method's name is no text")
    return name, arguments


def nested_within(value: object, levels: int) -> bool:
    """Return whether a decoded value is plain (no msgpack extension, no time stamp) and at most so many levels deep."""
    if isinstance(value, (list, tuple)):
        return levels > 0 and all(nested_within(item, levels - 1) for item in value)
    if isinstance(value, dict):
        return levels > 0 and all(
            nested_within(key, 0) and nested_within(item, levels - 1) for key, item in value.items()
        )
    return value is None or type(value) in VALUE_TYPES


def is_id(value: object) -> TypeGuard[bytes]:
    """Return whether a decoded value is a node id or a key."""
    return type(value) is bytes and len(value) == ID_BYTES


def check_size(name: str, arguments: tuple[Any, ...]) -> None:
    """Refuse a request that the published releases would refuse to send.

    Raises:
        ValueError: Name and arguments are over 8192 bytes when packed.
    """
    size = len(encode((name, arguments)))
    if size > REQUEST_BODY_BYTES_MAX:
        raise ValueError(
            f"{name} with these arguments is {size} bytes packed, and a datagram holds {REQUEST_BODY_BYTES_MAX}; "
            f"make the value {size - REQUEST_BODY_BYTES_MAX} bytes shorter, or split it over several keys"
        )


def contact(node: Node) -> bytes:
    """Return what a find_node answer says of one contact: (id, ip, port), encoded."""
    return encode((node.id, *node.address))


def contacts_body(nodes: Iterable[Node]) -> bytes:
    """Return the body of a find_node answer."""
    return encode([(node.id, *node.address) for node in nodes])


def array_head(length: int) -> bytes:
    """Return how an array of so many items begins, at most 65,535: the items' own bytes follow."""
    return bytes((0x90 | length,)) if length < 16 else b"\xdc" + length.to_bytes(2, "big")


def contacts(result: object, most: int, heard_of: Container[bytes] = ()) -> list[Node] | None:
    """Return the nodes of a find_node answer, at most so many, or None if it has not the shape of one.

    Entries that are not a 20-byte id, an address and a port are passed over: they cost their sender that entry. So
    are ids that were heard of: most of an answer's contacts late in a lookup, and no object is made of them.
    """
    if not isinstance(result, (list, tuple)):
        return None
    entries = result[:most]
    try:  # noqa: SIM105  # `suppress` takes as long as all the rest
        entries = [entry for entry in entries if entry[0] not in heard_of]
    except (TypeError, LookupError):  # some are no triples: they are looked at one by one
        pass
    return [node for node in map(_contact, entries) if node is not None and node.id not in heard_of]


def _contact(entry: object) -> Node | None:
    if not isinstance(entry, (list, tuple)) or len(entry) < 3:
        return None
    node_id, ip, port = entry[:3]
    if isinstance(ip, bytes):  # Python 2 nodes
        ip = ip.decode("latin-1")
    if type(node_id) is not bytes or type(ip) is not str or type(port) is not int:
        return None
    node = remembered(node_id)
    if node is not None and node.address == (ip, port):  # it was looked at before
        return node
    if len(node_id) != ID_BYTES or not 0 < port < 65536:
        return None
    if len(ip) > IP_CHARACTERS_MAX or "%" in ip:  # before it is looked at; the interface is its teller's
        return None
    where = place(ip)
    return Node.shared(node_id, (where.ip, port)) if where is not None else None


def found_value(result: object) -> tuple[bool, Any]:
    """Return whether a find_value answer holds a value of a storable type, and the value."""
    if not isinstance(result, dict):
        return False, None
    value = result["value"] if "value" in result else result.get(b"value")
    return type(value) in VALUE_TYPES, value
