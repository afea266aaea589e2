"""The lock on a file of values: one file belongs to one node.

The rule: it is held from opening to closing, by one storage, also within a process, and the system gives it back when
its process ends, however it ends. It lies on a file of its own beside the database: SQLite's own locks are lost when
anything else in the process closes the database. That file stays where it is; removing it would let two nodes in.
"""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import IO

#: What the system answers when somebody else has the lock.
TAKEN = {errno.EAGAIN, errno.EACCES, errno.EDEADLK, errno.EWOULDBLOCK}


class Lock:
    """The lock on a file, held from now on.

    Args:
        path: The file; the lock lies beside it, on `<path>.lock`.

    Raises:
        OSError: Somebody else holds it, or the folder lets nobody make or lock files.
    """

    def __init__(self, path: Path) -> None:
        beside = path.with_name(path.name + ".lock")
        try:
            self._file = beside.open("a+b")
        except OSError as error:
            raise type(error)(
                f"{beside} cannot be written ({error.strerror}): give this user the right to write in {path.parent}, "
                f"or name a file in another folder"
            ) from error
        try:
            _take(self._file)
        except OSError as error:
            self._file.close()
            if error.errno in TAKEN:
                raise BlockingIOError(f"another node uses {path}: stop it, or name another file") from error
            raise OSError(f"{beside} cannot be locked ({error.strerror}): name a file on a local disk") from error

    def release(self) -> None:
        """Let others have the file."""
        self._file.close()


if sys.platform == "win32":
    import msvcrt

    def _take(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _take(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
