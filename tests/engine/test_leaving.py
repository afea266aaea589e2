"""Leaving: who will be a holder without us has the value before we are gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.engine.holders import SLACK_S, data_of, in_order, network

from kademlia.engine import limits
from kademlia.sim import Resident, World
from kademlia.utils import digest

if TYPE_CHECKING:
    from kademlia.engine.keeping import Life

KSIZE = 4


def with_values(seed: int, count: int, size: int = 20) -> tuple[World, list[Resident], list[bytes]]:
    """Return a network with some values."""
    world, residents = network(seed, size, settling_s=60)
    keys = [digest(number) for number in range(count)]
    for number, key in enumerate(keys):
        assert world.finish(residents[number % size].protocol.publish(key, number)) is True
    return world, residents, keys


def test_without_who_left_the_k_closest_have_every_value_at_once() -> None:
    """Where half of all leave one after the other nothing is lost, without any replication."""
    world, residents, keys = with_values(1, 60)
    for resident in residents:
        resident.protocol.upkeep.refreshes = False
    for leaver in residents[3:13]:
        world.run(900)  # until who left before is known to be gone
        for resident in list(world.residents.values()):
            world.finish(resident.protocol.lookup(resident.node))
        before = {key: leaver.protocol.keeping.life_of(key) for key in keys if key in data_of(leaver)}
        handed_over = world.finish(leaver.protocol.leave())
        leaver.protocol.stop()
        leaver.die()
        assert handed_over <= len(before)
        for key in keys:
            closest = in_order(world, key)[:KSIZE]
            assert all(key in data_of(holder) for holder in closest), "a holder has it not"
        check_lives(world, before)


def check_lives(world: World, before: dict[bytes, Life]) -> None:
    """Hold the heirs to the lives that the values had: leaving is no publication."""
    for key, life in before.items():
        for holder in in_order(world, key)[:KSIZE]:
            told = holder.protocol.keeping.life_of(key)
            assert told.stamp == life.stamp
            assert told.ends_at <= life.ends_at + SLACK_S


def test_where_all_are_holders_nothing_has_to_be_sent() -> None:
    """With k nodes besides us or fewer everybody has it already."""
    world, residents, _ = with_values(2, 10, size=KSIZE)
    before = world.stats().datagrams
    assert world.finish(residents[1].protocol.leave()) == 0
    assert world.stats().datagrams == before


def test_with_nothing_to_hand_over_it_ends_at_once() -> None:
    world = World(3)
    alice = world.add()
    operation = alice.protocol.leave()
    assert operation.done
    assert operation.value == 0


@pytest.mark.parametrize("seconds", [2.0, limits.LEAVE_S])
def test_it_ends_in_time_though_nobody_answers(seconds: float) -> None:
    """Who was told to stop is not to be kept waiting: an operator has other things to do."""
    world, residents, _ = with_values(4, 40)
    leaver = max(residents, key=lambda resident: len(data_of(resident)))
    leaver.connected = False
    began = world.now
    assert world.finish(leaver.protocol.leave(seconds)) == 0
    assert world.now - began <= seconds + 0.01


def test_thousands_of_values_go_in_seconds_and_no_more_at_once_than_half_of_all_places() -> None:
    """The other half is for who asks us something meanwhile."""
    world, residents, _ = with_values(5, 0)
    leaver = residents[6]
    keeping = leaver.protocol.keeping
    for number in range(3000):
        keeping.put(digest(f"many {number}"), number, keeping.new_life())
    began, operation = world.now, leaver.protocol.leave()
    most = 0
    while not operation.done:
        world.run(0.01)
        most = max(most, leaver.protocol.calls.in_flight + leaver.protocol.calls.queued)
    assert most <= limits.LEAVE_STORES_IN_FLIGHT_MAX + 20
    assert world.now - began < limits.LEAVE_S
    due = [number for number in range(3000) if leaver in in_order(world, digest(f"many {number}"))[:KSIZE]]
    assert operation.value >= len(due) > 300
    for number in due:
        heir = in_order(world, digest(f"many {number}"))[KSIZE]
        assert heir.protocol.keeping.get(digest(f"many {number}")) == number


def test_leaving_twice_is_leaving_once() -> None:
    world, residents, _ = with_values(6, 20)
    leaver = residents[3].protocol
    operation = leaver.leave()
    assert leaver.leave() is operation
    world.finish(operation)
    leaver.stop()


def test_stopping_ends_it() -> None:
    """A second signal of an operator who is in a hurry."""
    world, residents, _ = with_values(7, 40)
    leaver = max(residents, key=lambda resident: len(data_of(resident))).protocol
    operation = leaver.leave()
    leaver.stop()
    assert operation.done
    world.run(10)
    assert leaver.deadline() is None


def test_what_is_dead_is_handed_to_nobody() -> None:
    world, residents, _ = with_values(8, 0)
    leaver = residents[2]
    keeping = leaver.protocol.keeping
    for number in range(50):
        keeping.put(digest(number), number, keeping.new_life(10.0))
    world.run(10)
    assert world.finish(leaver.protocol.leave()) == 0
