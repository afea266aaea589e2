"""SQLiteStorage: values in a file, which outlive the process.

The rule: the event loop never waits for the disk to take something. What is written waits in a dict; whoever drives the
node takes a batch of it now and then, has another thread save it, and says when it is done (`storage.shelf.Saved`).
What is read is what was written, saved or not: the dict is looked into first. Nothing that was saved is lost where the
disk fails later: the file is as it was, and what could not be saved goes on waiting, up to a bound.

Times in the file are in node time (`storage.disk.nodetime`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Self

import msgspec

from kademlia.storage.disk.face import Face
from kademlia.storage.disk.file import FAULTS, Counts, Record, SQLiteFile, in_a_line, path_of
from kademlia.storage.disk.looks import KEYS_PER_PAGE, READ, Looks
from kademlia.storage.disk.nodetime import Heartbeat, NodeTime
from kademlia.storage.disk.waiting import Waiting
from kademlia.storage.memory import CULLS_PER_LIFE, WEEK_S
from kademlia.storage.shelf import RECORD_BYTES, VALUE_TYPES, Life, Saved, check_bounds

if TYPE_CHECKING:
    import os

#: The time is saved so often though nothing changed: a wall clock that is put right meanwhile then costs no value more.
HEARTBEAT_S = 60.0

#: The last stamp, in milliseconds since 1970 (`wire.life`).
STAMP_MAX = 2.0**53

_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.Decoder().decode


class SQLiteStorage(Face, Saved):
    """A storage in a file, that forgets a value some time after it was last set.

    A node saves what is set by itself. A program that uses it alone has what it sets saved by the next setting that
    comes `commit_every` later, by `flush`, and at the end by `close` or `with`.

    Args:
        path: the file; it is made if it is not there. Beside it lie `<path>-wal`, `<path>-shm` and `<path>.lock`.
        ttl: how long a value is kept, in seconds; a week unless said otherwise. 0 keeps nothing.
        commit: "always" has a node say that it keeps a value only when that would outlast a power failure; with
            "interval" what came in the last `commit_every` seconds may be lost when the process is killed, and a few
            seconds more by a power failure.
        commit_every: how long what is written may wait, in seconds.
        max_records: how many values a node keeps here at most; any number if None.
        max_bytes: how many bytes they may take, as `storage.shelf.record_bytes` counts them; any number if None. A
            program that sets values itself is not held to either.
        clock: what tells the time, in seconds that never run backwards.
        wall: what tells the time since 1970, in seconds.

    Attributes:
        path: the file, from the root.
        faults: how often the file could not be read; what was looked for counted as not there.

    Raises:
        ValueError: an argument makes no sense; or the file is damaged, another program's, or of a later format.
        OSError: the file cannot be used: somebody else uses it, or there is no right or room to write.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        ttl: float = WEEK_S,
        *,
        commit: Literal["interval", "always"] = "interval",
        commit_every: float = 0.05,
        max_records: int | None = None,
        max_bytes: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        check_bounds(ttl, max_records, max_bytes)
        _check_commit(commit, commit_every)
        self.path = path_of(path)
        self.ttl, self.clock = ttl, clock
        self.always, self.commit_every_s = commit == "always", commit_every
        self.max_records, self.max_bytes = max_records, max_bytes
        self.faults = 0
        wall_now = wall()
        self._file = SQLiteFile(self.path, self.always, Heartbeat(wall_now, wall_now))
        self._time = NodeTime(clock, wall, self._file.last)
        self._offset = self._time.offset
        self._news = self._file.news
        self._records, self._value_bytes = self._file.counts
        self._waiting = Waiting(clock)
        self._unsaved = self._waiting.records
        self._driven = self._closed = False
        self._beat_at = self._flush_at = self._cull_at = clock()
        self._select = self._file.reader.cursor().execute
        self._looks = Looks(self._file.reader, self._unsaved, self._unread)
        self._file.hold()

    # -- reading ---------------------------------------------------------------------------------------------------

    def read(self, key: bytes) -> tuple[Any, Life] | None:  # hot
        """Return a value and its life; None if there is none, or it is too old."""
        if key in self._unsaved:
            held = self._unsaved[key]
        else:
            try:
                held = self._select(READ, (key,)).fetchone()
            except FAULTS as fault:
                self._unread(fault)
                return None
        if held is None:
            return None
        stamp, ends_at, written, packed = held
        offset = self._offset
        try:
            if written <= self.clock() + offset - self.ttl:
                return None
            value, stamp = _decode(packed), stamp or 0.0
            if type(value) not in VALUE_TYPES or not 0.0 <= stamp <= STAMP_MAX:
                raise ValueError("it is no value of ours")
            return value, None if ends_at is None else complex(stamp, ends_at - offset)
        except (msgspec.DecodeError, TypeError, ValueError) as fault:  # a bit of the file fell over
            self._unread(fault)
            return None

    def age(self, key: bytes) -> float | None:
        """Return how many seconds ago a value was written or touched; None if there is none."""
        held = self._looks.held(key)
        return None if held is None or held[2] <= self._too_old() else self._now() - held[2]

    def older_than(self, seconds: float) -> Iterator[bytes]:
        """Yield the keys of what was neither written nor touched for so many seconds, the oldest first."""
        return self._looks.by_age(self._too_old(), self._now() - seconds)

    def between(self, low: bytes, high: bytes) -> Iterator[bytes]:
        """Yield the keys from one to another, both included; also of what is too old and not deleted yet."""
        return self._looks.between(low, high)

    def ended(self, now: float, most: int) -> list[bytes]:
        """Return some keys of values whose life is over, or that are too old; none if they could not be dropped."""
        if not self._waiting.bears_deletions:
            return []
        return self._looks.ended(now + self._offset, self._too_old(), most)

    def farthest(self, own: bytes, most: int) -> list[bytes]:
        """Return the keys at the greatest distance from an id, the farthest first; none while the shelf is stuck."""
        return [] if self.stuck else self._looks.farthest(own, most, self._records)

    def some(self, place: float, most: int) -> list[bytes]:
        """Return some saved keys from all times at which they were first written; none while the shelf is stuck."""
        return [] if self.stuck else self._looks.some(place, most)

    @property
    def stuck(self) -> bool:
        """Whether the disk has taken nothing for so long that no more can wait, whatever gives way."""
        return self._waiting.stuck

    @property
    def records(self) -> int:
        """How many values there are, those included that are too old but not deleted yet."""
        return max(self._records, 0)  # a damaged file may say less than it has

    @property
    def size(self) -> int:
        """How many bytes they take, as `max_bytes` counts them."""
        return max(self._records * RECORD_BYTES + self._value_bytes, 0)

    def has_room_for(self, size: int, instead_of: int = 0) -> bool:
        """Return whether one more value fits, or one in the place of another; none does while the shelf is stuck."""
        return not self.stuck and super().has_room_for(size, instead_of)

    # -- writing ---------------------------------------------------------------------------------------------------

    def write(self, key: bytes, value: Any, life: complex) -> None:
        """Keep a value with its life, as new as can be, until it is saved in memory."""
        self._put(key, (life.real, life.imag + self._offset, self._now(), _encode(value)))

    def drop(self, key: bytes) -> None:
        """Keep a value no longer; where not even that can be saved it stays."""
        if key in self._unsaved or self._waiting.bears_deletions:
            self._put(key, None)

    def touch(self, key: bytes) -> None:
        """Make a value as new as can be; where that cannot be saved it stays as it is."""
        held = self._looks.held(key)
        if held is not None and not self.stuck:
            self._put(key, (held[0], held[1], self._now(), held[3]))

    def _set(self, key: bytes, packed: bytes | None) -> None:
        """Do what a program wants done; where no node drives the storage, save it now and then."""
        self._refuse_if_closed()
        if self._waiting.stuck:
            raise OSError(f"{self.path} takes nothing, and no more can wait in memory: make room on the disk")
        self._put(key, None if packed is None else (None, None, self._now(), packed))
        if self._driven:
            return
        if self.always:
            self.flush()
        elif self.clock() >= self._flush_at and not self._waiting.backing_off:
            self._saved(self._take()())

    def _put(self, key: bytes, held: Record | None) -> None:
        old = self._looks.held(key)
        if old is None and held is None:
            return
        self._records += (held is not None) - (old is not None)
        self._value_bytes += (len(held[3]) if held else 0) - (len(old[3]) if old else 0)
        self._waiting.put(key, held)

    # -- saving ----------------------------------------------------------------------------------------------------

    @property
    def unsaved(self) -> bool:
        """Whether anything waits to be saved; after a failure not before it is to be tried again."""
        if self._closed or self._waiting.backing_off:
            return False
        return self._waiting.any or self.clock() >= self._beat_at

    def commit(self) -> Callable[[], Exception | None]:
        """Take what waits and return the function that saves it, which may be called on another thread.

        Returns:
            A function that returns None, or why it could not; that is for `committed`.

        Raises:
            RuntimeError: The batch before is being saved still.
        """
        self._driven = True
        return self._take()

    def committed(self, fault: Exception | None) -> str | None:
        """Take what the function returned; return news for the operator if there are any, else None."""
        self._saved(fault)
        return "; ".join(self.notices()) or None

    def notices(self) -> list[str]:
        """Return what the operator should be told and was not yet, a line each."""
        lines = [*self._news, *self._time.news]
        self._news.clear()
        self._time.news.clear()
        return lines

    def flush(self) -> None:
        """Save what waits, on the caller's thread.

        Raises:
            OSError: It could not be saved; it goes on waiting.
            RuntimeError: A batch is being saved on another thread.
        """
        fault = self._take()()
        self._saved(fault)
        if fault is not None:
            raise OSError(f"values cannot be saved in {self.path} ({in_a_line(fault)}): they wait in memory") from fault

    def close(self) -> None:
        """Save what waits and let others have the file; done twice it does no harm.

        Raises:
            OSError: Something could not be saved, and is lost; the file is closed all the same.
            RuntimeError: A batch is being saved on another thread: wait for it, tell `committed`, and close then.
        """
        if self._closed:
            return
        fault = self._take()()
        self._closed = True
        self._file.close()
        if fault is not None and self._unsaved:
            raise OSError(
                f"{len(self._unsaved)} values could not be saved in {self.path}: {in_a_line(fault)}"
            ) from fault

    def __enter__(self) -> Self:
        """Return the storage."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def __repr__(self) -> str:
        """Show where it is, and how much is in it."""
        return f"<SQLiteStorage {self.path}, {self._records} records{', closed' if self._closed else ''}>"

    def _take(self) -> Callable[[], Exception | None]:
        self._refuse_if_closed()
        self._cull()
        batch = self._waiting.take()
        self._beat_at = self.clock() + HEARTBEAT_S
        self._file.let_go()
        counts = Counts(max(self._records, 0), max(self._value_bytes, 0))
        return partial(self._file.save, batch, self._time.heartbeat(), counts)

    def _saved(self, fault: Exception | None) -> None:
        line = self._waiting.saved(fault)
        self._flush_at = self.clock() + self.commit_every_s
        self._file.hold()
        if line is not None:
            remedy = "make room on the disk" if "full" in str(fault) else "see to the file and its disk"
            waits = f"; they wait in memory, and what was saved is served: {remedy}" if fault else ""
            self._news.append(f"{self.path}: values {line}{waits}")

    def _cull(self) -> None:
        """Delete a part of what is too old; the rest when the next batch is taken."""
        if self.clock() < self._cull_at or self._waiting.failures:
            return
        keys = self._looks.too_old(self._too_old(), KEYS_PER_PAGE)
        for key in keys:
            self._put(key, None)
        self._cull_at = self.clock() + (0.0 if len(keys) >= KEYS_PER_PAGE else self.ttl / CULLS_PER_LIFE)

    # -- parts -----------------------------------------------------------------------------------------------------

    def _now(self) -> float:
        return self.clock() + self._offset

    def _too_old(self) -> float:
        return self.clock() + self._offset - self.ttl

    def _unread(self, fault: Exception) -> None:
        """Count what could not be read, and say so once."""
        self._refuse_if_closed()
        self.faults += 1
        if self.faults == 1:
            self._news.append(
                f"{self.path} cannot be read in places ({in_a_line(fault)}): what is there counts as not there; "
                "stop the node and move the file away, other nodes hold the same values"
            )

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise ValueError(f"{self.path} is closed: open it again with SQLiteStorage(...)")


def _check_commit(commit: object, commit_every: float) -> None:
    if commit not in {"interval", "always"}:
        raise ValueError(f'commit is "interval" or "always", not {commit!r}')
    if not commit_every >= 0:
        raise ValueError(f"commit_every is the seconds that what is written may wait, 0 or more, not {commit_every!r}")
