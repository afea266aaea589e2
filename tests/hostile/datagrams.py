"""The zoo of datagrams that no node should fall for, by what is wrong with them.

Each was tried on the published releases, which raise, recurse, believe or store (compatibility notes, 3.4 and 5.2).
"""

from __future__ import annotations

import itertools

from tests.hostile.strangers import REQUEST, RESPONSE, encode, message_id, request

from kademlia.wire import trailer

ID, KEY = b"i" * 20, b"k" * 20
HEAD = REQUEST + message_id(1)


def _colliding_map(entries: int) -> bytes:
    """Return a map whose keys, arrays of -1 and -2, all have one hash."""
    keys = itertools.islice(itertools.product((-1, -2), repeat=13), entries)
    return b"\xdf" + entries.to_bytes(4, "big") + b"".join(encode(key) + b"\x00" for key in keys)


def _trailer(fields: bytes) -> bytes:
    """Return a trailer around bytes that need not be a map of hints."""
    return b"\xc1" + fields + (len(fields) + 1).to_bytes(2, "big") + b"\xc1"


#: Dropped, and counted as malformed.
MALFORMED: dict[str, bytes] = {
    "nothing": b"",
    "one byte": b"\x00",
    "a header without a message id": b"\x00" * 5,
    "a header without a body": HEAD,
    "21 bytes of another protocol": b"GET / HTTP/1.1\r\n\r\nabc",
    "type 2": b"\x02" + request("ping", ID)[1:],
    "type 255": b"\xff" + request("ping", ID)[1:],
    "another protocol": b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe",
    "a DNS query": bytes.fromhex("aaaa010000010000000000000776657273696f6e0462696e640000100003"),
    "zeros": b"\x00" * 100,
    "ones": b"\x00" + b"\xff" * 100,
    "a body that is no msgpack": HEAD + b"\xc1",
    "a body cut off": request("find_node", ID, KEY)[:-1],
    "a body cut off at once": request("find_node", ID, KEY)[:22],
    "something behind the body": request("ping", ID) + b"\x00",
    "a body that is a number": HEAD + encode(7),
    "a body that is text": HEAD + encode("ping"),
    "a body that is nil": HEAD + encode(None),
    "a body that is a map": HEAD + encode({"ping": [ID]}),
    "a body of one element": HEAD + encode(["ping"]),
    "a body of three elements": HEAD + encode(["ping", [ID], 1]),
    "arguments that are no array": HEAD + encode(["ping", ID]),
    "arguments that are a map": HEAD + encode(["ping", {"id": ID}]),
    "a method that is a number": HEAD + encode([1, [ID]]),
    "a method that is an array": HEAD + encode([["ping"], [ID]]),
    "a method that is no UTF-8": HEAD + encode([b"\xff\xfe", [ID]]),
    "ping without arguments": request("ping"),
    "ping with two": request("ping", ID, ID),
    "stun with one": request("stun", ID),
    "store with two": request("store", ID, KEY),
    "store with four": request("store", ID, KEY, 1, 2),
    "find_node with one": request("find_node", ID),
    "find_value with three": request("find_value", ID, KEY, KEY),
    "an id that is a number": request("ping", 5),
    "an id that is text": request("ping", "i" * 20),
    "an id that is nil": request("ping", None),
    "an id that is an array": request("ping", [ID]),
    "an id of no bytes": request("ping", b""),
    "an id of one byte": request("ping", b"i"),
    "an id of 19 bytes": request("ping", b"i" * 19),
    "an id of 21 bytes": request("ping", b"\xff" * 21),
    "an id of 60 kB": request("ping", b"i" * 60_000),
    "a target that is text": request("find_node", ID, "k" * 20),
    "a target of 21 bytes": request("find_node", ID, b"\xff" * 21),
    "a key of 19 bytes": request("find_value", ID, b"k" * 19),
    "a key that is a number": request("find_value", ID, 7),
    "a store under a key of one byte": request("store", ID, b"k", 1),
    "a store under a key of 1000 bytes": request("store", ID, b"k" * 1000, 1),
    "a store under a key that is text": request("store", ID, "k" * 20, 1),
    "a store of nil": request("store", ID, KEY, None),
    "a store of an array": request("store", ID, KEY, [1]),
    "a store of a map": request("store", ID, KEY, {"value": 1}),
    "a store of an extension": HEAD + b"\x92\xa5store\x93" + encode(ID) + encode(KEY) + bytes.fromhex("d40501"),
    "a store of a time stamp": HEAD + b"\x92\xa5store\x93" + encode(ID) + encode(KEY) + bytes.fromhex("d6ff00000000"),
    "a store of 8138 bytes": request("store", ID, KEY, b"v" * 8138),
    "a store of 60 kB": request("store", ID, KEY, b"v" * 60_000),
    "65507 bytes of zeros": b"\x00" * 65_507,
    "65507 bytes of arrays": HEAD + b"\x91" * 65_486,
    "3000 nested arrays": HEAD + b"\x91" * 3000 + b"\x00",
    "3000 nested arrays as an argument": HEAD + b"\x92\xa4ping\x91" + b"\x91" * 3000 + b"\x00",
    "3000 nested maps as an argument": HEAD + b"\x92\xa4ping\x91" + b"\x81\x00" * 3000 + b"\x00",
    "100 nested arrays as an argument": HEAD + b"\x92\xa4ping\x91" + b"\x91" * 100 + b"\x00",
    "an array of four billion": HEAD + bytes.fromhex("ddffffffff"),
    "a map of four billion": HEAD + bytes.fromhex("dfffffffff"),
    "text of four gigabytes": HEAD + b"\x92" + bytes.fromhex("dbffffffff"),
    "bytes of four gigabytes": HEAD + b"\x92\xa4ping\x91" + bytes.fromhex("c6ffffffff"),
    "a map with a map as key": HEAD + bytes.fromhex("92a470696e6791818001"),
    "a map with 500 keys of one hash": HEAD + b"\x92\xa4ping\x91" + _colliding_map(500),
    "a trailer with 4000 keys of one hash": request("ping") + _trailer(b"\x81\x09" + _colliding_map(4000)),
    "a trailer alone": trailer.append(HEAD, {}),
    "a trailer behind nothing": trailer.append(b"", {}),
    "a trailer cut off": trailer.append(request("ping", ID), {trailer.EPHEMERAL: True})[:-2],
}

