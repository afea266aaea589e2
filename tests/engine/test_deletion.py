"""Deleting: our nodes honour it until the old value would have died; the published releases never see what it is."""

from __future__ import annotations

import pytest
from tests.engine.holders import KEY, data_of, holders, in_order, joined, nodes, outsider, values
from tests.hostile.strangers import Stranger, honest, request

from kademlia.engine import limits
from kademlia.node import Address
from kademlia.sim import Resident, World
from kademlia.sim.churn import HOUR_S
from kademlia.sim.old_node import OldAndNew, OldNode, is_old
from kademlia.sim.trace import SENT
from kademlia.utils import digest
from kademlia.wire.packed import TOMBSTONE


def with_value(seed: int, *, life_s: float = limits.LIFE_S, renew: bool = False) -> tuple[World, list[Resident]]:
    """Return a network of ours with a value, published by the first node."""
    world = World(seed, traced=False)
    residents = world.network(10, ksize=4)
    world.run(10)
    assert world.finish(residents[0].protocol.publish(KEY, "value", life_s, renew=renew)) is True
    return world, residents


def nobody_finds_it(world: World) -> bool:
    """Return whether all nodes find nothing."""
    return all(world.finish(reader.protocol.fetch(KEY)) is None for reader in nodes(world))


def test_what_was_deleted_is_found_by_nobody_any_more_and_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """For as long as a value may live, over replications, handing over and newcomers: half a day here, for a week."""
    monkeypatch.setattr(limits, "LIFE_MAX_S", 12 * HOUR_S)
    world, residents = with_value(1, life_s=12 * HOUR_S)
    result = world.finish(residents[7].protocol.delete(KEY).whole)
    assert result
    assert nobody_finds_it(world)
    assert set(values(world)) == {TOMBSTONE}
    for _ in range(5):
        world.run(2 * HOUR_S)
        in_order(world)[0].die()
        joined(world)
        assert nobody_finds_it(world)
    assert world.finish(residents[-1].protocol.search(KEY)).deleted
    world.run(4 * HOUR_S)
    assert world.finish(in_order(world)[3].protocol.fetch(KEY)) is None
    assert not world.finish(in_order(world)[3].protocol.search(KEY)).deleted
    assert holders(world) == []


def test_a_deleted_key_may_be_set_again() -> None:
    """By anybody, with a later stamp."""
    world, residents = with_value(2)
    world.finish(residents[7].protocol.delete(KEY).whole)
    assert world.finish(residents[4].protocol.publish(KEY, "again")) is True
    assert world.finish(outsider(world).protocol.fetch(KEY)) == "again"


def test_who_deletes_what_it_published_renews_it_no_more() -> None:
    world, residents = with_value(3, renew=True)
    world.finish(residents[0].protocol.delete(KEY).whole)
    assert KEY not in residents[0].protocol.upkeep.published
    world.run(20 * HOUR_S)
    assert nobody_finds_it(world)


def test_a_publisher_that_renews_it_does_not_bring_it_back_and_stops() -> None:
    """The deletion is later than the value, though not than its renewal."""
    world, residents = with_value(4)
    publisher = residents[2].protocol
    world.finish(publisher.publish(KEY, "renewed", 2 * HOUR_S, renew=True))
    world.run(60)
    world.finish(residents[7].protocol.delete(KEY).whole)
    for _ in range(12):
        world.run(HOUR_S / 2)
        assert nobody_finds_it(world)
    assert KEY not in publisher.upkeep.published


