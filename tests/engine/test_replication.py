"""Each hour one holder stores a value again for all, and whoever is no holder any more asks before it does."""

from __future__ import annotations

from collections import Counter

import pytest
from tests.engine.holders import KEY, data_of, ends, holders, in_order

from kademlia.engine import limits
from kademlia.node import Address, Node
from kademlia.sim import Resident, World
from kademlia.sim.churn import HOUR_S
from kademlia.sim.trace import SENT
from kademlia.utils import digest
from kademlia.wire import rpcudp

KSIZE = 4


class Stores(World):
    """A world that notes who stores which key at whom, and when."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, traced=False)
        self.stores: list[tuple[float, bytes, Address, Address]] = []
        self.listeners.append(self._heard)

    def _heard(self, what: bytes, datagram: bytes, source: Address, target: Address) -> None:
        if what == SENT and datagram[:1] == b"\x00" and datagram[22:28] == b"\xa5store":
            key = datagram[22 + 6 + 1 + 22 + 2 :][:20]
            self.stores.append((self.now, key, source, target))


def network(seed: int, size: int = 20) -> tuple[Stores, list[Resident]]:
    """Return a joined network."""
    world = Stores(seed)
    residents = world.network(size, ksize=KSIZE)
    world.run(60)
    return world, residents


def test_of_all_holders_one_replicates_a_value_in_an_hour() -> None:
    """A store by another holder makes it young (R26): k - 1 stores an hour for a key, and few more."""
    world, residents = network(1)
    keys = [digest(number) for number in range(60)]
    for number, key in enumerate(keys):
        world.finish(residents[number % 20].protocol.publish(key, number))
    world.run(10)
    world.stores.clear()
    began, hours = world.now, 6
    world.run(hours * HOUR_S)
    rounds: Counter[bytes] = Counter()
    for key in keys:
        mine = [(at, source) for at, other, source, _ in world.stores if other == key]
        rounds[key] = len({(int((at - began) // 60), source) for at, source in mine})
        assert rounds[key] >= hours - 2
    assert sum(rounds.values()) <= 1.2 * hours * len(keys)
    assert len(world.stores) <= 1.2 * KSIZE * hours * len(keys)


def test_a_replication_makes_no_life_longer() -> None:
    world, residents = network(2)
    world.finish(residents[0].protocol.publish(KEY, "value", 5 * HOUR_S))
    last = max(ends(world))
    world.run(4.5 * HOUR_S)
    assert max(ends(world)) <= last + 1
    assert len(holders(world)) >= KSIZE


def test_it_is_looked_at_its_turn_whether_a_value_is_due_still() -> None:
    """While it waits in the queue another holder may have done it: then nothing is sent."""
    world, residents = network(3)
    holder = residents[0].protocol
    keys = [digest(number) for number in range(300)]
    for key in keys:
        holder.keeping.put(key, "value", holder.keeping.new_life())
    world.run(HOUR_S + 1)
    holder.look_at_clock()
    for resident in residents:
        resident.protocol.upkeep.refreshes = False
    due = list(holder.keeping.due(HOUR_S))
    assert len(due) == 300
    world.stores.clear()
    whole = holder.upkeep.replication.of_all()
    holder.wake()
    world.run(2)
    begun = len({key for _, key, source, _ in world.stores if source == residents[0].address})
    for key in keys:
        holder.keeping.touch(key)  # as the store of another holder does
    world.finish(whole)
    world.run(30)
    after = len({key for _, key, source, _ in world.stores if source == residents[0].address})
    assert 0 < begun < 100
    assert after <= begun + limits.VALUES_AT_ONCE


def test_a_round_of_many_values_is_paced() -> None:
    """A thousand nodes that woke up together do not storm (20 values a second each)."""
    world, residents = network(4)
    holder = residents[0]
    keeping = holder.protocol.keeping
    for number in range(400):
        keeping.put(digest(number), number, keeping.new_life())
    for resident in residents:
        resident.protocol.upkeep.refreshes = False
    world.run(HOUR_S + 1)
    holder.protocol.look_at_clock()
    world.stores.clear()
    whole = holder.protocol.upkeep.replication.of_all()
    assert holder.protocol.upkeep.replication.of_all() is whole
    holder.wake()
    began = world.now
    world.finish(whole)
    assert 400 / limits.VALUES_PER_S - 2 < world.now - began < 60
    at = Counter(int(at - began) for at, *_ in world.stores)
    assert max(at.values()) <= 2 * limits.VALUES_PER_S * KSIZE


def outsider_with(world: World, value: str = "value") -> Resident:
    """Return the farthest node, which has the value of the k closest with the same life."""
    resident = in_order(world)[-1]
    holder = next(other for other in in_order(world) if KEY in data_of(other)).protocol
    resident.protocol.look_at_clock()
    assert resident.protocol.keeping.put(KEY, value, holder.keeping.life_of(KEY))
    return resident


def test_who_is_no_holder_any_more_asks_the_closest_and_sends_nothing_if_it_has_the_value() -> None:
    """Each of the former holders would else replicate for ever, since no store reaches it."""
    world, residents = network(5)
    world.finish(residents[0].protocol.publish(KEY, "value"))
    outsider = outsider_with(world)
    world.stores.clear()
    before = world.stats().datagrams
    assert world.finish(outsider.protocol.replicate(KEY)) is True
    assert world.stats().datagrams - before <= 4
    assert world.stores == []


def test_who_is_no_holder_any_more_learns_of_what_is_newer() -> None:
    world, residents = network(6)
    world.finish(residents[0].protocol.publish(KEY, "old"))
    outsider = outsider_with(world, "old")
    world.finish(residents[0].protocol.publish(KEY, "new"))
    world.finish(outsider.protocol.replicate(KEY))
    assert outsider.protocol.keeping.get(KEY) == "new"


@pytest.mark.parametrize("holder", ["older", "none"])
def test_it_replicates_if_the_closest_has_something_older_or_nothing(holder: str) -> None:
    world, residents = network(7)
    world.finish(residents[0].protocol.publish(KEY, "old"))
    outsider = in_order(world)[-1]
    if holder == "none":
        for resident in holders(world):
            resident.protocol.keeping.shelf.drop(KEY)
    outsider.protocol.look_at_clock()
    outsider.protocol.keeping.put(KEY, "new", outsider.protocol.keeping.new_life())
    assert world.finish(outsider.protocol.replicate(KEY)) is True
    world.run(5)
    assert [resident.protocol.keeping.get(KEY) for resident in in_order(world)[:KSIZE]] == ["new"] * KSIZE


def test_a_value_whose_holders_all_died_but_for_one_outside_has_k_holders_again() -> None:
    """By itself, within two hours: the one that has it looks each hour."""
    world, residents = network(8)
    world.finish(residents[0].protocol.publish(KEY, "value"))
    outsider = outsider_with(world)
    for resident in [other for other in holders(world) if other is not outsider]:
        resident.die()
    assert holders(world) == [outsider]
    world.run(2 * HOUR_S)
    assert all(KEY in data_of(resident) for resident in in_order(world)[:KSIZE])
    assert world.finish(in_order(world)[-2].protocol.fetch(KEY)) == "value"


def test_the_closest_that_does_not_answer_counts_as_one_without_the_value() -> None:
    world, residents = network(9)
    world.finish(residents[0].protocol.publish(KEY, "value"))
    outsider = outsider_with(world)
    closest = in_order(world)[0]
    closest.connected = False
    for resident in in_order(world)[1:-1]:
        resident.protocol.keeping.shelf.drop(KEY)
    assert world.finish(outsider.protocol.replicate(KEY)) is True
    closest.die()
    assert all(KEY in data_of(resident) for resident in in_order(world)[: KSIZE - 1])


def test_a_node_without_neighbours_replicates_nothing_and_waits() -> None:
    world = World(10)
    alice = world.add(ksize=KSIZE)
    alice.protocol.keeping.put(KEY, "value", alice.protocol.keeping.new_life())
    world.run(3 * HOUR_S)
    alice.protocol.look_at_clock()
    assert alice.protocol.upkeep.replication.of_all().done
    assert world.stats().datagrams == 0
    assert rpcudp.is_id(KEY)
    assert list(alice.protocol.keeping.due(HOUR_S)) == [KEY]


def test_half_the_network_leaves_at_once_and_what_survived_has_k_holders_after_one_round() -> None:
    """Issue: of 40 nodes 20 vanish."""
    world, residents = network(11, size=40)
    keys = [digest(number) for number in range(50)]
    for number, key in enumerate(keys):
        world.finish(residents[number % 40].protocol.publish(key, number))
    for resident in residents[::2]:
        resident.die()
    survived = [key for key in keys if holders(world, key)]
    assert len(survived) >= 40
    world.run(2 * HOUR_S)
    for key in survived:
        nearest = sorted(world.residents.values(), key=lambda other: other.node.distance_to(Node(key)))
        assert all(key in data_of(resident) for resident in nearest[:KSIZE])
