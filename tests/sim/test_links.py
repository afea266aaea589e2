"""Every fault of the links does what it says, and no other."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, pairwise, permutations

import pytest
from tests.sim.listening import Ear, pair, reaches

from kademlia.sim import Links, World
from kademlia.sim.links import NAT_PEERS_MIN, NAT_S, OVERTAKEN_FACTOR, Nat

COUNT = 4000


def test_without_faults_everything_arrives_once_in_order_and_in_time() -> None:
    world = World(1, latency=0.05)
    alice, bob = pair(world)
    alice.count(bob, 100, every=0.01)
    assert bob.got == list(range(100))
    assert bob.times == pytest.approx([0.05 + 0.01 * number for number in range(100)])
    assert (world.stats().delivered, world.stats().dropped) == (100, 0)


@pytest.mark.parametrize("loss", [0.01, 0.1, 0.5])
def test_the_given_share_is_lost(loss: float) -> None:
    """Which arrive is drawn for each alone; what arrives does so once."""
    world = World(2, loss=loss)
    alice, bob = pair(world)
    alice.count(bob, COUNT)
    assert COUNT - len(bob.got) == pytest.approx(COUNT * loss, abs=4 * (COUNT * loss) ** 0.5)
    assert bob.got == sorted(set(bob.got))
    assert world.stats().dropped == COUNT - len(bob.got)


def test_all_is_lost_at_one_and_nothing_at_zero() -> None:
    world = World(3, loss=1.0)
    alice, bob = pair(world)
    assert not reaches(alice, bob)
    world.links.loss = 0.0
    assert reaches(alice, bob)


def test_the_given_share_arrives_twice_and_the_second_time_later() -> None:
    """An engine must take a repeated answer as none; it can only be tested where there are some."""
    world = World(4, links=Links(4, 0.05, duplication=0.25))
    alice, bob = pair(world)
    alice.count(bob, COUNT)
    times = Counter(bob.got)
    assert set(times) == set(range(COUNT))
    assert set(times.values()) == {1, 2}
    assert len(bob.got) - COUNT == pytest.approx(COUNT / 4, rel=0.1)
    assert bob.times.count(0.05) == COUNT
    assert all(0.05 <= seconds <= 0.1 for seconds in bob.times)
    assert world.stats().datagrams == COUNT


def test_the_given_share_is_overtaken_by_later_ones() -> None:
    world = World(5, links=Links(5, 0.05, reordering=0.2))
    alice, bob = pair(world)
    alice.count(bob, COUNT, every=0.001)
    assert sorted(bob.got) == list(range(COUNT))
    late = [at - 0.001 * number for number, at in zip(bob.got, bob.times, strict=True) if at > 0.0505 + 0.001 * number]
    assert len(late) == pytest.approx(COUNT / 5, rel=0.1)
    assert max(late) < 0.05 * (1 + OVERTAKEN_FACTOR)
    assert sum(one > other for one, other in pairwise(bob.got)) > COUNT / 10


def test_the_given_share_of_pairs_is_broken_both_ways_and_for_good() -> None:
    """Non-transitive pairs: on PlanetLab 4 % could not reach each other though both reached others."""
    world = World(6, links=Links(6, broken_pairs=0.1))
    ears = [Ear(world, host) for host in range(60)]
    works = {(one, other): reaches(one, other) for one, other in permutations(ears, 2)}
    assert all(works[one, other] == works[other, one] for one, other in combinations(ears, 2))
    broken = [both for both, does in works.items() if not does]
    assert len(broken) / len(works) == pytest.approx(0.1, abs=0.03)
    assert not any(reaches(one, other) for one, other in broken[:20])
    assert all(any(works[one, other] for other in ears if other is not one) for one in ears)


def test_a_cut_parts_two_groups_and_leaves_each_whole() -> None:
    world = World(7)
    alice, bob, carol, dave = (Ear(world, host) for host in range(4))
    world.links.cut([alice.address, bob.address], [carol.address])
    assert not any(reaches(*two) for two in ((alice, carol), (carol, alice), (bob, carol), (carol, bob)))
    assert all(reaches(*two) for two in ((alice, bob), (bob, alice), (alice, dave), (dave, carol), (carol, dave)))


def test_a_cut_of_one_way_leaves_the_other() -> None:
    """Whoever is heard but does not hear looks alive: the hardest fault for a failure detector."""
    world = World(8)
    alice, bob = pair(world)
    world.links.cut([alice.address], [bob.address], both_ways=False)
    assert not reaches(alice, bob)
    assert reaches(bob, alice)


def test_heal_ends_every_fault_but_nat() -> None:
    """After the faults a network must recover, and nothing may be left that keeps it from it."""
    world = World(9, links=Links(9, loss=0.5, duplication=0.5, reordering=0.5, broken_pairs=1.0))
    alice, bob, carol = (Ear(world, host) for host in range(3))
    world.links.cut([alice.address], [bob.address])
    world.links.hide(carol.address)
    assert not reaches(alice, bob)
    world.links.heal()
    alice.count(bob, 100)
    assert bob.got == list(range(100))
    assert not reaches(alice, carol)


def test_what_is_under_way_when_a_cut_comes_still_arrives() -> None:
    """A fault acts where a datagram sets out."""
    world = World(10)
    alice, bob = pair(world)
    alice.say(bob)
    world.links.cut([alice.address], [bob.address])
    world.run(1)
    assert bob.got == [0]


# -- NAT -----------------------------------------------------------------------------------------------------------


def test_behind_nat_only_whom_it_sent_to_gets_in_and_for_a_minute() -> None:
    """Half of the homes of a real network are such; they must not be told to others as contacts."""
    world = World(11)
    home, friend, stranger = (Ear(world, host) for host in range(3))
    world.links.hide(home.address)
    assert not reaches(friend, home)
    assert reaches(home, friend)
    assert reaches(friend, home)
    assert not reaches(stranger, home)
    world.run(NAT_S - 5)
    assert reaches(friend, home)
    world.run(4)
    assert not reaches(friend, home)


def test_a_datagram_that_is_lost_outside_opens_the_nat_all_the_same() -> None:
    """The home router saw it: what comes in meets an open door."""
    world = World(12, loss=1.0)
    home, friend = pair(world)
    world.links.hide(home.address)
    assert not reaches(home, friend)
    world.links.loss = 0.0
    assert reaches(friend, home)


def test_a_home_router_forgets_whom_it_need_not_know() -> None:
    """A virtual week of lookups asks a hundred thousand others."""
    nat = Nat()
    for number in range(10_000):
        nat.sent((f"10.0.{number >> 8}.{number & 255}", 1), float(number))
    assert len(nat._sent_at) <= NAT_PEERS_MIN
    assert nat.admits(("10.0.39.15", 1), 9_999.0)
    assert not nat.admits(("10.0.0.0", 1), 9_999.0)


# -- arguments -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["loss", "duplication", "reordering", "broken_pairs"])
@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_that_is_none_is_refused_by_name(name: str, share: float) -> None:
    with pytest.raises(ValueError, match=f"{name} is a share of all, from 0 to 1, not {share}"):
        Links(1, **{name: share})


def test_a_negative_latency_is_refused() -> None:
    with pytest.raises(ValueError, match=r"0 or more, not -0\.02"):
        World(1, latency=-0.02)
