"""The search that tells who has a value: the newest of several wins, and who had an older one is repaired."""

from __future__ import annotations

import pytest
from tests.engine.holders import KEY, data_of, holders, in_order, network, nodes, outsider
from tests.hostile.strangers import Stranger, honest

from kademlia.engine import limits
from kademlia.engine.keeping import Life
from kademlia.node import Node
from kademlia.searching import FetchResult
from kademlia.sim import Resident, World
from kademlia.utils import digest
from kademlia.wire import rpcudp
from kademlia.wire.packed import TOMBSTONE

KSIZE = 4


def with_value(seed: int, size: int = 16) -> tuple[World, list[Resident]]:
    """Return a joined network with a value."""
    world, residents = network(seed, size, settling_s=60)
    assert world.finish(residents[0].protocol.publish(KEY, "value")) is True
    return world, residents


def search(world: World, reader: Resident, quorum: int = 1) -> FetchResult:
    """Search for the value."""
    result: FetchResult = world.finish(reader.protocol.search(KEY, quorum))
    return result


def reader_far_away(world: World) -> Resident:
    """Return the node farthest from the key."""
    return in_order(world)[-1]


def test_it_tells_the_value_its_holder_its_life_and_what_it_took() -> None:
    world, _ = with_value(1)
    set_at, reader = world.wall, reader_far_away(world)
    world.run(500)
    result = search(world, reader)
    assert (result.value, result.deleted, result.stale) == ("value", False, [])
    assert [node.id for node in result.holders] <= [holder.node.id for holder in in_order(world)]
    assert result.holders
    assert {node.id for node in result.holders} <= {holder.node.id for holder in holders(world)}
    assert result.stamp == pytest.approx(set_at, abs=1)
    assert result.expires_at == pytest.approx(set_at + limits.LIFE_S, abs=2)
    assert 1 <= result.asked <= KSIZE
    assert 0 < result.duration < 0.5


def test_what_nobody_has_is_nothing() -> None:
    world, residents = with_value(2)
    result: FetchResult = world.finish(residents[3].protocol.search(digest("nothing"), 3))
    assert (result.value, result.holders, result.stale, result.stamp, result.expires_at) == (None, [], [], None, None)
    assert result.deleted is False
    assert result.asked >= KSIZE


def test_a_quorum_asks_so_many_holders_nearest_first_the_own_node_included() -> None:
    world, _ = with_value(3)
    result = search(world, reader_far_away(world), 3)
    assert len(result.holders) >= 3
    distances = [node.distance_to(Node(KEY)) for node in result.holders]
    assert distances == sorted(distances)
    own = search(world, in_order(world)[0], 1)
    assert ([node.id for node in own.holders], own.hops, own.asked) == ([in_order(world)[0].node.id], 0, 0)
    assert own.duration == 0.0
    two = search(world, in_order(world)[0], 2)
    assert in_order(world)[0].node.id in {node.id for node in two.holders}
    assert (len(two.holders) >= 2, two.hops) == (True, 0)


def test_a_quorum_that_cannot_be_reached_ends_with_all_there_are() -> None:
    world, _ = with_value(4)
    result = search(world, reader_far_away(world), 16)
    assert {node.id for node in result.holders} == {holder.node.id for holder in in_order(world)[:KSIZE]}


@pytest.mark.parametrize("missed", [1, 2, 3])
def test_the_newest_wins_and_those_with_an_older_one_are_sent_it(missed: int) -> None:
    """Whoever missed an update: one that has it is enough, if it is among those asked."""
    world, _ = with_value(5)
    late = in_order(world)[:missed]
    before = late[0].protocol.keeping.life_of(KEY)
    world.finish(in_order(world)[-2].protocol.publish(KEY, "newer"))
    for resident in late:
        resident.protocol.keeping.shelf.write(KEY, "value", complex(*before))
    result = search(world, reader_far_away(world), 16)
    assert result.value == "newer"
    assert {node.id for node in result.stale} == {resident.node.id for resident in late}
    assert not {node.id for node in result.stale} & {node.id for node in result.holders}
    world.run(2)
    assert {resident.protocol.keeping.get(KEY) for resident in holders(world)} == {"newer"}
    lives = [resident.protocol.keeping.life_of(KEY) for resident in in_order(world)[:KSIZE]]
    assert len({life.stamp for life in lives}) == 1
    assert max(life.ends_at for life in lives) - min(life.ends_at for life in lives) < 5


def test_the_own_store_is_repaired_too_and_repairs() -> None:
    world, _ = with_value(6)
    holder = in_order(world)[0]
    other = in_order(world)[1].protocol
    other.look_at_clock()
    other.keeping.put(KEY, "newer", other.keeping.new_life(key=KEY))
    result = search(world, holder, 16)
    assert result.value == "newer"
    assert holder.node.id in {node.id for node in result.stale}
    assert holder.protocol.keeping.get(KEY) == "newer"
    world.run(2)
    assert {resident.protocol.keeping.get(KEY) for resident in in_order(world)[:KSIZE]} == {"newer"}


