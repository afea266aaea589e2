"""The trailer: found from a datagram's end, told apart from a body that ends alike, harmless whatever is in it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hostile.strangers import REQUEST, RESPONSE, Stranger, answer, asked_for, honest, knows, message_id, request

from kademlia.node import Node
from kademlia.sim import World
from kademlia.wire import life, rpcudp, trailer

ID, OTHER, KEY = b"i" * 20, b"o" * 20, b"k" * 20
PING = request("ping", OTHER)

hints = st.fixed_dictionaries(
    {},
    optional={
        trailer.NODE_ID: st.binary(max_size=40),
        trailer.EPHEMERAL: st.booleans(),
        trailer.PING: st.binary(max_size=40),
        trailer.LIFE: st.binary(max_size=40),
    },
)
KNOWN = (trailer.NODE_ID, trailer.EPHEMERAL, trailer.PING, trailer.LIFE)
unknown_hints = st.dictionaries(
    st.integers(-(2**63), 2**64 - 1).filter(lambda key: key not in KNOWN),
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=20) | st.binary(max_size=200),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=5,
    ),
    max_size=trailer.FIELDS_MAX - len(KNOWN),
)


def frame(fields: bytes) -> bytes:
    """Return a trailer around bytes that need not be a map."""
    return b"\xc1" + fields + (len(fields) + 1).to_bytes(2, "big") + b"\xc1"


@given(st.binary(min_size=22, max_size=300), hints, unknown_hints)
def test_what_is_appended_is_split_off_again(datagram: bytes, known: dict[int, Any], others: dict[int, Any]) -> None:
    """Hints that we do not know are passed over, so that later nodes can say more."""
    assert trailer.split(trailer.append(datagram, known | others)) == (datagram, known)


@given(st.binary(min_size=20, max_size=20), st.none() | st.binary(min_size=20, max_size=20))
def test_an_answers_trailer_is_what_encoding_it_would_give(node_id: bytes, ping: bytes | None) -> None:
    """It is put together from parts, which takes a third of the time."""
    fields = {trailer.NODE_ID: node_id} | ({trailer.PING: ping} if ping is not None else {})
    told = trailer.of_answer(node_id, ping)
    assert told == trailer.framed(fields)
    assert len(told) <= trailer.ANSWER_BYTES_MAX
    assert trailer.split(PING + told) == (PING, fields)


paddings = st.integers(0, 1200).map(bytes) | st.binary(max_size=300)


@given(st.binary(min_size=22, max_size=80), paddings, st.none() | st.tuples(st.integers(0, 400), st.integers(0, 255)))
def test_padding_is_taken_off_where_there_is_nothing_else(
    datagram: bytes, padding: bytes, changed: tuple[int, int] | None
) -> None:
    """Whatever the quick look takes for padding and nothing else, the thorough one finds no hint in either."""
    padded = bytearray(trailer.append(datagram, {trailer.PADDING: padding}))
    if changed is None:
        assert trailer.without_padding(bytes(padded)) == datagram
        return
    place, byte = changed
    padded[-1 - place % len(padded)] = byte
    request = trailer.without_padding(bytes(padded))
    if request is not None:
        assert trailer.split(bytes(padded)) == (request, {})


@pytest.mark.parametrize("fields", [{}, {trailer.EPHEMERAL: True}, {trailer.PADDING: b"x", 9: 1}, {trailer.PADDING: 1}])
def test_what_is_more_than_padding_is_left_to_a_thorough_look(fields: dict[int, Any]) -> None:
    assert trailer.without_padding(trailer.append(PING, fields)) is None
    assert trailer.without_padding(PING) is None


def test_its_layout_is_the_designed_one() -> None:
    """C1, a msgpack map, the length of the two before in two bytes, C1."""
    datagram = trailer.append(PING, {trailer.EPHEMERAL: True})
    assert datagram == PING + bytes.fromhex("c1 8102c3 0004 c1")


@pytest.mark.parametrize(
    ("end", "what"),
    [
        (b"\xc1", "the last byte alone"),
        (b"\xc1\xc1", "two last bytes"),
        (b"\x00\x01\xc1", "no beginning"),
        (b"\xc1\x80\x00\x02", "no end"),
        (b"\x80\x00\x02\xc1", "no mark at its beginning"),
        (b"\xc1\x80\x00\x01\xc1", "a length too small"),
        (b"\xc1\x80\x00\x03\xc1", "a length too large"),
        (b"\xc1\x80\xff\xff\xc1", "a length beyond the datagram"),
        (b"\xc1\x80\x00\x00\xc1", "no length"),
        (frame(b""), "nothing in it"),
        (frame(b"\x05"), "a number in it"),
        (frame(b"\x90"), "an array in it"),
        (frame(b"\x81\x01"), "a map cut off"),
        (frame(b"\x80\x80"), "two maps"),
        (frame(b"\x81\xa1a\x01"), "a map with text as key"),
        (frame(b"\x81\xc3\x01"), "a map with true as key"),
        (frame(b"\x81\x90\x01"), "a map with an array as key"),
        (frame(b"\xdf\xff\xff\xff\xff"), "a map of four billion"),
        (frame(b"\xde\x00\x11" + b"".join(bytes([n, 0]) for n in range(17))), "17 hints"),
    ],
)
def test_what_only_looks_like_a_trailer_is_none(end: bytes, what: str) -> None:
    """The whole is the datagram then: no request, so it is dropped and counted, and nothing worse."""
    assert trailer.split(PING + end) == (PING + end, None)
    node = World(1).add()
    assert node.protocol.receive(PING + end, ("192.0.2.1", 8468), 0.0) is None
    assert node.protocol.stats().malformed == 1


def test_a_hint_of_3000_nested_arrays_is_passed_over_or_no_trailer_at_all() -> None:
    """How deep msgspec goes depends on Python's release; neither outcome raises, and none reads the hint."""
    deep = frame(b"\x81\x05" + b"\x91" * 3000 + b"\x00")
    assert trailer.split(PING + deep) in ((PING, {}), (PING + deep, None))


