"""ForgetfulStorage: what the releases promise of it, on a clock that the test moves."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.clock import Clock

from kademlia.storage import ForgetfulStorage, IStorage

if TYPE_CHECKING:
    from collections.abc import Iterator

A, B, C = b"a" * 20, b"b" * 20, b"c" * 20


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def storage(clock: Clock) -> ForgetfulStorage:
    return ForgetfulStorage(ttl=10, clock=clock)


def test_a_value_is_kept_a_week_unless_said_otherwise() -> None:
    assert ForgetfulStorage().ttl == 604800


def test_a_value_comes_back(storage: ForgetfulStorage) -> None:
    storage[A] = "one"
    assert storage[A] == storage.get(A) == "one"
    assert A in storage


def test_a_missing_value_is_a_key_error_or_the_default(storage: ForgetfulStorage) -> None:
    with pytest.raises(KeyError):
        storage[A]
    assert storage.get(A) is None
    assert storage.get(A, "none") == "none"
    assert A not in storage


def test_a_value_is_gone_the_moment_its_time_is_up(storage: ForgetfulStorage, clock: Clock) -> None:
    storage[A] = 1
    clock.now += 9.999
    assert storage.get(A) == 1
    clock.now += 0.001
    assert storage.get(A) is None


def test_with_no_time_to_live_a_value_is_gone_at_once(clock: Clock) -> None:
    storage = ForgetfulStorage(ttl=0, clock=clock)
    storage[A] = 1
    assert storage.get(A) is None
    assert storage.get(A, 2) == 2


def test_setting_again_makes_it_young_and_last(storage: ForgetfulStorage, clock: Clock) -> None:
    storage[A] = 1
    storage[B] = 2
    clock.now += 9
    storage[A] = 3
    assert list(storage) == [(B, 2), (A, 3)]
    clock.now += 9
    assert list(storage) == [(A, 3)]


@pytest.mark.parametrize("name", ["__iter__", "iteritems", "items"])
def test_going_through_it_gives_pairs_under_every_name(storage: ForgetfulStorage, name: str) -> None:
    storage[A] = 1
    storage[B] = 2
    items = getattr(storage, name)()
    assert next(items) == (A, 1)
    assert list(items) == [(B, 2)]


@pytest.mark.parametrize("name", ["iter_older_than", "iteritemsOlderThan"])
def test_what_is_just_as_old_is_older(storage: ForgetfulStorage, clock: Clock, name: str) -> None:
    """And 0 means everything: the releases compare so."""
    older = getattr(storage, name)
    storage[A] = 1
    clock.now += 3
    storage[B] = 2
    clock.now += 2
    assert list(older(6)) == []
    assert list(older(5)) == [(A, 1)]
    assert list(older(0)) == [(A, 1), (B, 2)]


def test_looking_for_the_old_drops_nothing(storage: ForgetfulStorage, clock: Clock) -> None:
    storage[A] = 1
    clock.now += 20
    assert list(storage.iter_older_than(0)) == [(A, 1)]


def test_it_may_be_changed_while_it_is_gone_through(storage: ForgetfulStorage, clock: Clock) -> None:
    """Republishing reads and sets as it goes; the releases raised RuntimeError then."""
    storage[A] = 1
    storage[B] = 2
    for items in iter(storage), iter(storage.iter_older_than(0)):
        for key, value in items:
            storage[key] = value
            storage[C] = value
            clock.now += 1


@pytest.mark.parametrize("look", [repr, list, lambda s: s.get(A), lambda s: A in s, lambda s: s.items()])
def test_every_look_drops_what_is_too_old(storage: ForgetfulStorage, clock: Clock, look: Any) -> None:
    """Memory is given back by reading too: a node that nobody stores at any more would keep all."""
    storage[A] = 1
    storage[B] = 2
    clock.now += 10
    look(storage)
    assert storage.data == {}


def test_data_holds_birthday_and_value(storage: ForgetfulStorage) -> None:
    """Programs look into it, for want of anything better in the releases."""
    storage[A] = 1
    assert storage.data == {A: (1000.0, 1)}
    assert repr(storage) == repr(storage.data)


def test_an_empty_storage_is_true(storage: ForgetfulStorage) -> None:
    """`storage or ForgetfulStorage()` in a program must not replace it."""
    assert bool(storage) is True
    assert isinstance(storage, IStorage)


@pytest.mark.parametrize("ttl", [-1, -0.001, math.nan])
def test_a_time_to_live_that_makes_no_sense_is_refused(ttl: float) -> None:
    with pytest.raises(ValueError, match="ttl"):
        ForgetfulStorage(ttl)


def test_a_value_may_live_for_ever(clock: Clock) -> None:
    storage = ForgetfulStorage(math.inf, clock)
    storage[A] = 1
    clock.now += 1e12
    assert storage[A] == 1


def test_dropping_costs_what_there_is_to_drop(clock: Clock) -> None:
    """With 100,000 values, each get would else look at all of them."""
    looks = 0

    class Birthday(float):
        def __gt__(self, other: float) -> bool:
            nonlocal looks
            looks += 1
            return float(self) > other

    storage = ForgetfulStorage(10, clock)
    for number in range(1000):
        storage.data[number.to_bytes(20)] = (Birthday(clock.now), number)
    storage.get((7).to_bytes(20))
    assert looks <= 1


def test_a_value_may_be_dropped(storage: ForgetfulStorage) -> None:
    """What is dead before its time is up; a mistake is told as a dict tells it."""
    storage[A] = 1
    storage[B] = 2
    del storage[A]
    assert A not in storage
    assert list(storage) == [(B, 2)]
    for missing in (A, C):
        with pytest.raises(KeyError):
            del storage[missing]
    assert list(storage) == [(B, 2)]


def test_a_dropped_value_may_be_set_again(storage: ForgetfulStorage, clock: Clock) -> None:
    storage[A] = 1
    del storage[A]
    clock.now += 5
    storage[A] = 2
    assert list(storage) == [(A, 2)]
    assert list(storage.iter_older_than(1)) == []


def test_lives_go_with_their_values(storage: ForgetfulStorage, clock: Clock) -> None:
    """They are the node's, which is not told when a value is dropped or too old."""
    for key in (A, B, C):
        storage[key] = 1
        storage.lives[key] = complex(1, 2)
        clock.now += 1
    del storage[B]
    assert list(storage.lives) == [A, C]
    clock.now += 7
    storage.cull()
    assert list(storage.lives) == [C]
    clock.now += 2
    assert storage.get(C) is None
    assert storage.lives == {}


