"""The rpcudp dialect: what is encoded comes back, what is no message is refused, what is told is looked at first."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kademlia.address import place
from kademlia.wire import rpcudp

ID, KEY = b"i" * 20, b"k" * 20

#: As u-msgpack writes them, by the msgpack specification's smallest form.
ENCODED: list[tuple[object, str]] = [
    (None, "c0"),
    (False, "c2"),
    (True, "c3"),
    (0, "00"),
    (127, "7f"),
    (128, "cc80"),
    (255, "ccff"),
    (256, "cd0100"),
    (65535, "cdffff"),
    (65536, "ce00010000"),
    (2**32 - 1, "ceffffffff"),
    (2**32, "cf0000000100000000"),
    (2**63, "cf8000000000000000"),
    (2**64 - 1, "cfffffffffffffffff"),
    (-1, "ff"),
    (-32, "e0"),
    (-33, "d0df"),
    (-128, "d080"),
    (-129, "d1ff7f"),
    (-32768, "d18000"),
    (-32769, "d2ffff7fff"),
    (-(2**31), "d280000000"),
    (-(2**31) - 1, "d3ffffffff7fffffff"),
    (-(2**63), "d38000000000000000"),
    (0.0, "cb0000000000000000"),
    (1.5, "cb3ff8000000000000"),
    (float("inf"), "cb7ff0000000000000"),
    ("", "a0"),
    ("é", "a2c3a9"),
    ("x" * 31, "bf" + "78" * 31),
    ("x" * 32, "d920" + "78" * 32),
    ("x" * 256, "da0100" + "78" * 256),
    ("x" * 65536, "db00010000" + "78" * 65536),
    (b"", "c400"),
    (b"x" * 255, "c4ff" + "78" * 255),
    (b"x" * 256, "c50100" + "78" * 256),
    (b"x" * 65536, "c600010000" + "78" * 65536),
    ([], "90"),
    ((1, 2), "920102"),
    ([0] * 16, "dc0010" + "00" * 16),
    ({}, "80"),
    ({"value": 1}, "81a576616c756501"),
]

values = st.one_of(
    st.integers(rpcudp.INT_MIN, rpcudp.INT_MAX),
    st.floats(allow_nan=False),
    st.booleans(),
    st.text(max_size=1200),
    st.binary(max_size=1200),
)
keys = st.one_of(st.integers(rpcudp.INT_MIN, rpcudp.INT_MAX), st.text(max_size=20), st.binary(max_size=20))
anything = st.recursive(
    st.none() | values,
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(keys, inner, max_size=20),
    max_leaves=30,
)


@pytest.mark.parametrize(("value", "encoded"), ENCODED, ids=lambda case: repr(case)[:20])
def test_values_are_written_in_the_smallest_form_of_msgpack(value: object, encoded: str) -> None:
    """The published releases write them so; a digest of a datagram does not tell who wrote it."""
    assert rpcudp.encode(value) == bytes.fromhex(encoded)
    decoded = rpcudp.decode(bytes.fromhex(encoded))
    assert decoded == (list(value) if isinstance(value, tuple) else value)


@given(values)
def test_a_value_comes_back_in_its_type(value: object) -> None:
    """1, 1.0 and True are equal in Python and three values to whoever stored them."""
    (_, (_, _, stored)) = rpcudp.decode_request(rpcudp.encode(("store", (ID, KEY, value))))
    assert (type(stored), stored) == (type(value), value)
    found, value_found = rpcudp.found_value(rpcudp.decode(rpcudp.encode({"value": value})))
    assert found
    assert (type(value_found), value_found) == (type(value), value)


@given(st.text(min_size=1, max_size=30), st.lists(anything, max_size=5))
def test_a_request_comes_back_as_it_was_made(name: str, arguments: list[Any]) -> None:
    """The arguments of a program's own RPCs may be anything that msgpack carries."""
    datagram = rpcudp.request(ID, rpcudp.encode((name, arguments)))
    assert datagram[:21] == b"\x00" + ID
    try:
        assert rpcudp.decode_request(datagram[21:]) == (name, arguments)
    except msgspec.DecodeError:
        assert mixes_keys(arguments)


@given(st.text(min_size=1, max_size=30))
def test_method_names_may_be_text_or_bytes(name: str) -> None:
    """Python 2 nodes wrote them as bin."""
    body = rpcudp.encode((name.encode(), []))
    assert rpcudp.decode_request(body) == (name, [])


@given(anything)
def test_long_bodies_mean_what_short_ones_mean(value: object) -> None:
    """Long ones are decoded part by part; the plain decoder is the oracle, and a fault of one is a fault of both."""
    body = rpcudp.encode([value, "x" * 2000])
    try:
        assert rpcudp.decode(body) == [value, "x" * 2000] == msgspec.msgpack.decode(body)
    except msgspec.DecodeError:
        assert mixes_keys(value)


def mixes_keys(value: object) -> bool:
    """Return whether some map in a value has both text and bytes as keys, which long bodies may not."""
    if isinstance(value, list):
        return any(map(mixes_keys, value))
    if isinstance(value, dict):
        kinds = {type(key) for key in value}
        return {str, bytes} <= kinds or any(map(mixes_keys, value.values()))
    return False


