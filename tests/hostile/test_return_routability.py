"""Return routability: nobody can aim a node at a victim, or make it store, under the victim's address.

To an address that never answered, a node never sends more bytes than came from it, its own pings included, and does
nothing lasting for it. What it asked for beyond that is held while it is pinged, and done and sent in full when the
pong comes. `Watched` checks the rule at every datagram sent; the scenes here try to break it.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hostile.strangers import (
    RESPONSE,
    Stranger,
    Watched,
    answer,
    asked_for,
    encode,
    honest,
    knows,
    message_id,
    request,
    stored,
)

from kademlia.engine.operation import Operation
from kademlia.node import Address, Node
from kademlia.protocol import KademliaProtocol
from kademlia.sim import Resident
from kademlia.wire import trailer

ID, KEY, LARGE = b"i" * 20, b"k" * 20, b"l" * 20
LARGE_VALUE = "v" * 8000


class Talkative(KademliaProtocol):
    """A program's own protocol, whose answers are large: at once, and later."""

    def rpc_tell(self, sender: Address) -> str:
        return "t" * 60_000

    def rpc_tell_later(self, sender: Address) -> Operation[str]:
        operation: Operation[str] = Operation()
        self.later.append(operation)
        return operation

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.later: list[Operation[str]] = []


#: Every kind of request, by its name and its number.
KINDS: dict[str, Callable[[int], bytes]] = {
    "ping": lambda number: request("ping", ID, number=number),
    "stun": lambda number: request("stun", number=number),
    "store": lambda number: request("store", ID, number.to_bytes(20, "big"), "stored", number=number),
    "store of 8 kB": lambda number: request("store", ID, number.to_bytes(20, "big"), LARGE_VALUE, number=number),
    "find_node": lambda number: request("find_node", ID, KEY, number=number),
    "find_value missed": lambda number: request("find_value", ID, KEY, number=number),
    "find_value hit": lambda number: request("find_value", ID, LARGE, number=number),
    "own": lambda number: request("tell", number=number),
    "own, later": lambda number: request("tell_later", number=number),
    "malformed": lambda number: request("ping", 5, number=number),
    "unknown": lambda number: request("x", ID, number=number),
    "answer": lambda number: RESPONSE + message_id(number) + encode(ID),
}


def padded(datagram: bytes, size: int) -> bytes:
    """Return a request with padding, as our own nodes send their first ones."""
    return trailer.append(datagram, {trailer.PADDING: bytes(size)})


def stage(neighbours: int = 6) -> tuple[Watched, Resident]:
    """Return a world and the node in it that is under attack: with neighbours, a large value, a talkative protocol."""
    world = Watched(1)
    node = world.add(protocol_class=Talkative)
    for resident in [world.add() for _ in range(neighbours)]:
        world.finish(resident.protocol.join([node.address]))
    world.run(60)
    node.protocol.keep(LARGE, LARGE_VALUE)
    return world, node


def own_answers(node: Resident) -> list[Operation[str]]:
    """Return the answers that the node's program has not given yet."""
    assert isinstance(node.protocol, Talkative)
    return node.protocol.later


def check_untouched(node: Resident, stranger: Stranger) -> None:
    """Hold the node to having done nothing for somebody who never answered."""
    assert [key for key, _ in stored(node)] == [LARGE]
    assert not knows(node, stranger.address)
    assert node.protocol.stats().internal_errors == 0


@pytest.mark.parametrize("padding", [None, 0, 50, 1000, 8000])
@pytest.mark.parametrize("kind", KINDS)
def test_a_source_that_never_answers_gets_no_more_bytes_than_it_sent(kind: str, padding: int | None) -> None:
    """Thousands of requests, in bursts and one by one, over an hour; the rule holds at every single datagram."""
    world, node = stage()
    victim = Stranger(world, ("192.0.2.1", 8468))
    for number in range(1500):
        datagram = KINDS[kind](number)
        victim.send(datagram if padding is None else padded(datagram, padding), node)
        if number % 50 == 0:
            world.run(0.1 if number % 100 else 100)
        for operation in own_answers(node):
            operation.finish("later " * 1000)
        own_answers(node).clear()
    world.run(60)
    assert world.traffic[node.address, victim.address] <= world.arrived_from[victim.address, node.address]
    check_untouched(node, victim)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_request_a_thousand_times_gets_no_more_either(kind: str) -> None:
    """A forger need not invent message ids."""
    world, node = stage()
    victim = Stranger(world, ("192.0.2.1", 8468))
    for _ in range(1000):
        victim.send(KINDS[kind](7), node)
        world.run(0.05)
    check_untouched(node, victim)


