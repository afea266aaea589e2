"""Lists and maps as values of real servers: what one sets another gets, and what cannot be stored is named at once."""

from __future__ import annotations

import datetime as dt
import math
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.compat_2x.nodes import network

from kademlia import Server
from kademlia.utils import digest
from kademlia.wire.packed import LISTS_AND_MAPS, TOMBSTONE, pack

#: One of everything, inside one another.
EVERYTHING: dict[str, Any] = {
    "ints": [0, -1, 2**64 - 1, -(2**63)],
    "floats": [0.5, -0.0, math.inf],
    "truth": [True, False, None],
    "texts": ["", "naïve ☃", {"": {"\n": "\0"}}],
    "bytes": [b"", b"\xc1km\x01", bytes(range(256))],
    "empty": [[], {}, [[]], [{}]],
}

VALUES: list[Any] = [
    [],
    {},
    [None],
    [1, 2, 3],
    EVERYTHING,
    [EVERYTHING, EVERYTHING],
    b"\xc1k",
    LISTS_AND_MAPS,
    pack([1]),
    TOMBSTONE,
]


@pytest.fixture
async def pair() -> AsyncIterator[list[Server]]:
    """Return two servers that know each other."""
    async with network(2) as servers:
        yield servers


@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{value!r:.20}")
async def test_what_one_sets_both_get(pair: list[Server], value: Any) -> None:
    """In its own types: `True` stays apart from 1, a list from bytes that look like one."""
    alice, bob = pair
    assert await alice.set("key", value) is True
    for server in pair:
        assert repr(await server.get("key")) == repr(value)
        assert repr(await server.get_digest(digest("key"))) == repr(value)
    assert await bob.set_digest(digest("other"), value) is True
    assert repr(await alice.get("other")) == repr(value)


async def test_many_are_set_and_got_by_one_call(pair: list[Server]) -> None:
    alice, bob = pair
    values = {f"key {number}": value for number, value in enumerate(VALUES)}
    heard: dict[str, Any] = {}
    assert await alice.set_many(values) == dict.fromkeys(values, True)
    assert await bob.get_many([*values, "nobody's"], heard.__setitem__) == {**values, "nobody's": None}
    assert heard == {**values, "nobody's": None}
    assert {key: value async for key, value in alice.get_many(values)} == values


async def test_who_does_not_hold_a_value_gets_it_and_passes_on_what_travels() -> None:
    """With k = 3 of eight most readers ask others. Stores hold what travels, copies that lookups leave too."""
    async with network(8, ksize=3) as servers:
        for number in range(4):
            assert await servers[number].set(f"key {number}", {"number": [number]})
        for server in servers:
            for number in range(4):
                assert await server.get(f"key {number}") == {"number": [number]}
        for server in servers:
            assert all(type(value) is bytes for _, value in server.storage)
            assert server.stats().internal_errors == 0


async def test_a_value_is_as_it_was_at_the_call(pair: list[Server]) -> None:
    """What the program does with its list afterwards changes nothing that is stored; each reader has a copy."""
    alice, bob = pair
    value = {"list": [1]}
    setting = alice.set("key", value)
    value["list"].append(2)
    assert await setting is True
    (await alice.get("key"))["list"].append(3)
    assert await alice.get("key") == await bob.get("key") == {"list": [1]}


async def test_alone_a_node_keeps_its_lists_too() -> None:
    async with network(1) as [server]:
        assert await server.set("key", [1, {"a": None}]) is False
        assert await server.get("key") == [1, {"a": None}]


async def test_what_cannot_be_unpacked_is_got_as_bytes(pair: list[Server]) -> None:
    """A stranger stored it, or a later release."""
    alice, bob = pair
    for number, value in enumerate([LISTS_AND_MAPS + b"\x91" * 5000, LISTS_AND_MAPS + b"\xc1", b"\xc1km\x02\x90"]):
        alice.storage[digest(number)] = value
        assert await alice.get(number) == await bob.get(number) == value
        assert await bob.set("copy", value) is True
        assert await alice.get("copy") == value


def holding_itself() -> list[Any]:
    value: list[Any] = [1]
    value.append({"again": value})
    return value


def many_times_the_same() -> list[Any]:
    value: list[Any] = []
    for _ in range(15):
        value = [value] * 10
    return value


@pytest.mark.parametrize(
    ("value", "fault", "said"),
    [
        (None, TypeError, "not NoneType: None; None says that there is no value"),
        ((1,), TypeError, r"not tuple: \(1,\); it would come back as a list; pass list"),
        (OrderedDict(a=1), TypeError, "not OrderedDict"),
        ({"a": [0, 1, 2, {1}]}, TypeError, r'^value\["a"\]\[3\] is a set, and a value holds .*: \{1\}; pass a list$'),
        ([[(1, 2)]], TypeError, r"^value\[0\]\[0\] is a tuple, .* pass list\(\.\.\.\)$"),
        ([OrderedDict()], TypeError, r"^value\[0\] is an OrderedDict"),
        ([dt.datetime(2026, 1, 1, tzinfo=dt.UTC)], TypeError, r"^value\[0\] is a datetime.*isoformat"),
        ({"a": {1: 2}}, TypeError, r'^value\["a"\] has an int as a key, 1; a map\'s keys are text'),
        ({b"a": 2}, TypeError, "^value has a bytes as a key"),
        ({"x\n" * 50: [1j]}, TypeError, r'^value\["(x\\n){20}"\]\[0\] is a complex'),
        ({"a": [2**64]}, ValueError, r'^value\["a"\]\[0\]: an int is stored in 64 bits'),
        ([-(2**63) - 1], ValueError, r"^value\[0\]: an int is stored in 64 bits"),
        (["\ud800"], ValueError, r"^value\[0\] is no UTF-8"),
        ({"\ud800": 1}, ValueError, "^a key of value is no UTF-8"),
        (holding_itself(), ValueError, r'^value\[1\]\["again"\] is a list that holds itself'),
        (eval("[" * 17 + "]" * 17), ValueError, r"^value(\[0\]){16} is nested over 16 levels deep"),
        (many_times_the_same(), ValueError, "over 65536 bytes packed, and a datagram holds 8192"),
        (
            ["x" * 9000],
            ValueError,
            r"is 9063 bytes packed, and a datagram holds 8192; make the value 871 bytes shorter",
        ),
    ],
)
async def test_what_cannot_be_stored_is_named_at_the_call(
    pair: list[Server], value: Any, fault: type[Exception], said: str
) -> None:
    """With its place in the value, and what to do; by `set_many` too, which then stores nothing."""
    alice, _ = pair
    with pytest.raises(fault, match=said):
        alice.set("key", value)
    with pytest.raises(fault, match=said):
        alice.set_many({"good": [1], "bad": value})
    assert await alice.get("good") is None


@pytest.mark.parametrize(
    ("largest", "larger"),
    [
        (["x" * 8129], ["x" * 8130]),
        ({"a": b"x" * 8127}, {"a": b"x" * 8128}),
        (b"\xc1k" + b"x" * 8128, b"\xc1k" + b"x" * 8129),
    ],
    ids=["list", "map", "bytes"],
)
async def test_the_largest_of_each_is_stored_and_one_byte_more_is_refused(
    pair: list[Server], largest: Any, larger: Any
) -> None:
    """What counts is the packed size, to the byte."""
    alice, bob = pair
    assert await alice.set("key", largest) is True
    assert await bob.get("key") == largest
    assert len(pack(largest)) == 8137
    with pytest.raises(
        ValueError, match="8193 bytes packed, and a datagram holds 8192; make the value 1 bytes shorter"
    ):
        alice.set("key", larger)
