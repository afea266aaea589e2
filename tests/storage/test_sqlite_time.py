"""Lives go on from one run to the next, whatever the clock on the wall does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.storage.sqlite_world import Clocks, key

from kademlia.storage import SQLiteStorage

A = key(1)
DAY = 86_400.0


@pytest.fixture
def run(tmp_path: Path, clocks: Clocks) -> Callable[[], SQLiteStorage]:
    """Start a node, after one that kept a value with 100 s to live."""
    with clocks.open(tmp_path / "values") as storage:
        storage.write(A, "kept", complex(1, clocks.now + 100))

    def start() -> SQLiteStorage:
        clocks.now = 50.0
        return clocks.open(tmp_path / "values")

    return start


def seconds_left(storage: SQLiteStorage, clocks: Clocks) -> float:
    held = storage.read(A)
    assert held is not None
    assert held[1] is not None
    return held[1].imag - clocks.now


def test_time_passes_while_the_node_is_off(run: Callable[[], SQLiteStorage], clocks: Clocks) -> None:
    clocks.move(30)
    with run() as storage:
        assert storage.notices() == []
        assert seconds_left(storage, clocks) == pytest.approx(70)
        assert storage.age(A) == pytest.approx(30)


@pytest.mark.parametrize("jump", [-DAY, DAY])
def test_a_clock_that_jumps_while_the_node_runs_changes_no_life(
    run: Callable[[], SQLiteStorage], clocks: Clocks, jump: float
) -> None:
    with run() as storage:
        clocks.wall_now += jump
        clocks.move(10)
        assert seconds_left(storage, clocks) == pytest.approx(90)
        line = storage.committed(storage.commit()())
        assert line is not None
        assert f"24.0 h {'ahead' if jump > 0 else 'back'}" in line
        assert storage.committed(storage.commit()()) is None
    clocks.move(10)
    with run() as storage:
        assert storage.notices() == []
        assert seconds_left(storage, clocks) == pytest.approx(80)


def test_a_clock_that_is_behind_at_the_start_makes_nothing_older(
    run: Callable[[], SQLiteStorage], clocks: Clocks
) -> None:
    clocks.wall_now -= DAY
    with run() as storage:
        lines = storage.notices()
        assert len(lines) == 1
        assert "the clock is 24.0 h behind" in lines[0]
        assert seconds_left(storage, clocks) == pytest.approx(100)
    with run() as storage:
        assert storage.notices() == []


def test_a_clock_that_is_ahead_at_the_start_is_told_and_deletes_nothing(
    run: Callable[[], SQLiteStorage], clocks: Clocks
) -> None:
    """It may be true. Whoever sets it right before the node has written finds everything as it was."""
    clocks.wall_now += DAY
    storage = run()
    lines = storage.notices()
    assert len(lines) == 1
    assert "24.0 h ago" in lines[0]
    assert seconds_left(storage, clocks) == pytest.approx(100 - DAY)
    assert storage.get(A) == "kept"
    storage._file.close()  # as killed
    clocks.wall_now -= DAY
    with run() as storage:
        assert seconds_left(storage, clocks) == pytest.approx(100)


def test_a_killed_node_has_aged_by_the_wall_clock(run: Callable[[], SQLiteStorage], clocks: Clocks) -> None:
    storage = run()
    clocks.move(20)
    storage._file.close()  # as killed
    with run() as storage:
        assert seconds_left(storage, clocks) == pytest.approx(80)
