"""Who is asked whether it is still there, how soon, and how often: few are told of the dead, at a small price."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest

from kademlia.engine import limits
from kademlia.node import Address, Node
from kademlia.sim import Resident, World
from kademlia.sim.trace import SENT
from kademlia.utils import digest
from kademlia.wire import rpcudp

#: How a ping's body begins.
PING = rpcudp.call("ping", bytes(20))[:6]


class Pings:
    """Counts whom a node pings."""

    def __init__(self, resident: Resident) -> None:
        self.of: Counter[Address] = Counter()
        self._own = resident.address
        resident.world.listeners.append(self._heard)

    def _heard(self, what: bytes, datagram: bytes, source: Address, target: Address) -> None:
        if what == SENT and source == self._own and datagram.startswith(PING, rpcudp.HEADER_BYTES):
            self.of[target] += 1


def quiet(residents: Iterable[Resident]) -> None:
    """Have some nodes do nothing unasked."""
    for resident in residents:
        resident.protocol.probing.stop()
        resident.protocol.upkeep.stop()


def alone(seed: int, size: int = 400) -> tuple[World, Resident, list[Resident]]:
    """Return a world, a node that probes and does nothing else unasked, and all its contacts, who only answer."""
    world = World(seed)
    alice, *others = world.filled(size, ksize=8)
    quiet(others)
    alice.protocol.upkeep.stop()
    return world, alice, [world.residents[node.address] for node in alice.protocol.router.contacts()]


def neighbours(alice: Resident) -> set[Address]:
    """Return where the k nodes closest to a node live."""
    return {node.address for node in alice.world.closest(alice.node, 8, besides=alice.node)}


def has(one: Resident, others: Iterable[Resident]) -> list[Resident]:
    """Return who of some nodes is in the table of one."""
    return [other for other in others if not one.protocol.router.is_new_node(other.node)]


# -- who, and when -----------------------------------------------------------------------------------------------------


def test_a_silent_contact_is_asked_and_a_busy_one_never() -> None:
    """Whoever talks to us lives; asking would be for nothing."""
    world = World(1)
    alice, bob, carol = world.network(3)
    quiet([bob, carol])
    world.run(1)
    pings = Pings(alice)
    for _ in range(360):
        world.finish(bob.protocol.call_ping(alice.node))
        world.run(10)
    assert bob.address not in pings.of
    assert pings.of[carol.address] > 3600 / limits.PROBE_SILENCE_MAX_S


def test_neighbours_are_asked_sooner() -> None:
    """They are told of most: by them others learn who keeps a value."""
    world, alice, contacts = alone(2)
    world.run(3600)
    pings = Pings(alice)
    world.run(3 * 3600)
    near = neighbours(alice)
    far = [contact.address for contact in contacts if contact.address not in near]
    often = sum(pings.of[address] for address in near) / len(near)
    seldom = sum(pings.of[address] for address in far) / len(far)
    assert 0.5 < often / seldom * limits.PROBE_NEIGHBOURS_SOONER < 1.5


def test_an_ephemeral_node_asks_nobody() -> None:
    """It is gone in a moment, and nobody is told anything by it."""
    world, alice, _ = alone(3)
    alice.protocol.ephemeral = True
    alice.protocol.probing.stop()
    alice.protocol.probing.start(world.now)
    pings = Pings(alice)
    world.run(3600)
    assert not pings.of


def test_a_node_that_stopped_asks_nobody() -> None:
    """`stop` leaves no timer behind."""
    world, alice, _ = alone(3)
    alice.protocol.stop()
    pings = Pings(alice)
    world.run(3600)
    assert not pings.of
    assert alice.protocol.deadline() is None


# -- how often ---------------------------------------------------------------------------------------------------------


def test_in_a_calm_network_the_allowed_silence_grows_to_its_maximum() -> None:
    """Then a contact costs a ping in twenty minutes."""
    world, alice, contacts = alone(4)
    world.run(3600)
    assert alice.protocol.probing.silence_s == limits.PROBE_SILENCE_MAX_S
    pings = Pings(alice)
    world.run(2 * limits.PROBE_SILENCE_MAX_S)
    assert len(contacts) < pings.of.total() < 3 * len(contacts)
    assert alice.protocol.stats().failing == 0


def test_where_many_die_the_allowed_silence_shrinks_until_few_of_those_asked_are_dead() -> None:
    """Nobody has to know beforehand how long nodes stay."""
    world, alice, contacts = alone(5)
    world.run(3600)
    for contact in contacts[::2]:
        contact.die()
    world.run(1200)
    assert alice.protocol.probing.silence_s < limits.PROBE_SILENCE_MAX_S / 4
    world.run(3 * 3600)
    assert has(alice, contacts) == contacts[1::2]
    assert alice.protocol.probing.silence_s == limits.PROBE_SILENCE_MAX_S


def test_a_table_full_of_the_dead_takes_no_more_probes_than_the_budget() -> None:
    """Half a ping a second for a table of this size, whatever happens: 75 bytes a second at most."""
    world, alice, _ = alone(6)
    pings = Pings(alice)
    for _ in range(6):
        alice.protocol.probing.silence_s = limits.PROBE_SILENCE_MIN_S  # as after one death after the other
        before = pings.of.total()
        world.run(100)
        assert 0 < pings.of.total() - before <= 100 * limits.PROBES_PER_S * 1.2  # steps are jittered
    assert pings.of.total() <= 600 * limits.PROBES_PER_S


def test_a_large_table_is_asked_within_the_longest_silence_too() -> None:
    """Half a ping a second does not reach 600 contacts in 15 minutes: 5 % of them were dead under IPFS's churn."""
    world = World(15)
    alice, *others = world.filled(1000, ksize=20, b=5)
    quiet(others)
    alice.protocol.upkeep.stop()
    contacts = alice.protocol.router.contacts()
    assert len(contacts) > limits.PROBES_PER_S * limits.PROBE_SILENCE_MAX_S
    pings = Pings(alice)
    world.run(3600 + 1.25 * limits.PROBE_SILENCE_MAX_S)
    heard = [alice.protocol.records.of(node.address).heard_at for node in contacts]
    assert world.now - min(heard) < 1.25 * limits.PROBE_SILENCE_MAX_S
    assert pings.of.total() < 1.5 * world.now * len(contacts) / limits.PROBE_SILENCE_MAX_S


