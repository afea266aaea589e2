"""Peers that answer nonsense: each costs its own answer, and the operation succeeds through the honest ones.

On the published releases one such answer ends the program's `get` with a KeyError, a TypeError or an AttributeError
(compatibility notes, 5.2, number 4).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle

import pytest
from tests.hostile.strangers import RESPONSE, Stranger, answer, asked_for, encode, knows, request

from kademlia.engine import limits
from kademlia.sim import Resident, World
from kademlia.utils import digest

KEY = digest("a key")

#: What an evil node says to find_node and find_value, by its own address, its id and the asker's: the answer's body.
Lie = Callable[[Stranger, bytes], bytes]


def near(key: bytes, number: int) -> bytes:
    """Return an id as near to a key as nobody else's."""
    return key[:-2] + (int.from_bytes(key[-2:], "big") ^ number + 1).to_bytes(2, "big")


def contacts(*entries: list[object]) -> bytes:
    """Return the body of an answer that tells these contacts."""
    return encode(list(entries))


LIES: dict[str, Lie] = {
    "nothing at all": lambda evil, asker: b"",
    "bytes that are no msgpack": lambda evil, asker: b"\xc1\xff\x00",
    "text that is no UTF-8": lambda evil, asker: b"\xa2\xff\xfe",
    "a body cut off": lambda evil, asker: b"\x94\xc4\x14abc",
    "an array of four billion": lambda evil, asker: b"\xdd\xff\xff\xff\xff",
    "an empty map": lambda evil, asker: encode({}),
    "a map without value": lambda evil, asker: encode({"v": 1}),
    "a map of numbers": lambda evil, asker: encode({1: 2}),
    "a value that is a list": lambda evil, asker: encode({"value": [1]}),
    "a value that is a map": lambda evil, asker: encode({"value": {"value": 1}}),
    "a value that is nil": lambda evil, asker: encode({"value": None}),
    "a value that is an extension": lambda evil, asker: b"\x81\xa5value\xd4\x05\x01",
    "a value that is a time stamp": lambda evil, asker: b"\x81\xa5value\xd6\xff\x00\x00\x00\x00",
    "a number": lambda evil, asker: encode(7),
    "a float": lambda evil, asker: encode(1.5),
    "text": lambda evil, asker: encode("abc"),
    "bytes": lambda evil, asker: encode(b"abc"),
    "nil": lambda evil, asker: encode(None),
    "true": lambda evil, asker: encode(True),
    "a list of numbers": lambda evil, asker: encode([1, 2, 3]),
    "a list of text": lambda evil, asker: encode(["abc", "def"]),
    "an id that is text": lambda evil, asker: contacts(["k" * 20, *evil.address]),
    "a short id": lambda evil, asker: contacts([b"k", *evil.address]),
    "an id of 40 bytes": lambda evil, asker: contacts([b"k" * 40, *evil.address]),
    "an id alone": lambda evil, asker: contacts([KEY]),
    "port 0": lambda evil, asker: contacts([near(KEY, 99), "192.0.2.99", 0]),
    "port 70000": lambda evil, asker: contacts([near(KEY, 99), "192.0.2.99", 70_000]),
    "a port that is text": lambda evil, asker: contacts([near(KEY, 99), "192.0.2.99", "8468"]),
    "a multicast address": lambda evil, asker: contacts([near(KEY, 99), "224.0.0.1", 8468]),
    "everybody's address": lambda evil, asker: contacts([near(KEY, 99), "255.255.255.255", 8468]),
    "no address": lambda evil, asker: contacts([near(KEY, 99), "0.0.0.0", 8468]),
    "a host name": lambda evil, asker: contacts([near(KEY, 99), "localhost", 8468]),
    "the asker's own id": lambda evil, asker: contacts([asker, "192.0.2.99", 8468]),
    "the key as somebody's id": lambda evil, asker: contacts([KEY, "192.0.2.99", 8468]),
    "itself": lambda evil, asker: contacts([near(KEY, 0), *evil.address]),
    "somebody who is not there": lambda evil, asker: contacts([near(KEY, 99), "192.0.2.99", 8468]),
    "3000 nested arrays": lambda evil, asker: b"\x91" * 3000 + b"\x00",
    "100 nested arrays": lambda evil, asker: b"\x91" * 100 + b"\x00",
    "3000 nested maps": lambda evil, asker: b"\x81\x00" * 3000 + b"\x00",
    "60000 numbers": lambda evil, asker: encode([7] * 60_000),
    "20000 empty lists": lambda evil, asker: encode([[]] * 20_000),
    "a list with 60 kB of text in it": lambda evil, asker: contacts([near(KEY, 99), "1" * 60_000, 8468]),
    "1500 times itself": lambda evil, asker: contacts(*[[near(KEY, 0), *evil.address]] * 1500),
    "bytes behind the body": lambda evil, asker: encode([]) + b"\x00",
    "a trailer with another's id": lambda evil, asker: encode([]) + b"\xc1\x81\x01\xc4\x14" + asker + b"\x00\x19\xc1",
}


