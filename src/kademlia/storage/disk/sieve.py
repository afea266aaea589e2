"""A sieve for keys that are surely not in a file: most requests ask for such, and need not look there.

The rule: whatever was ever written into the file since the sieve was begun has its mark, so that no mark means no
value; a mark means that there may be one. Marks of deleted keys stay: when too many are set, the sieve is made anew.
It is made bit by bit, at each look into the file, so that a node with a million values starts at once; until it is
done every key may be there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

#: Places for marks for each record: one in eight unknown keys is looked for in vain. A million records take 8 MB.
PLACES_PER_RECORD = 8

#: The least number of places.
PLACES_MIN = 4096

#: The sieve is made anew when one of so many places has a mark.
MARKED_MAX = 4

#: Keys marked at each look while the sieve is made: 128 take 40 us, and a million are done after 8,000 looks.
KEYS_PER_LOOK = 128

_ALL = b"\x01"


class Sieve:
    """Which keys may be there.

    Args:
        saved: Goes through all keys of the file; what is written meanwhile may come or not.

    Attributes:
        marks: A byte at the place of each key that may be there: `marks[hash(key) & mask]`.
        mask: See there.
        unfinished: Whether it is being made, and `go_on` is to be called.
    """

    def __init__(self, saved: Callable[[], Iterator[bytes]]) -> None:
        self._saved = saved
        self._spoiled = False
        self.marks: bytes | bytearray = _ALL
        self.mask = 0
        self.unfinished = False

    def begin(self, records: int, waiting: Iterable[bytes]) -> None:
        """Begin it anew, for so many records at most, and with the keys that wait to be saved."""
        self.marks, self.mask = _ALL, 0
        if self._spoiled:
            return
        places = max(PLACES_MIN, 1 << (PLACES_PER_RECORD * records - 1).bit_length())
        self._next, self._next_mask, self._marked = bytearray(places), places - 1, 0
        self._keys = self._saved()
        self.unfinished = True
        for key in waiting:
            self.add(key)

    def add(self, key: bytes) -> bool:
        """Mark a key that is written; return whether the sieve has too many marks and is to be begun anew."""
        if self._spoiled:
            return False
        place = hash(key) & self._next_mask
        if not self._next[place]:
            self._next[place] = 1
            self._marked += 1
        return self._marked * MARKED_MAX > len(self._next)

    def go_on(self) -> None:
        """Mark some more of the saved keys; after the last the sieve is in use."""
        some = list(islice(self._keys, KEYS_PER_LOOK))
        for key in some:
            self.add(key)
        if self.unfinished and len(some) < KEYS_PER_LOOK:
            self.marks, self.mask = self._next, self._next_mask
            self.unfinished = False

    def spoil(self) -> None:
        """Do without it: the file cannot be read in places, and some of its keys may have no mark."""
        self._spoiled = True
        self.marks, self.mask = _ALL, 0
        self.unfinished = False
