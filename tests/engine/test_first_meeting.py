"""How two nodes meet: the first request pays for its answer, and the answer carries the ping that proves the asker."""

from __future__ import annotations

from typing import Any

import pytest
from tests.engine.test_contacts_in_simulation import knows
from tests.hostile.strangers import REQUEST, RESPONSE, Stranger, asked_for

from kademlia.engine import limits
from kademlia.node import Address, Node
from kademlia.protocol import KademliaProtocol
from kademlia.sim import Resident, World
from kademlia.utils import digest
from kademlia.wire import rpcudp, trailer

KEY = digest("key")


class Listening(World):
    """A world that keeps every datagram."""

    def __init__(self) -> None:
        super().__init__(1)
        self.datagrams: list[tuple[bytes, Address, Address]] = []

    def carry(self, datagram: bytes, source: Address, target: Address) -> None:
        """Keep it, and bring it on its way."""
        self.datagrams.append((datagram, source, target))
        super().carry(datagram, source, target)

    def between(self, one: Resident, other: Resident) -> list[bytes]:
        """Return what two nodes said to each other."""
        pair = {one.address, other.address}
        return [datagram for datagram, source, target in self.datagrams if {source, target} == pair]


def settled(ksize: int = 20) -> tuple[Listening, list[Resident]]:
    """Return a network in which everybody has met, and then one node more that nobody knows."""
    world = Listening()
    residents = world.network(25, ksize=ksize)
    world.run(5)
    world.datagrams.clear()
    return world, [*residents, world.add(ksize=ksize)]


def test_two_nodes_have_met_after_three_datagrams() -> None:
    """The request with padding, the answer with a ping, and the answer to that. A ping of its own would be two more."""
    world, residents = settled()
    old, new = residents[0], residents[-1]
    answered = world.finish(new.protocol.call_find_node(old.node, Node(KEY)))
    assert answered[0] is True
    assert len(answered[1]) == 20
    world.run(1)
    first, answer, proof = world.between(old, new)
    assert (first[0], answer[0], proof[0]) == (rpcudp.REQUEST, rpcudp.RESPONSE, rpcudp.RESPONSE)
    assert len(answer) <= len(first) <= limits.FIRST_REQUEST_BYTES_MAX
    assert knows(old, new)
    assert knows(new, old)
    assert old.protocol.counts.held == 0


def test_a_stranger_whose_bucket_has_no_room_is_not_asked_who_it_is() -> None:
    """Nobody would need to know."""
    world, residents = settled(ksize=1)
    old, new = residents[0], residents[-1]
    own = old.node.long_id
    for depth in range(160):  # the bucket of the farthest level is full: there is no room for a second one in it
        low = own ^ 1 << 159 - depth
        stranger = Node((low ^ 1).to_bytes(20, "big"))
        if not old.protocol.router.has_room(stranger.long_id):
            break
    reply = old.protocol.receive(
        trailer.introduction(
            rpcudp.request(KEY, rpcudp.call("find_node", stranger.id, KEY)), False, limits.FIRST_REQUEST_BYTES_MAX
        ),
        new.address,
        world.now,
    )
    assert reply is not None
    assert trailer.split(reply)[1] == {trailer.NODE_ID: old.node.id}


def test_an_old_node_is_pinged_by_a_datagram_of_its_own() -> None:
    """It never looks at trailers."""
    world, residents = settled()
    old = residents[0]
    asker = Stranger(world, ("192.0.2.1", 8468))
    asker.send(rpcudp.request(KEY, rpcudp.call("find_node", digest("old"), KEY)), old)
    world.run(0.1)
    assert [asked_for(datagram)[0] for datagram in asker.got if datagram[:1] == REQUEST] == ["ping"]


class Refusing(KademliaProtocol):
    """A program's own protocol that answers pings in its own way."""

    def rpc_ping(self, sender: Address, nodeid: bytes) -> Any:
        self.pinged = (sender, nodeid)
        return b"no id"


class Calling(KademliaProtocol):
    """A program's own protocol that pings in its own way."""

    def call_ping(self, node_to_ask: Node) -> Any:
        return super().call_ping(node_to_ask)


def test_an_overridden_rpc_ping_answers_the_ping_that_came_along() -> None:
    world, residents = settled()
    old = residents[0]
    new = world.add(protocol_class=Refusing)
    world.finish(new.protocol.call_find_node(old.node, Node(KEY)))
    world.run(1)
    assert new.protocol.pinged == (old.address, old.node.id)  # type: ignore[attr-defined]
    assert not knows(old, new)


def test_an_overridden_call_ping_is_called() -> None:
    world, residents = settled()
    new = residents[-1]
    program = world.add(protocol_class=Calling)
    world.finish(new.protocol.call_find_node(program.node, Node(KEY)))
    world.run(1)
    assert len(world.between(program, new)) == 4
    assert knows(program, new)


@pytest.mark.parametrize(
    "hints",
    [
        {trailer.PING: b"p" * 20},
        {trailer.NODE_ID: digest("one"), trailer.PING: b"p" * 19},
        {trailer.NODE_ID: digest("one"), trailer.PING: b"p" * 21},
        {trailer.NODE_ID: b"short", trailer.PING: b"p" * 20},
    ],
)
def test_a_ping_without_its_senders_id_or_with_a_wrong_one_of_its_own_is_none(hints: trailer.Trailer) -> None:
    """A ping has the id of who asks, and a message id of 20 bytes; anything else would get no answer by itself."""
    world = Listening()
    node = world.add()
    sly = Stranger(
        world,
        ("192.0.2.1", 8468),
        lambda asked: [trailer.append(rpcudp.response(asked[1:21], rpcudp.encode([])), hints)] if asked[0] == 0 else [],
    )
    world.finish(node.protocol.call_find_node(Node(digest("one"), *sly.address), Node(KEY)))
    world.run(1)
    assert [datagram for datagram in sly.got if datagram[:1] == RESPONSE] == []


def test_a_ping_with_an_answer_to_nothing_is_not_answered() -> None:
    """Or a forged sender could have us send to whom it likes."""
    world = Listening()
    node = world.add()
    liar = Stranger(world, ("192.0.2.1", 8468))
    answer = rpcudp.response(b"m" * 20, rpcudp.encode([]))
    liar.send(trailer.append(answer, {trailer.NODE_ID: digest("one"), trailer.PING: b"p" * 20}), node)
    world.run(1)
    assert liar.got == []
    assert node.protocol.counts.unmatched == 1


def test_with_all_places_for_strangers_pings_taken_an_answer_carries_none() -> None:
    """The places are few, so that a flood of strangers leaves room for requests of our own."""
    world, residents = settled()
    old = residents[0]
    got = 0
    for number in range(limits.STRANGERS_PINGED_MAX + 10):
        address = (f"192.0.2.{number % 250}", 1000 + number)
        request = rpcudp.request(KEY, rpcudp.call("find_node", digest(number), KEY))
        reply = old.protocol.receive(
            trailer.introduction(request, False, limits.FIRST_REQUEST_BYTES_MAX), address, world.now
        )
        assert reply is not None
        got += trailer.PING in (trailer.split(reply)[1] or {})
    assert got == limits.STRANGERS_PINGED_MAX
    assert old.protocol.calls.in_flight == limits.STRANGERS_PINGED_MAX
    old.wake()
    world.run(2 * limits.HARD_TIMEOUT_S)
    assert old.protocol.calls.in_flight == 0
