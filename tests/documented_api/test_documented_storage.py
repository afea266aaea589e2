"""`kademlia.storage` as documented: the forgetful one, and the interface, with zope.interface and without."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.clock import Clock
from zope.interface import implementer
from zope.interface.verify import verifyObject

from kademlia.storage import ForgetfulStorage, IStorage

KEY, OTHER = b"a" * 20, b"b" * 20


class TestAForgetfulStorage:
    def test_gives_back_what_was_set(self) -> None:
        storage = ForgetfulStorage()
        storage[KEY] = "value"
        assert storage[KEY] == storage.get(KEY) == "value"

    def test_keeps_a_value_for_a_week_unless_told_otherwise(self) -> None:
        clock = Clock(0.0)
        storage = ForgetfulStorage(clock=clock)
        storage[KEY] = "value"
        clock.now = 604800 - 1
        assert storage.get(KEY) == "value"
        clock.now = 604800
        assert storage.get(KEY) is None

    def test_of_no_time_to_live_keeps_nothing(self) -> None:
        storage = ForgetfulStorage(ttl=0)
        storage[KEY] = "value"
        assert storage.get(KEY) is None
        with pytest.raises(KeyError):
            storage[KEY]

    def test_says_what_is_not_there_as_a_dict_does(self) -> None:
        storage = ForgetfulStorage()
        assert storage.get(KEY) is None
        assert storage.get(KEY, 5) == 5
        with pytest.raises(KeyError):
            storage[KEY]

    def test_lists_everything_it_keeps(self) -> None:
        storage = ForgetfulStorage()
        storage[KEY], storage[OTHER] = 1, 2
        assert list(storage.iteritems()) == [(KEY, 1), (OTHER, 2)]

    def test_lists_what_is_older_than_some_seconds_oldest_first(self) -> None:
        clock = Clock(0.0)
        storage = ForgetfulStorage(clock=clock)
        for key, now in ((KEY, 0.0), (OTHER, 10.0)):
            clock.now = now
            storage[key] = now
        clock.now = 20.0
        assert list(storage.iteritemsOlderThan(0)) == [(KEY, 0.0), (OTHER, 10.0)]
        assert list(storage.iteritemsOlderThan(15)) == [(KEY, 0.0)]
        assert list(storage.iteritemsOlderThan(25)) == []

    def test_counts_age_from_the_last_time_a_key_was_set(self) -> None:
        clock = Clock(0.0)
        storage = ForgetfulStorage(clock=clock)
        storage[KEY] = 1
        clock.now = 10.0
        storage[KEY] = 2
        assert list(storage.iteritemsOlderThan(5)) == []

    def test_drops_what_is_too_old_when_it_is_told_to(self) -> None:
        clock = Clock(0.0)
        storage = ForgetfulStorage(ttl=10, clock=clock)
        storage[KEY] = 1
        clock.now = 10.0
        storage.cull()
        assert not storage.data

    def test_is_true_even_when_it_is_empty(self) -> None:
        """Published releases replaced a storage that was false by one of their own."""
        assert bool(ForgetfulStorage()) is True


@implementer(IStorage)
class Documented:
    """A storage written from the documentation: no base class, zope.interface's declaration."""

    def __init__(self) -> None:
        self.values: dict[bytes, Any] = {}

    def __setitem__(self, key: bytes, value: Any) -> None:
        self.values[key] = value

    def __getitem__(self, key: bytes) -> Any:
        return self.values[key]

    def get(self, key: bytes, default: Any = None) -> Any:
        return self.values.get(key, default)

    def iteritems(self) -> Iterator[tuple[bytes, Any]]:
        return iter(self.values.items())

    def iteritemsOlderThan(self, secondsOld: float) -> Iterator[tuple[bytes, Any]]:
        return iter(())


class TestTheInterface:
    def test_has_the_five_documented_methods(self) -> None:
        assert set(IStorage.names()) == {"__setitem__", "__getitem__", "get", "iteritems", "iteritemsOlderThan"}

    def test_is_provided_by_the_package_s_own_storage(self) -> None:
        assert IStorage.providedBy(ForgetfulStorage())
        assert verifyObject(next(iter(IStorage)), ForgetfulStorage())

    def test_can_be_declared_by_a_program(self) -> None:
        assert IStorage.providedBy(Documented())
        assert not IStorage.providedBy({})
