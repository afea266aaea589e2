"""What a node does unasked: joining, refreshing, republishing, handing over, finding the network again."""

from __future__ import annotations

from itertools import pairwise

import pytest
from tests.engine.batches import Listening

from kademlia.engine import limits
from kademlia.node import Node
from kademlia.sim import Resident, World
from kademlia.utils import digest


def holders(residents: list[Resident], key: bytes) -> list[Resident]:
    """Return who keeps a value."""
    return [resident for resident in residents if resident.protocol.storage.get(key) is not None]


def nearest(residents: list[Resident], key: bytes, count: int) -> list[Resident]:
    """Return the nodes nearest to a key, by looking at all of them."""
    target = Node(key)
    return sorted(residents, key=lambda resident: resident.node.distance_to(target))[:count]


@pytest.fixture(scope="module")
def crowd() -> tuple[World, list[Resident]]:
    """Return a joined network of 100 nodes, k = 8."""
    world = World(1)
    residents = world.network(100, ksize=8)
    world.run(60)
    return world, residents


def test_lookups_from_anywhere_find_exactly_the_k_closest(crowd: tuple[World, list[Resident]]) -> None:
    """What everything else rests on; joining must have filled the tables for it (R22, R23, R25)."""
    world, residents = crowd
    for number in range(100):
        target = Node(digest(number))
        found = world.finish(residents[number].protocol.lookup(target))
        others = [resident for resident in residents if resident is not residents[number]]
        assert [node.id for node in found] == [resident.node.id for resident in nearest(others, target.id, 8)]


def test_a_value_is_stored_at_the_k_closest_the_own_node_counted(crowd: tuple[World, list[Resident]]) -> None:
    """Rule R17; the publisher keeps a copy only if it is one of the k."""
    world, residents = crowd
    for number in range(30):
        key = digest(f"stored {number}")
        assert world.finish(residents[number].protocol.publish(key, number)) is True
        assert set(map(id, holders(residents, key))) == set(map(id, nearest(residents, key, 8)))


def test_after_joining_every_level_with_a_node_in_it_has_a_contact(crowd: tuple[World, list[Resident]]) -> None:
    """Rule R23 fills our buckets, and makes us known to others; claim P4 of the paper's proof rests on it."""
    _, residents = crowd
    for resident in residents:
        for low, high, buckets in resident.protocol.router.levels():
            others = [other for other in residents if other is not resident and low <= other.node.long_id <= high]
            assert not others or any(bucket.nodes for bucket in buckets)


def test_get_caches_the_value_at_the_closest_node_that_did_not_have_it() -> None:
    """Rule R20."""
    world = World(2)
    residents = world.network(60, ksize=4)
    world.run(60)
    key = digest("popular")
    world.finish(residents[0].protocol.publish(key, "value"))
    before = len(holders(residents, key))
    for resident in residents[1:20]:
        assert world.finish(resident.protocol.fetch(key)) == "value"
    world.run(1)
    assert len(holders(residents, key)) > before


def test_a_newcomer_is_handed_the_values_it_should_keep() -> None:
    """Rule R28: one teller a value, and it keeps its own copy."""
    world = World(3)
    residents = world.network(30, ksize=4)
    keys = [digest(number) for number in range(200)]
    for key in keys:
        world.finish(residents[0].protocol.publish(key, "value"))
    newcomer = world.add(ksize=4)
    world.finish(newcomer.protocol.join([residents[0].address]))
    world.run(10)
    everybody = [*residents, newcomer]
    due = [key for key in keys if newcomer in nearest(everybody, key, 4)]
    told = [key for key in due if not nearest(residents, key, 1)[0].protocol.router.is_new_node(newcomer.node)]
    assert len(told) > 10  # the teller is who is nearest, once it has learned of the newcomer
    assert all(newcomer.protocol.storage.get(key) == "value" for key in told)
    assert all(len(holders(residents, key)) >= 4 for key in keys)


def test_of_all_holders_about_one_republishes_a_value_each_hour() -> None:
    """Rule R26: a store received counts as our own republishing; else k holders made k * k stores an hour."""
    world = Listening(4)
    residents = world.network(40, ksize=8)
    world.run(100)
    keys = [digest(number) for number in range(40)]
    for number, key in enumerate(keys):
        world.finish(residents[number].protocol.publish(key, number))
    world.requests.clear()
    world.run(3 * 3600)
    asked = sum(count for (_, name), count in world.requests.items() if name != "ping")
    per_key_hour = asked / len(keys) / 3
    assert per_key_hour < 8 * 8
    assert all(len(holders(residents, key)) >= 8 for key in keys)


def test_values_outlive_their_holders_by_being_republished() -> None:
    """Rule R26's purpose: k new holders when the old ones leave one after the other."""
    world = World(5)
    residents = world.network(60, ksize=4)
    world.run(60)
    key = digest("kept")
    world.finish(residents[0].protocol.publish(key, "value"))
    for _ in range(6):
        for resident in holders(world_alive(world), key)[:2]:
            resident.die()
        world.run(2 * 3600)
    survivor = next(resident for resident in world_alive(world) if resident.protocol.storage.get(key) is None)
    assert world.finish(survivor.protocol.fetch(key)) == "value"


def world_alive(world: World) -> list[Resident]:
    """Return who is still there."""
    return list(world.residents.values())


