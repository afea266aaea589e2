"""Times, sizes and counts as people write and read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from kademlia.cli.faults import WrongUse

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_BYTES = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}

_NUMBER = r"([0-9]{1,15}(?:\.[0-9]{1,9})?)"
_SPAN = re.compile(rf"{_NUMBER}([smhd]?)", re.ASCII)
_SIZE = re.compile(rf"{_NUMBER}([KMGT]?)(?:i?B)?", re.ASCII | re.IGNORECASE)


def seconds(text: str) -> float:
    """Return how many seconds "90", "90m", "12h" or "7d" are.

    Raises:
        WrongUse: It is none of these.
    """
    found = _SPAN.fullmatch(text)
    if found is None:
        raise WrongUse(f"{text!r:.60} is no span of time; write seconds, or like 90m, 12h or 7d")
    return float(found[1]) * _SECONDS[found[2]]


def size(text: str) -> int:
    """Return how many bytes "1000000", "512K", "256M" or "1.5G" are; K is 1,024.

    Raises:
        WrongUse: It is none of these, or no byte at all.
    """
    found = _SIZE.fullmatch(text)
    count = int(float(found[1]) * _BYTES[found[2].upper()]) if found is not None else 0
    if count < 1:
        raise WrongUse(f"{text!r:.60} is no number of bytes; write it like 1000000, 256M or 1G")
    return count


def moment(since_1970: float) -> str:
    """Return a time to the minute, the same for readers everywhere."""
    return datetime.fromtimestamp(since_1970, UTC).strftime("%Y-%m-%d %H:%M UTC")


def exact_moment(since_1970: float) -> str:
    """Return a time to the nearest second: lives travel in whole seconds."""
    return datetime.fromtimestamp(round(since_1970), UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def counted(count: int, noun: str) -> str:
    """Return "1 node" or "2 nodes"."""
    return f"{count:,} {noun}{'s' * (count != 1)}"