@pytest.mark.parametrize(
    ("fields", "known"),
    [
        ({trailer.NODE_ID: 5}, {}),
        ({trailer.NODE_ID: "text"}, {}),
        ({trailer.NODE_ID: [b"i" * 20]}, {}),
        ({trailer.EPHEMERAL: 1}, {}),
        ({trailer.EPHEMERAL: None, trailer.NODE_ID: ID}, {trailer.NODE_ID: ID}),
        ({trailer.PADDING: {"a": [1]}}, {}),
        ({}, {}),
    ],
)
def test_a_hint_of_the_wrong_type_was_not_given(fields: dict[int, Any], known: dict[int, Any]) -> None:
    """The others are; and the request itself is answered."""
    datagram = trailer.append(PING, fields)
    assert trailer.split(datagram) == (PING, known)
    node = World(1).add(ID)
    reply = node.protocol.receive(datagram, ("192.0.2.1", 8468), 0.0)
    answered = (RESPONSE + message_id(1) + rpcudp.encode(ID), {trailer.NODE_ID: ID})
    assert reply is None or trailer.split(reply) == answered  # None: it waits until the stranger proved its address
    assert node.protocol.stats().requests == 1


@given(st.binary(max_size=400))
def test_garbage_at_the_end_never_raises(end: bytes) -> None:
    """Whoever listens on UDP gets other people's datagrams."""
    for datagram in (end, PING + end, PING + frame(end), frame(end)):
        body, fields = trailer.split(datagram)
        assert body == datagram or fields is not None


@given(st.binary(max_size=60), hints)
def test_a_body_that_ends_like_a_trailer_is_understood(beginning: bytes, fields: dict[int, Any]) -> None:
    """A stored value may be anything. What would be left of such a body does not decode, so it is taken as a whole."""
    value = trailer.append(beginning, fields)
    world = World(1)
    node = world.add(ID)
    store = request("store", OTHER, KEY, value)
    assert trailer.split(store)[1] is not None
    stranger = Stranger(world, ("192.0.2.1", 8468), honest(OTHER))
    stranger.send(store, node)
    world.run(1)
    assert node.protocol.storage.get(KEY) == value
    assert stranger.answers[message_id(1)] is True


