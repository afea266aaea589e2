"""A node introduces itself again to whom has forgotten it, so that a hop takes one round trip and not two."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from kademlia.engine import limits
from kademlia.engine.records import NEVER
from kademlia.node import Address, Node
from kademlia.sim import Resident, World
from kademlia.sim.trace import SENT
from kademlia.sim.walks import observe
from kademlia.utils import digest
from kademlia.wire import rpcudp, trailer

#: One way, in seconds.
LATENCY_S = 0.05

#: After so many seconds nobody has the address of anybody verified for having answered.
LONG_S = limits.VERIFIED_S + 1

KEY = digest("key")


@contextmanager
def overheard(one: Resident, other: Resident) -> Iterator[list[bytes]]:
    """Give what two nodes send each other from now on."""
    said: list[bytes] = []
    pair = {one.address, other.address}

    def heard(what: bytes, datagram: bytes, source: Address, target: Address) -> None:
        if what == SENT and {source, target} == pair:
            said.append(datagram)

    one.world.listeners.append(heard)
    yield said
    one.world.listeners.remove(heard)


def asked_about(one: Resident, other: Resident, key: bytes = KEY) -> list[bytes]:
    """Let a node ask another for the nodes closest to a key; return what they said to each other."""
    with overheard(one, other) as said:
        happened, contacts = one.world.finish(one.protocol.call_find_node(other.node, Node(key)))
        one.world.run(1)
    assert happened
    assert contacts
    return said


def padded(datagram: bytes) -> bool:
    """Return whether a datagram is a request that introduces its sender."""
    return datagram[0] == rpcudp.REQUEST and trailer.without_padding(datagram) is not None


def forgetful(size: int, ksize: int, b: int | None = None) -> tuple[World, list[Resident]]:
    """Return a network in which nobody talked to anybody for long, and nobody does anything unasked."""
    world = World(1, latency=LATENCY_S)
    residents = world.filled(size, ksize=ksize, b=b)
    for resident in residents:
        resident.protocol.probing.stop()
        resident.protocol.upkeep.stop()
    world.run(LONG_S)
    return world, residents


@pytest.fixture
def pair() -> tuple[World, Resident, Resident]:
    """Return a world and two of its nodes: the first has the second in its table, which has no room for the first.

    So it is between most nodes of a large network.
    """
    world, residents = forgetful(400, ksize=8)
    alice = residents[0]
    for contact in alice.protocol.router.contacts():
        bob = world.residents[contact.address]
        if bob.protocol.router.is_new_node(alice.node) and not bob.protocol.router.has_room(alice.node.long_id):
            return world, alice, bob
    raise AssertionError("in a table of so many contacts some are not mutual")


def test_each_hop_takes_one_round_trip() -> None:
    """Before, every hop to a node not talked to for ten minutes took two: 390 ms to a holder instead of 243."""
    world, residents = forgetful(1000, ksize=4, b=1)
    hops = set()
    for number in range(40):
        walk = world.finish(observe(residents[number], Node(digest(number))))
        hops.add(walk.first_holder_hops)
        assert walk.first_holder_s == pytest.approx(walk.first_holder_hops * 2 * LATENCY_S)
    assert max(hops) > 2


def test_who_has_forgotten_us_answers_at_once_what_we_ask(pair: tuple[World, Resident, Resident]) -> None:
    """The request pays for its answer; without that it is held until our address has proved itself once more."""
    world, alice, bob = pair
    started = world.now
    request, answer = asked_about(alice, bob)
    assert padded(request)
    assert len(answer) <= len(request) <= limits.FIRST_REQUEST_BYTES_MAX
    assert bob.protocol.counts.held == 0
    assert alice.protocol.records.of(bob.address).heard_at == pytest.approx(started + 2 * LATENCY_S)


def test_nobody_introduces_itself_to_whom_asked_it_something_of_late(pair: tuple[World, Resident, Resident]) -> None:
    """Our answer proved our address there; a kilobyte would be for nothing."""
    world, alice, bob = pair
    world.finish(bob.protocol.call_ping(alice.node))
    world.run(limits.KNOWN_THERE_S - 10)
    request, answer = asked_about(alice, bob)
    assert not padded(request)
    assert len(answer) > 2 * len(request)
    world.run(20)
    assert padded(asked_about(alice, bob)[0])


def test_the_ping_that_an_answer_carries_counts_as_being_asked() -> None:
    """Who answers it is known there, so the next request needs no padding."""
    world = World(3, latency=LATENCY_S)
    alice, bob, carol = world.add(), world.add(), world.add()
    world.finish(bob.protocol.join([carol.address]))
    world.run(LONG_S)
    first, *_ = asked_about(alice, bob)
    assert padded(first)
    assert alice.protocol.records.of(bob.address).asked_us_at > NEVER
    assert not padded(asked_about(alice, bob)[0])


def test_pings_and_stores_to_a_contact_carry_no_padding(pair: tuple[World, Resident, Resident]) -> None:
    """The answer to a ping fits any credit, and a store has to wait for its proof however large it is."""
    world, alice, bob = pair
    with overheard(alice, bob) as said:
        assert world.finish(alice.protocol.call_ping(bob.node))[0]
        assert world.finish(alice.protocol.call_store(bob.node, KEY, "value")) == (True, True)
    assert not any(map(padded, said))


def test_introducing_itself_to_whom_answered_before_takes_no_place_of_strangers(
    pair: tuple[World, Resident, Resident],
) -> None:
    """Those are few, for a liar could have us send kilobytes to anybody; a node that answered is no victim."""
    world, alice, _ = pair
    contacts = alice.protocol.router.contacts()
    assert len(contacts) > limits.FULLY_PADDED_MAX
    for contact in contacts:
        request, answer = asked_about(alice, world.residents[contact.address])
        assert len(answer) <= len(request)


def test_a_verified_address_that_introduces_itself_needs_no_credit_and_keeps_what_it_has(
    pair: tuple[World, Resident, Resident],
) -> None:
    """It cannot know that it is known here; it is answered the straight way all the same, and told who we are."""
    world, alice, bob = pair
    assert world.finish(bob.protocol.call_ping(alice.node))[0]
    record = bob.protocol.records.of(alice.address)
    assert record.verified(world.now)
    credit = record.credit
    body = rpcudp.request(KEY, rpcudp.call("find_node", alice.node.id, KEY))
    introduced = trailer.introduction(body, False, limits.FIRST_REQUEST_BYTES_MAX)
    plain = bob.protocol.receive(body, alice.address, world.now)
    reply = bob.protocol.receive(introduced, alice.address, world.now)
    assert plain is not None
    assert reply == plain + trailer.of_answer(bob.node.id, None)
    assert record.credit == credit
    assert bob.protocol.take_outbox() == []


def test_a_verified_address_may_introduce_itself_and_store() -> None:
    """Only requests that change nothing are answered the straight way; this one must not get lost for that."""
    world = World(4)
    alice, bob, _ = world.network(3)
    world.run(1)
    body = rpcudp.request(KEY, rpcudp.call("store", alice.node.id, KEY, "value"))
    introduced = trailer.introduction(body, False, limits.FIRST_REQUEST_BYTES)
    assert bob.protocol.receive(introduced, alice.address, world.now) is not None
    assert bob.protocol.storage.get(KEY) == "value"
