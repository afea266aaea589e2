"""A clock and a disk that stand until a test moves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kademlia.storage import SQLiteStorage

#: Seconds since 1970 when the tests begin.
WALL = 1_700_000_000.0


class Clocks:
    """The monotonic clock, and the wall clock that a test may set wrong."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.wall_now = WALL

    def clock(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.wall_now

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.wall_now += seconds

    def open(self, path: Path, **options: Any) -> SQLiteStorage:
        """Open a storage that goes by these clocks."""
        return SQLiteStorage(path, clock=self.clock, wall=self.wall, **options)


def key(number: int) -> bytes:
    """Return a key; in the order of the numbers."""
    return number.to_bytes(20, "big")


def fill_the_disk(storage: SQLiteStorage) -> None:
    """Let the file grow no more."""
    writer = storage._file.writer
    pages = writer.execute("PRAGMA page_count").fetchone()[0]
    writer.execute(f"PRAGMA max_page_count = {pages}")


def make_room(storage: SQLiteStorage) -> None:
    """Let the file grow again."""
    storage._file.writer.execute("PRAGMA max_page_count = 1000000")
