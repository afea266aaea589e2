"""The storage on disk finds keys in the order of their distance, which the database knows nothing of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.storage.sqlite_world import key

from kademlia.storage import SQLiteStorage
from kademlia.storage.disk.order import FARTHEST, nearest

if TYPE_CHECKING:
    import pytest

numbers = st.integers(0, 2**160 - 1) | st.integers(0, 300) | st.integers(2**160 - 300, 2**160 - 1)


@given(st.sets(numbers, max_size=300), numbers, st.integers(0, 10**6))
def test_the_nearest_come_in_order_however_many_were_expected(kept: set[int], target: int, expected: int) -> None:
    """Compared with sorting them all."""
    keys = sorted(map(key, kept))

    def between(low: bytes, high: bytes, most: int) -> list[bytes]:
        return [k for k in keys if low <= k <= high][:most]

    found = [int.from_bytes(k, "big") for k in nearest(between, target, min(expected, 10**4))]
    assert found == sorted(kept, key=lambda number: number ^ target)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(numbers, max_size=100), st.sets(numbers, max_size=20), numbers, st.integers(0, 30))
def test_the_farthest_are_found_among_saved_and_unsaved(
    tmp_path_factory: pytest.TempPathFactory, saved: set[int], changed: set[int], own: int, most: int
) -> None:
    with SQLiteStorage(tmp_path_factory.mktemp("farthest") / "values") as storage:
        for number in sorted(saved):
            storage[key(number)] = 1
        storage.flush()
        for number in sorted(changed):
            if number in saved:
                storage.drop(key(number))
            else:
                storage[key(number)] = 1
        there = sorted(saved ^ changed, key=lambda number: number ^ own ^ FARTHEST)
        assert storage.farthest(key(own), most) == [key(number) for number in there[:most]]