def test_a_node_whose_bootstrap_is_down_joins_by_itself_when_it_is_back() -> None:
    """An operator starts machines in any order."""
    world = World(6)
    alice, bob = world.add(), world.add()
    alice.connected = False
    assert world.finish(bob.protocol.join([alice.address])) == []
    assert any("no answer" in report for report in bob.reports)
    world.run(1000)
    alice.connected = True
    world.run(limits.BOOTSTRAP_RETRY_MAX_S * (1 + limits.JITTER) + 10)
    assert bob.protocol.contacts.any_live()
    assert alice.protocol.contacts.any_live()


def test_an_empty_table_is_tried_again_at_doubling_intervals() -> None:
    """One second, doubling to five minutes: quick for a blink, cheap for a long night."""
    world = World(7)
    bob = world.add()
    bob.protocol.join([("192.0.2.1", 8468)])
    times = []
    for _ in range(4000):
        before = bob.protocol.counts.asked
        world.run(1)
        if bob.protocol.counts.asked > before:
            times.append(world.now)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps[-1] > limits.BOOTSTRAP_RETRY_MAX_S * (1 - limits.JITTER) - 1
    assert max(gaps) < limits.BOOTSTRAP_RETRY_MAX_S * (1 + limits.JITTER) + 1
    assert len(times) < 40


def test_a_node_that_bootstraps_from_itself_finds_nobody_and_says_so() -> None:
    """The published releases put themselves into their own table."""
    world = World(8)
    alice = world.add()
    assert world.finish(alice.protocol.join([alice.address])) == []
    assert world.now < 1
    assert alice.protocol.stats().contacts == 0
    assert any("this very node" in report for report in alice.reports)


def test_a_restored_table_is_asked_first_and_told_to_nobody_before() -> None:
    """Contacts of an earlier life may be long gone."""
    world = World(9)
    residents = world.network(10)
    world.run(1)  # until all have met
    old_life = residents[5]
    contacts = old_life.protocol.router.contacts()
    old_life.die()
    residents[2].die()
    reborn = world.add(old_life.node.id, address=old_life.address)
    reborn.protocol.restore(contacts, [])
    reborn.wake()
    assert reborn.protocol.contacts.to_tell(Node(digest("x")), None) == []
    world.run(1)
    assert {node.id for node in reborn.protocol.contacts.to_tell(Node(digest("x")), None)} == {
        resident.node.id for resident in residents if resident.alive
    }


def test_stopping_ends_everything_as_if_all_others_were_dead() -> None:
    """No operation may hang for ever."""
    world = World(10)
    residents = world.network(10)
    protocol = residents[3].protocol
    operations = [
        protocol.fetch(digest("x")),
        protocol.publish(digest("y"), 1),
        protocol.lookup(Node(digest("z"))),
        protocol.join([residents[0].address]),
        protocol.call_ping(residents[0].node),
        protocol.upkeep.refresh(),
    ]
    protocol.stop()
    assert [operation.done for operation in operations] == [True] * 6
    assert [operation.value for operation in operations[:5]] == [None, False, [], [], (False, None)]
    assert protocol.storage.get(digest("y")) is None
    assert protocol.deadline() is None
    assert protocol.take_outbox() == []


def test_with_no_neighbours_a_value_is_kept_here_and_set_says_false() -> None:
    """False means: not durable on the network."""
    world = World(11)
    alice = world.add()
    assert world.finish(alice.protocol.publish(digest("key"), "value")) is False
    assert world.finish(alice.protocol.fetch(digest("key"))) == "value"


def test_with_all_neighbours_dead_set_says_false() -> None:
    """2.2.3 says True, or raises ValueError."""
    world = World(12)
    residents = world.network(5)
    for resident in residents[1:]:
        resident.die()
    assert world.finish(residents[0].protocol.publish(digest("key"), "value")) is False


@pytest.mark.parametrize("seed", range(20))
def test_a_value_with_a_living_holder_is_found_though_all_the_nearest_contacts_just_died(seed: int) -> None:
    """With a small k the k closest contacts may all be dead; the table knows others."""
    world = World(seed)
    residents = world.network(6, ksize=2)
    world.run(10)
    keys = [digest(number) for number in range(30)]
    for number, key in enumerate(keys):
        assert world.finish(residents[number % 6].protocol.publish(key, number)) is True
    for resident in residents[1:3]:
        resident.die()
    alive = world_alive(world)
    for number, key in enumerate(keys):
        if holders(alive, key):
            assert [world.finish(resident.protocol.fetch(key)) for resident in alive] == [number] * 4


def test_five_thousand_values_at_once_are_all_stored_and_nobody_is_struck() -> None:
    """Requests queue: at most 512 are under way, and time-outs begin when they are sent."""
    world = World(13)
    residents = world.network(12, ksize=4)
    world.run(10)
    protocol = residents[3].protocol
    operations = [protocol.publish(digest(number), number) for number in range(5000)]
    assert protocol.calls.in_flight == limits.REQUESTS_IN_FLIGHT_MAX
    assert protocol.calls.queued > 0
    assert all(world.finish(operation) for operation in operations)
    assert protocol.stats().failing == protocol.stats().timeouts == 0
    for number in range(0, 5000, 100):
        assert world.finish(residents[7].protocol.fetch(digest(number))) == number


def test_the_same_seed_gives_the_same_run() -> None:
    """A failing simulation is one line to replay."""

    def run() -> tuple[list[int], float]:
        world = World(14, loss=0.05)
        residents = world.network(20)
        for number in range(20):
            world.finish(residents[number].protocol.publish(digest(number), number))
        return [resident.protocol.counts.received_bytes for resident in residents], world.now

    assert run() == run()
