"""Keys in the order of their distance to an id, out of a database that knows only the order of the keys.

The rule: all ids that share their first bits with a target are one range of keys, and nearer to it than all others.
So the key space is halved where the target lies until few keys are left; those are sorted. What is farther is not read
until it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from kademlia.node import ID_BYTES

ID_BITS = 8 * ID_BYTES

#: The farthest that two ids can be from each other.
FARTHEST = (1 << ID_BITS) - 1

#: Keys that are sorted at once; a range that may have more is halved.
SORTED_MAX = 64

#: Lists some keys from one to another, both included, at most so many.
KeysBetween = Callable[[bytes, bytes, int], list[bytes]]


class Range(NamedTuple):
    """The ids that share all but their last bits."""

    low: int  #: the first of them
    bits: int  #: that they do not share


def nearest(keys: KeysBetween, target: int, records: int) -> Iterator[bytes]:
    """Yield keys, the nearest to a target first.

    Args:
        keys: Reads a range.
        target: An id, as a number.
        records: How many keys there are, roughly: ranges that will hold too many are not tried.
    """
    tried_from = ID_BITS - (records // SORTED_MAX).bit_length()
    waiting = [Range(0, ID_BITS)]  # the nearest last
    while waiting:
        low, bits = waiting.pop()
        if bits <= tried_from:
            found = keys(_key(low), _key(low + (1 << bits) - 1), SORTED_MAX + 1)
            if len(found) <= SORTED_MAX or not bits:  # a damaged index may show any number under one key
                yield from sorted(found, key=lambda key: int.from_bytes(key, "big") ^ target)
                continue
        half = 1 << (bits - 1)
        near = low | (target & half)
        waiting += [Range(near ^ half, bits - 1), Range(near, bits - 1)]


def _key(number: int) -> bytes:
    return number.to_bytes(ID_BYTES, "big")
