"""Times and sizes as people write and read them."""

from __future__ import annotations

import pytest

from kademlia.cli import quantities
from kademlia.cli.faults import WrongUse
from kademlia.cli.options import life


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("90m", 5400), ("12h", 43_200), ("7d", 604_800), ("1.5h", 5400)]
)
def test_a_span_of_time_has_a_unit_or_is_in_seconds(text: str, seconds: float) -> None:
    assert quantities.seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5", "1w", "1 h", "1e3", "nan", "h", "٣", "9" * 400])
def test_what_is_no_span_of_time_is_wrong_use_and_named(text: str) -> None:
    with pytest.raises(WrongUse, match="is no span of time; write seconds, or like 90m, 12h or 7d"):
        quantities.seconds(text)


@pytest.mark.parametrize("text", ["0", "1", "604801", "8d"])
def test_a_life_that_nobody_keeps_is_wrong_use(text: str) -> None:
    with pytest.raises(
        WrongUse, match=r"--ttl is from 5 to 604800 seconds \(a week\), not [0-9.]+; set the value again"
    ):
        life(text)


@pytest.mark.parametrize(
    ("text", "count"),
    [("1000000", 1_000_000), ("512K", 2**19), ("256M", 2**28), ("1.5G", 3 * 2**29), ("2gib", 2**31), ("1T", 2**40)],
)
def test_a_size_has_a_unit_or_is_in_bytes(text: str, count: int) -> None:
    assert quantities.size(text) == count


@pytest.mark.parametrize("text", ["", "0", "0.1", "-1M", "lots", "1 G", "M", "9" * 400])
def test_what_is_no_size_is_wrong_use_and_named(text: str) -> None:
    with pytest.raises(WrongUse, match="is no number of bytes; write it like 1000000, 256M or 1G"):
        quantities.size(text)


def test_a_moment_is_the_same_for_readers_everywhere() -> None:
    assert quantities.moment(1_795_749_120) == "2026-11-27 03:12 UTC"
    assert quantities.exact_moment(1_795_749_119.6) == "2026-11-27 03:12:00 UTC"


def test_one_is_counted_as_one() -> None:
    assert [quantities.counted(count, "value") for count in (0, 1, 1234)] == ["0 values", "1 value", "1,234 values"]
