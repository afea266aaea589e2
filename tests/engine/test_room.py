"""A full shelf: what is dead goes first, then what is farthest; what is farther still is refused, and said to be.

Values without a sender have no source: among themselves the farthest goes. Who has the most is in test_shares.py.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.holders import KEY, alone
from tests.engine.shelves import at_distance, distances, fill
from tests.hostile.strangers import Stranger, honest, request

from kademlia.engine import limits
from kademlia.engine.keeping import Keeping
from kademlia.engine.room import Room
from kademlia.sim import World
from kademlia.storage import ForgetfulStorage
from kademlia.storage.shelf import RECORD_BYTES
from kademlia.utils import digest


def test_the_farthest_gives_way_to_what_is_nearer() -> None:
    """Of what is far others are the holders."""
    _, node, _ = alone(max_records=4)
    fill(node, [5, 30, 20, 10])
    fill(node, [15])
    assert distances(node, [5, 10, 15, 20, 30]) == [5, 10, 15, 20]
    fill(node, [1, 2])
    assert distances(node, [1, 2, 5, 10, 15, 20]) == [1, 2, 5, 10]
    assert node.stats().evicted == 3
    assert node.stats().refused == 0


def test_what_is_farther_than_all_is_refused_and_nothing_gives_way() -> None:
    """A flood of keys from far away costs nobody anything."""
    _, node, keeping = alone(max_records=3)
    fill(node, [5, 10, 20])
    for distance in range(21, 200):
        assert keeping.put(at_distance(node, distance), "flood", keeping.new_life()) is False
    assert distances(node, [5, 10, 20]) == [5, 10, 20]
    assert node.stats().refused == 179
    assert node.stats().evicted == 0


def test_what_is_dead_goes_before_anything_alive() -> None:
    """Even if it is nearest: nobody gets it any more."""
    world, node, _ = alone(max_records=4)
    fill(node, [1, 2], life_s=10.0)
    fill(node, [50, 100])
    world.run(10.0)
    node.look_at_clock()
    fill(node, [70])
    assert distances(node, [1, 2, 50, 70, 100]) == [50, 70, 100]
    fill(node, [200])
    assert distances(node, [50, 70, 100, 200]) == [50, 70, 100, 200]
    assert node.stats().evicted == 2


def test_a_value_in_the_place_of_another_needs_no_room() -> None:
    """A full node takes updates of what it keeps, the farthest too."""
    _, node, keeping = alone(max_records=2)
    fill(node, [5, 10])
    assert keeping.put(at_distance(node, 10), "newer", keeping.new_life())
    assert keeping.get(at_distance(node, 10)) == "newer"
    assert keeping.get(at_distance(node, 5)) == 5
    assert node.stats().evicted == 0


def test_bytes_are_bounded_too_and_an_update_that_grows_takes_its_room_from_the_farthest() -> None:
    """As `record_bytes` counts them; the key itself gives way to nobody for its own update."""
    _, node, keeping = alone(max_bytes=3 * (RECORD_BYTES + 100))
    for distance in (5, 10, 20):
        assert keeping.put(at_distance(node, distance), b"x" * 100, keeping.new_life())
    assert keeping.put(at_distance(node, 5), b"y" * 200, keeping.new_life())
    assert distances(node, [5, 10, 20]) == [5, 10]
    assert keeping.shelf.size <= 3 * (RECORD_BYTES + 100)
    assert not keeping.put(at_distance(node, 10), b"z" * 5000, keeping.new_life())
    assert keeping.get(at_distance(node, 10)) == b"x" * 100


def test_the_asker_is_told_false() -> None:
    """Else a publisher believes in holders that hold nothing."""
    world = World(2)
    node = world.add(storage=ForgetfulStorage(clock=lambda: world.now, max_records=2))
    stranger = Stranger(world, ("192.0.2.1", 8468), honest(b"i" * 20))
    keys = [at_distance(node.protocol, distance) for distance in (10, 20, 30, 5)]
    for number, key in enumerate(keys):
        stranger.send(request("store", b"i" * 20, key, "value", number=number), node)
        world.run(1)
    assert list(stranger.answers.values()) == [True, True, False, True]
    assert node.protocol.stats().refused == 1
    assert node.protocol.stats().evicted == 1
    assert node.protocol.stats().values == 2


def test_a_publisher_learns_who_had_no_room() -> None:
    """`publish` tells the truth about it (R17)."""
    world = World(3)
    residents = world.network(5, ksize=8)
    for resident in residents[1:]:
        resident.protocol.storage = ForgetfulStorage(clock=lambda: world.now, max_records=1)
        own = resident.protocol.source_node.id
        keeping = resident.protocol.keeping
        assert keeping.put(own, "nearer", keeping.new_life(), residents[0].address)
    publication = residents[0].protocol.set_out(KEY, "value")
    result = world.finish(publication.whole)
    assert not result
    assert {node.id for node in result.refused} == {resident.node.id for resident in residents[1:]}
    assert (result.stored, result.silent, result.kept_here) == ([], [], True)


storing = st.tuples(st.integers(0, 40), st.sampled_from([5, 100_000]), st.sampled_from([0, 0, 1, 6]))


@settings(max_examples=60, deadline=None)
@given(st.lists(storing, max_size=60), st.integers(1, 6))
def test_it_keeps_exactly_what_a_model_of_the_rule_does(drawn: list[tuple[int, int, int]], bound: int) -> None:
    """On a small shelf all keys are looked at: exactly the dead go, or exactly the farthest."""
    world, node, keeping = alone(max_records=bound)
    model: dict[int, float] = {}
    for distance, life_s, passes in drawn:
        world.run(passes)
        node.look_at_clock()
        now = world.now
        if model.get(distance, now + 1) <= now:
            del model[distance]
        room = distance in model or len(model) < bound
        if not room and any(end <= now for end in model.values()):
            model, room = {other: end for other, end in model.items() if end > now}, True
        if not room and distance < max(model):
            del model[max(model)]
            room = True
        if room:
            model[distance] = now + life_s
        key = at_distance(node, distance)
        assert keeping.put(key, distance, keeping.new_life(life_s)) is room
        assert keeping.shelf.records <= bound
    assert distances(node, list(range(41))) == sorted(other for other, end in model.items() if end > world.now)


def test_of_many_values_some_of_the_farthest_go_and_looking_for_them_is_rare() -> None:
    """A store over a full shelf of a million must not look at them all."""
    looks = 0

    class Counting(ForgetfulStorage):
        def farthest(self, own: bytes, most: int) -> list[bytes]:
            nonlocal looks
            looks += 1
            return super().farthest(own, most)

    shelf = Counting(max_records=1000)
    room = Room(bytes(20), shelf, lambda: 0.5)
    newcomer = room.newcomer(bytes(19) + b"\x01", None, RECORD_BYTES)
    for number in range(1000):
        shelf.write(digest(number), number, complex(1, 1e9))
    nearest = sorted(shelf.data)[:100]
    for number in range(500):
        for key in room.giving_way(newcomer, 0.0):
            shelf.drop(key)
        shelf.write(bytes(18) + number.to_bytes(2, "big"), number, complex(1, 1e9))
    assert looks <= 500 // limits.GIVE_WAY_MAX + 1
    assert all(key in shelf.data for key in nearest)
    assert shelf.records <= 1000


@pytest.mark.parametrize("bound", [{"max_records": 0}, {"max_bytes": -1}, {"max_records": float("nan")}])
def test_a_bound_that_makes_no_sense_is_refused_at_the_call(bound: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="more than zero"):
        ForgetfulStorage(**bound)


def test_a_programs_own_storage_is_asked_to_refuse_nothing() -> None:
    """How much it holds is its own matter."""

    class Own(ForgetfulStorage):
        def get(self, key: bytes, default: object = None) -> object:
            return super().get(key, default)

    world = World(5)
    keeping: Keeping = world.add(storage=Own()).protocol.keeping
    assert all(keeping.put(digest(number), number, keeping.new_life()) for number in range(2000))
