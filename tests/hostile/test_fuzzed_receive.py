"""Fuzz: nothing that arrives raises, and nothing that anybody sends makes a node grow beyond its limits."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hostile.datagrams import DATAGRAMS_OF_ALL_KINDS, ID, KEY
from tests.hostile.strangers import (
    REQUEST,
    RESPONSE,
    Stranger,
    Watched,
    encode,
    honest,
    message_id,
    request,
    stored,
)

from kademlia.engine import limits
from kademlia.node import ID_BYTES, Address, Node
from kademlia.protocol import KademliaProtocol
from kademlia.sim import Resident, World
from kademlia.wire import rpcudp, trailer

ids = st.one_of(st.just(ID), st.just(KEY), st.binary(min_size=20, max_size=20), st.binary(max_size=40))
plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(),
    st.text(max_size=30),
    st.binary(max_size=300),
    ids,
)
anything = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=8)
        | st.dictionaries(st.one_of(st.text(max_size=5), st.integers(-5, 5), st.just("value")), inner, max_size=4)
    ),
    max_leaves=20,
)
names = st.one_of(
    st.sampled_from(["ping", "stun", "store", "find_node", "find_value"]),
    st.sampled_from([b"ping", b"store", b"\xff", "", "rpc_ping", "dump"]),
    st.text(max_size=20),
)
hints = st.dictionaries(st.integers(-2, 6), anything, max_size=4)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """Draw a request that may be a good one."""
    arguments = draw(st.one_of(st.lists(ids, max_size=3), st.lists(anything, max_size=5), st.just([ID, KEY, 1])))
    datagram = REQUEST + draw(st.binary(min_size=20, max_size=20)) + encode([draw(names), arguments])
    return trailer.append(datagram, draw(hints)) if draw(st.booleans()) else datagram


@st.composite
def mutated(draw: st.DrawFn, originals: st.SearchStrategy[bytes]) -> bytes:
    """Draw a datagram with a byte changed, a piece cut out, doubled, or put in."""
    data = bytearray(draw(originals))
    for _ in range(draw(st.integers(1, 4))):
        start, end = sorted((draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))))
        match draw(st.integers(0, 3)):
            case 0 if start < len(data):
                data[start] = draw(st.integers(0, 255))
            case 1:
                del data[start:end]
            case 2:
                data[start:start] = data[start:end][:2000]
            case _:
                data[start:start] = draw(st.binary(max_size=10))
    return bytes(data)


datagrams = st.one_of(
    st.binary(max_size=200),
    requests(),
    st.sampled_from(DATAGRAMS_OF_ALL_KINDS),
    mutated(requests()),
    mutated(st.sampled_from(DATAGRAMS_OF_ALL_KINDS)),
    st.builds(lambda head, body: head + body, st.sampled_from([REQUEST, RESPONSE]), st.binary(max_size=100)),
    st.builds(lambda body: REQUEST + ID + encode(body), anything),
)


@dataclass
class Scene:
    """A node with contacts, values and calls under way, and three who send it things: two silent ones, one honest."""

    world: Watched
    node: Resident
    senders: list[Stranger]


def scene() -> Scene:
    """Return a new one."""
    world = Watched(1)
    node, *others = world.network(6, ksize=4)
    node.protocol.keep(KEY, "v" * 8000)
    senders = [Stranger(world, (f"192.0.2.{number}", 8468)) for number in (1, 2, 3)]
    senders[2].manner = lambda datagram: [RESPONSE + datagram[1:21] + encode(ID)]
    for other in others:
        node.protocol.call_find_node(other.node, Node(KEY))
    node.protocol.call_ping(Node(ID, *senders[2].address))
    return Scene(world, node, senders)


def check(node: Resident) -> None:
    """Hold the node to its limits, and to having made no mistake."""
    stats = node.protocol.stats()
    assert stats.internal_errors == 0
    assert stats.records <= limits.RECORDS_MAX
    assert stats.holding <= limits.HELD_MAX
    assert stats.in_flight <= limits.REQUESTS_IN_FLIGHT_MAX
    assert all(record.credit >= 0 for record in node.protocol.records)
    assert all(len(key) == ID_BYTES and type(value) in rpcudp.VALUE_TYPES for key, value in stored(node))


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(0, 2), datagrams, st.floats(0, 2)), max_size=20))
def test_no_sequence_of_datagrams_raises_or_breaks_a_limit(events: list[tuple[int, bytes, float]]) -> None:
    """In a simulation a fault of our own raises, and `Watched` holds the node to return routability throughout."""
    stage = scene()
    for sender, datagram, pause in events:
        stage.senders[sender].send(datagram, stage.node)
        stage.world.run(pause)
        check(stage.node)
    stage.world.run(700)
    check(stage.node)


@pytest.mark.slow
@given(st.lists(st.one_of(anything, st.binary(max_size=100)), min_size=1, max_size=8), st.data())
def test_no_answer_of_a_peer_that_was_asked_raises(results: list[object], data: st.DataObject) -> None:
    """With the right message id, from the right address: whatever it says, all operations end."""
    world = World(2)
    node = world.add(ksize=4)
    left = list(results)

    def manner(datagram: bytes) -> list[bytes]:
        result = left.pop() if left else ID
        body = result if isinstance(result, bytes) and data.draw(st.booleans()) else encode(result)
        reply = RESPONSE + datagram[1:21] + body
        return [trailer.append(reply, data.draw(hints)) if data.draw(st.booleans()) else reply]

    peer = Stranger(world, ("192.0.2.1", 8468), manner)
    world.finish(node.protocol.join([peer.address]))
    known = Node(ID, *peer.address)
    for call in (
        node.protocol.call_ping(known),
        node.protocol.call_find_node(known, Node(KEY)),
        node.protocol.call_find_value(known, Node(KEY)),
        node.protocol.call_store(known, KEY, 1),
        node.protocol.fetch(KEY),
        node.protocol.publish(KEY, 1),
        node.protocol.lookup(Node(KEY)),
    ):
        world.finish(call)
    check(node)


def test_what_is_held_for_strangers_is_bounded() -> None:
    """In number and in bytes; the oldest give way."""
    node = World(3).add()
    large = request("store", ID, KEY, b"v" * 8000)
    most = limits.HELD_BYTES_MAX // len(large)
    for number in range(3000):
        address = (f"198.51.{number >> 8}.{number & 255}", 8468)
        assert node.protocol.receive(large, address, 0.0) is None
        assert node.protocol.stats().holding <= most
    assert node.protocol.stats().held_dropped == 3000 - most
    for number in range(2 * limits.HELD_MAX):
        address = (f"203.0.{number >> 8}.{number & 255}", 8468)
        node.protocol.receive(request("store", ID, KEY, 1), address, 0.0)
    assert node.protocol.stats().holding == limits.HELD_MAX
    assert stored(node) == []


def test_what_is_held_for_one_stranger_is_bounded() -> None:
    """One address cannot crowd out what is held for the others."""
    world = World(4)
    node = world.add()
    stranger = Stranger(world, ("192.0.2.1", 8468), honest(ID))
    for number in range(200):
        stranger.send(request("store", ID, number.to_bytes(20, "big"), number, number=number), node)
    world.run(5)
    assert len(stored(node)) == limits.HELD_PER_ADDRESS_MAX
    assert stranger.answers == {message_id(number): True for number in range(limits.HELD_PER_ADDRESS_MAX)}
    assert node.protocol.stats().held_dropped == 200 - limits.HELD_PER_ADDRESS_MAX


class Boastful(KademliaProtocol):
    """A program's own protocol, whose answer fits into no datagram."""

    def rpc_boast(self, sender: Address) -> bytes:
        return bytes(limits.HELD_BYTES_MAX + 1)


