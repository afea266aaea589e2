"""What a trailer may say of a life: anything; what is none was not said, and nobody gains more than a life."""

from __future__ import annotations

from typing import Any

import pytest
from tests.hostile.strangers import RESPONSE, Stranger, answer, asked_for, encode, honest, message_id, request, stored
from tests.properties.twin_engines import Twins, said

from kademlia.engine import limits
from kademlia.node import Node
from kademlia.sim import Resident, World
from kademlia.wire import life, trailer

ID, KEY, HELD = b"i" * 20, b"k" * 20, b"h" * 20
ADDRESS = ("192.0.2.1", 8468)


def frame(fields: bytes) -> bytes:
    """Return a trailer around bytes that need not be a map."""
    return b"\xc1" + fields + (len(fields) + 1).to_bytes(2, "big") + b"\xc1"


#: What is no life; a store with it is one of an old node's, and a search with it asks for no life.
MALFORMED: dict[str, bytes] = {
    "one byte": trailer.framed({trailer.LIFE: b"x"}),
    "12 bytes": trailer.framed({trailer.LIFE: bytes(12)}),
    "15 bytes": trailer.framed({trailer.LIFE: bytes(15)}),
    "17 bytes": trailer.framed({trailer.LIFE: bytes(17)}),
    "a kilobyte": trailer.framed({trailer.LIFE: bytes(1000)}),
    "16 characters": trailer.framed({trailer.LIFE: "l" * 16}),
    "no characters": trailer.framed({trailer.LIFE: ""}),
    "a number": trailer.framed({trailer.LIFE: 2**63}),
    "nil": trailer.framed({trailer.LIFE: None}),
    "true": trailer.framed({trailer.LIFE: True}),
    "a life in an array": trailer.framed({trailer.LIFE: [bytes(16)]}),
    "a life in a map": trailer.framed({trailer.LIFE: {b"life": bytes(16)}}),
    "the question in an array": trailer.framed({trailer.LIFE: [b""]}),
    "100 nested arrays": frame(b"\x81\x05" + b"\x91" * 100 + b"\x00"),
    "3000 nested arrays": frame(b"\x81\x05" + b"\x91" * 3000 + b"\x00"),
    "3000 nested maps": frame(b"\x81\x05" + b"\x81\x00" * 3000 + b"\x00"),
    "an extension": frame(b"\x81\x05\xc7\x10\x01" + bytes(16)),
    "under another number": trailer.framed({6: bytes(16)}),
    "under text": frame(b"\x81\xa15\xc4\x10" + bytes(16)),
    "cut off": frame(b"\x81\x05\xc4\x10" + bytes(15)),
    "too long by a byte": frame(b"\x81\x05\xc4\x10" + bytes(17)),
    "with a length of its own": b"\xc1\x81\x05\xc4\x10" + bytes(16) + b"\x00\x16\xc1",
    "four gigabytes": frame(b"\x81\x05\xc6\xff\xff\xff\xff"),
}


def twins() -> Twins:
    """Return twins with a value that lives for a minute, asked by an address that proved itself."""
    asked = Twins(4, 5)
    asked.answered(ADDRESS, None)
    for protocol in asked.all:
        protocol.keeping.put(HELD, "held", protocol.keeping.new_life(60.0))
    return asked


def understood(end: bytes) -> bool:
    """Return whether this is a trailer at all: else the whole is no request."""
    return trailer.split(request("ping", ID) + end)[1] is not None


@pytest.mark.parametrize("name", MALFORMED)
def test_a_store_with_it_is_one_without(name: str) -> None:
    """It is an update made now, and lives as long as one of an old node; or the whole is no request."""
    asked, end = twins(), MALFORMED[name]
    reply = asked.ask(request("store", ID, KEY, "value") + end, ADDRESS)
    keeping = asked.quick.keeping
    if not understood(end):
        assert reply is None
        assert keeping.get(KEY) is None
        assert asked.quick.stats().malformed == 1
        return
    assert reply is not None
    assert said(reply) is True
    assert keeping.get(KEY) == "value"
    assert keeping.life_of(KEY).ends_at == asked.now + limits.LIFE_S
    before = keeping.life_of(HELD)
    asked.ask(request("store", ID, HELD, "held") + end, ADDRESS)
    assert keeping.life_of(HELD) == before


@pytest.mark.parametrize("name", [*MALFORMED, "a life"])
def test_a_search_with_it_does_not_ask_for_the_life(name: str) -> None:
    """Only no bytes at all ask: a life told with a search says nothing."""
    asked, end = twins(), MALFORMED.get(name, trailer.of_life(bytes(16)))
    reply = asked.ask(request("find_value", ID, HELD) + end, ADDRESS)
    assert (reply is not None) is understood(end)
    if reply is not None:
        assert said(reply) == {"value": "held"}