def test_our_own_link_being_down_does_not_change_the_allowed_silence() -> None:
    """Whoever pulls a cable for a minute learns nothing about the others."""
    world, alice, contacts = alone(7)
    world.run(3600)
    alice.connected = False
    world.run(600)
    assert alice.protocol.contacts.link.down
    assert alice.protocol.probing.silence_s == limits.PROBE_SILENCE_MAX_S
    alice.connected = True
    world.finish(alice.protocol.call_ping(contacts[0].node))
    world.run(1800)
    assert alice.protocol.probing.silence_s == limits.PROBE_SILENCE_MAX_S
    assert has(alice, contacts) == contacts


def test_who_died_while_our_link_was_down_is_found_out_afterwards() -> None:
    """Its silence was forgiven, for it was ours; but then it has to be asked again."""
    world, alice, contacts = alone(8)
    world.run(3600)
    alice.connected = False
    world.run(600)
    records = alice.protocol.records
    forgiven = [one for one in contacts if records.of(one.address).lapse and not records.of(one.address).strikes]
    assert len(forgiven) >= limits.TIMEOUTS_UNTIL_LINK_DOWN
    for contact in forgiven:
        contact.die()
    alice.connected = True
    world.finish(alice.protocol.call_ping(next(one for one in contacts if one.alive).node))
    world.run(2 * 3600)
    assert not has(alice, forgiven)
    assert all(has(alice, [contact]) for contact in contacts if contact.alive)


# -- doubts ------------------------------------------------------------------------------------------------------------