#: Requests for what there is not: dropped, counted as that.
UNKNOWN: dict[str, bytes] = {
    "a method of nobody": request("find_me", ID),
    "a method with an underscore": request("_answer", ID),
    "an attribute": request("router", ID),
    "a dotted method": request("ping.__class__", ID),
    "a method's full name": request("rpc_ping", ID),
    "the constructor": request("__init__", ID),
    "a method of 8000 characters": request("x" * 8000),
    "a method with a nil byte": request("ping\x00", ID),
    "an older spelling": request("findNode", ID, KEY),
}

#: Answers to nothing that was asked.
STRAY: dict[str, bytes] = {
    "an answer": RESPONSE + message_id(1) + encode(ID),
    "an answer of 60 kB": RESPONSE + message_id(1) + encode(b"v" * 60_000),
    "an answer that is no msgpack": RESPONSE + message_id(1) + b"\xc1",
    "an answer of 3000 nested arrays": RESPONSE + message_id(1) + b"\x91" * 3000 + b"\x00",
    "an answer with a message id of zeros": RESPONSE + bytes(20) + encode(ID),
    "an answer with a trailer": trailer.append(RESPONSE + message_id(1) + encode(ID), {trailer.NODE_ID: ID}),
}

#: The whole zoo.
DATAGRAMS_OF_ALL_KINDS = [*MALFORMED.values(), *UNKNOWN.values(), *STRAY.values()]