def test_what_is_too_large_to_be_held_leaves_nothing_behind() -> None:
    """Otherwise each forged address that asks for it costs a list, and no pong ever frees it."""
    node = World(7).add(protocol_class=Boastful)
    for number in range(100):
        node.protocol.receive(request("boast"), (f"198.51.100.{number}", 8468), 0.0)
    held = node.protocol.answering.held
    assert len(held) == 0
    assert not any(held.waits_for((f"198.51.100.{number}", 8468)) for number in range(100))


@pytest.mark.parametrize("name", ["ping", "find_node", "store"])
def test_a_flood_from_ever_new_addresses_is_remembered_only_so_far(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses cost a forger nothing: records, pings under way and what waits for them must have an end."""
    monkeypatch.setattr(limits, "RECORDS_MAX", 2000)
    node = World(5).add()
    arguments = {"ping": (), "find_node": (KEY,), "store": (KEY, 1)}[name]
    for number in range(6000):
        address = (f"198.51.{number >> 8}.{number & 255}", 8468)
        datagram = request(name, number.to_bytes(20, "big"), *arguments, number=number)
        node.protocol.receive(datagram, address, number / 1000)
        if number % 100 == 0:
            node.protocol.tick(number / 1000)
            check(node)
    assert node.protocol.stats().queued <= limits.REQUESTS_IN_FLIGHT_MAX


def test_a_flood_has_nobody_forgotten_who_proved_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever stores values without being a contact would have to prove its address again and again."""
    monkeypatch.setattr(limits, "RECORDS_MAX", 200)
    protocol = World(5).add().protocol
    proved = [(f"203.0.113.{number}", 8468) for number in range(50)]
    for address in proved:
        protocol.contacts.answered(protocol.records.of(address), None, None, 0.0)
    for number in range(5000):
        protocol.receive(request("ping", ID, number=number), (f"198.51.{number >> 8}.{number & 255}", 8468), 1.0)
    assert all(protocol.records.of(address).verified(1.0) for address in proved)


def test_an_own_request_does_not_wait_behind_the_pings_of_a_flood() -> None:
    """Somebody who sends a node 3,000 forged requests must not be able to stop its lookups."""
    world = World(6)
    alice, bob = world.network(2)
    for number in range(3000):
        address = (f"198.51.{number >> 8}.{number & 255}", 8468)
        alice.protocol.receive(request("store", number.to_bytes(20, "big"), KEY, 1), address, world.now)
    alice.wake()
    assert world.finish(alice.protocol.call_ping(bob.node), within=2.0) == (True, bob.node.id)
