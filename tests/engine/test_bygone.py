"""Values that are no longer: an old node that stores one again changes nothing, and remembering them is bounded."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.holders import KEY, alone
from tests.hostile.strangers import Stranger, honest, request

from kademlia.engine import limits
from kademlia.engine.bygone import Bygone
from kademlia.engine.keeping import Keeping, Life
from kademlia.sim import World
from kademlia.utils import digest
from kademlia.wire.packed import TOMBSTONE

DAY_S = limits.BYGONE_S

# -- what is remembered ----------------------------------------------------------------------------------------------


def test_a_value_is_remembered_for_a_day_after_it_was_last_met() -> None:
    """Old nodes store what they have once an hour: as long as one does, it is met."""
    bygone = Bygone(bytes(20))
    bygone.add(KEY, "old", 0.0)
    assert bygone.has(KEY, "old", DAY_S - 1)
    assert bygone.has(KEY, "old", 2 * DAY_S - 2)
    assert not bygone.has(KEY, "old", 3 * DAY_S)


def test_another_value_and_another_key_are_not_met() -> None:
    """A value has a type: 1 and True are two, and so are 1 and 1.0."""
    bygone = Bygone(bytes(20))
    bygone.add(KEY, 1, 0.0)
    assert bygone.has(KEY, 1, 1.0)
    for other in (2, True, 1.0, "1", b"\x01"):
        assert not bygone.has(KEY, other, 1.0)
    assert not bygone.has(digest("other"), 1, 1.0)


def test_of_one_key_the_last_few_are_remembered() -> None:
    """Who sets a key each second does not fill the memory; the latest values are those that come back."""
    bygone = Bygone(bytes(20))
    for number in range(10):
        bygone.add(KEY, number, float(number))
    assert [number for number in range(10) if bygone.has(KEY, number, 10.0)] == [6, 7, 8, 9]


def test_meeting_one_makes_it_the_latest() -> None:
    """What an old node still has is not pushed out by values that nobody has."""
    bygone = Bygone(bytes(20))
    for number in range(4):
        bygone.add(KEY, number, 0.0)
    assert bygone.has(KEY, 0, 1.0)
    bygone.add(KEY, 4, 2.0)
    assert [number for number in range(5) if bygone.has(KEY, number, 3.0)] == [0, 2, 3, 4]


def test_the_keys_are_bounded_and_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 400 bytes each, 65,536 take 26 MB: whoever sets and sets again must not get more."""
    monkeypatch.setattr(limits, "BYGONE_KEYS_MAX", 100)
    bygone = Bygone(bytes(20))
    for number in range(1000):
        bygone.add(digest(number), number, float(number))
        assert len(bygone) <= 100
    assert len(bygone) == 100
    assert [number for number in range(1000) if bygone.has(digest(number), number, 1000.0)] == list(range(900, 1000))


def test_what_is_over_is_forgotten_as_others_come() -> None:
    """A day after a busy hour its memory is free."""
    bygone = Bygone(bytes(20))
    for number in range(500):
        bygone.add(digest(number), number, 0.0)
    for number in range(500):
        bygone.add(digest(f"later {number}"), number, DAY_S)
    assert len(bygone) == 500


adding = st.tuples(st.booleans(), st.integers(0, 3), st.integers(0, 6), st.sampled_from([0.0, 1.0, DAY_S / 2, DAY_S]))


@settings(max_examples=60)
@given(st.lists(adding, max_size=60))
def test_it_remembers_exactly_what_a_plain_list_of_the_last_four_does(
    drawn: list[tuple[bool, int, int, float]],
) -> None:
    """Whatever is added and met, in any order."""
    bygone, now = Bygone(bytes(20)), 0.0
    plain: dict[bytes, list[tuple[int, float]]] = {}
    for adds, place, value, passes in drawn:
        now += passes
        key = digest(place)
        known = any(other == value and end > now for other, end in plain.get(key, []))
        if adds:
            bygone.add(key, value, now)
        else:
            assert bygone.has(key, value, now) is known
        if adds or known:
            others = [item for item in plain.get(key, []) if item[0] != value]
            plain[key] = [*others, (value, now + DAY_S)][-limits.BYGONE_PER_KEY :]