@pytest.mark.parametrize("method", ["ping", "find_node", "stun"])
@pytest.mark.parametrize("told", [life.QUESTION, bytes(16), b"\xff" * 16, bytes(15)])
def test_what_has_nothing_to_do_with_values_is_answered_as_ever(method: str, told: bytes) -> None:
    asked = twins()
    arguments = {"ping": (ID,), "find_node": (ID, KEY), "stun": ()}[method]
    with_life = asked.ask(trailer.append(request(method, *arguments), {trailer.LIFE: told}), ADDRESS)
    without = asked.ask(request(method, *arguments), ADDRESS)
    assert with_life is not None
    assert without is not None
    assert said(with_life) == said(without)
    asked.ask(request("store", ID, KEY, "value"), ADDRESS)
    assert asked.quick.keeping.life_of(KEY).ends_at == asked.now + limits.LIFE_S


def test_two_trailers_are_no_request_to_either_way() -> None:
    """What is left without the last one does not decode; the quick way must not be more lenient."""
    for first in (trailer.QUESTION, trailer.of_life(bytes(16))):
        for second in (trailer.QUESTION, trailer.framed({trailer.PADDING: bytes(300)}), trailer.framed({})):
            asked = twins()
            assert asked.ask(request("find_value", ID, HELD) + first + second, ADDRESS) is None
            assert asked.ask(request("store", ID, KEY, 1) + first + second, ADDRESS) is None
            assert asked.quick.stats().malformed == 2


def test_a_life_told_with_one_request_is_not_that_of_the_next() -> None:
    """Nor of what is held for a stranger until it has proved its address: that has its own."""
    world = World(1)
    node = world.add()
    stranger, other = Stranger(world, ADDRESS, honest(ID)), Stranger(world, ("192.0.2.2", 8468), honest(b"o" * 20))
    told = life.encode(int(world.wall * 1000), 0, 60)
    stranger.send(request("store", ID, KEY, "told", number=1) + trailer.of_life(told), node)
    world.run(1)
    assert node.protocol.keep(b"p" * 20, "a program's own")
    other.send(request("store", b"o" * 20, HELD, "not told", number=2), node)
    world.run(9)
    assert stranger.answers == {message_id(1): True}
    assert other.answers == {message_id(2): True}
    assert node.protocol.keeping.life_of(KEY).ends_at == pytest.approx(60, abs=1)
    for key in (HELD, b"p" * 20):
        assert node.protocol.keeping.life_of(key).ends_at == pytest.approx(limits.LIFE_S, abs=2)


@pytest.mark.parametrize(
    "told", [b"", bytes(12), bytes(15), 5, "life" * 4, None, [bytes(16)], {"life": 1}, b"\xff" * 16]
)
def test_a_searchs_answer_may_tell_any_life(told: Any) -> None:
    """The value is got all the same, and its copy lives for no longer than any value, with a stamp of now at most."""
    world = World(2)
    node, neighbour = world.network(2)
    liar = Stranger(world, ADDRESS)

    def manner(datagram: bytes) -> list[bytes]:
        method, _ = asked_for(datagram)
        results: dict[str, object] = {"ping": ID, "store": True, "find_node": []}
        return [answer(datagram, results.get(method, {"value": "theirs", "life": told}))]

    liar.manner = manner
    world.finish(node.protocol.call_ping(Node(ID, *liar.address)))
    world.run(1)
    assert world.finish(node.protocol.fetch(KEY)) == "theirs"
    world.run(1)
    for resident in (node, neighbour):
        assert resident.protocol.stats().internal_errors == 0
        check_bounded(resident, world)


def check_bounded(resident: Resident, world: World) -> None:
    """Hold a node to lives that anybody could have."""
    for key, _ in stored(resident):
        kept = resident.protocol.keeping.life_of(key)
        assert kept.ends_at <= world.now + limits.LIFE_MAX_S
        assert kept.stamp <= world.wall * 1000


def test_an_answer_in_bytes_that_ends_like_a_life_is_understood() -> None:
    """A value may be anything, a trailer with a life in it too."""
    world = World(3)
    node = world.add()
    value = b"value" + trailer.of_life(bytes(16))

    def manner(datagram: bytes) -> list[bytes]:
        result = {"ping": ID}.get(asked_for(datagram)[0], {"value": value})
        return [RESPONSE + datagram[1:21] + encode(result)]

    stranger = Stranger(world, ADDRESS, manner)
    world.finish(node.protocol.call_ping(Node(ID, *stranger.address)))
    assert world.finish(node.protocol.fetch(KEY)) == value
