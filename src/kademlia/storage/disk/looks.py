"""Looks into a file of values, and at what waits to be saved in it: what is written is seen, saved or not.

The rule: what waits is in the way of what is saved under the same key. Keys come in pages, so that a look that goes on
for long holds up neither the event loop nor whoever saves. All times are in node time. SQLite keeps anything in any
column: keys that are none, and records that we would not write, count as not there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from heapq import merge, nlargest
from itertools import islice
from typing import Any

from kademlia.storage.disk.file import FAULTS, Record
from kademlia.storage.disk.order import FARTHEST, nearest

#: Keys read from the file in one go: 256 take 0.1 ms.
KEYS_PER_PAGE = 256

#: Keys of what waits that are looked at, or passed over, in one go: they take 0.2 ms.
KEYS_PASSED_MAX = 2048

#: The last number that SQLite gives to a record.
LAST_NUMBER = 2**63 - 1

#: What a damaged index is; going on where it seems to end would never end.
OUT_OF_ORDER = ValueError("an index is out of order")

#: Keys that are not there are looked for in the file, too. A table of marks, made bit by bit after the start, would
#: spare it: a node with a million values answered for such keys at 0.91 times the rate of the memory storage then, and
#: does at 0.63 to 0.74. That is more than for keys that are there, and no reason to note every key in a second place.
READ = "SELECT stamp, ends_at, written, value FROM record WHERE key = ?"
_ENDED = """SELECT key FROM record WHERE ends_at <= ? AND typeof(key) = 'blob' AND length(key) = 20
ORDER BY ends_at LIMIT ?"""
_TOO_OLD = """SELECT key FROM record WHERE written <= ? AND typeof(key) = 'blob' AND length(key) = 20
ORDER BY written LIMIT ?"""
_LAST_NUMBER = "SELECT max(id) FROM record"
_FROM_NUMBER = """SELECT key FROM record WHERE id >= ? AND typeof(key) = 'blob' AND length(key) = 20
ORDER BY id LIMIT 1"""
_BETWEEN = "SELECT key FROM record WHERE key >= ? AND key <= ? AND length(key) = 20 ORDER BY key LIMIT ?"
_AS_OLD = """SELECT written, id, key FROM record WHERE written = ? AND id > ? AND typeof(key) = 'blob'
AND length(key) = 20 ORDER BY id LIMIT ?"""
_YOUNGER = """SELECT written, id, key FROM record WHERE written > ? AND written <= ? AND typeof(key) = 'blob'
AND length(key) = 20 ORDER BY written, id LIMIT ?"""


class Looks:
    """What can be seen.

    Args:
        reader: The connection to look through.
        waiting: What waits, None being a deletion.
        unread: Is told of a fault; what could not be read counts as not there.
    """

    def __init__(
        self,
        reader: sqlite3.Connection,
        waiting: Mapping[bytes, Record | None],
        unread: Callable[[Exception], None],
    ) -> None:
        self._select = reader.cursor().execute
        self._waiting = waiting
        self._unread = unread

    def held(self, key: bytes) -> Record | None:
        """Return what is under a key, however old."""
        if key in self._waiting:
            return self._waiting[key]
        rows = self._rows(READ, key)
        if not rows or _is_sound(*rows[0]):
            return rows[0] if rows else None
        self._unread(ValueError(f"the record of {key.hex()} is of other types"))
        return None

    def by_age(self, oldest: float, latest: float) -> Iterator[bytes]:
        """Yield the keys of what was written after one time and not after another, the oldest first."""
        shadow = dict(self._waiting)
        waiting = sorted((held[2], key) for key, held in shadow.items() if held and oldest < held[2] <= latest)
        return (key for _, key in merge(waiting, self._saved_by_age(oldest, latest, shadow)))

    def between(self, low: bytes, high: bytes) -> Iterator[bytes]:
        """Yield the keys from one to another, both included, however old."""
        shadow = dict(self._waiting)
        yield from [key for key, held in shadow.items() if held and low <= key <= high]
        yield from (key for key in self._saved_between(low, high) if key not in shadow)

    def ended(self, ends_at: float, oldest: float, most: int) -> list[bytes]:
        """Return some keys of what ended by some time, or was not written after another."""
        some = islice(self._waiting.items(), KEYS_PASSED_MAX)
        keys = [key for key, held in some if held and (held[2] <= oldest or _ends_by(held, ends_at))]
        keys += self._unchanged(_ENDED, ends_at, most)
        if len(keys) < most:
            keys += self.too_old(oldest, most)
        return list(dict.fromkeys(keys))[:most]

    def too_old(self, oldest: float, most: int) -> list[bytes]:
        """Return some saved keys of what was not written after some time."""
        return self._unchanged(_TOO_OLD, oldest, most)

    def farthest(self, own: bytes, most: int, records: int) -> list[bytes]:
        """Return the keys farthest from an id, the farthest first, of roughly so many records."""
        own_id, waiting = int.from_bytes(own, "big"), self._waiting
        saved = (key for key in nearest(self._some_between, own_id ^ FARTHEST, records) if key not in waiting)
        keys = [*islice(saved, most), *(key for key, held in waiting.items() if held)]
        return nlargest(most, keys, key=lambda key: int.from_bytes(key, "big") ^ own_id)

    def some(self, place: float, most: int) -> list[bytes]:
        """Return some saved keys under which nothing waits, evenly in the order of their numbers."""
        rows = self._rows(_LAST_NUMBER)
        last = rows[0][0] if rows else None
        if not isinstance(last, int):
            return []
        numbers = (min(1 + int((place + part) / most * last), last) for part in range(most))
        keys = {key for number in numbers for (key,) in self._rows(_FROM_NUMBER, number)}
        return sorted(keys - self._waiting.keys())

    def _saved_by_age(
        self, written: float, latest: float, shadow: Mapping[bytes, Any]
    ) -> Iterator[tuple[float, bytes]]:
        number = LAST_NUMBER  # of what was written then, nothing
        while True:
            page = self._rows(_AS_OLD, written, number, KEYS_PER_PAGE)
            if len(page) < KEYS_PER_PAGE:  # (written, id) > (?, ?) would go through all that are as old
                page += self._rows(_YOUNGER, written, latest, KEYS_PER_PAGE)
            if not page:
                return
            yield from [(at, key) for at, _, key in page if key not in shadow]
            if page[-1][:2] <= (written, number):
                self._unread(OUT_OF_ORDER)
                return
            written, number, _ = page[-1]

    def _saved_between(self, low: bytes, high: bytes) -> Iterator[bytes]:
        while page := self._some_between(low, high, KEYS_PER_PAGE):
            yield from page
            if page[-1] < low:
                self._unread(OUT_OF_ORDER)
                return
            low = page[-1] + b"\0"  # the next there can be

    def _some_between(self, low: bytes, high: bytes, most: int) -> list[bytes]:
        return [key for (key,) in self._rows(_BETWEEN, low, high, most)]

    def _unchanged(self, sql: str, bound: float, most: int) -> list[bytes]:
        """Return some saved keys under which nothing waits."""
        waiting = self._waiting
        rows = self._rows(sql, bound, most + min(len(waiting), KEYS_PASSED_MAX))
        return [key for (key,) in rows if key not in waiting]

    def _rows(self, sql: str, *arguments: object) -> list[Any]:
        try:
            return self._select(sql, arguments).fetchall()
        except FAULTS as fault:
            self._unread(fault)
            return []


def _is_sound(stamp: object, ends_at: object, written: object, packed: object) -> bool:
    """Return whether a record has the types that we write."""
    times = all(time is None or type(time) is float for time in (stamp, ends_at))
    return times and type(written) is float and type(packed) is bytes


def _ends_by(held: Record, ends_at: float) -> bool:
    return held[1] is not None and held[1] <= ends_at
