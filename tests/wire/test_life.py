"""The life of a value on the wire: sixteen bytes that never grow, and nothing else is one."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kademlia.wire import life

STAMP_MAX = 2**53
SECONDS_MAX = 2**32 - 1

stamps = st.one_of(st.integers(0, STAMP_MAX), st.sampled_from([0, 1, STAMP_MAX - 1, STAMP_MAX, 1_700_000_000_000]))
seconds = st.one_of(st.integers(0, SECONDS_MAX), st.floats(0, SECONDS_MAX), st.sampled_from([0.0, 0.999, 604_800.0]))


@given(stamps, seconds, seconds)
def test_what_is_told_is_read_with_the_seconds_rounded_down(stamp: int, age: float, seconds_left: float) -> None:
    """Rounded up, a value that is handed on and on would never die."""
    told = life.encode(stamp, age, seconds_left)
    assert len(told) == life.BYTES == 16
    assert life.decode(told) == (stamp, math.floor(age), math.floor(seconds_left))


@given(stamps, st.integers(0, SECONDS_MAX), st.integers(0, SECONDS_MAX))
def test_its_layout_is_the_designed_one(stamp: int, age: int, seconds_left: int) -> None:
    """Eight bytes of milliseconds, twice four of seconds, big-endian: other implementations read it."""
    expected = stamp.to_bytes(8, "big") + age.to_bytes(4, "big") + seconds_left.to_bytes(4, "big")
    assert life.encode(stamp, age, seconds_left) == expected


@pytest.mark.parametrize(
    ("stamp", "seconds", "read"),
    [
        (-1, 5, (0, 5)),
        (STAMP_MAX + 1, 5, (STAMP_MAX, 5)),
        (2**64, 5, (STAMP_MAX, 5)),
        (7, -0.5, (7, 0)),
        (7, -100.0, (7, 0)),
        (7, 2.0**32, (7, SECONDS_MAX)),
        (7, math.inf, (7, SECONDS_MAX)),
    ],
)
def test_what_does_not_fit_is_told_as_what_comes_nearest(stamp: int, seconds: float, read: tuple[int, int]) -> None:
    """A clock before 1970 or a life without an end must not raise in the middle of an answer."""
    assert life.decode(life.encode(stamp, 3, seconds)) == (read[0], 3, read[1])
    assert life.decode(life.encode(stamp, seconds, 3)) == (*read, 3)


@given(st.binary(min_size=16, max_size=16))
def test_any_sixteen_bytes_are_read_within_the_bounds(told: bytes) -> None:
    """Beyond 2**53 milliseconds a float does not tell one from the next; nobody may send us there."""
    read = life.decode(told)
    assert read is not None
    assert 0 <= read[0] <= STAMP_MAX
    assert 0 <= read[1] <= SECONDS_MAX
    assert 0 <= read[2] <= SECONDS_MAX
    assert read[0] == min(int.from_bytes(told[:8], "big"), STAMP_MAX)


nonsense = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=16),
    st.binary(max_size=30).filter(lambda told: len(told) != life.BYTES),
    st.binary(min_size=16, max_size=16).map(bytearray),
    st.lists(st.binary(min_size=16, max_size=16), max_size=2),
    st.dictionaries(st.text(max_size=3), st.binary(max_size=16), max_size=2),
)


@given(nonsense)
def test_nonsense_is_no_life(told: Any) -> None:
    """Whoever answers a search may put anything there."""
    assert life.decode(told) is None


def test_the_question_is_no_life() -> None:
    """No bytes in a search's trailer ask for one."""
    assert life.QUESTION == b""
    assert life.decode(life.QUESTION) is None