def test_lives_are_no_part_of_what_is_seen(storage: ForgetfulStorage) -> None:
    """Programs print a storage and go through it, as ever; a life alone is no value."""
    storage[A] = 1
    seen = repr(storage), list(storage), list(storage.items()), storage.iter_older_than(0)
    storage.lives |= {A: complex(1, 2), B: complex(3, 4)}
    assert (repr(storage), list(storage), list(storage.items()), storage.iter_older_than(0)) == seen
    assert B not in storage
    assert storage.get(B) is None


def test_a_value_without_a_life_may_be_dropped_and_be_too_old(storage: ForgetfulStorage, clock: Clock) -> None:
    """A program's own values have none."""
    storage[A] = 1
    del storage[A]
    storage[B] = 2
    clock.now += 10
    storage.cull()
    assert storage.data == {}


def test_an_override_of_getitem_is_honoured_by_get(storage: ForgetfulStorage) -> None:
    class Doubling(ForgetfulStorage):
        def __getitem__(self, key: bytes) -> Any:
            return 2 * super().__getitem__(key)

    doubling = Doubling()
    doubling[A] = 2
    assert doubling.get(A) == 4


def test_an_override_of_cull_is_honoured(clock: Clock) -> None:
    class Remembering(ForgetfulStorage):
        def cull(self) -> None:
            pass

    storage = Remembering(0, clock)
    storage[A] = 1
    assert storage[A] == 1


def test_an_override_of_either_spelling_is_both() -> None:
    class Older(ForgetfulStorage):
        def iteritemsOlderThan(self, seconds_old: float) -> list[tuple[bytes, Any]]:
            return [*super().iteritemsOlderThan(seconds_old), (C, 3)]

    assert list(Older().iter_older_than(0)) == [(C, 3)]


def test_an_iter_of_the_first_era_may_be_written_with_iteritems() -> None:
    """Iterating gave keys in 0.x. If `iteritems` went by `__iter__`, this would never end."""

    class Keys(ForgetfulStorage):
        def __iter__(self) -> Iterator[Any]:
            return (key for key, _ in self.iteritems())

    storage = Keys()
    storage[A] = 1
    assert list(storage) == [A]


class AgainstAPlainList(RuleBasedStateMachine):
    """Whatever is done in whatever order, it is as if each value carried its birthday in a plain list."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.storage = ForgetfulStorage(5, self.clock)
        self.list: list[tuple[float, bytes, int]] = []

    @rule(key=st.sampled_from([A, B, C]), value=st.integers())
    def set(self, key: bytes, value: int) -> None:
        self.storage[key] = value
        self.list = [entry for entry in self.list if entry[1] != key]
        self.list.append((self.clock.now, key, value))

    @rule(seconds=st.integers(0, 7))
    def wait(self, seconds: int) -> None:
        self.clock.now += seconds

    def older_than(self, seconds: float) -> list[tuple[bytes, int]]:
        return [(key, value) for birthday, key, value in self.list if self.clock.now - birthday >= seconds]

    def alive(self) -> list[tuple[bytes, int]]:
        return [(key, value) for birthday, key, value in self.list if self.clock.now - birthday < 5]

    @rule(key=st.sampled_from([A, B, C]))
    def delete(self, key: bytes) -> None:
        self.storage.cull()
        if key in dict(self.alive()):
            del self.storage[key]
            self.list = [entry for entry in self.list if entry[1] != key]
        else:
            with pytest.raises(KeyError):
                del self.storage[key]

    @rule(key=st.sampled_from([A, B, C]))
    def get(self, key: bytes) -> None:
        assert self.storage.get(key) == dict(self.alive()).get(key)

    @invariant()
    def same(self) -> None:
        assert list(self.storage) == self.alive()

    @invariant()
    def same_ages(self) -> None:
        for seconds in range(5):
            young_enough = [pair for pair in self.older_than(seconds) if pair in self.alive()]
            assert self.storage.iter_older_than(seconds) == young_enough


TestAgainstAPlainList = AgainstAPlainList.TestCase
