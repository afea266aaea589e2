"""A full disk: what was saved is served, what was not waits up to a bound, and the operator is told twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.storage.sqlite_world import Clocks, fill_the_disk, key, make_room

from kademlia.storage import SQLiteStorage
from kademlia.storage.disk.waiting import WAITING_BYTES_MAX
from kademlia.storage.shelf import record_bytes

OLD = b"o" * 500
NEW = b"n" * 500


@pytest.fixture
def storage(path: Path, clocks: Clocks) -> Iterator[SQLiteStorage]:
    """One with 100 values saved, on a disk that has become full."""
    storage = clocks.open(path)
    for number in range(100):
        storage.write(key(number), OLD, complex(1, 1e9))
    assert save(storage) is None
    fill_the_disk(storage)
    yield storage
    if not storage._closed:
        make_room(storage)
    storage.close()


def save(storage: SQLiteStorage) -> str | None:
    """Do what the driver of a node does; return the news."""
    return storage.committed(storage.commit()())


def write(storage: SQLiteStorage, numbers: range, value: bytes = NEW) -> None:
    for number in numbers:
        storage.write(key(number), value, complex(2, 1e9))


def test_nothing_is_lost_and_it_is_told_once(storage: SQLiteStorage, clocks: Clocks, path: Path) -> None:
    write(storage, range(50, 150))
    line = save(storage)
    assert line is not None
    assert str(path) in line
    assert "full" in line
    assert "make room" in line
    for _ in range(5):
        clocks.move(100)
        assert save(storage) is None
        assert [storage.get(key(number)) for number in range(150)] == [OLD] * 50 + [NEW] * 100
    make_room(storage)
    clocks.move(100)
    assert save(storage) == f"{path}: values are saved again"
    storage.close()
    with clocks.open(path) as again:
        assert [again.get(key(number)) for number in range(150)] == [OLD] * 50 + [NEW] * 100


def test_what_was_saved_is_there_though_the_node_is_killed_then(
    storage: SQLiteStorage, path: Path, tmp_path: Path, clocks: Clocks
) -> None:
    """As the files lie on the disk then, they hold all that was saved before it was full."""
    write(storage, range(50, 150))
    save(storage)
    copy = tmp_path / "copy"
    for suffix in ("", "-wal"):
        copy.with_name("copy" + suffix).write_bytes(path.with_name(path.name + suffix).read_bytes())
    with clocks.open(copy) as killed:
        assert [killed.get(key(number)) for number in range(101)] == [OLD] * 100 + [None]
        assert killed.records == 100


def test_tries_become_rarer(storage: SQLiteStorage, clocks: Clocks) -> None:
    write(storage, range(100, 200))
    waits = []
    for _ in range(9):
        save(storage)
        waited = 0
        while not storage.unsaved:
            clocks.move(1)
            waited += 1
        waits.append(waited)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_so_much_waits_and_no_more(storage: SQLiteStorage) -> None:
    """Else the memory would be full next."""
    write(storage, range(100, 200))
    save(storage)
    assert storage.has_room_for(record_bytes(NEW))
    assert not storage.stuck
    number = 200
    while storage.has_room_for(record_bytes(NEW)):
        write(storage, range(number, number + 1))
        number += 1
    assert storage.stuck
    assert not storage.has_room_for(record_bytes(NEW), instead_of=record_bytes(OLD))
    assert WAITING_BYTES_MAX < storage._waiting.size < WAITING_BYTES_MAX + 1000
    with pytest.raises(OSError, match="make room on the disk"):
        storage[key(1)] = 1
    with pytest.raises(OSError, match="make room on the disk"):
        del storage[key(1)]
    save(storage)
    assert storage.stuck
    make_room(storage)
    assert "again" in (save(storage) or "")
    assert not storage.stuck
    assert storage.has_room_for(record_bytes(NEW))
    assert storage.records == number


def test_nothing_gives_way_to_a_disk_that_takes_nothing(storage: SQLiteStorage) -> None:
    """Values given up for others would be lost for nothing: there is no room in the end."""
    write(storage, range(100, 100 + 2 * WAITING_BYTES_MAX // 750))
    save(storage)
    assert storage.stuck
    assert storage.farthest(key(0), 10) == []
    storage.touch(key(1))
    assert storage._waiting.records.get(key(1)) is None


def test_deleting_makes_room_in_the_file(storage: SQLiteStorage) -> None:
    """What has died is deleted though the disk is full, and what waits takes its place."""
    write(storage, range(100, 200))
    assert save(storage) is not None
    assert storage.ended(2e9, 1000)
    for number in range(100):
        storage.drop(key(number))
    assert "again" in (save(storage) or "")
    assert sorted(name for name, _ in storage) == [key(number) for number in range(100, 200)]


def test_deletions_that_cannot_be_saved_are_bounded_too(storage: SQLiteStorage) -> None:
    write(storage, range(100, 100 + 3 * WAITING_BYTES_MAX // 750))
    save(storage)
    assert storage.ended(2e9, 10) == []
    storage.drop(key(1))
    assert storage.get(key(1)) == OLD
    storage.drop(key(150))
    assert storage.get(key(150)) is None


def test_a_program_that_uses_it_alone_goes_on(storage: SQLiteStorage, path: Path, clocks: Clocks) -> None:
    storage.close()
    with clocks.open(path) as alone:
        fill_the_disk(alone)
        for number in range(100, 200):
            alone[key(number)] = NEW
            clocks.move(1)
        assert alone[key(150)] == NEW
        assert len(alone.notices()) == 1
        with pytest.raises(OSError, match="wait in memory"):
            alone.flush()
        make_room(alone)
    with clocks.open(path) as again:
        assert again[key(150)] == NEW