def test_an_old_node_that_stores_it_every_hour_does_not_bring_it_back() -> None:
    """It has no stamp; here it is known to be the deleted value. Another value of an old node is an update."""
    world, residents = with_value(5)
    old = Stranger(world, ("192.0.2.1", 8468), honest(digest("old")))
    world.finish(residents[7].protocol.delete(KEY).whole)
    number = 0
    for _ in range(30):
        for holder in holders(world)[:4]:
            number += 1
            old.send(request("store", digest("old"), KEY, "value", number=number), holder)
        world.run(HOUR_S)
        assert set(values(world)) == {TOMBSTONE}
    assert set(old.answers.values()) == {True}
    old.send(request("store", digest("old"), KEY, "an update", number=number + 1), in_order(world)[0])
    world.run(1)
    assert in_order(world)[0].protocol.keeping.get(KEY) == "an update"


def test_an_old_node_that_asks_is_told_of_contacts() -> None:
    """As of a key that nobody set: it would take the tombstone for the value."""
    world, residents = with_value(6)
    old = Stranger(world, ("192.0.2.1", 8468), honest(digest("old")))
    world.finish(residents[7].protocol.delete(KEY).whole)
    holder = in_order(world)[0]
    old.send(request("ping", digest("old"), number=1), holder)
    world.run(1)
    old.send(request("find_value", digest("old"), KEY, number=2), holder)
    world.run(1)
    assert isinstance(old.answers[(2).to_bytes(20, "big")], list)
    assert not any(TOMBSTONE in datagram for datagram in old.got)


def test_nobody_can_store_a_tombstone_without_a_stamp() -> None:
    """Bytes of an old node's user that look like one delete nothing."""
    world, _ = with_value(7)
    old = Stranger(world, ("192.0.2.1", 8468), honest(digest("old")))
    holder = in_order(world)[0]
    old.send(request("store", digest("old"), KEY, TOMBSTONE, number=1), holder)
    world.run(1)
    assert old.answers[(1).to_bytes(20, "big")] is False
    assert holder.protocol.keeping.get(KEY) == "value"


@pytest.mark.slow
def test_among_old_nodes_none_gets_a_tombstone_and_our_nodes_honour_it_all_the_same() -> None:
    """They keep their value until it expires; what they store again does not come back to us (docs/values.md)."""
    world = OldAndNew(8, traced=False)
    residents = [
        world.add(ksize=4, protocol_class=OldNode) if number % 2 else world.add(ksize=4) for number in range(16)
    ]
    for resident in residents[1:]:
        world.finish(resident.protocol.join([residents[0].address]))
    world.run(10)
    told: list[Address] = []

    def heard(what: bytes, datagram: bytes, source: Address, target: Address) -> None:
        if what == SENT and TOMBSTONE in datagram and is_old(world.residents.get(target)):
            told.append(target)

    world.listeners.append(heard)
    assert world.finish(residents[0].protocol.publish(KEY, "value")) is True
    assert any(is_old(holder) for holder in holders(world))
    assert any(not is_old(holder) for holder in holders(world))
    result = world.finish(residents[2].protocol.delete(KEY).whole)
    assert result
    assert all(is_old(world.residents[node.address]) for node in result.silent)
    for _ in range(6):
        world.run(HOUR_S)
        ours = [resident for resident in holders(world) if not is_old(resident)]
        assert {resident.protocol.keeping.get(KEY) for resident in ours} <= {TOMBSTONE, "value"}
        assert in_order_of_ours(world)[0].protocol.keeping.get(KEY) == TOMBSTONE
    assert told == []
    assert all(TOMBSTONE not in repr(data_of(resident)).encode() for resident in residents if is_old(resident))


def in_order_of_ours(world: World) -> list[Resident]:
    """Return our nodes, nearest to the key first."""
    return [resident for resident in in_order(world) if not is_old(resident)]


def test_a_deletion_reaches_a_holder_that_missed_it_with_the_next_replication() -> None:
    world, residents = with_value(9)
    late = in_order(world)[1]
    late.connected = False
    world.finish(residents[7].protocol.delete(KEY).whole)
    late.connected = True
    assert late.protocol.keeping.get(KEY) == "value"
    world.run(2 * HOUR_S)
    assert late.protocol.keeping.get(KEY) == TOMBSTONE
    assert nobody_finds_it(world)
