"""A fuzz input, read from its beginning: every input means something, and a changed byte changes little of it.

Numbers are one byte; pieces begin with their length, in two bytes, and end with the input at the latest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Cursor:
    """What is left of an input."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def byte(self) -> int:
        """Return the next byte as a number; 0 behind the end."""
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    def one_of(self, things: Sequence[T]) -> T:
        """Return one of some things."""
        return things[self.byte() % len(things)]

    def number(self) -> int:
        """Return a number of two bytes."""
        return self.byte() << 8 | self.byte()

    def some(self, count: int) -> bytes:
        """Return so many bytes, or all that are left."""
        taken = self._data[self._at : self._at + count]
        self._at += len(taken)
        return taken

    def piece(self) -> bytes:
        """Return a piece: its length comes before it."""
        return self.some(self.number())

    def rest(self) -> bytes:
        """Return all that is left."""
        return self.some(len(self._data))


def piece(data: bytes) -> bytes:
    """Return bytes as `Cursor.piece` reads them."""
    return len(data).to_bytes(2, "big") + data
