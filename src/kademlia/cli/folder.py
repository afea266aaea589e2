"""A node's folder: one folder is one node. It has the node's state, and the values that it keeps, in a database.

The rule: whoever opens the database has the folder, until it is closed or the process ends: the database's lock is that
of the folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kademlia.arguments import MEMORY_BYTES_MAX
from kademlia.cli.faults import WrongUse

if TYPE_CHECKING:
    from kademlia.storage import SQLiteStorage

#: The node's id, its table, and what it published.
STATE = "node.json"

#: The values that it keeps.
VALUES = "values.db"

#: Values on disk, in bytes, unless told otherwise: two million of 250 bytes, in a file of 0.9 GB. It is a part of any
#: disk that a node is put on; when it is full, those of whoever stored the most give way.
DISK_BYTES_MAX = 2**30

Commit = Literal["interval", "always"]


@dataclass(frozen=True, slots=True)
class Room:
    """How much a node keeps at most; None for what is usual."""

    max_bytes: int | None = None
    max_records: int | None = None

    def bytes(self, *, on_disk: bool) -> int:
        """Return how many bytes of values are kept at most, on disk or in memory."""
        return self.max_bytes or (DISK_BYTES_MAX if on_disk else MEMORY_BYTES_MAX)


class Folder:
    """An open folder of one node.

    Args:
        path: Where it is; it is made if its parent is there.
        room: How much there is room for.
        commit: When what is written is safe (`SQLiteStorage`).

    Attributes:
        storage: Where the values are.
        state: The file of the state.

    Raises:
        WrongUse: It cannot be used, or another node uses it.
    """

    def __init__(self, path: Path, room: Room, commit: Commit = "interval") -> None:
        self.path = path
        self.state = path / STATE
        _make(path)
        self.storage = _opened(path / VALUES, room, commit)

    def close(self) -> str | None:
        """Save what waits and let others have the folder; return what the operator should be told, or None."""
        try:
            self.storage.close()
        except OSError as fault:
            return str(fault)
        return None


def _make(path: Path) -> None:
    """Make the folder if it is not there."""
    try:
        path.mkdir()
    except FileExistsError:
        if not path.is_dir():
            raise WrongUse(f"{path} is a file; --data names a folder, which is made if it is not there") from None
    except FileNotFoundError:
        raise WrongUse(f"there is no folder {path.parent} to make {path.name} in; make it first") from None
    except OSError as fault:
        raise WrongUse(f"cannot make the folder {path}: {fault.strerror}; name one elsewhere with --data") from None


def _opened(path: Path, room: Room, commit: Commit) -> SQLiteStorage:
    from kademlia.storage import SQLiteStorage  # with sqlite3, which a node in memory does without

    max_bytes = room.bytes(on_disk=True)
    try:
        return SQLiteStorage(path, commit=commit, max_bytes=max_bytes, max_records=room.max_records)
    except BlockingIOError:
        raise WrongUse(
            f"another node uses the folder {path.parent}, or another program its {path.name}; end that one, or name "
            "another folder with --data"
        ) from None
    except (OSError, ValueError) as fault:
        raise WrongUse(f"cannot use the folder {path.parent}: {fault}") from None
