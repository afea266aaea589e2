"""Dates in a network with nodes of published releases, which tell none: what is old stays old, and is not preferred."""

from __future__ import annotations

import pytest
from tests.engine.holders import KEY, alone, holders, in_order, joined, nodes

from kademlia.engine import limits
from kademlia.engine.keeping import Life
from kademlia.node import Node
from kademlia.sim import Resident, World
from kademlia.sim.churn import DAY_S
from kademlia.sim.old_node import OldAndNew, OldNode
from kademlia.wire import life as wire_life
from kademlia.wire.life import BY_HOLDER


def mixed(seed: int, old: int, ours: int, ksize: int = 4) -> OldAndNew:
    """Return a network of some nodes of each kind, ours first."""
    world = OldAndNew(seed, traced=False)
    first = world.add(ksize=ksize)
    kinds = [None] * (ours - 1) + [OldNode] * old
    for kind in kinds:
        newcomer = world.add(ksize=ksize, **({"protocol_class": kind} if kind is not None else {}))
        world.finish(newcomer.protocol.join([first.address]))
    return world


def ours(world: World) -> list[Resident]:
    """Return the nodes that know lives."""
    return [resident for resident in nodes(world) if not isinstance(resident.protocol, OldNode)]


# -- stamps made by holders ------------------------------------------------------------------------------------------


def test_a_publishers_stamp_is_even_and_a_holders_is_odd() -> None:
    """One bit of a millisecond tells them apart, at no cost on the wire or in memory."""
    world, _, keeping = alone()
    assert all(keeping.new_life().stamp % 2 == 0 for _ in range(5))
    assert keeping.put(KEY, "from an old node")
    assert keeping.life_of(KEY).stamp & BY_HOLDER
    world.run(1)
    assert keeping.put(KEY, "another")
    assert keeping.life_of(KEY).stamp & BY_HOLDER


@pytest.mark.parametrize("ahead_ms", [-10_000, 0, 1, 2, 299_999])
def test_an_update_of_an_old_node_is_newer_than_what_is_kept(ahead_ms: int) -> None:
    """Whatever the clock of who published that."""
    world, _, keeping = alone()
    stamp = int(world.wall * 1000) + ahead_ms
    assert keeping.put(KEY, "published", Life(stamp, world.now + 1000))
    assert keeping.put(KEY, "updated")
    assert keeping.life_of(KEY).stamp > stamp
    assert keeping.get(KEY) == "updated"