@dataclass
class Crowd:
    """An honest network with evil nodes in everybody's table, nearer to the key than anybody."""

    world: World
    honest: list[Resident]
    evil: list[Stranger]


def crowd(lie: Lie, evil_nodes: int, ksize: int = 4, size: int = 12) -> Crowd:
    """Return one; until it is asked about keys and nodes an evil node behaves."""
    world = World(1)
    honest = world.network(size, ksize=ksize)
    evil = [evil_node(world, number, lie) for number in range(evil_nodes)]
    for stranger in evil:
        for number, resident in enumerate(honest):
            stranger.send(request("store", near(KEY, evil.index(stranger)), digest(number), 1), resident)
    world.run(10)
    return Crowd(world, honest, evil)


def evil_node(world: World, number: int, lie: Lie) -> Stranger:
    """Let an evil node live here."""

    def manner(datagram: bytes) -> list[bytes]:
        method, arguments = asked_for(datagram)
        bodies = {"ping": encode(near(KEY, number)), "store": encode(False)}
        return [RESPONSE + datagram[1:21] + bodies.get(method, lie(stranger, arguments[0]))]

    stranger = Stranger(world, (f"192.0.{number + 2}.1", 8468), manner)
    return stranger


@pytest.mark.parametrize("name", LIES)
def test_set_and_get_succeed_through_the_honest_nodes(name: str) -> None:
    """Three of the four nodes nearest to the key answer nonsense to whatever is asked about it."""
    stage = crowd(LIES[name], 3)
    world, honest = stage.world, stage.honest
    assert all(knows(resident, evil.address) for resident in honest for evil in stage.evil)
    assert world.finish(honest[0].protocol.publish(KEY, "true"), within=10) is True
    for resident in honest:
        assert world.finish(resident.protocol.fetch(KEY), within=10) == "true"
    assert world.finish(honest[1].protocol.fetch(digest("nobody's key")), within=10) is None
    assert all(resident.protocol.stats().internal_errors == 0 for resident in honest)
    assert all(resident.protocol.stats().replies for resident in honest)


@pytest.mark.parametrize("name", LIES)
def test_a_newcomer_joins_through_an_honest_node(name: str) -> None:
    """The evil one is asked first, answers the ping, and then nonsense."""
    stage = crowd(LIES[name], 1)
    world, honest = stage.world, stage.honest
    newcomer = world.add(KEY, ksize=4)  # the evil one is its nearest neighbour
    found = world.finish(newcomer.protocol.join([stage.evil[0].address, honest[0].address]), within=10)
    assert {resident.node.id for resident in honest} & {node.id for node in found}
    world.run(30)
    assert knows(newcomer, honest[0].address)
    assert knows(honest[0], newcomer.address)


@pytest.mark.parametrize(
    "pong",
    [b"", b"\xc1", encode({}), encode(7), encode("i" * 20), encode(b"i"), encode(b"i" * 21), encode([b"i" * 20])],
)
def test_whoever_answers_a_ping_with_nonsense_is_no_contact(pong: bytes) -> None:
    """Bootstrapping from it and from an honest node finds the honest one, and the log says what was wrong."""
    world = World(2)
    honest, newcomer = world.add(), world.add()
    evil = Stranger(world, ("192.0.2.1", 8468), lambda datagram: [RESPONSE + datagram[1:21] + pong])
    found = world.finish(newcomer.protocol.join([evil.address, honest.address]), within=10)
    assert [node.id for node in found] == [honest.node.id]
    assert world.finish(newcomer.protocol.join([evil.address]), within=10) == []
    assert any("192.0.2.1:8468" in report for report in newcomer.reports)
    assert not knows(newcomer, evil.address)


