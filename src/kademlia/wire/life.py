"""The life of a value on the wire: 16 bytes, in the trailer of a store, and in an answer to who asks for it.

`uint64 stamp | uint32 age | uint32 seconds left`, big-endian. The stamp is in milliseconds since 1970, by the clock of
whoever published the value; 0 is a stamp that nobody knows. It is even, except where a holder made it for a store that
came without one: then it is odd, and may be that of an old value which a node of a published release still has. The age
is how many seconds ago that is by the clock of who tells it: where that clock is wrong by a day, so is the stamp, but
not the age. What is left is told and not the date, since clocks differ.
"""

from __future__ import annotations

from struct import Struct

_LIFE = Struct(">QII")
BYTES = _LIFE.size

#: Under which name the life stands beside the value in an answer.
NAME = "life"

#: In a find_value's trailer instead of a life: tell me that of the value.
QUESTION = b""

#: The bit that tells a stamp made by a holder.
BY_HOLDER = 1

_SECONDS_MAX = 2**32 - 1
_STAMP_MAX = 2**53  # beyond that a float does not tell milliseconds apart; the year 287,396


def encode(stamp: int, age: float, seconds_left: float) -> bytes:
    """Return what is told of a life; seconds are rounded down, or it would grow on its way."""
    return _LIFE.pack(min(max(stamp, 0), _STAMP_MAX), _seconds(age), _seconds(seconds_left))


def decode(told: object) -> tuple[int, int, int] | None:
    """Return stamp, age and seconds left; None if that is no life."""
    if type(told) is not bytes or len(told) != BYTES:
        return None
    stamp, age, seconds_left = _LIFE.unpack(told)
    return min(stamp, _STAMP_MAX), age, seconds_left


def _seconds(seconds: float) -> int:
    return int(min(max(seconds, 0), _SECONDS_MAX))
