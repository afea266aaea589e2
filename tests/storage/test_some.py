"""Some keys of a shelf, drawn: as often as all others, whoever chose them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from kademlia.storage import ForgetfulStorage, SQLiteStorage
from kademlia.storage.beside import Beside
from kademlia.utils import digest

SHELVES = ("memory", "disk")


@pytest.fixture
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ForgetfulStorage | SQLiteStorage]:
    """Yield a shelf of a kind."""
    if request.param == "memory":
        yield ForgetfulStorage()
    else:
        with SQLiteStorage(tmp_path / "values.db") as storage:
            yield storage


@pytest.mark.parametrize("shelf", SHELVES, indirect=True)
def test_all_keys_come_about_as_often(shelf: ForgetfulStorage | SQLiteStorage) -> None:
    """Most of them lie close together, as an attacker's would: they come no less, and no more."""
    keys = [digest(number) if number % 10 == 0 else number.to_bytes(20, "big") for number in range(200)]
    for key in keys:
        shelf.write(key, 1, complex(1, 1e9))
    if isinstance(shelf, SQLiteStorage):
        shelf.flush()
    chance = Random(1)
    seen = Counter(key for _ in range(500) for key in shelf.some(chance.random(), 8))
    assert set(seen) == set(keys)
    assert all(2 <= count <= 60 for count in seen.values())
    assert sum(seen[key] for key in keys[::10]) == pytest.approx(400, rel=0.2)


@pytest.mark.parametrize("shelf", SHELVES, indirect=True)
@pytest.mark.parametrize("count", [0, 1, 5])
def test_where_there_are_few_these_are_all(shelf: ForgetfulStorage | SQLiteStorage, count: int) -> None:
    for number in range(count):
        shelf.write(digest(number), 1, complex(1, 1e9))
    if isinstance(shelf, SQLiteStorage):
        shelf.flush()
    seen = {key for place in range(20) for key in shelf.some(place / 20, 8)}
    assert seen == {digest(number) for number in range(count)}


def test_what_waits_for_the_disk_is_not_among_them(tmp_path: Path) -> None:
    """It may be deleted already."""
    with SQLiteStorage(tmp_path / "values.db") as storage:
        for number in range(10):
            storage.write(digest(number), 1, complex(1, 1e9))
        storage.flush()
        storage.drop(digest(3))
        storage.write(digest(20), 1, complex(1, 1e9))
        seen = {key for place in range(50) for key in storage.some(place / 50, 8)}
    assert seen == {digest(number) for number in range(10) if number != 3}


def test_a_programs_own_storage_gives_none() -> None:
    """How much it holds is its own matter."""
    assert Beside({}).some(0.5, 8) == []