# -- where it is asked -----------------------------------------------------------------------------------------------


def kept_once(way: str) -> tuple[World, Keeping]:
    """Return a node that kept "old" and keeps it no longer."""
    world, node, keeping = alone()
    assert keeping.put(KEY, "old", keeping.new_life(60.0))
    if way == "superseded":
        assert keeping.put(KEY, "new", keeping.new_life())
    elif way == "deleted":
        assert keeping.put(KEY, TOMBSTONE, keeping.new_life())
    else:
        world.run(60.0)
        node.look_at_clock()
    return world, keeping


@pytest.mark.parametrize("way", ["superseded", "deleted", "dead"])
def test_an_old_node_that_stores_it_again_is_told_true_and_changes_nothing(way: str) -> None:
    """In the published releases it comes back everywhere, as the newest (defects 5 and 6)."""
    _, keeping = kept_once(way)
    before = keeping.get(KEY)
    assert keeping.put(KEY, "old") is True
    assert keeping.get(KEY) == before
    assert keeping.put(KEY, "yet another") is True
    assert keeping.get(KEY) == "yet another"


@pytest.mark.parametrize("way", ["superseded", "deleted", "dead"])
def test_a_publisher_of_ours_may_set_the_same_value_again(way: str) -> None:
    """Its stamp says that it is news."""
    _, keeping = kept_once(way)
    assert keeping.put(KEY, "old", keeping.new_life(60.0, KEY)) is True
    assert keeping.get(KEY) == "old"


def test_it_is_so_for_a_datagram_of_an_old_node_too() -> None:
    """For days, as it goes on every hour; and what it is told is what it expects."""
    world = World(3)
    node = world.add()
    keeping = node.protocol.keeping
    old = Stranger(world, ("192.0.2.1", 8468), honest(b"i" * 20))
    keeping.put(KEY, "old", keeping.new_life(1800.0))
    for number in range(72):
        old.send(request("store", b"i" * 20, KEY, "old", number=number), node)
        world.run(3600)
    assert keeping.get(KEY) is None
    assert set(old.answers.values()) == {True}
    assert len(old.answers) == 72


def test_what_died_and_gave_way_is_remembered_and_what_gave_way_alive_is_not() -> None:
    """The one would come back for ever; the other is welcome when there is room."""
    world, node, keeping = alone(max_records=1)
    keeping.put(KEY, "dead", keeping.new_life(10.0))
    world.run(10.0)
    node.look_at_clock()
    assert keeping.put(digest("other"), "other", keeping.new_life())
    assert keeping.put(KEY, "dead") is True
    assert keeping.get(KEY) is None
    own = node.source_node.id
    far, near = bytes(byte ^ 255 for byte in own), own
    keeping.shelf.drop(digest("other"))
    assert keeping.put(far, "far", keeping.new_life())
    assert keeping.put(near, "near", keeping.new_life())
    keeping.shelf.drop(near)
    assert keeping.put(far, "far") is True
    assert keeping.get(far) == "far"


def test_what_a_program_put_there_may_be_anything() -> None:
    """An object that does not travel is not remembered, and nothing raises where a datagram is taken."""
    world, node, keeping = alone()
    keeping.put(KEY, "value", keeping.new_life(10.0))
    lives = keeping.storage.lives  # type: ignore[attr-defined]
    life = lives[KEY]
    keeping.storage[KEY] = object()
    lives[KEY] = life
    world.run(10.0)
    node.look_at_clock()
    assert keeping.get(KEY) is None
    assert len(keeping.bygone) == 0


def test_a_copy_of_which_nobody_knows_the_stamp_does_not_come_back_either() -> None:
    """Our nodes hand on what they have of old nodes, with the stamp 0: that is no news."""
    world, keeping = kept_once("dead")
    assert keeping.put(KEY, "old", Life(0, world.now + 60)) is True
    assert keeping.get(KEY) is None
