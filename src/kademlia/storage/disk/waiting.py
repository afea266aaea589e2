"""What waits for the disk: records that were written, until they are saved.

The rule: what could not be saved goes on waiting, and is tried again after a while; so much may wait and no more. While
a batch is being saved it still belongs to what waits, so that whoever reads looks in one place.
"""

from __future__ import annotations

from collections.abc import Callable

from kademlia.storage.disk.file import Record, in_a_line
from kademlia.storage.shelf import RECORD_BYTES

#: What may wait for a disk that takes nothing: beyond it the shelf is stuck, and takes nothing new. At 350 bytes a
#: record these are 24,000. Twice as much may wait of deletions, which make room.
WAITING_BYTES_MAX = 8 * 2**20

#: After a batch could not be saved the next try is so much later, and twice as long each time, up to the second.
RETRY_FIRST_S, RETRY_LAST_S = 1.0, 60.0


class Waiting:
    """The records that wait.

    Args:
        clock: The clock that tries go by.

    Attributes:
        records: By key, the one dict for ever; None is a deletion.
        size: Bytes that they take, roughly.
        stuck: Whether the disk has taken nothing for so long that no more may wait.
        failures: Batches that could not be saved since the last that could.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.records: dict[bytes, Record | None] = {}
        self.size = 0
        self.stuck = False
        self.failures = 0
        self._clock = clock
        self._retry_at = clock()
        self._since: set[bytes] | None = None  # changed since a batch was taken; None if none is being saved

    @property
    def any(self) -> bool:
        """Whether any waits besides those that are being saved."""
        return bool(self.records if self._since is None else self._since)

    @property
    def backing_off(self) -> bool:
        """Whether it is too early to try again after a failure."""
        return self.failures > 0 and self._clock() < self._retry_at

    @property
    def bears_deletions(self) -> bool:
        """Whether one more deletion may wait."""
        return self.size <= 2 * WAITING_BYTES_MAX

    def put(self, key: bytes, held: Record | None) -> None:
        """Let a record wait, in place of what waits under the key."""
        records = self.records
        self.size += _bytes(held) - (_bytes(records[key]) if key in records else 0)
        records[key] = held
        if self._since is not None:
            self._since.add(key)
        if self.failures:
            self.stuck = self.size > WAITING_BYTES_MAX

    def take(self) -> dict[bytes, Record | None]:
        """Return all, to be saved.

        Raises:
            RuntimeError: Those taken before are being saved still.
        """
        if self._since is not None:
            raise RuntimeError("what waited is being saved on another thread: tell committed() first how that went")
        self._since = set()
        return self.records.copy()

    def saved(self, fault: Exception | None) -> str | None:
        """Forget what was taken, or let it wait on; return a line for the operator if things changed.

        Raises:
            RuntimeError: Nothing was taken.
        """
        if self._since is None:
            raise RuntimeError("nothing is being saved: committed() tells how a function that commit() returned went")
        since, self._since = self._since, None
        if fault is not None:
            self._retry_at = self._clock() + min(RETRY_FIRST_S * 2.0 ** min(self.failures, 16), RETRY_LAST_S)
            self.failures += 1
            self.stuck = self.size > WAITING_BYTES_MAX
            return f"cannot be saved ({in_a_line(fault)})" if self.failures == 1 else None
        changed = {key: self.records[key] for key in since}
        self.records.clear()
        self.records.update(changed)
        self.size = sum(map(_bytes, changed.values()))
        line = "are saved again" if self.failures else None
        self.failures = 0
        self.stuck = False
        return line


def _bytes(held: Record | None) -> int:
    return RECORD_BYTES + (len(held[3]) if held is not None else 0)