@pytest.mark.parametrize("by_holder", [0, BY_HOLDER])
def test_a_stamp_far_ahead_stays_what_it_is_when_it_is_bounded(by_holder: int) -> None:
    """Else a holder's would pass for a publisher's at the next node."""
    world, _, keeping = alone()
    told = wire_life.encode((int(world.wall * 1000) + 10**7) // 2 * 2 | by_holder, 5, 1000)
    believed = keeping.believed(told)
    assert believed is not None
    assert believed.stamp & BY_HOLDER == by_holder


def test_an_old_value_that_one_holder_takes_for_new_does_not_spread() -> None:
    """A node that never had it cannot know better; those that had it do, though its stamp is the latest."""
    world = World(5, traced=False)
    residents = world.network(8, ksize=4)
    publisher = residents[0].protocol
    for value in ("first", "second"):
        assert world.finish(publisher.publish(KEY, value)) is True
        world.run(1)
    taken_in, *others = holders(world)
    taken_in.protocol.keeping.bygone._met.clear()
    assert taken_in.protocol.keeping.put(KEY, "first")  # as an old node stores it
    world.run(4 * limits.REFRESH_S)
    assert {resident.protocol.keeping.get(KEY) for resident in others} == {"second"}


def test_a_publisher_whose_own_old_value_came_back_dates_its_value_anew() -> None:
    """It knows what it published before: that is no reason to give up, as for what somebody else set later."""
    world = World(6, traced=False)
    residents = world.network(8, ksize=4)
    publisher = residents[0].protocol
    for value in ("first", "second"):
        assert world.finish(publisher.publish(KEY, value, renew=True)) is True
        world.run(1)
    for holder in holders(world):
        if holder.protocol is not publisher:
            holder.protocol.keeping.bygone._met.clear()
            assert holder.protocol.keeping.put(KEY, "first")
    world.run(DAY_S)
    assert KEY in publisher.upkeep.published
    assert {resident.protocol.keeping.get(KEY) for resident in in_order(world)[:4]} == {"second"}


# -- searches --------------------------------------------------------------------------------------------------------


def test_a_get_prefers_a_value_with_a_date_to_those_without() -> None:
    """Nodes of 2.2.3 keep what they missed an update of, and answer as quickly."""
    world = mixed(7, old=6, ours=4, ksize=10)
    stale = [resident for resident in nodes(world) if isinstance(resident.protocol, OldNode)]
    assert world.finish(ours(world)[0].protocol.publish(KEY, "new")) is True
    for resident in stale:
        resident.protocol.storage[KEY] = "old"
    for reader in ours(world):
        reader.protocol.keeping.shelf.drop(KEY)
    keeper = ours(world)[1].protocol
    keeper.keeping.put(KEY, "new", keeper.keeping.new_life())
    for reader in (ours(world)[0], ours(world)[2]):
        assert world.finish(reader.protocol.fetch(KEY)) == "new"
        reader.protocol.keeping.shelf.drop(KEY)
        found = world.finish(reader.protocol.search(KEY))
        assert found.value == "new"
        assert found.stamp is not None


def test_without_any_date_the_most_frequent_value_is_taken_and_nobody_late_is_waited_for() -> None:
    """As 2.2.3 does; and a dead node must not make it five seconds."""
    world = mixed(8, old=7, ours=1, ksize=8)
    old = [resident for resident in nodes(world) if isinstance(resident.protocol, OldNode)]
    for number, resident in enumerate(old):
        resident.protocol.storage[KEY] = "seldom" if number < 2 else "often"
    old[-1].die()
    began_at = world.now
    assert world.finish(ours(world)[0].protocol.fetch(KEY)) == "often"
    assert world.now - began_at < 2


# -- who hands over, and who is a holder -----------------------------------------------------------------------------


def test_a_newcomer_does_not_hand_its_old_neighbours_what_they_gave_it() -> None:
    """They are new to it, but it is not they who are new."""
    world = World(9, traced=False)
    residents = world.network(12, ksize=6)
    for number in range(30):
        world.finish(residents[0].protocol.publish(Node(bytes([number * 8]) * 20).id, number))
    newcomer = joined(world, ksize=6)
    given = []
    handed = newcomer.protocol.upkeep.handoff.to
    newcomer.protocol.upkeep.handoff.to = lambda node: given.append(node) or handed(node)  # type: ignore[method-assign]
    world.run(120)
    assert newcomer.protocol.keeping.shelf.records > 5
    assert given == []


def test_one_that_will_be_gone_in_a_moment_is_no_holder_of_what_it_publishes() -> None:
    """Else of k holders one is gone at once."""
    world = World(10, traced=False)
    world.network(10, ksize=4)
    passer_by = joined(world)
    passer_by.protocol.ephemeral = True
    for number in range(20):
        publication = passer_by.protocol.set_out(Node(bytes([number * 12]) * 20).id, number)
        result = world.finish(publication.whole)
        assert not result.kept_here
        assert len(result.stored) == 4


def test_with_fewer_than_k_nodes_everybody_keeps_everything() -> None:
    """The publisher, too, wherever its id lies."""
    world = World(11, traced=False)
    residents = world.network(3, ksize=8)
    for number in range(10):
        result = world.finish(residents[0].protocol.set_out(Node(bytes([number * 25]) * 20).id, number).whole)
        assert result.kept_here
        assert len(result.stored) == 2