@pytest.mark.parametrize("wrap", [lambda body: body, lambda body: b"\x92\xa4ping\x91" + body])
def test_a_long_map_with_arrays_as_keys_is_refused_before_they_are_hashed(wrap: Callable[[bytes], bytes]) -> None:
    """Arrays of -1 and -2 all hash alike: 4,000 of them in one datagram would stop the node for 0.2 s."""
    arrays = itertools.islice(itertools.product((-1, -2), repeat=12), 500)
    body = b"\xde" + (500).to_bytes(2, "big") + b"".join(rpcudp.encode(keys) + b"\x00" for keys in arrays)
    assert len({hash(key) for key in msgspec.msgpack.decode(body)}) == 1
    with pytest.raises(msgspec.DecodeError):
        rpcudp.decode(wrap(body))
    with pytest.raises(msgspec.DecodeError):
        rpcudp.decode_request(wrap(body))


@pytest.mark.parametrize("levels", [17, 100, 900, 3000])
def test_a_long_body_nested_too_deeply_is_refused_at_once(levels: int) -> None:
    """Each level costs a walk over the rest, so 900 of them would cost 900 walks."""
    body = b"\x91" * levels + rpcudp.encode("x" * 2000)
    with pytest.raises(rpcudp.DECODE_ERRORS):
        rpcudp.decode(body)


NO_REQUESTS = {
    "nothing": "",
    "an integer": "05",
    "text": "a470696e67",
    "bytes": "c40470696e67",
    "nil": "c0",
    "a map": "80",
    "an empty array": "90",
    "one element": "91a470696e67",
    "three elements": "93a470696e679000",
    "arguments that are no array": "92a470696e6705",
    "arguments that are a map": "92a470696e6780",
    "a name that is a number": "920590",
    "a name that is nil": "92c090",
    "a name that is an array": "929090",
    "a name that is no UTF-8": "92c402fffe90",
    "a name that is no UTF-8, as text": "92a2fffe90",
    "bytes behind the body": "92a470696e679000",
    "a body cut off": "92a470696e6791",
    "the byte that msgpack never uses": "c1",
    "an array of four billion": "ddffffffff",
    "a map of four billion": "dfffffffff",
    "text of four gigabytes": "dbffffffff",
    "bytes of four gigabytes": "c6ffffffff",
    "an extension of four gigabytes": "c9ffffffff05",
    "a time stamp out of range": "92a17891c70cff000000007fffffffffffffff",
    "a time stamp with two billion nanoseconds": "92a17891d7ffffffffffffffffff",
    "a map with a map as key": "92a17891818001",
    "3000 nested arrays": "92a17891" + "91" * 3000 + "90",
    "3000 nested maps": "92a17891" + "8100" * 3000 + "90",
    "3000 nested maps in keys": "92a17891" + "8191" * 3000 + "90",
}


@pytest.mark.parametrize("body", NO_REQUESTS.values(), ids=NO_REQUESTS)
def test_what_is_no_request_raises_one_of_the_declared_errors(body: str) -> None:
    """`receive` guards against those three and no others: anything else would be a fault of our own."""
    with pytest.raises(rpcudp.DECODE_ERRORS):
        rpcudp.decode_request(bytes.fromhex(body))


@given(st.binary(max_size=300), st.integers(0, 1500))
def test_no_bytes_raise_anything_but_the_declared_errors(data: bytes, filler: int) -> None:
    """Requests and answers come from anybody; `filler` brings some of them over the size of a short body."""
    for body in (data, b"\x92" + data + rpcudp.encode("x" * filler), b"\x92\xa1x" + data):
        for decode in (rpcudp.decode, rpcudp.decode_request):
            try:
                decode(body)
            except rpcudp.DECODE_ERRORS:
                continue


# -- contacts --------------------------------------------------------------------------------------------------------

GOOD = [KEY, "192.0.2.1", 8468]

NO_CONTACTS: dict[str, object] = {
    "a number": 5,
    "nil": None,
    "text": "abc",
    "an empty entry": [],
    "an id alone": [KEY],
    "no port": [KEY, "192.0.2.1"],
    "a short id": [b"k", "192.0.2.1", 8468],
    "a long id": [KEY + b"k", "192.0.2.1", 8468],
    "an id that is text": ["k" * 20, "192.0.2.1", 8468],
    "an id that is a number": [5, "192.0.2.1", 8468],
    "port 0": [KEY, "192.0.2.1", 0],
    "port 65536": [KEY, "192.0.2.1", 65536],
    "port -1": [KEY, "192.0.2.1", -1],
    "a port that is text": [KEY, "192.0.2.1", "8468"],
    "a port that is true": [KEY, "192.0.2.1", True],
    "a port that is a float": [KEY, "192.0.2.1", 8468.0],
    "a host name": [KEY, "localhost", 8468],
    "an empty address": [KEY, "", 8468],
    "an address that is a number": [KEY, 3221225985, 8468],
    "an address that is nil": [KEY, None, 8468],
    "an address with a byte too many": [KEY, "192.0.2.1.5", 8468],
    "an address that is no UTF-8": [KEY, b"\xff\xfe", 8468],
    "a multicast address": [KEY, "224.0.0.1", 8468],
    "an IPv6 multicast address": [KEY, "ff02::1", 8468],
    "no particular address": [KEY, "0.0.0.0", 8468],
    "no particular IPv6 address": [KEY, "::", 8468],
    "everybody's address": [KEY, "255.255.255.255", 8468],
    "everybody's address, mapped": [KEY, "::ffff:255.255.255.255", 8468],
    "an address and 60 kB": [KEY, "1" * 60_000, 8468],
    "a zone of 60 kB": [KEY, "fe80::1%" + "x" * 60_000, 8468],
    "a list in a list": [[KEY, "192.0.2.1", 8468]],
}


