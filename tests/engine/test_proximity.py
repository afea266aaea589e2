"""Whom a lookup asks first: a price made of round trips that were measured and of the distance that is left."""

from __future__ import annotations

from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kademlia.engine.proximity import USUAL_START_MS, Proximity
from kademlia.engine.records import Records
from kademlia.node import Address, Node
from kademlia.sim import Coordinates, Resident, World
from kademlia.sim.trace import SENT
from kademlia.sim.walks import Walk, observe
from kademlia.utils import digest

#: A node of a network of 500, whose table says how near the k closest nodes live.
ALICE = World(1).filled(500, ksize=8)[0]

#: So many bits has the distance to the farthest of them.
RADIUS_BITS = ALICE.world.closest(ALICE.node, 8, besides=ALICE.node)[-1].distance_to(ALICE.node).bit_length()


class Map:
    """What alice knows of some nodes: their round trips, in milliseconds; 0 for unknown."""

    def __init__(self, *trips_ms: int) -> None:
        self.records = Records()
        self.proximity = Proximity(ALICE.protocol.router, self.records)
        self.nodes = []
        for number, trip_ms in enumerate(trips_ms):
            node = Node(digest(number), f"192.0.2.{number}", 4000)
            self.nodes.append(node)
            if trip_ms:
                self.records.of(node.address).trip_ms = trip_ms

    def prices(self, *bits: int) -> list[float]:
        """Return what it costs to go on by each of the nodes, at distances of so many bits."""
        return [self.proximity.price(1 << size - 1, node) for size, node in zip(bits, self.nodes, strict=True)]


# -- the price ---------------------------------------------------------------------------------------------------------


@given(st.integers(1, 160), st.integers(1, 160), st.integers(1, 2000), st.integers(1, 2000))
def test_nobody_who_is_slower_and_farther_is_ever_preferred(bits: int, other_bits: int, trip: int, other: int) -> None:
    """Whatever is traded against each other, there must be something in it for the lookup."""
    near, far = sorted((bits, other_bits))
    quick, slow = sorted((trip, other))
    cheap, dear = Map(quick, slow).prices(near, far)
    assert cheap <= dear
    if quick < slow:
        assert cheap < dear


def test_of_two_at_the_same_distance_the_quick_one_is_cheaper() -> None:
    """Rule R16."""
    quick, slow = Map(20, 300).prices(150, 150)
    assert quick < slow


def test_a_quick_node_may_be_some_bits_farther_but_not_many() -> None:
    """A hop takes the usual round trip and brings log2 k + 1.33 bits and more; what is saved must not cost a hop."""
    near, quick_and_farther, quick_and_far = Map(100, 10, 10).prices(150, 152, 160)
    assert quick_and_farther < near < quick_and_far


def test_who_was_never_measured_counts_as_usual() -> None:
    """Neither shunned, or only old acquaintances would be asked, nor preferred to one that is known to be quick."""
    quick, unknown, slow = Map(int(USUAL_START_MS) - 30, 0, int(USUAL_START_MS) + 30).prices(150, 150, 150)
    assert quick < unknown < slow


def test_what_is_usual_follows_what_is_measured() -> None:
    """In a data centre 100 ms is an age, over a satellite it is nothing."""
    here = Map(0)
    for _ in range(300):
        here.proximity.measured(0.004)
    assert here.proximity.usual_ms == pytest.approx(4.0, rel=0.01)
    (price,) = here.prices(RADIUS_BITS)
    assert price == here.proximity.usual_ms


def test_as_near_as_the_k_closest_only_time_counts() -> None:
    """All of them are asked in the end, so it does not matter who is nearest."""
    quick, slow = Map(20, 30).prices(RADIUS_BITS, 1)
    assert (quick, slow) == (20, 30)


# -- in a network ------------------------------------------------------------------------------------------------------


def first_asked(aware: bool) -> tuple[list[Node], list[Address], Node]:
    """Let a node look up an id, its contacts being the slower the nearer they are; return them and whom it asked."""
    world = World(2)
    alice = world.filled(500, ksize=8, b=1)[0]
    alice.protocol.latency_aware = aware
    own = alice.node.long_id
    target = Node((own ^ (1 << 159)).to_bytes(20, "big"))  # its bucket's range is that of half of all
    contacts = alice.protocol.contacts.to_ask(target)
    for trip_ms, contact in zip(range(900, 0, -100), contacts, strict=False):
        alice.protocol.records.of(contact.address).trip_ms = trip_ms
    asked: list[Address] = []

    def heard(what: bytes, _datagram: bytes, source: Address, to: Address) -> None:
        if what == SENT and source == alice.address:
            asked.append(to)

    world.listeners.append(heard)
    alice.protocol.lookup(target)
    return contacts, asked, target


def test_without_awareness_of_latency_the_nearest_are_asked_first() -> None:
    """`latency_aware = False` is the paper's plain lookup, to compare with."""
    contacts, asked, _ = first_asked(aware=False)
    assert asked == [contact.address for contact in contacts[:3]]


def test_of_contacts_about_as_near_the_quickest_are_asked_first() -> None:
    """Alpha at a time, and no more of them than without it."""
    contacts, asked, target = first_asked(aware=True)
    assert len(asked) == 3
    bits = [contact.distance_to(target).bit_length() for contact in contacts]
    assert bits[-1] - bits[0] <= 4  # about a hop at most
    assert contacts[-1].address in asked
    assert contacts[0].address not in asked


def test_round_trips_are_learnt_from_every_answer() -> None:
    """Nobody is pinged for it."""
    world = World(3, latency=0.03)
    alice, bob, _ = world.network(3)
    world.run(1)
    assert 60 <= alice.protocol.records.of(bob.address).trip_ms <= 61
    before = abs(alice.protocol.proximity.usual_ms - 60)
    assert before < USUAL_START_MS - 60
    for _ in range(30):
        world.finish(alice.protocol.call_ping(bob.node))
    assert abs(alice.protocol.proximity.usual_ms - 60) < before


@pytest.fixture(scope="module")
def askers() -> list[Resident]:
    """Return some nodes of a network on a map of near and far places, whose probes have measured their contacts."""
    world = World(4, latency=Coordinates(4))
    residents = world.filled(1500, ksize=20, b=1)
    for resident in residents[5:]:
        resident.protocol.probing.stop()
        resident.protocol.upkeep.stop()
    world.run(600)
    return residents[:5]


def walks(askers: list[Resident], *, aware: bool) -> list[Walk]:
    """Have some nodes look up the same ids, with awareness of latency or without."""
    walks = []
    for asker in askers:
        asker.protocol.latency_aware = aware
        walks += [asker.world.finish(observe(asker, Node(digest(number)))) for number in range(20)]
    return walks


def test_a_lookup_reaches_a_holder_sooner_and_finds_the_same(askers: list[Resident]) -> None:
    """What all of it is for; quick answers must not cost the k closest, nor many more requests."""
    plain, aware = walks(askers, aware=False), walks(askers, aware=True)

    def first_holder_s(some: list[Walk]) -> float:
        return median(walk.first_holder_s or 0.0 for walk in some)

    assert first_holder_s(aware) < 0.75 * first_holder_s(plain)
    assert all(walk.exact for walk in [*plain, *aware])
    assert sum(walk.requests for walk in aware) < 1.2 * sum(walk.requests for walk in plain)
