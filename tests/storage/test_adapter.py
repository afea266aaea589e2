"""A storage written for any release can be read, and what is none is refused by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from kademlia.storage import ForgetfulStorage, IStorage, check_storage, pairs, pairs_older_than

A, B = b"a" * 20, b"b" * 20
BOTH = [(A, 1), (B, 2)]


class Basic:
    """What every release asked for."""

    def __init__(self) -> None:
        self.values: dict[Any, Any] = dict(BOTH)

    def __setitem__(self, key: bytes, value: Any) -> None:
        self.values[key] = value

    def __getitem__(self, key: bytes) -> Any:
        return self.values[key]

    def get(self, key: bytes, default: Any = None) -> Any:
        return self.values.get(key, default)


class Documented(Basic):
    """As the documentation of 0.4 has it."""

    def iteritems(self) -> Iterator[Any]:
        return iter(self.values.items())

    def iteritemsOlderThan(self, secondsOld: float) -> Iterator[Any]:
        return iter([(A, 1)] if secondsOld < 5 else [])


class DocumentedWithKeys(Documented):
    """As ForgetfulStorage was in 0.4: iterating it gave keys."""

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.values)


class FirstAsyncio(Basic):
    """As ForgetfulStorage was in 1.x."""

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.values)

    def items(self) -> Iterable[Any]:
        return self.values.items()

    def iteritemsOlderThan(self, secondsOld: float) -> Iterator[Any]:
        return iter([(A, 1)] if secondsOld < 5 else [])


class Current(Basic):
    """As 2.x has it, without deriving from anything."""

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values.items())

    def iter_older_than(self, seconds_old: float) -> list[Any]:
        return [(A, 1)] if seconds_old < 5 else []


class Derived(Current, IStorage):
    """As 2.x has it, derived from IStorage."""


class Dict(dict[bytes, Any]):
    """A dict with the one method more; it is false while it is empty."""

    def iter_older_than(self, seconds_old: float) -> list[Any]:
        return [(A, 1)] if seconds_old < 5 else []


class Proxy:
    """Forwards everything to another storage, as wrappers that count or log do."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __setitem__(self, key: bytes, value: Any) -> None:
        self._inner[key] = value

    def __getitem__(self, key: bytes) -> Any:
        return self._inner[key]


EVERY_ERA = [
    Documented,
    DocumentedWithKeys,
    FirstAsyncio,
    Current,
    Derived,
    lambda: Dict(BOTH),
    lambda: Proxy(Current()),
    lambda: Proxy(Documented()),
]


@pytest.mark.parametrize("make", EVERY_ERA)
class TestEveryEra:
    def test_it_is_accepted(self, make: Any) -> None:
        check_storage(make())

    def test_everything_in_it_comes_as_pairs(self, make: Any) -> None:
        assert list(pairs(make())) == BOTH

    def test_the_old_in_it_come_as_pairs(self, make: Any) -> None:
        assert list(pairs_older_than(make(), 1)) == [(A, 1)]
        assert list(pairs_older_than(make(), 9)) == []


def test_our_own_is_read_like_any_other() -> None:
    storage = ForgetfulStorage()
    storage[A] = 1
    check_storage(storage)
    assert list(pairs(storage)) == list(pairs_older_than(storage, 0)) == [(A, 1)]


def test_an_override_in_a_subclass_of_ours_counts_in_either_eras_name() -> None:
    """A 0.x program overrides iteritems, a 2.x program __iter__; both inherit the other one from us."""

    class First(ForgetfulStorage):
        def iteritems(self) -> Iterator[Any]:
            return iter([(A, "first")])

    class Second(ForgetfulStorage):
        def __iter__(self) -> Iterator[Any]:
            return iter([(A, "second")])

    assert list(pairs(First())) == [(A, "first")]
    assert list(pairs(Second())) == [(A, "second")]


def test_an_override_of_the_other_spelling_of_age_counts() -> None:
    class Mine(ForgetfulStorage):
        def iteritemsOlderThan(self, seconds_old: float) -> list[Any]:
            return [(A, seconds_old)]

    assert list(pairs_older_than(Mine(), 7)) == [(A, 7)]


@pytest.mark.parametrize("make", [Documented, DocumentedWithKeys, FirstAsyncio, Current])
def test_a_storage_may_be_set_while_it_is_gone_through(make: Any) -> None:
    """Republishing does; a dict raises RuntimeError when it changes under its iterator."""
    storage = make()
    for key, _ in pairs(storage):
        storage[key * 2] = 3
    assert len(storage.values) == 4


def test_a_key_whose_value_is_gone_meanwhile_is_left_out() -> None:
    """Storages forget by the clock, so it may happen between two looks."""

    class Forgetting(FirstAsyncio):
        def __getitem__(self, key: bytes) -> Any:
            if key == A:
                raise KeyError(key)
            return super().__getitem__(key)

    assert list(pairs(Forgetting())) == [(B, 2)]


@pytest.mark.parametrize("pair", [(A, 1), [A, 1]])
def test_a_pair_may_be_a_tuple_or_a_list(pair: Any) -> None:
    class Rows(Current):
        def __iter__(self) -> Iterator[Any]:
            return iter([pair])

    assert list(pairs(Rows())) == [(A, 1)]


@pytest.mark.parametrize("item", [1, (A,), (A, 1, 2), None])
def test_what_is_neither_key_nor_pair_is_refused_with_the_storages_name(item: Any) -> None:
    class Odd(Current):
        def __iter__(self) -> Iterator[Any]:
            return iter([item])

    with pytest.raises(TypeError, match=r"Odd yielded .*\(key, value\)"):
        list(pairs(Odd()))


@pytest.mark.parametrize(
    ("storage", "missing"),
    [
        (Basic(), r"lacks iter_older_than or iteritemsOlderThan, iteritems or __iter__ or items:"),
        ({}, "lacks iter_older_than or iteritemsOlderThan:"),
        (object(), "lacks __setitem__, __getitem__, get, iter_older_than"),
        (ForgetfulStorage, r"pass an instance, ForgetfulStorage\(\.\.\.\)"),
    ],
)
def test_what_is_no_storage_is_refused_by_naming_what_it_lacks(storage: Any, missing: str) -> None:
    with pytest.raises(TypeError, match=missing):
        check_storage(storage)


def test_a_method_set_to_none_is_missing() -> None:
    """So Python says that a class does without an inherited one."""

    class Ageless(Current):
        iter_older_than = None  # type: ignore[assignment]

    with pytest.raises(TypeError, match="iter_older_than"):
        check_storage(Ageless())


def test_reading_what_is_no_storage_says_what_it_lacks() -> None:
    with pytest.raises(TypeError, match="Basic lacks iteritems"):
        pairs(Basic())
    with pytest.raises(TypeError, match="Basic lacks iter_older_than"):
        pairs_older_than(Basic(), 1)
