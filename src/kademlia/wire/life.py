"""The life of a value on the wire: 12 bytes, in the trailer of a store, and in an answer to who asks for it.

`uint64 stamp | uint32 seconds left`, big-endian. The stamp is in milliseconds since 1970, by the clock of whoever
published the value; 0 is a stamp that nobody knows. What is left is told and not the date, since clocks differ.
"""

from __future__ import annotations

from struct import Struct

_LIFE = Struct(">QI")
BYTES = _LIFE.size

#: Under which name the life stands beside the value in an answer.
NAME = "life"

#: In a find_value's trailer instead of a life: tell me that of the value.
QUESTION = b""

_SECONDS_MAX = 2**32 - 1
_STAMP_MAX = 2**53  # beyond that a float does not tell milliseconds apart; the year 287,396


def encode(stamp: int, seconds_left: float) -> bytes:
    """Return what is told of a life; seconds are rounded down, or it would grow on its way."""
    return _LIFE.pack(min(max(stamp, 0), _STAMP_MAX), int(min(max(seconds_left, 0), _SECONDS_MAX)))


def decode(told: object) -> tuple[int, int] | None:
    """Return stamp and seconds left; None if that is no life."""
    if type(told) is not bytes or len(told) != BYTES:
        return None
    stamp, seconds_left = _LIFE.unpack(told)
    return min(stamp, _STAMP_MAX), seconds_left