def test_a_deleted_value_is_told_to_be_deleted_and_late_holders_learn_of_it() -> None:
    """Nothing that is there and nothing that was there are two things to who asks for the truth."""
    world, _ = with_value(7)
    late = in_order(world)[2]
    before = late.protocol.keeping.life_of(KEY)
    world.finish(in_order(world)[-2].protocol.delete(KEY).whole)
    late.protocol.keeping.shelf.write(KEY, "value", complex(*before))
    result = search(world, reader_far_away(world), 16)
    assert (result.value, result.deleted) == (None, True)
    assert {node.id for node in result.stale} == {late.node.id}
    assert result.stamp is not None
    world.run(2)
    assert late.protocol.keeping.get(KEY) == TOMBSTONE


def test_the_hops_are_how_far_the_first_holder_was() -> None:
    """0 if it was here, 1 if a contact had it, 2 if a contact told of who had it."""
    world = World(8)
    alice, bob, carol = (world.add(ksize=KSIZE) for _ in range(3))
    world.finish(bob.protocol.call_ping(carol.node))
    world.finish(carol.protocol.call_ping(bob.node))
    for resident in (alice, bob, carol):
        resident.protocol.upkeep.stop()
    carol.protocol.look_at_clock()
    carol.protocol.keeping.put(KEY, "value", carol.protocol.keeping.new_life())
    assert search(world, carol).hops == 0
    assert search(world, bob).hops == 1
    alice.protocol.router.add_contact(bob.node)
    assert alice.protocol.router.is_new_node(carol.node)
    assert search(world, alice).hops == 2


def test_the_value_of_an_old_node_has_no_stamp_and_is_older_than_all() -> None:
    """It is found if there is no other; it repairs nobody, and is sent what is newer."""
    world, residents = with_value(9)
    key = Node(KEY)
    stores: list[bytes] = []
    old_id = KEY[:-1] + bytes([KEY[-1] ^ 1])

    def manner(datagram: bytes) -> list[bytes]:
        if b"find_value" in datagram[:40]:
            return [rpcudp.response(datagram[1:21], rpcudp.encode({"value": "old"}))]
        stores.extend([datagram] if b"\xa5store" in datagram[:40] else [])
        return honest(old_id)(datagram)

    old = Stranger(world, ("192.0.2.1", 8468), manner)
    for resident in residents:
        world.finish(resident.protocol.call_ping(Node(old_id, *old.address)))
    world.run(5)
    stores.clear()
    result = search(world, reader_far_away_of_ours(world, key), 16)
    assert result.value == "value"
    assert [node.id for node in result.stale] == [old_id]
    world.run(1)
    assert any(b"value" in datagram for datagram in stores)
    for resident in holders(world):
        resident.protocol.keeping.shelf.drop(KEY)
    alone: FetchResult = world.finish(nodes(world)[3].protocol.search(KEY, 16))
    assert (alone.value, alone.stamp, alone.expires_at, alone.stale) == ("old", None, None, [])


def reader_far_away_of_ours(world: World, key: Node) -> Resident:
    """Return the node of ours that is farthest from a key."""
    return max(nodes(world), key=lambda resident: resident.node.distance_to(key))


def test_the_closest_without_it_gets_a_copy_of_the_newest() -> None:
    """Rule R20, as with an ordinary get."""
    world, _ = with_value(10)
    first = in_order(world)[0]
    first.protocol.keeping.shelf.drop(KEY)
    search(world, outsider(world), 2)
    world.run(1)
    assert first.protocol.keeping.get(KEY) == "value"


@pytest.mark.parametrize("quorum", [1, 3])
def test_a_value_with_a_stamp_far_ahead_of_all_clocks_is_nobodys_newest(quorum: int) -> None:
    """A liar's answer counts as set when it says it was, by its age, and lives no longer than a week."""
    world, _ = with_value(11)
    liar = in_order(world)[0].protocol
    liar.look_at_clock()
    ahead = Life(int(world.wall * 1000) + 10**9, world.now + 1e9)
    liar.keeping.shelf.write(KEY, "lie", complex(*ahead))
    result = search(world, reader_far_away(world), quorum)
    assert result.expires_at is not None
    assert result.expires_at <= world.wall + limits.LIFE_MAX_S + 1
    assert result.stamp is not None
    assert result.stamp <= world.wall + limits.STAMP_AHEAD_S


def test_a_search_of_a_node_that_stopped_ends_with_nothing() -> None:
    world, _ = with_value(12)
    reader = reader_far_away(world)
    reader.protocol.stop()
    operation = reader.protocol.search(KEY, 3)
    assert operation.done
    assert operation.value.value is None
    assert KEY not in data_of(reader)