@pytest.mark.parametrize("entry", NO_CONTACTS.values(), ids=NO_CONTACTS)
def test_what_is_no_contact_costs_its_teller_that_entry_only(entry: object) -> None:
    """One evil entry made the published releases abort the whole lookup."""
    told = rpcudp.contacts(rpcudp.decode(rpcudp.encode([GOOD, entry, GOOD])), 64)
    assert told is not None
    assert [tuple(node) for node in told] == [tuple(GOOD), tuple(GOOD)]


@pytest.mark.parametrize("result", [None, 7, "abc", b"abc", {}, {"value": 1}, True, 1.5])
def test_an_answer_that_is_no_list_tells_no_contacts(result: object) -> None:
    """It counts as no answer of the asked node, which is different from knowing nobody."""
    assert rpcudp.contacts(result, 64) is None


@pytest.mark.parametrize(
    ("told", "ip"),
    [
        ("192.0.2.1", "192.0.2.1"),
        (b"192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("::1", "::1"),
    ],
)
def test_addresses_of_every_kind_of_node_are_understood(told: object, ip: str) -> None:
    """Python 2 tells bytes; a node on a dual-stack socket tells IPv4 in its IPv6 form."""
    (node,) = rpcudp.contacts([[KEY, told, 8468]], 64) or []
    assert tuple(node) == (KEY, ip, 8468)


def test_contacts_may_have_more_than_three_fields() -> None:
    """IPv6 nodes of 2.x tell (id, ip, port, flow, scope) where Python's addresses have four fields."""
    (node,) = rpcudp.contacts([[*GOOD, 0, 0]], 64) or []
    assert tuple(node) == tuple(GOOD)


def test_what_is_too_long_for_an_address_is_not_remembered() -> None:
    """What was found out about an address is cached; 65,536 texts of 60 kB each would be four gigabytes."""
    before = place.cache_info().currsize
    for number in range(100):
        rpcudp.contacts([[KEY, f"{number}".rjust(60_000, "1"), 8468]], 64)
        rpcudp.contacts([[KEY, f"fe80::1%{number}".ljust(60_000, "x"), 8468]], 64)
    assert place.cache_info().currsize == before


def test_a_flood_of_contacts_is_cut_off() -> None:
    """The k of the largest network we know of is 20."""
    flood = [[number.to_bytes(20, "big"), "192.0.2.1", 8468] for number in range(2000)]
    assert len(rpcudp.contacts(flood, 64) or []) == 64


@pytest.mark.parametrize(
    "result",
    [{}, {"value": None}, {"value": [1]}, {"value": {}}, {"v": 1}, {1: 2}, [], 7, "abc", None, {b"v": 1}],
)
def test_what_is_no_value_is_not_found(result: object) -> None:
    """These replies raised KeyError and TypeError in the published releases, and ended the program's `get`."""
    found, _ = rpcudp.found_value(result)
    assert not found


# -- what may be sent --------------------------------------------------------------------------------------------------


def test_what_2_2_3_would_refuse_to_send_is_refused_at_the_call() -> None:
    """8192 bytes of name and arguments; one more, and every published release on the way would have refused it."""
    rpcudp.check_size("store", (ID, KEY, "v" * 8137))
    rpcudp.check_size("store", (ID, KEY, b"v" * 8137))
    with pytest.raises(ValueError, match="8193 bytes packed"):
        rpcudp.check_size("store", (ID, KEY, "v" * 8138))


@given(anything, st.integers(0, 16))
def test_plain_values_are_measured_in_levels(value: object, levels: int) -> None:
    """What nests deeper than 16, or is no plain value, no program's own RPC gets to see."""

    def depth(value: object) -> int:
        if isinstance(value, list):
            return 1 + max(map(depth, value), default=0)
        if isinstance(value, dict):
            return 1 + max(map(depth, value.values()), default=0)
        return 0

    assert rpcudp.nested_within(value, levels) == (depth(value) <= levels)


@pytest.mark.parametrize("encoded", ["d40501", "d6ff00000000", "91d40501", "81a161d40501"])
def test_extensions_and_time_stamps_are_no_plain_values(encoded: str) -> None:
    """Binding choice: from the wire, msgpack ext and timestamps are refused."""
    assert not rpcudp.nested_within(rpcudp.decode(bytes.fromhex(encoded)), 16)
