"""Whatever arrives: what is not of this protocol is counted and dropped, and leaves no trace in table or store."""

from __future__ import annotations

from collections import Counter

import pytest
from tests.hostile.datagrams import ID, KEY, MALFORMED, STRAY, UNKNOWN
from tests.hostile.strangers import Stranger, honest, knows, message_id, request, stored

from kademlia.engine.stats import Stats
from kademlia.sim import Resident, World

COUNTERS = (
    dict.fromkeys(MALFORMED, "malformed")
    | dict.fromkeys(UNKNOWN, "unknown_methods")
    | dict.fromkeys(STRAY, "unmatched")
)
DATAGRAMS = MALFORMED | UNKNOWN | STRAY


def counted(before: Stats, after: Stats) -> dict[str, int]:
    """Return which counts rose, and by how much, those of mere arrival left out."""
    names = ("malformed", "unknown_methods", "unmatched", "requests", "answered", "held", "asked", "internal_errors")
    rises = Counter({name: getattr(after, name) - getattr(before, name) for name in names})
    return dict(+rises)


@pytest.fixture
def node() -> Resident:
    """Return a node with a neighbour and a value."""
    world = World(1)
    resident, neighbour = world.add(), world.add()
    world.finish(resident.protocol.join([neighbour.address]))
    world.run(5)
    resident.protocol.keep(KEY, "kept")
    for one in (resident, neighbour):
        one.protocol.probing.stop()  # what they ask of themselves is counted, too
    return resident


@pytest.mark.parametrize("name", DATAGRAMS)
def test_it_is_counted_and_dropped(node: Resident, name: str) -> None:
    """Nothing is raised, answered, asked, believed or stored, however honest its sender is otherwise."""
    world = node.world
    stranger = Stranger(world, ("192.0.2.1", 8468), honest(ID))
    before, kept = node.protocol.stats(), stored(node)
    stranger.send(DATAGRAMS[name], node)
    world.run(10)
    assert counted(before, node.protocol.stats()) == {COUNTERS[name]: 1}
    assert stranger.got == []
    assert not knows(node, stranger.address)
    assert stored(node) == kept


@pytest.mark.parametrize("name", DATAGRAMS)
def test_it_is_counted_and_dropped_if_a_contact_sends_it(node: Resident, name: str) -> None:
    """Whoever proved its address may still send nonsense; it stays a contact."""
    world = node.world
    contact = Stranger(world, ("192.0.2.1", 8468), honest(ID))
    contact.send(request("store", ID, b"o" * 20, 1), node)
    world.run(10)
    assert knows(node, contact.address)
    before, kept, got = node.protocol.stats(), stored(node), len(contact.got)
    contact.send(DATAGRAMS[name], node)
    world.run(10)
    assert counted(before, node.protocol.stats()) == {COUNTERS[name]: 1}
    assert len(contact.got) == got
    assert knows(node, contact.address)
    assert stored(node) == kept


def test_after_all_of_it_the_node_is_as_it_was(node: Resident) -> None:
    """The whole zoo at once, ten times over, from many addresses."""
    world = node.world
    neighbour = next(other for other in world.residents.values() if other is not node)
    for number in range(10):
        for datagram in DATAGRAMS.values():
            stranger = Stranger(world, (f"192.0.2.{number}", 8468))
            stranger.send(datagram, node)
            world.run(0.01)
    world.run(10)
    assert world.finish(neighbour.protocol.fetch(KEY)) == "kept"
    stats = node.protocol.stats()
    assert stats.malformed == 10 * len(MALFORMED)
    assert stats.unknown_methods == 10 * len(UNKNOWN)
    assert stats.unmatched == 10 * len(STRAY)
    assert stats.internal_errors == 0
    assert stats.contacts == 1


def test_who_uses_our_own_id_is_not_answered_and_not_believed(node: Resident) -> None:
    """The published releases put themselves into their own table."""
    world, own = node.world, node.protocol.source_node.id
    twin = Stranger(world, ("192.0.2.1", 8468), honest(own))
    for number, datagram in enumerate((request("ping", own), request("store", own, b"o" * 20, 1))):
        twin.send(datagram, node)
        world.run(10)
        assert node.protocol.stats().malformed == number + 1
    assert twin.got == []
    assert not knows(node, twin.address)
    assert [key for key, _ in stored(node)] == [KEY]


def test_a_twin_that_answers_with_our_own_id_is_no_contact(node: Resident) -> None:
    """It proves its address, and says that it is us: its requests are answered, and that is all."""
    world = node.world
    twin = Stranger(world, ("192.0.2.1", 8468), honest(node.protocol.source_node.id))
    twin.send(request("store", ID, b"o" * 20, 1), node)
    world.run(10)
    assert twin.answers == {message_id(1): True}
    assert not knows(node, twin.address)


def test_a_claimed_id_is_not_believed_before_its_address_says_so(node: Resident) -> None:
    """3000 spoofed pings from one address gave the published releases 715 contacts and 2288 replacements."""
    world = node.world
    liar = Stranger(world, ("192.0.2.1", 8468), honest(ID))
    for number in range(3000):
        liar.send(request("ping", world.chance.randbytes(20), number=number), node)
        world.run(0.01)
    world.run(10)
    contacts = [known for known in node.protocol.router.contacts() if known.address == liar.address]
    assert [known.id for known in contacts] in ([], [ID])
    assert node.protocol.stats().contacts <= 2
    assert node.protocol.stats().replacements == 0


def test_a_contact_cannot_be_pushed_out_by_who_claims_its_id(node: Resident) -> None:
    """An id moves to a new address only when its old one does not answer any more."""
    world = node.world
    neighbour = next(other for other in world.residents.values() if other is not node)
    impostor = Stranger(world, ("192.0.2.1", 8468), honest(neighbour.node.id))
    for number in range(20):
        impostor.send(request("store", neighbour.node.id, b"o" * 20, 1, number=number), node)
        world.run(10)
    assert knows(node, neighbour.address)
    assert not knows(node, impostor.address)
