"""Lives beside a program's own storage: its object is looked at, and never wrapped, copied or changed for others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.clock import Clock
from tests.compat_2x.test_2x_storage import Of2x

from kademlia.storage import ForgetfulStorage, IStorage
from kademlia.storage.beside import PRUNED_FROM, Beside, shelf_of
from kademlia.storage.shelf import Shelf, record_bytes
from kademlia.utils import digest

KEY, OTHER = digest("key"), digest("other")


class Deleting(Of2x):
    """A program's storage that can delete."""

    def __delitem__(self, key: bytes) -> None:
        del self.values[key]


def test_a_storage_of_ours_is_its_own_shelf_also_where_a_subclass_adds_to_it() -> None:
    """What is asked most often goes no detour."""

    class Named(ForgetfulStorage):
        name = "mine"

        def describe(self) -> str:
            return self.name

    for storage in (ForgetfulStorage(), Named()):
        assert shelf_of(storage) is storage


@pytest.mark.parametrize(
    "name", ["__getitem__", "__setitem__", "__delitem__", "__iter__", "get", "iteritems", "iter_older_than"]
)
def test_where_a_subclass_changed_a_documented_method_that_is_its_word(name: str) -> None:
    """It may count, refuse, or keep values elsewhere: the shelf's methods would pass it by."""
    called: list[str] = []

    def own(self: Any, *args: Any) -> Any:
        called.append(name)
        return getattr(ForgetfulStorage, name)(self, *args)

    storage = type("Own", (ForgetfulStorage,), {name: own})()
    shelf = shelf_of(storage)
    assert isinstance(shelf, Beside)
    shelf.write(KEY, "value", complex(1, 1e12))
    assert shelf.read(KEY) == ("value", complex(1, 1e12))
    list(shelf.older_than(0))
    list(shelf.between(bytes(20), b"\xff" * 20))
    shelf.drop(KEY)
    assert called


@pytest.fixture(params=["ours", "ours, looked at from beside", "a program's"])
def shelf(request: pytest.FixtureRequest) -> Shelf:
    """Return a shelf of each kind."""
    makers: dict[str, Callable[[], Shelf]] = {
        "ours": lambda: ForgetfulStorage(clock=Clock()),
        "ours, looked at from beside": lambda: Beside(ForgetfulStorage(clock=Clock())),
        "a program's": lambda: Beside(Deleting()),
    }
    return makers[request.param]()


def test_what_is_written_is_read_with_its_life_and_what_is_dropped_is_gone(shelf: Shelf) -> None:
    assert shelf.read(KEY) is None
    shelf.write(KEY, "value", complex(5, 6))
    shelf.write(KEY, b"newer", complex(7, 8))
    shelf.write(OTHER, 0, complex(1, 2))
    assert (shelf.read(KEY), shelf.read(OTHER), shelf.records) == ((b"newer", complex(7, 8)), (0, complex(1, 2)), 2)
    shelf.drop(KEY)
    shelf.drop(KEY)
    assert (shelf.read(KEY), shelf.records) == (None, 1)


def test_touching_changes_no_life_and_no_value(shelf: Shelf) -> None:
    shelf.write(KEY, "value", complex(5, 6))
    shelf.touch(KEY)
    assert shelf.read(KEY) == ("value", complex(5, 6))


def test_keys_are_found_by_age_and_by_range_whatever_happens_meanwhile(shelf: Shelf) -> None:
    """Who walks a store of a million writes to it at the same time."""
    keys = sorted(digest(number) for number in range(50))
    for key in keys:
        shelf.write(key, "value", complex(1, 1e9))
    assert sorted(shelf.older_than(0)) == keys
    assert sorted(shelf.between(keys[10], keys[19])) == keys[10:20]
    assert set(keys[10:20]) <= set(shelf.within([(keys[10], keys[14]), (keys[15], keys[19])]))
    for key in shelf.older_than(0):
        shelf.drop(key)
        shelf.write(digest(key), "another", complex(1, 1e9))
    assert all(shelf.read(key) is None for key in keys)


def test_a_storage_that_cannot_delete_goes_on_having_what_is_dropped() -> None:
    """And its life with it: dead is dead."""
    shelf = Beside(Of2x())
    shelf.write(KEY, "value", complex(5, 6))
    shelf.drop(KEY)
    assert shelf.read(KEY) == ("value", complex(5, 6))


def test_a_value_of_which_no_life_is_known_has_none() -> None:
    storage: Any = Deleting()
    storage[KEY] = "a program's"
    assert Beside(storage).read(KEY) == ("a program's", None)


def test_its_lives_are_the_storages_own_if_it_has_a_dict_of_them() -> None:
    """So they are there again when the same object is used by the next node."""
    storage = ForgetfulStorage()
    Beside(storage).write(KEY, "value", complex(5, 6))
    assert storage.lives == {KEY: complex(5, 6)}
    assert Beside(storage).read(KEY) == ("value", complex(5, 6))


def test_lives_of_values_that_are_gone_are_forgotten() -> None:
    """A program may empty its storage without a word."""
    storage = Deleting()
    shelf = Beside(storage)
    for number in range(10 * PRUNED_FROM):
        shelf.write(digest(number), number, complex(1, 1e9))
        storage.values.clear()
        assert shelf.records <= PRUNED_FROM


def test_nothing_of_a_programs_storage_gives_way_and_nothing_is_refused() -> None:
    """How much it holds is its own matter."""
    shelf = Beside(Deleting())
    shelf.write(KEY, "dead", complex(1, 1))
    assert (shelf.ended(1e9, 10), shelf.farthest(bytes(20), 10), shelf.size, shelf.age(KEY)) == ([], [], 0, None)
    assert shelf.has_room_for(10**6)


# -- bounds of a storage of ours -------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["write", "set", "delete", "drop", "cull"])
def test_the_bytes_it_counts_are_those_of_what_is_there(change: str) -> None:
    """However a value goes; else a bound would drift, and in the end refuse everything."""
    clock = Clock()
    storage = ForgetfulStorage(100.0, clock, max_bytes=10**6)
    storage.write(KEY, "x" * 100, complex(1, 1e9))
    storage.write(OTHER, b"x" * 10, complex(1, 1e9))
    storage.write(KEY, 5, complex(2, 1e9))
    if change == "write":
        storage.write(OTHER, "y" * 1000, complex(2, 1e9))
    elif change == "set":
        storage[OTHER] = "z"
    elif change == "delete":
        del storage[KEY]
    elif change == "drop":
        storage.drop(OTHER)
    else:
        clock.now += 101
        storage.cull()
    assert storage.size == sum(record_bytes(value) for _, value in storage.data.values())
    assert set(storage.lives) <= set(storage.data)


def test_dead_values_and_the_farthest_are_found_part_by_part() -> None:
    """A look takes a millisecond, and all have been looked at after so many."""
    storage = ForgetfulStorage(clock=Clock())
    for number in range(20_000):
        storage.write(number.to_bytes(20, "big"), number, complex(1, 50.0 if number == 19_999 else 1e9))
    looks = [storage.ended(60.0, 64) for _ in range(6)]
    assert [(19_999).to_bytes(20, "big")] in looks
    farthest = {key for _ in range(6) for key in storage.farthest(bytes(20), 1)}
    assert (19_999).to_bytes(20, "big") in farthest


def test_a_storage_without_bounds_has_room_for_everything() -> None:
    storage: IStorage = ForgetfulStorage()
    assert isinstance(storage, Shelf)
    assert storage.has_room_for(10**6)
    assert storage.size == 0
