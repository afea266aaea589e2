"""The lives of copies: of what is cached, handed on, kept over a restart, and of what old nodes send without a life."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.engine.holders import KEY, SLACK_S, data_of, ends, holders, in_order
from tests.hostile.strangers import Stranger, honest

from kademlia.engine import limits
from kademlia.node import Node
from kademlia.sim import World
from kademlia.wire import life, rpcudp, trailer

# -- copies ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_copy_cached_on_the_way_ends_no_later_than_the_original_and_sooner_where_many_are_nearer() -> None:
    """Kademlia, section 2.3: else a value that is asked for often lies everywhere, and lives on there (R21)."""
    world = World(2)
    residents = world.network(60, ksize=4)
    world.run(60)
    world.finish(residents[0].protocol.publish(KEY, "popular", 10_000.0))
    originals = holders(world)
    ends_at, stamps = max(ends(world)), {original.protocol.keeping.life_of(KEY).stamp for original in originals}
    began = world.now
    for resident in residents[1:30]:
        assert world.finish(resident.protocol.fetch(KEY)) == "popular"
    world.run(1)
    copies = [resident for resident in in_order(world) if resident in holders(world) and resident not in originals]
    assert copies
    lives = [copy.protocol.keeping.life_of(KEY) for copy in copies]
    assert {copied.stamp for copied in lives} == stamps
    assert all(copied.ends_at <= ends_at for copied in lives)
    assert min(copied.ends_at for copied in lives) < began + 0.75 * 10_000
    world.run(began + 10_000 + SLACK_S - world.now)
    assert [world.finish(resident.protocol.fetch(KEY)) for resident in residents[:5]] == [None] * 5


@pytest.mark.parametrize(("nearer", "share"), [(0, 1.0), (4, 0.5), (8, 0.25), (40, 2**-10)])
def test_a_copy_has_half_of_what_is_left_for_every_k_nodes_that_are_nearer(nearer: int, share: float) -> None:
    keeping = World(1).add(ksize=4).protocol.keeping
    assert keeping.cached(life.encode(5, 60, 8000), nearer) == (5, 8000 * share)


@pytest.mark.parametrize("told", [None, b"", bytes(15), bytes(12), "life", 7, [bytes(16)], {"a": bytes(16)}])
def test_a_copy_of_a_value_whose_life_nobody_tells_has_an_hour(told: object) -> None:
    """As one from an old node: it must not live on as if it were published now, nor win against anything."""
    keeping = World(1).add(ksize=4).protocol.keeping
    assert keeping.cached(told, 0) == (0, 3600)  # type: ignore[arg-type]


@pytest.mark.parametrize("told", [life.encode(2**53, 0, 2**32 - 1), b"\xff" * 16, bytes(16)])
def test_a_liar_that_has_a_value_gives_it_no_longer_life_than_a_publisher(told: bytes) -> None:
    """Nor a stamp that nobody else could have."""
    world = World(1)
    keeping = world.add(ksize=4).protocol.keeping
    copied = keeping.cached(told, 0)
    assert copied.ends_at <= limits.LIFE_MAX_S
    assert copied.stamp <= world.wall * 1000


# -- old nodes, and nodes that were away -----------------------------------------------------------------------------

ID = b"i" * 20


def raw_store(number: int, value: object) -> bytes:
    """Return the store of an old node."""
    return rpcudp.request(number.to_bytes(20, "big"), rpcudp.call("store", ID, KEY, value))


def test_an_old_node_that_stores_what_is_kept_does_not_make_it_live_longer_and_a_new_value_replaces_it() -> None:
    """They send no stamp, every hour. What is new is an update made now, and lives as long as they would keep it."""
    world = World(11)
    node = world.add()
    old = Stranger(world, ("192.0.2.1", 8468), honest(ID))
    keeping = node.protocol.keeping
    keeping.put(KEY, "value", keeping.new_life(100.0))
    before = keeping.life_of(KEY)
    for number in range(3):
        old.send(raw_store(number, "value"), node)
        world.run(10)
        assert keeping.life_of(KEY) == before
    old.send(raw_store(3, "other"), node)
    world.run(1)
    assert keeping.get(KEY) == "other"
    assert keeping.life_of(KEY).stamp > before.stamp
    assert keeping.life_of(KEY).ends_at == pytest.approx(world.now - 1 + limits.LIFE_S, abs=0.1)
    assert list(old.answers.values()) == [True] * 4


def test_an_old_nodes_update_wins_over_a_stamp_that_is_ahead_of_our_clock() -> None:
    """Whosever clock is wrong: it was made after what is kept here came."""
    world = World(11)
    node = world.add()
    old = Stranger(world, ("192.0.2.1", 8468), honest(ID))
    keeping = node.protocol.keeping
    assert keeping.put(KEY, "ahead", keeping.believed(life.encode(int(world.wall * 1000) + 299_000, 0, 100)))
    before = keeping.life_of(KEY)
    old.send(raw_store(0, "other"), node)
    world.run(1)
    assert keeping.get(KEY) == "other"
    assert keeping.life_of(KEY).stamp == before.stamp + 1


def test_an_old_nodes_answer_is_cached_for_an_hour_at_most() -> None:
    """Nobody knows its life; what it asks of an old node is answered as ever."""
    world = World(12)
    residents = world.network(4, ksize=4)
    asked: list[bytes] = []

    def manner(datagram: bytes) -> list[bytes]:
        asked.append(datagram)
        body = {"value": "old"} if b"find_value" in datagram[:40] else ID
        return [rpcudp.response(datagram[1:21], rpcudp.encode(body))]

    old = Stranger(world, ("192.0.2.1", 8468), manner)
    world.finish(residents[0].protocol.call_ping(Node(ID, *old.address)))
    world.run(1)
    assert world.finish(residents[0].protocol.fetch(KEY)) == "old"
    world.run(1)
    assert any(datagram[-1:] == trailer.MARK for datagram in asked)
    cached = [resident.protocol.keeping.life_of(KEY) for resident in residents if KEY in data_of(resident)]
    assert cached
    assert all(copied.stamp == 0 and copied.ends_at <= world.now + limits.REFRESH_S for copied in cached)


def test_a_node_that_comes_back_with_its_store_does_not_make_lives_longer() -> None:
    """Lives stay with the values: a restart is no publication."""
    world = World(13)
    residents = world.network(8, ksize=4)
    world.finish(residents[0].protocol.publish(KEY, "value", 5000.0))
    ends_at = max(ends(world))
    for _ in range(3):
        away = in_order(world)[0]
        storage = away.protocol.storage
        before = away.protocol.keeping.life_of(KEY)
        away.die()
        world.run(100)
        back = world.add(away.node.id, ksize=4, storage=storage, address=away.address)
        assert back.protocol.keeping.life_of(KEY) == before
        world.finish(back.protocol.join([residents[-1].address]))
        world.run(1300)
        assert max(ends(world)) <= ends_at + 1
    world.run(ends_at - world.now + 1)
    for reader in list(world.residents.values()):
        assert world.finish(reader.protocol.fetch(KEY)) is None


@pytest.mark.parametrize("way", ["replicate", "hand over"])
def test_who_never_heard_of_a_value_hears_of_its_life_too(way: str) -> None:
    """By replication and by handing over alike, rounded down to a second."""
    world = World(14)
    alice, bob = world.network(2)
    keeping = alice.protocol.keeping
    alice.protocol.look_at_clock()
    keeping.put(KEY, "value", keeping.new_life(500.5))
    world.run(100)
    begin: dict[str, Callable[[], object]] = {
        "replicate": lambda: world.finish(alice.protocol.replicate(KEY)),
        "hand over": lambda: alice.protocol.upkeep.handoff.to(bob.node),
    }
    begin[way]()
    alice.wake()
    world.run(5)
    told = bob.protocol.keeping.life_of(KEY)
    assert told.stamp == keeping.life_of(KEY).stamp
    assert keeping.life_of(KEY).ends_at - 1 < told.ends_at < keeping.life_of(KEY).ends_at + 0.1
