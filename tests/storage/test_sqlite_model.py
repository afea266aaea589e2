"""SQLiteStorage beside a plain dict that looks at every value each time, whatever is done in whatever order.

Batches are taken and saved at any moment, fail, and the storage is closed and opened in between.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.storage.sqlite_world import Clocks, key

from kademlia.storage import SQLiteStorage
from kademlia.storage.disk import looks
from kademlia.storage.shelf import RECORD_BYTES

TTL = 100
KEYS = [key(number << 157) for number in range(8)]
keys = st.sampled_from(KEYS)
values = st.integers(0, 9) | st.text(max_size=3) | st.binary(max_size=3)


class Machine(RuleBasedStateMachine):
    """The storage and its model."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name, "values.sqlite")
        self.clocks = Clocks()
        self.patches = pytest.MonkeyPatch()  # as with a million values: looks of many pages
        self.patches.setattr(looks, "KEYS_PER_PAGE", 3)
        self.storage = self.clocks.open(self.path, ttl=TTL)
        self.saving: Any = None
        self.model: dict[bytes, tuple[Any, complex | None, float]] = {}

    def teardown(self) -> None:
        self.end_saving()
        self.storage.close()
        self.folder.cleanup()
        self.patches.undo()

    def end_saving(self) -> None:
        if self.saving is not None:
            self.storage.committed(self.saving())
            self.saving = None

    def alive(self) -> dict[bytes, tuple[Any, complex | None, float]]:
        return {name: held for name, held in self.model.items() if held[2] > self.clocks.now - TTL}

    @rule(name=keys, value=values, ends_in=st.integers(1, 300))
    def write(self, name: bytes, value: Any, ends_in: int) -> None:
        life = complex(len(self.model), self.clocks.now + ends_in)
        self.storage.write(name, value, life)
        self.model[name] = (value, life, self.clocks.now)

    @rule(name=keys, value=values)
    def set(self, name: bytes, value: Any) -> None:
        self.storage._driven = True  # or it would save by itself
        self.storage[name] = value
        self.model[name] = (value, None, self.clocks.now)

    @rule(name=keys)
    def drop(self, name: bytes) -> None:
        self.storage.drop(name)
        self.model.pop(name, None)

    @precondition(lambda self: self.alive())
    @rule(data=st.data())
    def touch(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.alive())))
        self.storage.touch(name)
        value, life, _ = self.model[name]
        self.model[name] = (value, life, self.clocks.now)

    @rule(seconds=st.integers(1, 60))
    def wait(self, seconds: int) -> None:
        self.clocks.move(seconds)

    @rule()
    def take(self) -> None:
        self.end_saving()
        self.saving = self.storage.commit()

    @precondition(lambda self: self.saving is not None)
    @rule(how=st.sampled_from(["saved", "saved, not told", "failed"]))
    def save(self, how: str) -> None:
        if how == "failed":
            self.storage.committed(OSError("the disk is full"))
            self.saving = None
            return
        fault = self.saving()
        assert fault is None
        if how == "saved":
            self.storage.committed(fault)
            self.saving = None

    @rule()
    def restart(self) -> None:
        self.end_saving()
        self.storage.close()
        self.storage = self.clocks.open(self.path, ttl=TTL)

    @invariant()
    def everything_is_there(self) -> None:
        for name in KEYS:
            held = self.alive().get(name)
            assert same(self.storage.read(name), held[:2] if held else None)
            assert self.storage.age(name) == (self.clocks.now - held[2] if held else None)

    @invariant()
    def looks_see_it(self) -> None:
        alive, now = self.alive(), self.clocks.now
        for seconds in (0, 30):
            older = list(self.storage.older_than(seconds))
            assert sorted(older) == sorted(name for name, held in alive.items() if held[2] <= now - seconds)
            ages = [self.storage.age(name) for name in older]
            assert ages == sorted(ages, key=lambda age: -(age or 0))
        between = sorted(self.storage.between(KEYS[2], KEYS[5]))
        assert [n for n in between if n in alive] == [n for n in KEYS[2:6] if n in alive]
        assert len(set(between)) == len(between)
        assert set(between) <= set(self.model)
        over = {n for n, (_, life, _) in alive.items() if life is not None and life.imag <= now}
        ended = self.storage.ended(now, 99)
        assert len(set(ended)) == len(ended)
        assert over <= set(ended) <= over | (set(self.model) - set(alive))
        farthest = [n for n in self.storage.farthest(KEYS[0], 99) if n in alive]
        assert farthest == sorted(alive, reverse=True)

    @invariant()
    def it_counts_right(self) -> None:
        """What is too old may be deleted already, or not yet."""
        assert len(self.alive()) <= self.storage.records <= len(self.model)
        assert (
            self.storage.records * (RECORD_BYTES + 1) <= self.storage.size <= self.storage.records * (RECORD_BYTES + 14)
        )


def same(read: tuple[Any, complex | None] | None, held: tuple[Any, complex | None] | None) -> bool:
    if read is None or held is None:
        return read is held
    (value, life), (other, other_life) = read, held
    if type(value) is not type(other) or value != other or (life is None) != (other_life is None):
        return False
    return life is None or other_life is None or abs(life - other_life) < 1e-5


Machine.TestCase.settings = settings(max_examples=40, stateful_step_count=40)
TestTheStorageIsItsModel = Machine.TestCase


def test_what_an_open_storage_counts_is_what_its_file_holds_when_it_is_opened_again(tmp_path: Path) -> None:
    """The counts are saved with each batch: a million records are not counted anew."""
    with SQLiteStorage(tmp_path / "values") as storage:
        for number in range(300):
            storage[key(number % 70)] = "x" * number
        for number in range(20):
            storage.drop(key(number))
        counted = storage.records, storage.size
    with SQLiteStorage(tmp_path / "values") as storage:
        assert (storage.records, storage.size) == counted
        sql = "SELECT count(*), sum(length(value)) FROM record"
        records, value_bytes = storage._file.reader.execute(sql).fetchone()
        assert counted == (records, records * RECORD_BYTES + value_bytes)