@given(st.binary(max_size=60), hints)
def test_an_answer_that_ends_like_a_trailer_is_understood(beginning: bytes, fields: dict[int, Any]) -> None:
    """The same on the way back: the value found is the value stored."""
    value = trailer.append(beginning, fields)
    world = World(1)
    node = world.add(ID)

    def manner(datagram: bytes) -> list[bytes]:
        result = {"ping": OTHER, "find_value": {"value": value}}[asked_for(datagram)[0]]
        return [RESPONSE + datagram[1:21] + rpcudp.encode(result)]

    stranger = Stranger(world, ("192.0.2.1", 8468), manner)
    world.finish(node.protocol.call_ping(Node(OTHER, *stranger.address)))
    assert knows(node, stranger.address)
    assert world.finish(node.protocol.fetch(KEY)) == value


def test_old_askers_get_no_trailer() -> None:
    """They would not mind, but an answer has a trailer only where the request had one."""
    node = World(1).add(ID)
    plain = node.protocol.receive(PING, ("192.0.2.1", 8468), 0.0)
    assert plain == RESPONSE + message_id(1) + rpcudp.encode(ID)
    padded = node.protocol.receive(trailer.append(PING, {trailer.PADDING: bytes(50)}), ("192.0.2.2", 8468), 0.0)
    assert padded is not None
    bare, hints = trailer.split(padded)
    assert bare == plain
    assert hints is not None
    assert hints.pop(trailer.NODE_ID) == ID
    assert hints.keys() <= {trailer.PING}


def test_an_ephemeral_node_that_an_old_one_tells_of_is_no_contact() -> None:
    """Old nodes see no trailer: they keep a visitor, and tell our nodes of it, who ask it."""
    world = World(1)
    node, visitor = world.add(ID), world.add(OTHER)
    visitor.protocol.ephemeral = True
    results: dict[str, object] = {"ping": KEY, "find_node": [tuple(visitor.node)], "store": True}
    old = Stranger(world, ("10.9.0.1", 8468), lambda datagram: [answer(datagram, results[asked_for(datagram)[0]])])
    world.finish(node.protocol.join([old.address]))
    world.run(30)
    assert visitor.protocol.stats().requests
    assert not knows(node, visitor.address)


def test_an_ephemeral_node_is_verified_but_no_contact() -> None:
    """A command's node will be gone in a moment; it may ask and store all the same."""
    world = World(1)
    node, visitor = world.add(ID), world.add(OTHER)
    visitor.protocol.ephemeral = True
    world.finish(visitor.protocol.join([node.address]))
    assert world.finish(visitor.protocol.publish(KEY, "kept")) is True
    world.run(60)
    assert node.protocol.storage.get(KEY) == "kept"
    assert knows(visitor, node.address)
    assert not knows(node, visitor.address)


def test_a_first_request_pays_for_its_answer_and_for_the_ping_that_proves_its_address() -> None:
    """So two of our nodes know each other after one exchange, and nothing is held."""
    world = World(1)
    alice, bob = world.add(), world.add()
    world.finish(alice.protocol.call_ping(bob.node))
    world.run(1)
    assert knows(alice, bob.address)
    assert knows(bob, alice.address)
    assert bob.protocol.stats().held == 0


# -- lives -----------------------------------------------------------------------------------------------------------

lives = st.one_of(st.just(life.QUESTION), st.binary(min_size=life.BYTES, max_size=life.BYTES))
datagrams = st.one_of(st.integers(22, 1300).map(bytes), st.binary(min_size=22, max_size=80))


@given(datagrams, lives)
def test_a_lifes_trailer_is_what_encoding_it_would_give(datagram: bytes, told: bytes) -> None:
    """It is put together from parts, and taken apart, without a map in between."""
    of_life = trailer.of_life(told)
    assert of_life == trailer.framed({trailer.LIFE: told})
    assert len(of_life) == (trailer.LIFE_BYTES if told else len(trailer.QUESTION))
    assert trailer.life_alone(datagram + of_life) == told
    assert trailer.split(datagram + of_life) == (datagram, {trailer.LIFE: told})