@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(KINDS)), st.integers(0, 5), st.integers(0, 300) | st.none(), st.floats(0, 20)),
        max_size=25,
    )
)
def test_no_mixture_of_requests_gets_more_bytes_than_it_is(events: list[tuple[str, int, int | None, float]]) -> None:
    """Leftovers of one request must not pay for another twice."""
    world, node = stage()
    victim = Stranger(world, ("192.0.2.1", 8468))
    for kind, number, padding, pause in events:
        datagram = KINDS[kind](number)
        victim.send(datagram if padding is None else padded(datagram, padding), node)
        world.run(pause)
        for operation in own_answers(node):
            operation.finish("later " * 100)
        node.wake()
    check_untouched(node, victim)


def test_many_victims_of_one_forger_are_each_protected() -> None:
    """Also when there are more of them than can be held for."""
    world, node = stage()
    victims = [Stranger(world, (f"198.51.{number >> 8}.{number & 255}", 8468)) for number in range(1000)]
    for made in KINDS.values():
        for number, victim in enumerate(victims):
            victim.send(made(number), node)
        world.run(1)
    world.run(60)
    for victim in victims:
        check_untouched(node, victim)


def test_other_ports_of_a_contact_are_strangers() -> None:
    """An address is an ip and a port: who lives behind the same router did not prove anything."""
    world, node = stage()
    contact = Stranger(world, ("192.0.2.1", 8468), honest(ID))
    contact.send(KINDS["store"](1), node)
    world.run(10)
    assert knows(node, contact.address)
    victim = Stranger(world, ("192.0.2.1", 8469))
    for number in range(100):
        victim.send(KINDS["find_value hit"](number), node)
        world.run(1)
    assert victim.got != []  # a ping, and nothing else
    assert {asked_for(datagram)[0] for datagram in victim.got} == {"ping"}
    assert knows(node, contact.address)


@pytest.mark.parametrize("pads", [False, True])
def test_whoever_answers_the_ping_gets_everything_done_and_answered_in_full(pads: bool) -> None:
    """Old callers ask once and wait five seconds: to them the round trip of a ping is all that they see of this."""
    world, node = stage(30)
    asker = Stranger(world, ("192.0.2.1", 8468), honest(ID))
    kinds = [kind for kind in KINDS if kind not in {"malformed", "unknown", "answer"}]
    for number, kind in enumerate(kinds):
        datagram = KINDS[kind](number)
        asker.send(padded(datagram, 10) if pads else datagram, node)
    world.run(0.5)
    for operation in own_answers(node):
        operation.finish("later " * 1000)
    node.wake()
    world.run(0.5)
    answers = {kinds[int.from_bytes(number, "big")]: result for number, result in asker.answers.items()}
    neighbours = answers.pop("find_node")
    assert isinstance(neighbours, list)
    assert len(neighbours) == 20
    assert sorted(neighbours) == sorted(answers.pop("find_value missed"))
    if not pads:
        answers.setdefault("stun", list(asker.address))  # dropped without credit: 28 bytes do not pay for 35
    assert answers == {
        "ping": node.protocol.source_node.id,
        "stun": list(asker.address),
        "store": True,
        "store of 8 kB": True,
        "find_value hit": {"value": LARGE_VALUE},
        "own": "t" * 60_000,
        "own, later": "later " * 1000,
    }
    values = dict(stored(node))
    assert values[(kinds.index("store")).to_bytes(20, "big")] == "stored"
    assert values[(kinds.index("store of 8 kB")).to_bytes(20, "big")] == LARGE_VALUE
    assert knows(node, asker.address)
    assert node.protocol.stats().holding == 0


@pytest.mark.parametrize("neighbours", [0, 1, 2, 3, 10])
def test_an_old_node_that_joins_by_ours_becomes_a_contact(neighbours: int) -> None:
    """It pings once and asks for its own neighbourhood once; nothing more may come for an hour."""
    world, node = stage(neighbours)
    old = Stranger(world, ("192.0.2.1", 8468), honest(ID))
    old.send(request("ping", ID, number=1), node)
    world.run(1)
    old.send(request("find_node", ID, ID, number=2), node)
    world.run(10)
    assert set(old.answers) == {message_id(1), message_id(2)}
    assert knows(node, old.address)


