"""Lists and maps as bytes: what is packed comes back, and nothing that a stranger sends does any harm."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kademlia.arguments import check_value
from kademlia.wire import rpcudp
from kademlia.wire.packed import LISTS_AND_MAPS, PREFIX, TOMBSTONE, pack, unpack

basic = st.one_of(
    st.integers(rpcudp.INT_MIN, rpcudp.INT_MAX),
    st.floats(),
    st.booleans(),
    st.text(max_size=20),
    st.binary(max_size=20),
)
parts = st.recursive(
    st.one_of(st.none(), basic),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=20,
)
containers = st.one_of(st.lists(parts, max_size=5), st.dictionaries(st.text(max_size=8), parts, max_size=5))

#: Bytes that look like ours, and any others.
all_bytes = st.one_of(
    st.binary(max_size=50),
    st.tuples(st.sampled_from([PREFIX, LISTS_AND_MAPS, TOMBSTONE, PREFIX[:1]]), st.binary(max_size=50)).map(b"".join),
    containers.map(pack),
)


def nested(levels: int) -> Any:
    """Return a list with so many levels."""
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


def looks(value: object) -> str:
    """Return what tells values apart with all types in them: 1, 1.0 and True differ, and nan is nan."""
    return repr(value)


@given(st.one_of(containers, basic))
def test_every_value_comes_back_as_it_was(value: Any) -> None:
    """Equal, of the same types, in the same order."""
    check_value(value)
    assert looks(unpack(pack(value))) == looks(value)


@given(all_bytes)
@example(b"")
@example(PREFIX)
@example(LISTS_AND_MAPS)
@example(TOMBSTONE)
@example(LISTS_AND_MAPS + b"\x90")
@example(pack(pack([1])))
def test_all_bytes_come_back_as_they_were(value: bytes) -> None:
    """A program may store what looks like a list of ours, or like the mark of a deleted value."""
    on_the_wire = pack(value)
    assert unpack(on_the_wire) == value
    assert type(unpack(on_the_wire)) is bytes
    assert not on_the_wire.startswith(TOMBSTONE)


@given(containers, all_bytes)
def test_a_list_or_map_is_never_taken_for_bytes(value: Any, data: bytes) -> None:
    assert pack(value) != pack(data)


@given(st.one_of(containers, basic))
def test_what_travels_is_of_the_basic_types(value: Any) -> None:
    """Older nodes know no others."""
    assert type(pack(value)) in rpcudp.VALUE_TYPES


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "", "\xc1km\x01", b"", b"\xc1", b"\xc1K", b"k\xc1k"])
def test_plain_values_travel_as_ever(value: Any) -> None:
    """And cost nothing: it is the same object."""
    assert pack(value) is value
    assert unpack(value) is value


@pytest.mark.parametrize(
    ("value", "on_the_wire"),
    [
        ([], b"\xc1km\x01\x90"),
        ({}, b"\xc1km\x01\x80"),
        ({"a": [1, None]}, b"\xc1km\x01\x81\xa1a\x92\x01\xc0"),
        ([b"\xc1k"], b"\xc1km\x01\x91\xc4\x02\xc1k"),
        (b"\xc1kd\x01", b"\xc1km\x01\xc4\x04\xc1kd\x01"),
    ],
)
def test_its_layout_is_the_designed_one(value: Any, on_the_wire: bytes) -> None:
    """Other implementations read it."""
    assert pack(value) == on_the_wire


def test_what_may_be_set_is_what_is_unpacked() -> None:
    """Sixteen levels are stored and read; with one more it is neither."""
    deepest = nested(rpcudp.NESTING_MAX)
    check_value(deepest)
    assert unpack(pack(deepest)) == deepest
    too_deep = nested(rpcudp.NESTING_MAX + 1)
    with pytest.raises(ValueError, match="over 16 levels"):
        check_value(too_deep)
    assert unpack(pack(too_deep)) == pack(too_deep)


# -- what strangers send -----------------------------------------------------------------------------------------------

KILOBYTES = b"\xc5\x10\x00" + bytes(4096)  #: bytes that make a body long, so that it is read part by part

HOSTILE = {
    "nothing": b"",
    "an int": b"\x05",
    "text": b"\xa1a",
    "none": b"\xc0",
    "bytes that need no packing": b"\xc4\x01a",
    "a list and something behind it": b"\x90\x90",
    "a list that is cut off": b"\x92\x01",
    "the byte that msgpack never uses": b"\x91\xc1",
    "text that is no UTF-8": b"\x91\xa1\xff",
    "an extension": b"\x91\xd4\x05\x00",
    "a time stamp": b"\x91\xd6\xff\x00\x00\x00\x00",
    "an extension by itself": b"\xd4\x05\x00",
    "an int as a key": b"\x81\x01\x01",
    "none as a key": b"\x81\xc0\x01",
    "bytes as a key": b"\x81\xc4\x01a\x01",
    "a list as a key": b"\x81\x90\x01",
    "a map as a key": b"\x81\x80\x01",
    "seventeen levels": b"\x91" * 16 + b"\x90",
    "500 levels": b"\x91" * 500 + b"\x90",
    "60,000 levels": b"\x91" * 60_000 + b"\x90",
    "60,000 levels of maps": b"\x81\xa1a" * 20_000 + b"\x80",
    "a list of four billion": b"\xdd\xff\xff\xff\xff",
    "a map of four billion": b"\xdf\xff\xff\xff\xff",
    "sixteen lists of four billion": b"\xdd\xff\xff\xff\xff" * 16,
    "bytes of four billion": b"\x91\xc6\xff\xff\xff\xff",
    "keys of two kinds, long": b"\x82\xa1a" + KILOBYTES + b"\xc4\x01a\x01",
    "a list as a key, long": b"\x81\x91" + KILOBYTES + b"\x01",
    "an extension, long": b"\x92" + KILOBYTES + b"\xd4\x05\x00",
    "bytes as a key, long": b"\x81\xc4\x01a" + KILOBYTES,
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_what_no_node_of_ours_packed_is_returned_as_it_is(body: bytes) -> None:
    """`get` must not raise for what a stranger stored: the program has the bytes."""
    value = LISTS_AND_MAPS + body
    assert unpack(value) is value


@pytest.mark.parametrize(
    "value", [TOMBSTONE, b"\xc1k", b"\xc1km", b"\xc1km\x02\x90", b"\xc1kz\x01\x90", b"\xc1kd\x01\x90"]
)
def test_what_a_later_release_may_mean_is_returned_as_it_is(value: bytes) -> None:
    assert unpack(value) is value


def plain_levels(value: object) -> int:
    """Return how many levels a value has; it fails if there is anything else in it than may be set."""
    if isinstance(value, list):
        return 1 + max(map(plain_levels, value), default=0)
    if isinstance(value, dict):
        assert all(type(key) is str for key in value)
        return 1 + max(map(plain_levels, value.values()), default=0)
    assert value is None or type(value) in rpcudp.VALUE_TYPES
    return 0


msgpack_like = st.lists(
    st.one_of(
        st.sampled_from([b"\x91", b"\x92", b"\x81\xa1a", b"\xdc\x00\x03", b"\xc0", b"\xd4", b"\x80"]),
        st.binary(max_size=3),
    ),
    max_size=60,
).map(b"".join)


@given(st.one_of(st.binary(max_size=200), msgpack_like), st.booleans())
def test_no_bytes_whatever_raise(body: bytes, long: bool) -> None:
    """Either they are what could have been set, or they stay bytes; in a long body, which is read otherwise, too."""
    value = LISTS_AND_MAPS + (b"\x92" + KILOBYTES if long else b"") + body
    found = unpack(value)
    assert found == value or plain_levels(found) <= rpcudp.NESTING_MAX


@pytest.mark.parametrize(
    "body",
    [
        b"\xdc\xff\xdc" + b"\x90" * 65_500,
        b"\xdc\xff\xdc" + b"\x80" * 65_500,
        b"\xdd\x00\x00\xff\xff" * 13_000,
        b"\xdd\xff\xff\xff\xff" * 13_000,
        b"\xdf\x00\x00\x33\x00" + b"".join(b"\xa4%04x\x90" % number for number in range(0x3300)),
    ],
    ids=["empty lists", "empty maps", "lists of 65,535", "lists of four billion", "keys"],
)
def test_a_datagram_full_of_parts_takes_a_bounded_amount_of_memory(body: bytes) -> None:
    """A few hundred bytes for each of its own, and it is gone when the program drops it."""
    value = LISTS_AND_MAPS + body
    tracemalloc.start()
    try:
        unpack(value)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 300 * len(value)