@given(datagrams, lives, st.tuples(st.integers(0, 25), st.integers(0, 255)))
def test_nothing_else_is_taken_for_a_life(datagram: bytes, told: bytes, changed: tuple[int, int]) -> None:
    """Whatever the quick look takes for one, the thorough one finds in it too."""
    altered = bytearray(datagram + trailer.of_life(told))
    place, byte = changed
    altered[-1 - place % len(altered)] = byte
    found = trailer.life_alone(bytes(altered))
    if found is not None:
        assert trailer.split(bytes(altered))[1] == {trailer.LIFE: found}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {trailer.LIFE: bytes(15)},
        {trailer.LIFE: bytes(17)},
        {trailer.LIFE: True},
        {trailer.LIFE: [b""]},
        {trailer.LIFE: "life" * 4},
        {trailer.EPHEMERAL: True, trailer.LIFE: b""},
        {trailer.PADDING: b"", trailer.LIFE: bytes(16)},
        {9: 1, trailer.LIFE: b""},
    ],
)
def test_what_is_more_or_less_than_a_life_is_left_to_a_thorough_look(fields: dict[int, Any]) -> None:
    assert trailer.life_alone(trailer.append(PING, fields)) is None
    assert trailer.life_alone(PING) is None


@given(datagrams, st.booleans(), st.none() | lives, st.sampled_from([0, 128, 300, 400, 1200]) | st.integers(0, 1300))
def test_an_introduction_is_never_larger_than_it_has_to_be(
    datagram: bytes, ephemeral: bool, told: bytes | None, size: int
) -> None:
    """What passes through every network in one piece is a bound, not a hint; and less would not pay for the answer."""
    introduced = trailer.introduction(datagram, ephemeral, size, told)
    least = len(trailer.introduction(datagram, ephemeral, 0, told))
    assert len(introduced) <= max(size, least)
    assert len(introduced) >= size - 4
    body, fields = trailer.split(introduced)
    assert body == datagram
    said = ({trailer.EPHEMERAL: True} if ephemeral else {}) | ({trailer.LIFE: told} if told is not None else {})
    assert fields == said


@given(st.binary(min_size=20, max_size=20), st.sampled_from([0, 128, 400, 1200]))
def test_a_search_that_introduces_itself_is_read_as_one_that_does_not(key: bytes, size: int) -> None:
    """The quick way sees the very bytes that a node sends to whom it knows."""
    search = request("find_value", OTHER, key)
    introduced = trailer.introduction(search, False, size, life.QUESTION)
    assert trailer.without_padding(introduced) == search + trailer.of_life(life.QUESTION) == search + trailer.QUESTION


@pytest.mark.parametrize("told", [bytes(16), b"\xff" * 16, trailer.QUESTION + bytes(8)])
def test_a_store_that_introduces_itself_is_left_to_a_thorough_look(told: bytes) -> None:
    """It has to wait for the proof of its sender's address in any case."""
    assert trailer.without_padding(trailer.introduction(PING, False, 128, told)) is None


def test_a_question_in_front_of_the_padding_is_left_to_a_thorough_look() -> None:
    """Of two trailers only the last is one: to the thorough look the rest is malformed, so it must not be answered."""
    assert trailer.without_padding(trailer.append(PING + trailer.QUESTION, {trailer.PADDING: bytes(99)})) is None


@pytest.mark.parametrize("size", [22, 50, 78, 120, 128, 4000, 8213])
def test_an_introduction_is_padded_to_its_size_and_never_cut(size: int) -> None:
    """Longer requests only get the frame; 8 kB and a trailer are still one datagram."""
    datagram = REQUEST + message_id(1) + b"\x00" * (size - 21)
    for ephemeral in (False, True):
        introduced = trailer.introduction(datagram, ephemeral, 128)
        assert 128 - 4 <= max(len(introduced), 128) <= max(128, size + 16)
        body, fields = trailer.split(introduced)
        assert body == datagram
        assert fields == ({trailer.EPHEMERAL: True} if ephemeral else {})