def test_whom_there_is_no_time_to_ask_is_told_to_nobody_until_it_is_heard() -> None:
    """Under churn that the budget cannot follow, most of those who were silent for long are dead."""
    world, alice, contacts = alone(9)
    protocol = alice.protocol
    world.run(2 * limits.PROBE_SILENCE_MAX_S)
    assert protocol.stats().failing == 0
    protocol.probing.silence_s = limits.PROBE_SILENCE_MIN_S  # as after one death after the other
    world.run(2 * limits.PROBE_STEP_MAX_S)
    doubted = protocol.contacts.failing
    assert len(doubted) > len(contacts) / 4
    told = {node.id for one in contacts for node in protocol.contacts.to_tell(one.node, None)}
    assert told
    assert told.isdisjoint(doubted)
    world.run(1800)
    assert protocol.stats().failing == 0
    assert has(alice, contacts) == contacts


def test_where_few_die_nobody_is_doubted_however_many_there_are_to_ask() -> None:
    """A node that starts with a large table of an earlier life has no reason to think ill of it."""
    world, alice, contacts = alone(13)
    pings = Pings(alice)
    for _ in range(30):
        world.run(60)
        assert alice.protocol.stats().failing == 0
        if world.now <= 180:
            assert len(pings.of) < len(contacts)  # there is no time to ask them all so soon


def test_a_doubt_is_no_strike_and_a_word_ends_it() -> None:
    """It left nothing unanswered: it neither rests nor comes nearer to being given up."""
    world, alice, (bob, *_) = alone(10)
    contacts, record = alice.protocol.contacts, alice.protocol.records.of(bob.address)
    beside_bob = Node((bob.node.long_id ^ 1).to_bytes(20, "big"))

    def told() -> bool:
        return bob.address in [node.address for node in contacts.to_tell(beside_bob, None)]

    assert told()
    contacts.doubt(record)
    assert not told()
    assert not contacts.resting(bob.node, world.now)
    assert record.strikes == 0
    assert world.finish(bob.protocol.call_ping(alice.node))[0]
    assert told()
    assert record.lapse is None


# -- the lost ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bereft() -> tuple[World, Resident, list[Resident]]:
    """Return a world, a node that has given up half of its contacts, and those."""
    world, alice, contacts = alone(11)
    gone = contacts[::2]
    for contact in gone:
        contact.die()
    world.run(4 * 3600)
    return world, alice, gone


def test_of_those_given_up_the_latest_are_remembered(bereft: tuple[World, Resident, list[Resident]]) -> None:
    """Enough to find a lost half of the network by; a bound, as for everything."""
    _, alice, gone = bereft
    assert len(gone) > limits.LOST_MAX
    assert not has(alice, gone)
    lost = alice.protocol.contacts.lost
    assert len(lost) == limits.LOST_MAX
    assert set(lost) <= {resident.node.id for resident in gone}


def test_the_lost_are_asked_in_turn_one_a_minute(bereft: tuple[World, Resident, list[Resident]]) -> None:
    """Together they cost as little as one contact that is busy."""
    world, alice, _ = bereft
    pings = Pings(alice)
    addresses = {node.address for node in alice.protocol.contacts.lost.values()}
    world.run(limits.LOST_MAX * limits.LOST_ASKED_EVERY_S)
    asked = [pings.of[address] for address in addresses]
    assert 0.5 * limits.LOST_MAX < sum(asked) < 2.5 * limits.LOST_MAX  # each is sent twice where nobody answers
    assert max(asked) <= 4


def test_the_lost_teach_nothing_about_how_long_contacts_live(bereft: tuple[World, Resident, list[Resident]]) -> None:
    """They are known to be dead."""
    _, alice, _ = bereft
    assert alice.protocol.probing.silence_s == limits.PROBE_SILENCE_MAX_S


def test_a_lost_contact_that_shows_up_by_itself_is_a_contact_again_and_lost_no_more() -> None:
    """Back from the other side of a cut, or after a night without power."""
    world = World(12)
    alice, bob, _ = world.network(3)
    bob.connected = False
    world.run(3600)
    assert list(alice.protocol.contacts.lost) == [bob.node.id]
    bob.connected = True
    world.finish(bob.protocol.lookup(Node(digest("anything")), [alice.node]))
    world.run(1)
    assert has(alice, [bob]) == [bob]
    assert not alice.protocol.contacts.lost
