"""The lives of values in a network: they end when their publisher said, and what is newer wins wherever it is heard."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from tests.engine.holders import DROPPED_S, KEY, SLACK_S, ends, holders, in_order, outsider, values

from kademlia.engine import limits
from kademlia.node import Address
from kademlia.sim import Links, World
from kademlia.sim.latency import Constant
from kademlia.sim.trace import SENT
from kademlia.utils import digest
from kademlia.wire import rpcudp


def stores_of(world: World, source: Address) -> list[bytes]:
    """Note what stores a node sends from now on."""
    stores: list[bytes] = []

    def heard(what: bytes, datagram: bytes, sender: Address, target: Address) -> None:
        if what == SENT and sender == source and datagram[:1] == b"\x00" and b"store" in datagram[22:30]:
            stores.append(datagram)

    world.listeners.append(heard)
    return stores


# -- how long --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_value_dies_everywhere_when_its_life_is_over_though_holders_come_and_go() -> None:
    """In the published releases each replication begins the time anew: a value never dies (defect 6)."""
    world, life_s = World(1), 7200.0
    residents = world.network(16, ksize=4)
    assert world.finish(residents[0].protocol.publish(KEY, "value", life_s)) is True
    ends_at = world.now + life_s
    first, chance = {resident.address for resident in holders(world)}, random.Random(1)
    handed_over = set()
    while world.now < ends_at - 700:
        newcomer = world.add(ksize=4)
        world.finish(newcomer.protocol.join([chance.choice(list(world.residents)[:-1])]))
        world.run(600)
        if newcomer in holders(world):
            handed_over.add(newcomer.address)
        if len(holders(world)) > 3:
            chance.choice(holders(world)[:4]).die()
        assert all(abs(end - ends_at) < SLACK_S for end in ends(world))
    assert world.finish(outsider(world).protocol.fetch(KEY)) == "value"
    assert handed_over
    assert {resident.address for resident in holders(world)} - first
    world.run(ends_at + SLACK_S - world.now)
    assert [world.finish(resident.protocol.fetch(KEY)) for resident in list(world.residents.values())].count(None) == (
        len(world.residents)
    )
    world.run(DROPPED_S)
    assert holders(world) == []
    assert not any(resident.protocol.storage.lives for resident in world.residents.values())  # type: ignore[attr-defined]


def test_a_dead_value_is_dropped_though_nobody_asks_for_it() -> None:
    """It is looked at when it would be republished; memory is not held by what nobody can get."""
    world = World(2)
    residents = world.network(8, ksize=4)
    world.finish(residents[0].protocol.publish(KEY, "value", 60.0))
    world.run(60.0)
    assert len(holders(world)) == 4
    world.run(DROPPED_S)
    assert holders(world) == []


def test_a_value_of_the_usual_life_is_there_after_hours_and_ends_a_day_after_it_was_set() -> None:
    """The paper's 24 hours, counted from its publication (R18)."""
    world = World(3)
    residents = world.network(12, ksize=4)
    assert world.finish(residents[0].protocol.publish(KEY, "value")) is True
    began = world.now
    world.run(5 * 3600)
    assert len(holders(world)) >= 4
    assert world.finish(outsider(world).protocol.fetch(KEY)) == "value"
    assert limits.LIFE_S == 86_400
    assert all(limits.LIFE_S - SLACK_S < end - began < limits.LIFE_S + SLACK_S for end in ends(world))


@pytest.mark.parametrize("seconds", [5.0, limits.LIFE_MAX_S])
def test_a_short_and_the_longest_life_are_kept_as_they_were_set(seconds: float) -> None:
    """A week is what holders believe; seconds are told in whole ones."""
    world = World(3)
    residents = world.network(6, ksize=4)
    assert world.finish(residents[0].protocol.publish(KEY, "value", seconds)) is True
    assert all(world.now + seconds - 2 < end <= world.now + seconds for end in ends(world))


@pytest.mark.parametrize("seconds", [0, -1.0, 0.999, limits.LIFE_MAX_S + 1, 1e12, float("inf"), float("nan")])
def test_a_life_that_makes_no_sense_is_refused_at_the_call(seconds: float) -> None:
    """Not when the lookup has found the holders and the engine is about to tell them."""
    world = World(3)
    residents = world.network(3)
    with pytest.raises(ValueError, match="5 to 604800 seconds"):
        residents[0].protocol.publish(KEY, "value", seconds)
    assert holders(world) == []


@pytest.mark.parametrize("ephemeral", [False, True])
def test_a_newcomers_and_a_visitors_values_have_the_life_they_were_given(ephemeral: bool) -> None:
    """Their requests carry an introduction besides, and wait until their address has proved itself."""
    world = World(15)
    residents = world.network(8, ksize=4)
    newcomer = world.add(ksize=4)
    newcomer.protocol.ephemeral = ephemeral
    newcomer.protocol.join([residents[0].address])
    world.run(0.05)
    assert world.finish(newcomer.protocol.publish(KEY, "value", 100.0)) is True
    assert len(ends(world)) >= 4
    assert all(world.now + 90 < end < world.now + 101 for end in ends(world))
    assert world.finish(newcomer.protocol.fetch(KEY)) == "value"
    world.run(101)
    assert world.finish(newcomer.protocol.fetch(KEY)) is None


def test_a_life_that_is_over_before_it_is_told_is_no_success() -> None:
    """Nobody keeps a value for no seconds, and True would be a lie."""
    world = World(4)
    residents = world.network(6)
    world.run(limits.SURVEY_S + 1)  # what lookups found is forgotten: it takes another one
    world.links.latency = Constant(2.2)
    assert world.finish(residents[0].protocol.publish(KEY, "value", 5.0)) is False
    world.run(1)
    assert [world.finish(resident.protocol.fetch(KEY)) for resident in residents] == [None] * 6


