"""A shelf: what a node needs of the place where its values are, each with its life.

The documented `IStorage` knows values only. A storage of ours is a shelf too, and says itself how long each value lives
and how much it takes; beside a program's own storage lives are kept by `storage.beside`.

A life is one complex number, which takes 32 bytes where a pair of numbers takes 104: its real part is the stamp of the
value, in milliseconds since 1970 by its publisher's clock (0: not known, older than all), its imaginary part is when it
ends, in the seconds of the node's monotonic clock.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from itertools import chain
from typing import Any

#: A value's stamp and end; None of a value that somebody put there who knows no lives.
Life = complex | None

#: The types of a value that is kept; they are those of the wire.
VALUE_TYPES = frozenset((int, float, bool, str, bytes))


class Shelf(ABC):
    """Values by key, with their lives.

    Attributes:
        max_records: Values that there is room for; None for any number.
        max_bytes: Bytes that there is room for, of keys, values and what they take besides; None for any number.
    """

    max_records: int | None = None
    max_bytes: int | None = None

    @abstractmethod
    def read(self, key: bytes) -> tuple[Any, Life] | None:
        """Return a value and its life, be it over or not; None if there is none."""

    @abstractmethod
    def write(self, key: bytes, value: Any, life: complex) -> None:
        """Keep a value with its life, as new as can be, in place of what is there under the key."""

    @abstractmethod
    def drop(self, key: bytes) -> None:
        """Keep a value no longer; a key that is not there does no harm."""

    @abstractmethod
    def touch(self, key: bytes) -> None:
        """Make a value as new as can be, with the life that it has."""

    @abstractmethod
    def age(self, key: bytes) -> float | None:
        """Return how many seconds ago a value was written or touched; None if there is none."""

    @abstractmethod
    def older_than(self, seconds: float) -> Iterator[bytes]:
        """Yield the keys of what was neither written nor touched for so many seconds, the oldest first.

        What happens to the shelf meanwhile does no harm; keys that have gone, or become young, may still come.
        """

    @abstractmethod
    def between(self, low: bytes, high: bytes) -> Iterator[bytes]:
        """Yield the keys from one to another, both included, in any order; changes meanwhile do no harm."""

    def within(self, ranges: list[tuple[bytes, bytes]]) -> Iterator[bytes]:
        """Yield the keys in any of some ranges; others too if it would have to look at them all anyway."""
        return chain.from_iterable(self.between(low, high) for low, high in ranges)

    @abstractmethod
    def ended(self, now: float, most: int) -> list[bytes]:
        """Return some keys of values whose life is over, at most so many.

        A shelf may look through a part only, so that it takes no longer than a millisecond, and through the rest when
        it is asked again.
        """

    @abstractmethod
    def farthest(self, own: bytes, most: int) -> list[bytes]:
        """Return the keys at the greatest distance from an id, the farthest first, at most so many.

        A shelf that is in no such order may choose them from a part of all keys, and from another one the next time.
        """

    @abstractmethod
    def some(self, place: float, most: int) -> list[bytes]:
        """Return some keys at even distances in an order that the keys do not decide, at most so many.

        Args:
            place: 0 to 1, moves them all: where it is drawn at random, all keys come as often as all others.
            most: How many.
        """

    @property
    @abstractmethod
    def records(self) -> int:
        """How many values there are."""

    @property
    @abstractmethod
    def size(self) -> int:
        """How many bytes they take, as `max_bytes` counts them; 0 where that is not bounded, and not counted."""

    @property
    def stuck(self) -> bool:
        """Whether it takes nothing at present, whatever gives way: a disk that is full."""
        return False

    def has_room_for(self, size: int, instead_of: int = 0) -> bool:
        """Return whether one more value of so many bytes (`record_bytes`) fits, or one in the place of another."""
        if self.max_records is not None and not instead_of and self.records >= self.max_records:
            return False
        return self.max_bytes is None or self.size + size - instead_of <= self.max_bytes


def check_bounds(ttl: float, max_records: int | None, max_bytes: int | None) -> None:
    """Refuse bounds that a shelf of ours cannot have: of age in seconds, of number, of bytes.

    Raises:
        ValueError: The age is negative, or no number; another bound is not above 0.
    """
    if not ttl >= 0:
        raise ValueError(f"ttl is the seconds a value is kept, 0 or more, not {ttl!r}")
    for name, bound in (("max_records", max_records), ("max_bytes", max_bytes)):
        if bound is not None and not bound > 0:
            raise ValueError(f"{name} is more than zero, or None for no bound, not {bound!r}")


#: What a record takes besides its value: the key, the life and the place in a shelf's tables; measured in memory.
RECORD_BYTES = 250


def record_bytes(value: Any) -> int:
    """Return how many bytes a value takes on a shelf, roughly: exact sizes would have to be measured each time."""
    if isinstance(value, (bytes, str)):
        return RECORD_BYTES + len(value)
    return RECORD_BYTES


class Saved(Shelf):
    """A shelf that outlives the process: what is written is queued, and committed by the node's world, off its loop.

    Attributes:
        always: Whether an answer that says "kept" has to wait until it is committed.
        commit_every_s: Otherwise what is written is committed at the latest after so many seconds.
    """

    always: bool = False
    commit_every_s: float = 0.05

    @property
    @abstractmethod
    def unsaved(self) -> bool:
        """Whether anything waits to be committed."""

    @abstractmethod
    def commit(self) -> Any:
        """Take what waits and return the function that commits it; it may be called on another thread.

        The function returns None, or an exception that says why it could not; it never raises one. Until `committed`
        is told, nothing else is committed, and what is read is what was written.
        """

    def notices(self) -> list[str]:
        """Return lines for the operator: what was found when it was opened. Each is told once."""
        return []

    @abstractmethod
    def committed(self, fault: Exception | None) -> str | None:
        """Take what the function returned; return a line for the operator if there is news, else None.

        What could not be committed goes on waiting; while that is so, more may be refused (`has_room_for`).
        """