def test_a_store_is_answered_only_once_it_took_effect() -> None:
    """Not before the pong, and not at all without one: the caller must not count on a copy that is not there."""
    world, node = stage()
    asker = Stranger(world, ("192.0.2.1", 8468))
    asker.send(KINDS["store"](1), node)
    world.run(1)
    assert asker.answers == {}
    (ping,) = asker.got
    world.carry(answer(ping, ID), asker.address, node.address)
    world.run(1)
    assert asker.answers == {message_id(1): True}
    assert node.protocol.storage.get((1).to_bytes(20, "big")) == "stored"


def test_a_pong_that_comes_too_late_does_nothing() -> None:
    """What is held longer than a caller waits is of no use to it."""
    world, node = stage()
    asker = Stranger(world, ("192.0.2.1", 8468))
    asker.send(KINDS["store"](1), node)
    world.run(6)
    (ping,) = asker.got
    world.carry(answer(ping, ID), asker.address, node.address)
    world.run(1)
    check_untouched(node, asker)
    assert node.protocol.stats().unmatched == 1


def test_a_pong_from_another_address_is_refused() -> None:
    """The published releases take an answer from anywhere: whoever sees a message id speaks for anybody."""
    world, node = stage()
    victim = Stranger(world, ("192.0.2.1", 8468))
    accomplices = [Stranger(world, address) for address in (("192.0.2.1", 8469), ("192.0.2.2", 8468))]
    victim.send(KINDS["store"](1), node)
    world.run(1)
    (ping,) = victim.got
    for accomplice in accomplices:
        accomplice.send(answer(ping, ID), node)
    world.run(1)
    assert node.protocol.stats().unmatched == 2
    check_untouched(node, victim)


def test_a_value_from_another_address_is_refused() -> None:
    """The right message id is not enough; and the right answer, when it comes, is still taken."""
    world, node = stage()
    asked = Stranger(world, ("192.0.2.1", 8468), lambda datagram: [])
    call = node.protocol.call_find_value(Node(ID, *asked.address), Node(KEY))
    world.run(0.1)
    (query,) = asked.got
    Stranger(world, ("192.0.2.2", 8468)).send(answer(query, {"value": "forged"}), node)
    world.run(0.1)
    assert not call.done
    world.carry(answer(query, {"value": "true"}), asked.address, node.address)
    assert world.finish(call) == (True, {"value": "true"})


@pytest.mark.parametrize("guess", [0, 1, 2**160 - 1])
def test_a_guessed_pong_proves_nothing(guess: int) -> None:
    """Message ids are 160 unguessable bits."""
    world, node = stage()
    victim = Stranger(world, ("192.0.2.1", 8468))
    victim.send(KINDS["store"](1), node)
    world.run(0.1)
    for number in range(100):
        victim.send(RESPONSE + (guess ^ number).to_bytes(20, "big") + encode(ID), node)
    world.run(1)
    check_untouched(node, victim)


def test_a_proof_does_not_last_for_ever() -> None:
    """Ten minutes after the last answer an address that is no contact is a stranger again."""
    world, node = stage()
    visitor = Stranger(world, ("192.0.2.1", 8468), honest(ID))
    ephemeral = {trailer.EPHEMERAL: True}
    visitor.send(trailer.append(KINDS["find_value hit"](1), ephemeral), node)
    world.run(1)
    assert len(visitor.answers) == 1
    assert not knows(node, visitor.address)
    world.run(700)
    visitor.manner = lambda datagram: []
    visitor.got.clear()
    visitor.send(trailer.append(KINDS["find_value hit"](2), ephemeral), node)
    world.run(10)
    assert {datagram[:1] for datagram in visitor.got} == {b"\x00"}  # our ping, and nothing else


def test_what_came_while_an_address_was_proved_buys_nothing_afterwards() -> None:
    """Otherwise somebody could leave a rich address behind, and have its next owner flooded with what he saved."""
    world, node = stage()
    visitor = Stranger(world, ("192.0.2.1", 8468), honest(ID))
    ephemeral = {trailer.EPHEMERAL: True}
    for number in range(500):
        visitor.send(trailer.append(KINDS["find_value hit"](number), ephemeral), node)
        world.run(0.1)
    world.run(700)
    visitor.manner = lambda datagram: []
    visitor.got.clear()
    sent = 0
    for number in range(10):
        datagram = trailer.append(KINDS["find_value hit"](1000 + number), ephemeral)
        sent += len(datagram)
        visitor.send(datagram, node)
        world.run(1)
    assert sum(map(len, visitor.got)) <= sent
