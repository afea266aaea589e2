"""SQLiteStorage does what the documented storage does, and what a shelf does, and still has it all after a restart."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.storage.sqlite_world import Clocks, key

from kademlia.storage import ForgetfulStorage, IStorage, SQLiteStorage, check_storage
from kademlia.storage.beside import shelf_of
from kademlia.storage.shelf import RECORD_BYTES, Saved

A, B, C = key(1), key(2), key(3)


@pytest.fixture
def storage(path: Path, clocks: Clocks) -> Iterator[SQLiteStorage]:
    with clocks.open(path, ttl=10) as storage:
        yield storage


class TestAsAStorage:
    def test_it_is_one_and_a_shelf(self, storage: SQLiteStorage) -> None:
        """The engine uses it as it is, with nothing beside it."""
        assert isinstance(storage, IStorage)
        assert isinstance(storage, Saved)
        check_storage(storage)
        assert shelf_of(storage) is storage
        assert bool(storage) is True

    def test_a_value_comes_back(self, storage: SQLiteStorage) -> None:
        storage[A] = "one"
        assert storage[A] == storage.get(A) == "one"
        assert A in storage
        storage.flush()
        assert storage[A] == storage.get(A) == "one"
        assert A in storage

    def test_a_missing_value_is_a_key_error_or_the_default(self, storage: SQLiteStorage) -> None:
        for look in (storage.__getitem__, storage.__delitem__):
            with pytest.raises(KeyError):
                look(A)
        assert storage.get(A) is None
        assert storage.get(A, "none") == "none"
        assert A not in storage

    def test_a_value_is_gone_the_moment_its_time_is_up(self, storage: SQLiteStorage, clocks: Clocks) -> None:
        storage[A] = 1
        clocks.move(9.999)
        assert storage.get(A) == 1
        clocks.move(0.001)
        assert storage.get(A) is None
        assert storage.age(A) is None
        assert list(storage) == list(storage.older_than(0)) == []

    def test_what_is_too_old_is_deleted_by_and_by(self, storage: SQLiteStorage, clocks: Clocks) -> None:
        for number in range(1000):
            storage[key(number)] = 1
        storage.flush()
        clocks.move(10)
        for _ in range(5):
            storage.flush()
            clocks.move(1)
        assert storage.records == storage.size == 0
        assert storage._file.reader.execute("SELECT count(*) FROM record").fetchone() == (0,)

    @pytest.mark.parametrize("name", ["__iter__", "iteritems", "items"])
    def test_going_through_it_gives_pairs_the_oldest_first(
        self, storage: SQLiteStorage, clocks: Clocks, name: str
    ) -> None:
        storage[B] = 2
        clocks.move(1)
        storage[A] = 1
        assert list(getattr(storage, name)()) == [(B, 2), (A, 1)]
        storage.flush()
        assert list(getattr(storage, name)()) == [(B, 2), (A, 1)]

    @pytest.mark.parametrize("name", ["iter_older_than", "iteritemsOlderThan"])
    def test_what_is_just_as_old_is_older(self, storage: SQLiteStorage, clocks: Clocks, name: str) -> None:
        storage[A] = 1
        storage.flush()
        clocks.move(3)
        storage[B] = 2
        clocks.move(2)
        older = getattr(storage, name)
        assert list(older(6)) == []
        assert list(older(5)) == [(A, 1)]
        assert list(older(0)) == [(A, 1), (B, 2)]

    def test_it_may_be_changed_and_saved_while_it_is_gone_through(self, storage: SQLiteStorage, clocks: Clocks) -> None:
        for number in range(600):
            storage[key(number)] = number
        seen = []
        for number, (name, value) in enumerate(storage):
            clocks.move(0.001)
            storage[name] = value
            storage[key(1000 + value)] = value
            seen.append(name)
            if number % 100 == 0:
                storage.flush()
        assert seen == [key(number) for number in range(600)]

    def test_everything_comes_though_it_was_set_in_one_moment(self, storage: SQLiteStorage) -> None:
        """More than fit into a page of keys, saved and unsaved."""
        for number in range(1500):
            storage[key(number)] = number
            if number == 1200:
                storage.flush()
        assert sorted(storage) == [(key(number), number) for number in range(1500)]
        assert sorted(storage.between(key(3), key(1300))) == [key(number) for number in range(3, 1301)]

    def test_deleting_drops_it_saved_or_not(self, storage: SQLiteStorage) -> None:
        storage[A] = 1
        del storage[A]
        assert A not in storage
        storage[A] = 1
        storage.flush()
        del storage[A]
        assert A not in storage
        storage.flush()
        assert A not in storage
        assert storage.records == 0

    @pytest.mark.parametrize(
        "value", [0, -(2**63), 2**64 - 1, 0.5, -0.0, math.inf, True, False, "", "ü", b"", b"\0" * 9000]
    )
    def test_a_value_keeps_its_type_and_every_bit(self, path: Path, value: Any) -> None:
        with SQLiteStorage(path) as storage:
            storage[A] = value
        with SQLiteStorage(path) as storage:
            assert type(storage[A]) is type(value)
            assert repr(storage[A]) == repr(value)

    def test_not_a_number_comes_back(self, storage: SQLiteStorage) -> None:
        """SQLite itself would make NULL of it."""
        storage[A] = math.nan
        storage.flush()
        assert math.isnan(storage[A])

    @pytest.mark.parametrize(
        ("name", "value", "error", "said"),
        [
            ("text", 1, TypeError, "20 bytes"),
            (b"short", 1, ValueError, "not 5"),
            (A, [1], TypeError, "list"),
            (A, None, TypeError, "NoneType"),
            (A, 2**64, ValueError, "text"),
            (A, "\ud800", ValueError, "surrogates"),
        ],
    )
    def test_what_cannot_be_kept_is_refused_when_it_is_set(
        self, storage: SQLiteStorage, name: Any, value: Any, error: type[Exception], said: str
    ) -> None:
        """Not when it is saved: one bad value would keep all others from the disk."""
        with pytest.raises(error, match=said):
            storage[name] = value
        assert storage.get(name) is None

    def test_a_program_that_uses_it_alone_has_its_values_saved_by_setting_more(
        self, path: Path, clocks: Clocks
    ) -> None:
        with clocks.open(path) as storage:
            storage[A] = 1
            storage[B] = 2
            clocks.move(0.05)
            storage[C] = 3
            assert storage._file.reader.execute("SELECT count(*) FROM record").fetchone() == (3,)

    def test_always_saves_each(self, path: Path, clocks: Clocks) -> None:
        with clocks.open(path, commit="always") as storage:
            storage[A] = 1
            assert storage.always
            assert storage._file.writer.execute("PRAGMA synchronous").fetchone() == (2,)
            assert storage._file.reader.execute("SELECT count(*) FROM record").fetchone() == (1,)

    def test_once_closed_it_says_so(self, path: Path) -> None:
        storage = SQLiteStorage(path)
        storage[A] = 1
        storage.close()
        storage.close()
        for use in (lambda: storage.get(A), storage.flush, lambda: storage.__setitem__(A, 1)):
            with pytest.raises(ValueError, match="is closed"):
                use()
        assert not storage.unsaved
        assert "closed" in repr(storage)


class TestAsAShelf:
    def test_a_life_comes_back_after_a_restart(self, path: Path, clocks: Clocks) -> None:
        with clocks.open(path) as storage:
            storage.write(A, b"x", complex(1_700_000_000_123, clocks.now + 100))
            storage[B] = "no life"
        clocks.move(40)
        clocks.now = 5.0  # the machine was started anew
        with clocks.open(path) as storage:
            value, life = storage.read(A) or (None, None)
            assert value == b"x"
            assert life is not None
            assert life.real == 1_700_000_000_123
            assert life.imag == pytest.approx(5 + 60)
            assert storage.read(B) == ("no life", None)
            assert storage.age(A) == pytest.approx(40)
            assert storage.ended(64, 9) == []
            assert storage.ended(66, 9) == [A]

    def test_touching_makes_it_young_and_leaves_its_life(self, storage: SQLiteStorage, clocks: Clocks) -> None:
        storage.write(A, 1, complex(5, 1500))
        storage.flush()
        clocks.move(9)
        storage.touch(A)
        storage.touch(B)
        storage.flush()
        clocks.move(9)
        value, life = storage.read(A) or (None, None)
        assert (value, life) == (1, pytest.approx(complex(5, 1500)))
        assert storage.age(A) == pytest.approx(9)
        assert storage.records == 1

    def test_what_is_read_is_what_was_written_while_a_batch_is_being_saved(self, storage: SQLiteStorage) -> None:
        storage[A], storage[B], storage[C] = 1, 2, 3
        save = storage.commit()
        storage[A] = 11
        del storage[B]
        for step in ("being saved", "saved", "told", "being saved again", "saved again", "told again"):
            if step.startswith("saved"):
                assert save() is None
            elif step.startswith("told"):
                assert storage.committed(None) is None
            elif step == "being saved again":
                save = storage.commit()
            assert sorted(storage) == [(A, 11), (C, 3)]
            assert storage.records == 2

    def test_one_batch_is_saved_at_a_time(self, storage: SQLiteStorage) -> None:
        save = storage.commit()
        with pytest.raises(RuntimeError, match="committed"):
            storage.commit()
        assert save() is None
        assert storage.committed(None) is None
        with pytest.raises(RuntimeError, match="nothing is being saved"):
            storage.committed(None)

    def test_it_has_room_up_to_its_bounds(self, path: Path) -> None:
        with SQLiteStorage(path, max_records=2, max_bytes=1000) as storage:
            storage[A] = b"x" * 300
            assert storage.has_room_for(RECORD_BYTES + 100)
            assert not storage.has_room_for(RECORD_BYTES + 300)
            assert storage.has_room_for(RECORD_BYTES + 600, instead_of=RECORD_BYTES + 300)
            storage[B] = 1
            assert not storage.has_room_for(RECORD_BYTES)
        with SQLiteStorage(path, max_records=2) as storage:
            assert not storage.has_room_for(RECORD_BYTES)

    def test_the_time_is_saved_now_and_then_though_nothing_changes(
        self, storage: SQLiteStorage, clocks: Clocks
    ) -> None:
        assert storage.unsaved
        storage.flush()
        assert not storage.unsaved
        clocks.move(60)
        assert storage.unsaved

    def test_the_log_and_the_file_do_not_grow_with_every_change(self, path: Path) -> None:
        """An hour of overwriting must not fill the disk."""
        with SQLiteStorage(path) as storage:
            sizes = []
            for turn in range(60):
                for number in range(200):
                    storage.write(key(number * 7919), bytes([turn]) * 1000, complex(turn, 1e9))
                if turn % 3 == 0:
                    for number in range(0, 200, 2):
                        storage.drop(key(number * 7919))
                storage.flush()
                log = path.with_name(path.name + "-wal")
                sizes.append(path.stat().st_size + log.stat().st_size)
            assert max(sizes[30:]) <= max(sizes[:30]) * 1.2
            assert log.stat().st_size < 8e6


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"ttl": -1}, "ttl"),
        ({"ttl": math.nan}, "ttl"),
        ({"commit": "never"}, "never"),
        ({"commit_every": -1}, "commit_every"),
        ({"max_records": 0}, "max_records"),
        ({"max_bytes": -5}, "max_bytes"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(path: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SQLiteStorage(path, **options)
    assert not path.exists()


def test_memory_is_not_a_path() -> None:
    with pytest.raises(ValueError, match="ForgetfulStorage"):
        SQLiteStorage(":memory:")


@pytest.mark.processes
def test_importing_the_storages_loads_no_database() -> None:
    """A node in memory does not pay for it."""
    code = "import sys, kademlia, kademlia.storage; assert 'sqlite3' not in sys.modules; kademlia.storage.SQLiteStorage"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_default_bound_of_age_is_that_of_the_memory_storage(path: Path) -> None:
    with SQLiteStorage(path) as storage:
        assert storage.ttl == ForgetfulStorage().ttl
