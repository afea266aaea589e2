"""The sieve spares looks into the file for keys that are not there, and never hides one that is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.storage.sqlite_world import Clocks, key

from kademlia.storage import SQLiteStorage
from kademlia.storage.disk.sieve import KEYS_PER_LOOK, MARKED_MAX, PLACES_MIN, Sieve

COUNT = 1000


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[SQLiteStorage]:
    """A file with some values, opened again."""
    clocks = Clocks()
    with clocks.open(tmp_path / "values") as storage:
        for number in range(COUNT):
            storage.write(key(number), number, complex(1, 1e9))
    with clocks.open(tmp_path / "values") as storage:
        yield storage


def looks_into_the_file(storage: SQLiteStorage, keys: list[bytes]) -> int:
    """Return for how many keys the file is looked into."""
    asked: list[str] = []
    storage._file.reader.set_trace_callback(asked.append)
    for name in keys:
        storage.read(name)
    storage._file.reader.set_trace_callback(None)
    return sum("WHERE key =" in statement for statement in asked)


UNKNOWN = [key(10**30 + number) for number in range(COUNT)]


def test_most_unknown_keys_are_not_looked_for(storage: SQLiteStorage) -> None:
    """Of requests in a network most miss, and a look into a file that is not in memory waits for the disk."""
    assert looks_into_the_file(storage, UNKNOWN[:1]) == 1
    for number in range(COUNT // KEYS_PER_LOOK + 1):
        assert storage.get(key(number)) == number
    assert looks_into_the_file(storage, UNKNOWN) < COUNT / 4
    assert [storage.get(key(number)) for number in range(COUNT)] == list(range(COUNT))


def test_what_is_written_while_it_is_made_is_seen(storage: SQLiteStorage) -> None:
    for number in range(COUNT, 2 * COUNT):
        storage.write(key(number), number, complex(1, 1e9))
        if number % 100 == 0:
            storage.flush()
        assert storage.get(key(number - COUNT)) == number - COUNT
    storage.flush()
    assert [storage.get(key(number)) for number in range(2 * COUNT)] == list(range(2 * COUNT))


def test_it_grows_with_what_there_is_and_forgets_what_was_deleted(storage: SQLiteStorage) -> None:
    """Values come and go all the time, and the marks of old ones would fill it."""
    for number in range(COUNT, 20 * COUNT):
        storage.write(key(number), number, complex(1, 1e9))
        storage.drop(key(number - COUNT))
        if number % 500 == 0:
            storage.flush()
            for name in UNKNOWN[:20]:
                storage.read(name)
    storage.flush()
    assert storage.records == COUNT
    assert looks_into_the_file(storage, UNKNOWN) < COUNT / 3
    assert all(storage.get(key(number)) == number for number in range(19 * COUNT, 20 * COUNT))


def test_where_the_file_cannot_be_read_there_is_none(storage: SQLiteStorage) -> None:
    """A key that could not be read when it was made would be hidden even if it can be read later."""
    storage._unread(OSError("a bad block"))
    assert looks_into_the_file(storage, UNKNOWN[:50]) == 50
    storage.write(key(1), 1, complex(1, 1e9))
    assert looks_into_the_file(storage, UNKNOWN[:50]) == 50


def test_too_many_marks_are_told() -> None:
    sieve = Sieve(lambda: iter(()))
    sieve.begin(0, ())
    added = 0
    while not sieve.add(key(added)):
        added += 1
    assert PLACES_MIN / MARKED_MAX < added + 1 < PLACES_MIN / MARKED_MAX * 1.5
