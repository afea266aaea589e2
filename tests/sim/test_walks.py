"""Lookups under observation: counted by hand in small networks."""

from __future__ import annotations

from itertools import pairwise

import pytest

from kademlia.node import Node
from kademlia.sim import Resident, World
from kademlia.sim.walks import Walk, observe

ONE_WAY_S = 0.02
ROUND_TRIP_S = 2 * ONE_WAY_S


def chain(world: World, *, ksize: int) -> list[Resident]:
    """Return alice, bob, carol and dave: each nearer to dave's id than the one before, and knowing only the next."""
    people = [world.add(bytes([first]) + bytes(19), ksize=ksize) for first in (0x00, 0x80, 0xC0, 0xF0)]
    for one, following in pairwise(people):
        one.protocol.router.add_contact(following.node)
    return people


def key_near(resident: Resident) -> Node:
    """Return a key whose closest node this is; a node's own id will not do, since no answer tells of its target."""
    return Node(resident.node.id[:-1] + bytes([resident.node.id[-1] ^ 1]))


def look(resident: Resident, target: Node) -> Walk:
    """Return how a lookup went."""
    walk: Walk = resident.world.finish(observe(resident, target))
    return walk


def test_hops_are_counted_from_who_told_of_whom() -> None:
    """Own contacts are one hop away (table 5.1 counts so), whom they tell of are two: dave is three."""
    world = World(1, latency=ONE_WAY_S)
    alice, bob, carol, dave = chain(world, ksize=1)
    walk = look(alice, key_near(dave))
    assert walk.asked == tuple(one.node.long_id for one in (bob, carol, dave))
    assert (walk.first_holder_hops, walk.closest_hops) == (3, 3)
    assert walk.requests == 3
    assert walk.exact
    assert walk.found


def test_the_first_holder_may_be_nearer_than_the_closest() -> None:
    """With k=20 all three are holders: the first is a contact, and answers long before the closest does."""
    world = World(2, latency=ONE_WAY_S)
    alice, _bob, _carol, dave = chain(world, ksize=20)
    walk = look(alice, key_near(dave))
    assert (walk.first_holder_hops, walk.closest_hops) == (1, 3)
    assert walk.first_holder_s is not None
    assert walk.closest_s is not None
    assert walk.ended_s is not None
    assert walk.first_holder_s + 2 * ROUND_TRIP_S <= walk.closest_s <= walk.ended_s
    assert walk.recall == 1.0


def test_a_node_that_was_told_of_twice_is_as_far_as_it_was_first() -> None:
    """An own contact stays one hop away whoever else tells of it."""
    world = World(3, latency=ONE_WAY_S)
    alice, _bob, carol, dave = chain(world, ksize=20)
    alice.protocol.router.add_contact(dave.node)
    dave.delay = 0.3  # so that carol tells of it before it answers
    walk = look(alice, key_near(dave))
    assert carol.node.long_id in walk.asked
    assert walk.closest_hops == 1


def test_where_everybody_knows_everybody_the_closest_answers_after_one_round_trip() -> None:
    """Alpha of the contacts, the nearest, are asked at once; the rest of the k once they brought nobody nearer."""
    world = World(4, latency=ONE_WAY_S)
    residents = world.filled(12)
    walk = look(residents[0], key_near(residents[7]))
    assert (walk.first_holder_hops, walk.closest_hops) == (1, 1)
    assert walk.first_holder_s == walk.closest_s == pytest.approx(ROUND_TRIP_S)
    assert walk.ended_s == pytest.approx(2 * ROUND_TRIP_S)
    assert walk.requests == 11
    assert len(set(walk.asked)) == 11


def test_times_count_from_the_lookups_start() -> None:
    world = World(5, latency=ONE_WAY_S)
    residents = world.filled(12)
    world.run(1000)
    walk = look(residents[0], Node(bytes(20)))
    assert walk.started == 1000
    assert walk.first_holder_s == pytest.approx(ROUND_TRIP_S)


def test_a_holder_that_lives_and_was_not_found_is_missed() -> None:
    """Recall is against who lives, not against who can be reached: a cut is no excuse."""
    world = World(6, latency=ONE_WAY_S)
    residents = world.filled(11)
    alice, bob = residents[:2]
    world.links.cut([alice.address], [bob.address])
    walk = look(alice, key_near(bob))
    assert walk.recall == pytest.approx(9 / 10)
    assert not walk.exact
    assert not walk.found
    assert walk.closest_hops is None
    assert walk.first_holder_hops == 1


def test_the_dead_are_no_holders() -> None:
    world = World(7, latency=ONE_WAY_S)
    residents = world.filled(11)
    residents[3].die()
    walk = look(residents[0], key_near(residents[3]))
    assert walk.recall == 1.0
    assert walk.found


def test_who_dies_during_a_lookup_is_not_missed() -> None:
    """Nobody could have found it: under Bamboo's stress one closest node in a hundred dies before it is asked."""
    world = World(9, latency=ONE_WAY_S)
    residents = world.filled(11)
    bob = residents[3]
    walked = observe(residents[0], key_near(bob))
    world.run(ONE_WAY_S / 2)
    bob.die()
    walk = world.finish(walked)
    assert bob.node.long_id not in walk.asked
    assert walk.recall == 1.0
    assert walk.found
    assert walk.closest_s == pytest.approx(ROUND_TRIP_S)


def test_who_lives_all_the_while_is_missed_however_young_it_is() -> None:
    """Being found at once is what joining is for."""
    world = World(10, latency=ONE_WAY_S)
    residents = world.filled(11)
    newcomer = world.add()
    walk = look(residents[0], key_near(newcomer))
    assert walk.recall == pytest.approx(10 / 11)
    assert not walk.found


def test_who_is_born_during_a_lookup_is_not_missed() -> None:
    """It was not there when the lookup began."""
    world = World(11, latency=ONE_WAY_S)
    residents = world.filled(11)
    target = Node(bytes(20))
    walked = observe(residents[0], target)
    world.run(ONE_WAY_S / 2)
    world.add(bytes(19) + b"\1")
    walk = world.finish(walked)
    assert walk.recall == 1.0
    assert walk.found


def test_a_lookup_that_is_watched_is_the_one_that_servers_make() -> None:
    """Watching changes no datagram: the same seed has the same trace with an observer and without."""

    def trace(*, watched: bool) -> str:
        world = World(8)
        resident = world.filled(200, ksize=8)[3]
        target = Node(bytes(20))
        world.finish(observe(resident, target) if watched else resident.protocol.lookup(target))
        world.run(5)
        return world.trace

    assert trace(watched=True) == trace(watched=False)
