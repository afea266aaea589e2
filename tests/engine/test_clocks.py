"""Clocks that are wrong, or jump: nothing is lost, no life changes, and who sets a value later wins all the same."""

from __future__ import annotations

import pytest
from tests.engine.holders import KEY, SLACK_S, ends, holders, in_order, network, outsider, values

from kademlia.engine import limits
from kademlia.engine.keeping import Life
from kademlia.sim import Resident, World
from kademlia.sim.churn import DAY_S, HOUR_S
from kademlia.utils import digest


@pytest.mark.parametrize("ahead", [299.0, 400.0, HOUR_S, DAY_S])
def test_what_a_publisher_with_a_fast_clock_set_is_replaced_by_what_is_set_later(ahead: float) -> None:
    """Also after rounds of replication: its stamp counts as its age before now wherever it comes, again and again."""
    world, residents = network(1, 12, settling_s=30)
    fast = residents[3]
    fast.set_clock(ahead)
    assert world.finish(fast.protocol.publish(KEY, "fast")) is True
    world.run(3 * HOUR_S)
    assert set(values(world)) == {"fast"}
    setter = next(resident for resident in residents if resident is not fast and resident not in holders(world))
    assert world.finish(setter.protocol.publish(KEY, "later")) is True
    for _ in range(4):
        world.run(HOUR_S)
        assert {holder.protocol.keeping.get(KEY) for holder in holders(world) if holder is not fast} == {"later"}
    assert world.finish(outsider(world).protocol.fetch(KEY)) == "later"


def test_a_fast_holder_replicates_no_stamp_that_is_newer_than_the_value_is() -> None:
    """Else whoever is fast makes what it holds the newest, each hour."""
    world, residents = network(2, 12, settling_s=30)
    for resident in residents[::3]:
        resident.set_clock(HOUR_S)
    world.finish(residents[1].protocol.publish(KEY, "value"))
    first = {resident.protocol.keeping.life_of(KEY).stamp for resident in holders(world)}
    world.run(6 * HOUR_S)
    assert {resident.protocol.keeping.life_of(KEY).stamp for resident in holders(world)} == first


def test_a_stamp_far_ahead_counts_as_its_age_before_now_at_each_station() -> None:
    """Each station counts from its own clock, so it wanders by the way's time at most."""
    world, residents = network(3, 12, settling_s=30)
    world.run(10_000)
    fast, node = residents[0].protocol, residents[1].protocol
    for protocol in (fast, node):
        protocol.look_at_clock()
    residents[0].set_clock(DAY_S)
    life = fast.keeping.new_life(HOUR_S)
    world.run(1000)
    for protocol in (fast, node):
        protocol.look_at_clock()
    believed = node.keeping.believed(fast.keeping.told(life))
    assert believed is not None
    assert believed.stamp == pytest.approx((world.wall - 1000) * 1000, abs=1000)
    assert believed.ends_at == pytest.approx(world.now + 2600, abs=1)


@pytest.mark.parametrize("jump", [DAY_S, -DAY_S])
def test_a_days_jump_of_a_running_nodes_clock_loses_nothing_and_changes_no_life(jump: float) -> None:
    """Somebody corrects the clock of one holder, or summer time comes."""
    world, residents = network(4, 12, settling_s=30)
    keys = [digest(number) for number in range(30)]
    for number, key in enumerate(keys):
        assert world.finish(residents[number % 12].protocol.publish(key, number, 6 * HOUR_S, renew=True)) is True
    jumper = residents[4]
    world.run(60)
    kept = {key: jumper.protocol.keeping.held(key) for key in keys}
    reports = len(jumper.reports)
    jumper.set_clock(jump)
    assert {key: jumper.protocol.keeping.held(key) for key in keys} == kept
    assert "the machine slept, or its clock was set 86400 s" in jumper.reports[-1]
    assert len(jumper.reports) == reports + 1
    for _ in range(24):
        world.run(HOUR_S)
        jumper.set_clock(jump)  # as its driver does once a minute
    for number, key in enumerate(keys):
        assert world.finish(outsider_of(world, key).protocol.fetch(key)) == number
        assert len(holders(world, key)) >= 4
    assert len(jumper.reports) == reports + 1


def outsider_of(world: World, key: bytes) -> Resident:
    """Return a node that does not keep a value."""
    keeping = [resident for resident in world.residents.values() if resident.protocol.keeping.get(key) is None]
    return keeping[0]


@pytest.mark.parametrize("jump", [DAY_S, -DAY_S])
def test_all_clocks_jump_and_lives_end_when_they_should(jump: float) -> None:
    """Lives are told by what is left, and counted by a clock that never jumps."""
    world, residents = network(5, 12, settling_s=30)
    world.finish(residents[0].protocol.publish(KEY, "value", 3 * HOUR_S))
    last = max(ends(world))
    for resident in residents:
        resident.set_clock(jump)
    world.run(2 * HOUR_S)
    assert max(ends(world)) <= last + 1
    assert world.finish(outsider(world).protocol.fetch(KEY)) == "value"
    world.run(last - world.now + SLACK_S)
    assert world.finish(residents[5].protocol.fetch(KEY)) is None


def test_a_publisher_whose_clock_was_set_back_a_day_replaces_its_own_values() -> None:
    """Its stamps rise all the same."""
    world, _ = network(6, 12, settling_s=30)
    publisher = in_order(world)[-1]
    world.finish(publisher.protocol.publish(KEY, "before", renew=True))
    publisher.set_clock(-DAY_S)
    assert world.finish(publisher.protocol.publish(KEY, "after", renew=True)) is True
    assert set(values(world)) == {"after"}
    world.run(3 * HOUR_S)
    assert set(values(world)) == {"after"}


def test_a_set_on_a_holder_is_newer_than_what_it_holds_whosever_clock_is_wrong() -> None:
    """A user who sets a key at a node that has it would else be told False by that very node."""
    world, _ = network(7, 12, settling_s=30)
    holder = in_order(world)[0]
    ahead = Life(int(world.wall * 1000) + 250_000, world.now + HOUR_S)
    for resident in in_order(world)[:4]:
        resident.protocol.look_at_clock()
        assert resident.protocol.keeping.put(KEY, "ahead", ahead)
    assert world.finish(holder.protocol.publish(KEY, "mine")) is True
    assert set(values(world)) == {"mine"}
    assert limits.STAMP_AHEAD_S > 250
