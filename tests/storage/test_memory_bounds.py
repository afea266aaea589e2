"""ForgetfulStorage keeps its rule at a price that is bounded: what is too old is dropped in one go, now and then.

Compared with a plain model that looks at every value each time, and counted: how often it drops, and at how many
values it looks.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.clock import Clock

from kademlia.storage import ForgetfulStorage
from kademlia.storage.memory import CULLS_PER_LIFE

KEYS = [bytes([number]) * 20 for number in range(6)]


class Counting(ForgetfulStorage):
    """A storage that counts how often it is gone through for what is too old."""

    def __init__(self, ttl: float, clock: Clock) -> None:
        super().__init__(ttl, clock)
        self.culls = 0

    def cull(self) -> None:
        self.culls += 1
        super().cull()


class Birthday(float):
    """A time that counts how often it is compared."""

    looks = 0

    def __gt__(self, other: float) -> bool:
        Birthday.looks += 1
        return float(self) > other

    def __le__(self, other: float) -> bool:
        Birthday.looks += 1
        return float(self) <= other


class Model:
    """What a storage is to be: a plain list, looked through each time."""

    def __init__(self, ttl: float, clock: Clock) -> None:
        self.ttl = ttl
        self.clock = clock
        self.entries: list[tuple[float, bytes, object]] = []

    def set(self, key: bytes, value: object) -> None:
        self.entries = [entry for entry in self.entries if entry[1] != key]
        self.entries.append((self.clock.now, key, value))

    def alive(self) -> list[tuple[bytes, object]]:
        return [(key, value) for born, key, value in self.entries if born > self.clock.now - self.ttl]

    def born(self) -> dict[bytes, float]:
        return {key: born for born, key, _ in self.entries}


#: Steps of the clock: none, fractions of a sixty-fourth of a life, about a life, many lives.
waits = st.one_of(
    st.just(0.0), st.floats(0, 0.5), st.sampled_from([10 / 64, 10 / 128, 9.999, 10.0, 10.001, 100.0]), st.floats(0, 30)
)
looks = st.sampled_from(["get", "get or other", "[]", "in", "iter", "items", "iteritems", "older", "repr", "cull"])
steps = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.sampled_from(KEYS), waits),
        st.tuples(looks, st.sampled_from(KEYS), waits),
    ),
    max_size=60,
)


def look(storage: ForgetfulStorage, how: str, key: bytes) -> object:
    """Look at a storage in one of the ways there are."""
    match how:
        case "get":
            return storage.get(key)
        case "get or other":
            return storage.get(key, "other")
        case "[]":
            try:
                return storage[key]
            except KeyError:
                return "KeyError"
        case "in":
            return key in storage
        case "older":
            return storage.iter_older_than(storage.ttl / 2)
        case "iter" | "items" | "iteritems":
            return list(storage if how == "iter" else getattr(storage, how)())
        case "repr":
            return repr(storage)
    storage.cull()
    return None


def wanted(model: Model, how: str, key: bytes) -> object:
    """Return what is seen by whoever looks at everything."""
    alive = model.alive()
    match how:
        case "get":
            return dict(alive).get(key)
        case "get or other":
            return dict(alive).get(key, "other")
        case "[]":
            return dict(alive).get(key, "KeyError")
        case "in":
            return key in dict(alive)
        case "iter" | "items" | "iteritems":
            return alive
        case "repr":
            born = model.born()
            return repr({key: (born[key], value) for key, value in alive})
    return None


@settings(max_examples=300)
@given(st.sampled_from([0, 1, 10, 10, 10, 604800, float("inf")]), steps)
def test_nothing_too_old_is_ever_seen_and_nothing_young_is_missed(
    ttl: float, drawn: list[tuple[str, bytes, float]]
) -> None:
    """Whatever is set, waited for and looked at, in whatever order; and `data` is in the order of age throughout."""
    clock = Clock()
    storage, model = ForgetfulStorage(ttl, clock), Model(ttl, clock)
    for number, (how, key, seconds) in enumerate(drawn):
        clock.now += seconds
        if how == "set":
            storage[key] = number
            model.set(key, number)
        elif how == "older":
            older = storage.iter_older_than(ttl / 2)
            young_enough = [pair for pair in older if pair in model.alive()]
            born = model.born()
            assert young_enough == [pair for pair in model.alive() if born[pair[0]] <= clock.now - ttl / 2]
        else:
            assert look(storage, how, key) == wanted(model, how, key), how
        in_order = [(key, born) for born, key, _ in model.entries if key in storage.data]
        assert [(key, entry[0]) for key, entry in storage.data.items()] == in_order
        assert set(dict(model.alive())) <= set(storage.data)


@settings(max_examples=100)
@given(st.lists(st.floats(0, 0.2), min_size=1, max_size=300), st.lists(st.booleans(), min_size=1, max_size=8))
def test_setting_and_missing_drop_at_most_64_times_a_life(seconds: list[float], sets: list[bool]) -> None:
    """It costs time for every value there is to drop, and nothing in between; the first is a life after the start."""
    clock = Clock()
    storage = Counting(10, clock)
    for number, step in enumerate(seconds):
        clock.now += step
        if sets[number % len(sets)]:
            storage[number.to_bytes(20, "big")] = number
        else:
            assert storage.get(b"?" * 20) is None
    lived = clock.now - 1000
    assert storage.culls <= lived * CULLS_PER_LIFE / 10
    assert storage.culls == 0 or lived >= 10


def test_what_is_too_old_takes_memory_for_a_sixty_fourth_of_a_life_at_most() -> None:
    """If anybody sets or looks: a storage that nobody touches does nothing."""
    clock = Clock()
    storage = ForgetfulStorage(10, clock)
    for number in range(5000):
        storage[number.to_bytes(20, "big")] = number
        born = next(iter(storage.data.values()))[0]
        assert clock.now - born <= 10 + 10 / CULLS_PER_LIFE + 0.01
        clock.now += 0.01
    assert len(storage.data) <= 1000 * (1 + 1 / CULLS_PER_LIFE) + 2


class TestALookCostsTheSameWhateverThereIs:
    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def storage(self, clock: Clock) -> ForgetfulStorage:
        storage = ForgetfulStorage(10, clock)
        for number in range(2000):
            clock.now += 0.001
            storage.data[number.to_bytes(20, "big")] = (Birthday(clock.now), number)
        Birthday.looks = 0
        return storage

    @pytest.mark.parametrize("how", ["get", "get or other", "[]", "in", "cull"])
    @pytest.mark.parametrize("number", [0, 1000, 1999, 5000])
    def test_while_all_are_young(self, storage: ForgetfulStorage, how: str, number: int) -> None:
        look(storage, how, number.to_bytes(20, "big"))
        assert Birthday.looks <= 2
        assert len(storage.data) == 2000

    @pytest.mark.parametrize("how", ["get", "[]", "in", "cull"])
    def test_but_for_what_there_is_to_drop(self, storage: ForgetfulStorage, clock: Clock, how: str) -> None:
        clock.now += 8.0105  # ten are too old now
        look(storage, how, (0).to_bytes(20, "big"))
        assert len(storage.data) == 1990
        assert Birthday.looks <= 10 + 3
        look(storage, how, (0).to_bytes(20, "big"))
        assert Birthday.looks <= 10 + 6

    def test_setting_looks_at_none_of_the_others(self, storage: ForgetfulStorage) -> None:
        for number in range(2000, 2100):
            storage[number.to_bytes(20, "big")] = number
        storage[(1000).to_bytes(20, "big")] = "again"
        assert Birthday.looks == 0

    def test_what_is_iterated_is_made_one_at_a_time(self, storage: ForgetfulStorage) -> None:
        """10,000 pairs at once would hold up an event loop."""
        pairs = storage.items()
        assert next(pairs) == ((0).to_bytes(20, "big"), 0)
        assert Birthday.looks <= 3


def test_setting_while_going_through_it_disturbs_nobody() -> None:
    clock = Clock()
    storage = ForgetfulStorage(10, clock)
    for number in range(4):
        storage[KEYS[number]] = number
    seen: list[tuple[bytes, Any]] = []
    for key, value in storage:
        seen.append((key, value))
        storage[KEYS[4]] = 4
        storage[KEYS[3]] = "new"
        storage.data.pop(KEYS[1], None)
    assert seen == [(KEYS[0], 0), (KEYS[2], 2), (KEYS[3], "new")]


def test_what_became_too_old_while_it_was_gone_through_is_not_seen() -> None:
    """Republishing goes through a store for minutes, between other work."""
    clock = Clock()
    storage = ForgetfulStorage(10, clock)
    for number in range(4):
        storage[KEYS[number]] = number
        clock.now += 1
    pairs = iter(storage)
    assert next(pairs) == (KEYS[0], 0)
    clock.now += 7.5  # the first two are too old now
    assert list(pairs) == [(KEYS[2], 2), (KEYS[3], 3)]