@pytest.mark.parametrize("accepted", [b"", b"\xc1", encode(False), encode(None), encode(1), encode("yes"), encode({})])
def test_a_store_counts_only_where_it_was_accepted(accepted: bytes) -> None:
    """2.2.3 says True even when every store was refused or timed out."""
    world = World(3)
    node = world.add()
    bodies = {"ping": encode(near(KEY, 0)), "find_node": encode([]), "store": accepted}

    def manner(datagram: bytes) -> list[bytes]:
        return [RESPONSE + datagram[1:21] + bodies[asked_for(datagram)[0]]]

    evil = Stranger(world, ("192.0.2.1", 8468), manner)
    world.finish(node.protocol.join([evil.address]))
    assert world.finish(node.protocol.publish(KEY, 1), within=10) is False


def test_an_answer_that_came_already_may_come_again() -> None:
    """Duplicates, and answers to the first sending after the second, are counted as unmatched."""
    world = World(4)
    node = world.add()
    stutterer = Stranger(world, ("192.0.2.1", 8468), lambda datagram: [answer(datagram, near(KEY, 0))] * 5)
    world.finish(node.protocol.join([stutterer.address]))
    world.run(10)
    assert node.protocol.stats().unmatched == 4 * node.protocol.stats().replies
    assert node.protocol.stats().internal_errors == 0


@pytest.mark.parametrize("ids", [20, 64])
def test_one_address_told_under_many_ids_is_not_flooded(ids: int) -> None:
    """Two nodes cannot live at one address. Otherwise a liar's one answer has a victim asked dozens of times, twice."""
    victim_address = ("198.51.100.1", 8468)
    world = World(5)
    node = world.add()
    body = contacts(*[[near(KEY, 100 + number), *victim_address] for number in range(ids)])
    liar = evil_node(world, 0, lambda evil, asker: body)
    victim = Stranger(world, victim_address)
    world.finish(node.protocol.join([liar.address]))
    world.run(30)  # the repetitions of joining
    victim.got.clear()
    world.finish(node.protocol.fetch(KEY))
    world.run(30)
    assert len(victim.got) <= 4


def test_a_liar_does_not_have_large_requests_sent_to_who_never_asked_for_them() -> None:
    """First requests are padded, so that strangers can answer at once. Silent strangers soon get small ones only."""
    world = World(5)
    node = world.add()
    net = [(f"198.51.100.{number}", 8468) for number in range(200)]
    dead = {address: Stranger(world, address) for address in net}
    told = cycle(net)

    def lie(evil: Stranger, asker: bytes) -> bytes:
        return contacts(*[[near(KEY, number), *next(told)] for number in range(20)])

    liars = [evil_node(world, number, lie) for number in range(10)]
    world.finish(node.protocol.join([liar.address for liar in liars]))
    for number in range(100):
        world.finish(node.protocol.fetch(digest(number)))
        world.run(20)
    got = [datagram for stranger in dead.values() for datagram in stranger.got]
    large = [datagram for datagram in got if len(datagram) > limits.FIRST_REQUEST_BYTES]
    assert len(got) > 500
    assert len(large) <= 2 * (limits.FULLY_PADDED_MAX + len(liars))  # each is sent once more when it is late


@pytest.mark.parametrize(
    ("ksize", "liars", "told"),
    [
        (4, 1, 4),
        (4, 1, 20),
        (20, 1, 64),
        (20, 3, 64),
        (4, 1, 64),
        (20, 4, 64),
    ],
)
def test_dead_nodes_told_by_liars_do_not_hide_a_value(ksize: int, liars: int, told: int) -> None:
    """They are nearer to the key than all others; some are asked in vain, then the honest ones have their turn."""

    def lie(evil: Stranger, asker: bytes) -> bytes:
        net = evil.address[0].rpartition(".")[2]
        dead = [[near(KEY, 1000 * int(net) + number), f"198.51.{net}.{number}", 8468] for number in range(told)]
        return contacts(*dead)

    stage = crowd(lie, liars, ksize, 40)
    world, honest = stage.world, stage.honest
    assert world.finish(honest[0].protocol.publish(KEY, "true")) is True
    for resident in honest:
        assert world.finish(resident.protocol.fetch(KEY)) == "true"