@pytest.mark.parametrize("passed", [59.9, 60.0, 61.0])
def test_a_value_ends_at_its_publisher_at_the_very_moment(passed: float) -> None:
    """Also where nothing happened since then: the engine looks at the clock before it looks at the value."""
    world = World(4)
    alice = world.add()
    alice.protocol.probing.stop()
    alice.protocol.upkeep.stop()
    assert world.finish(alice.protocol.publish(KEY, "value", 60.0)) is False
    world.run(passed)
    assert alice.protocol.now < passed
    assert world.finish(alice.protocol.fetch(KEY)) == ("value" if passed < 60 else None)


def test_a_call_of_a_program_tells_what_is_left_of_a_life_now() -> None:
    """An idle engine's time stands still; told by it, the life would grow by as much."""
    world = World(5)
    alice, bob = world.network(2)
    for resident in (alice, bob):
        resident.protocol.probing.stop()
        resident.protocol.upkeep.stop()
    alice.protocol.look_at_clock()
    alice.protocol.keeping.put(KEY, "value", alice.protocol.keeping.new_life(100.0))
    ends_at = world.now + 100
    world.run(50)
    assert world.finish(alice.protocol.call_store(bob.node, KEY, "value")) == (True, True)
    assert ends_at - 1 <= bob.protocol.keeping.life_of(KEY).ends_at < ends_at + 0.1


# -- which -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pull", ["cable", "cut"])
@pytest.mark.parametrize(("old", "new"), [("a", "b"), ("b", "a")])
def test_the_newer_value_wins_though_a_holder_missed_it_and_replicates_the_old_one(
    old: str, new: str, pull: str
) -> None:
    """In the published releases the old one comes back everywhere, an hour later (defect 5)."""
    world = World(6)
    residents = world.network(12, ksize=4)
    world.finish(residents[0].protocol.publish(KEY, old))
    world.run(900)
    late, publisher = in_order(world)[1], in_order(world)[-1]
    if pull == "cable":
        late.connected = False
    else:
        world.links.cut([late.address], [other for other in world.residents if other != late.address])
    assert world.finish(publisher.protocol.publish(KEY, new)) is True
    late.connected = True
    world.links.heal()
    assert late.protocol.keeping.get(KEY) == old
    stores = stores_of(world, late.address)
    while not stores:
        world.run(10)
    assert world.now > limits.REFRESH_S
    assert any(rpcudp.encode(old) in datagram for datagram in stores)
    world.run(10)
    others = [resident for resident in holders(world) if resident is not late]
    assert [resident.protocol.keeping.get(KEY) for resident in others] == [new] * len(others)
    assert len(others) >= 4
    world.run(limits.REFRESH_S + DROPPED_S)
    assert late.protocol.keeping.get(KEY) == new
    assert set(values(world)) == {new}


def test_a_publisher_with_a_slow_clock_is_told_that_its_value_is_not_kept() -> None:
    """Where something newer is kept everywhere; elsewhere its values are as good as any."""
    world = World(7)
    residents = world.network(10, ksize=4)
    slow = world.add(ksize=4, skew=-3600.0)
    world.finish(slow.protocol.join([residents[0].address]))
    world.run(10)
    assert world.finish(residents[0].protocol.publish(KEY, "new")) is True
    assert world.finish(slow.protocol.publish(KEY, "slow")) is False
    world.run(10)
    assert set(values(world)) == {"new"}
    assert world.finish(slow.protocol.fetch(KEY)) == "new"
    assert world.finish(slow.protocol.publish(digest("other"), "slow")) is True
    slow.set_clock(0.0)
    assert world.finish(slow.protocol.publish(KEY, "right")) is True
    assert set(values(world)) == {"right"}


def test_a_publisher_with_a_fast_clock_is_believed_for_five_minutes_and_no_longer() -> None:
    """Its stamp counts as now where it arrives: else nobody could replace its value for a day."""
    world = World(8)
    residents = world.network(10, ksize=4)
    fast = in_order(world)[-1]
    fast.set_clock(86_400.0)
    assert world.finish(fast.protocol.publish(KEY, "fast")) is True
    world.run(1)
    other = next(resident for resident in residents if resident is not fast)
    assert world.finish(other.protocol.publish(KEY, "next")) is True
    assert set(values(world)) == {"next"}


@pytest.mark.parametrize(("first", "second"), [("a", "b"), ("b", "a")])
@pytest.mark.parametrize("reordering", [0.0, 1.0])
def test_of_two_values_published_by_one_node_at_once_the_later_wins(first: str, second: str, reordering: float) -> None:
    """Whichever store overtakes the other: a millisecond is too coarse to tell them apart, so the second counts on."""
    world = World(9, links=Links(9, 0.02, reordering=reordering))
    residents = world.network(10, ksize=4)
    operations = [residents[3].protocol.publish(KEY, value) for value in (first, second)]
    assert world.finish(operations[1]) is True
    world.finish(operations[0])
    world.run(10)
    assert set(values(world)) == {second}
    stamps = {resident.protocol.keeping.life_of(KEY).stamp for resident in holders(world)}
    assert len(stamps) == 1


def test_stamps_of_one_node_rise_though_its_clock_is_set_back() -> None:
    """Else it could not replace its own values until the clock is where it was."""
    world = World(9)
    alice = world.add()
    lives = [alice.protocol.keeping.new_life()]
    for skew in (0.0, -3600.0, 0.0, -7200.0):
        alice.set_clock(skew)
        lives.append(alice.protocol.keeping.new_life())
    assert all(earlier.stamp < later.stamp for earlier, later in pairwise(lives))
