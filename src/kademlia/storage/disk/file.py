"""A file of values: one SQLite database, its lock and its format.

The rule: whatever is no file of ours, or cannot be used, is refused with one line that names it and says what to do,
before anything is written into it. A file of an earlier format is brought to today's in one transaction. All or nothing
of a batch is saved.

There are two connections: the reader, for the thread of the event loop, and the writer, for whichever thread saves.
The reader holds one snapshot between two batches, which spares each look two locks (6.5 -> 4.1 us); it lets go while a
batch is saved, so that SQLite can begin its write-ahead log anew.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from kademlia.storage.disk.lock import Lock
from kademlia.storage.disk.nodetime import Heartbeat

if TYPE_CHECKING:
    from os import PathLike

#: Says in the file's header whose it is: "Kadm".
APPLICATION_ID = 0x4B61646D

#: The format that is written; see `UPGRADES` for what changed.
VERSION = 2

#: The first bytes of any SQLite database.
MAGIC = b"SQLite format 3\0"

#: Memory of the reader for pages: the index of a million keys takes 43 MB; twice as much made nothing faster.
READER_CACHE_KIB = 32 * 1024

#: Memory of the writer for pages, besides those of the batch that it saves.
WRITER_CACHE_KIB = 4 * 1024

#: The write-ahead log is cut down to this after a large batch.
LOG_BYTES_KEPT = 16 * 2**20

#: So long the reader waits where a foreign program has locked the file: the event loop waits with it.
READER_WAIT_S = 0.05

#: So long the writer does.
WRITER_WAIT_S = 5.0

#: A time in seconds, and a count, that no file of ours can have: the year 5138, and a million times a large disk.
TIME_MAX = 1e11
COUNT_MAX = 2**60

#: Keys have an index of their own. In a table WITHOUT ROWID, in the order of the keys, values of 100 bytes are found a
#: little sooner, but values of 1 kB took 4.7 kB of file each, and three times as long. `ends_at` and `written` are in
#: node time.
SCHEMA = (
    """CREATE TABLE record (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, stamp REAL, ends_at REAL,
    written REAL NOT NULL, value BLOB NOT NULL)""",
    "CREATE INDEX record_written ON record (written)",
    "CREATE INDEX record_ends ON record (ends_at) WHERE ends_at IS NOT NULL",
    """CREATE TABLE meta (node_time REAL NOT NULL, wall_time REAL NOT NULL, records INTEGER NOT NULL,
    value_bytes INTEGER NOT NULL)""",
)

#: What makes a file of version n one of n + 1, at place n - 1. Version 1 counted nothing, and had no index of ends.
UPGRADES = (
    (
        "CREATE INDEX record_ends ON record (ends_at) WHERE ends_at IS NOT NULL",
        "ALTER TABLE meta ADD COLUMN records INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE meta ADD COLUMN value_bytes INTEGER NOT NULL DEFAULT 0",
        """UPDATE meta SET records = (SELECT count(*) FROM record),
        value_bytes = (SELECT coalesce(sum(length(value)), 0) FROM record)""",
    ),
)

_WRITE = """INSERT INTO record (key, stamp, ends_at, written, value) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET stamp = excluded.stamp, ends_at = excluded.ends_at, written = excluded.written,
value = excluded.value"""

#: What SQLite raises. What it says of a damaged schema is not always text, and then Python fails to tell it; and a
#: damaged length may ask for more memory than there is.
FAULTS = (sqlite3.Error, UnicodeDecodeError, MemoryError)

#: So much is told of what it raises, in characters.
FAULT_CHARACTERS_MAX = 160

#: A stamp and an end, both None of a value without a life; when it was written; the value as msgpack.
Record = tuple[float | None, float | None, float, bytes]


class Counts(NamedTuple):
    """What a file holds."""

    records: int
    value_bytes: int  #: as packed, without what a record takes besides


class SQLiteFile:
    """A file of values, open and locked.

    Args:
        path: Where it is, or is to be made.
        always: Whether what is saved has to outlast a power failure too.
        heartbeat: The time that a new file begins with.

    Attributes:
        reader: The connection of the event loop's thread.
        writer: That of the thread that saves.
        last: When the file was last written.
        counts: What it held then.
        news: Lines for the operator.

    Raises:
        OSError: The file cannot be used: somebody else uses it, or there is no right or room to write.
        ValueError: It is damaged, somebody else's, or of a later format.
    """

    def __init__(self, path: Path, always: bool, heartbeat: Heartbeat) -> None:
        self.path = path
        self.news: list[str] = []
        _check_place(path)
        self._lock = Lock(path)
        connections: list[sqlite3.Connection] = []
        try:
            with told_plainly(path):
                _check_header(path)
                connections.append(_connect(path, WRITER_WAIT_S, WRITER_CACHE_KIB))
                self.writer = connections[0]
                self._prepare(always, heartbeat)
                connections.append(_connect(path, READER_WAIT_S, READER_CACHE_KIB))
                self.reader = connections[1]
                self.last, self.counts = _meta(self.reader)
        except BaseException:
            for connection in connections:
                connection.close()
            self._lock.release()
            raise

    def _prepare(self, always: bool, heartbeat: Heartbeat) -> None:
        writer = self.writer
        version = _version(writer, self.path)
        writer.execute("BEGIN IMMEDIATE")
        if version:
            writer.execute(f"PRAGMA user_version = {version}")  # fails where nothing can be written
        writer.execute("ROLLBACK")
        mode = writer.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise OSError(f"{self.path} cannot have a write-ahead log there: name a file on a local disk")
        writer.execute(f"PRAGMA synchronous = {'FULL' if always else 'NORMAL'}")
        writer.execute(f"PRAGMA journal_size_limit = {LOG_BYTES_KEPT}")
        writer.execute("BEGIN IMMEDIATE")
        if version == 0:
            for statement in SCHEMA:
                writer.execute(statement)
            writer.execute("INSERT INTO meta VALUES (?, ?, 0, 0)", heartbeat)
        else:
            for statements in UPGRADES[version - 1 :]:
                for statement in statements:
                    writer.execute(statement)
        if version != VERSION:
            writer.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            writer.execute(f"PRAGMA user_version = {VERSION}")
        writer.execute("COMMIT")
        if 0 < version < VERSION:
            self.news.append(
                f"{self.path} is of format {VERSION} now, and was of {version}: earlier releases refuse it"
            )

    def hold(self) -> None:
        """Let the reader hold what it sees from its next look on."""
        with suppress(*FAULTS):  # without it each look takes longer, that is all
            if not self.reader.in_transaction:
                self.reader.execute("BEGIN")

    def let_go(self) -> None:
        """Let the reader see what there is each time."""
        with suppress(*FAULTS):
            if self.reader.in_transaction:
                self.reader.execute("COMMIT")

    def save(self, batch: Mapping[bytes, Record | None], heartbeat: Heartbeat, counts: Counts) -> Exception | None:
        """Save some records, None being one to be deleted, on the thread of the caller.

        Args:
            batch: What changed, by its key.
            heartbeat: The time that it is true of.
            counts: What the file holds with it.

        Returns:
            None, or why nothing of it is saved.
        """
        writer = self.writer
        keys = sorted(batch)  # neighbours share a page
        try:
            writer.execute("BEGIN IMMEDIATE")
            writer.executemany("DELETE FROM record WHERE key = ?", [(key,) for key in keys if batch[key] is None])
            rows = [(key, *record) for key in keys if (record := batch[key]) is not None]
            writer.executemany(_WRITE, rows)
            writer.execute(
                "UPDATE meta SET node_time = ?, wall_time = ?, records = ?, value_bytes = ?", (*heartbeat, *counts)
            )
            writer.execute("COMMIT")
        except (*FAULTS, OSError) as fault:
            with suppress(*FAULTS):
                if writer.in_transaction:
                    writer.execute("ROLLBACK")
            return fault.with_traceback(None)  # it would hold the batch
        return None

    def close(self) -> None:
        """Put the log back into the database, and let others have the file."""
        self.let_go()
        self.reader.close()
        with suppress(*FAULTS):  # what is in the log is saved all the same
            self.writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.writer.close()
        self._lock.release()


def path_of(path: str | PathLike[str]) -> Path:
    """Return a path from the root, links followed: one file has one lock.

    Raises:
        ValueError: It is SQLite's name of a database in memory.
    """
    if str(path) in {"", ":memory:"}:
        raise ValueError(f"path names a file, not {str(path)!r}: ForgetfulStorage() keeps values in memory")
    return Path(path).resolve()


@contextmanager
def told_plainly(path: Path) -> Iterator[None]:
    """Say what SQLite raises in a line for the operator.

    Raises:
        OSError: The file cannot be used as things are.
        ValueError: It is not what it should be.
    """
    try:
        yield
    except FAULTS as error:
        raise _plain(path, error) from error


def in_a_line(fault: Exception) -> str:
    """Return what a fault says, fit for an operator's screen: of a damaged schema SQLite repeats whatever is in it."""
    text = " ".join(str(fault).split())
    return "".join(letter if letter.isprintable() else "?" for letter in text[:FAULT_CHARACTERS_MAX])


def _plain(path: Path, fault: Exception) -> Exception:
    error = in_a_line(fault) or "no memory for what it says that it is"
    otherwise = sqlite3.SQLITE_NOMEM if isinstance(fault, MemoryError) else sqlite3.SQLITE_ERROR
    code = getattr(fault, "sqlite_errorcode", otherwise) & 0xFF
    if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}:
        return PermissionError(f"{path} cannot be written ({error}): give this user the right to, and to its folder")
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return BlockingIOError(f"another program has locked {path} ({error}): close it there")
    if code in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM}:
        return OSError(f"{path} cannot be opened ({error}): make room on the disk and see whether it is sound")
    if code == sqlite3.SQLITE_NOTADB:
        return _no_database(path)
    return _damaged(path, error)


def _no_database(path: Path) -> ValueError:
    return ValueError(f"{path} is no database of values: name another file, or move this one away")


def _damaged(path: Path, how: str) -> ValueError:
    return ValueError(
        f"{path} is damaged ({how}): move it away, with {path.name}-wal and {path.name}-shm, and start with an "
        "empty one; other nodes hold the same values"
    )


def _check_place(path: Path) -> None:
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: name a file in it, as {path / 'values.sqlite'}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent} for {path.name}: make it first")


def _check_header(path: Path) -> None:
    """Refuse what is no database at all; under our lock, since to close a database takes SQLite's locks from it."""
    if not path.exists():
        return
    try:
        with path.open("rb") as file:
            start = file.read(len(MAGIC))
    except OSError as error:
        raise type(error)(f"{path} cannot be read ({error.strerror}): give this user the right to") from error
    if start and start != MAGIC:
        raise _no_database(path)


def _connect(path: Path, wait_s: float, cache_kib: int) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=wait_s, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA cache_size = -{cache_kib}")
    return connection


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """Return the format of a database, 0 of an empty one."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables and application in {0, APPLICATION_ID}:
        return 0
    if application != APPLICATION_ID:
        raise ValueError(f"{path} is the database of another program: name another file")
    if version > VERSION:
        raise ValueError(
            f"{path} is of format {version}, of a later release; this one reads formats 1 to {VERSION}: "
            "upgrade kademlia, or name another file"
        )
    if version < 1 or not {"record", "meta"} <= tables:
        raise _damaged(path, "it lacks its tables")
    if connection.execute("SELECT 1 FROM sqlite_master WHERE type IN ('trigger', 'view')").fetchone():
        raise _damaged(path, "it has triggers or views, and we make none")
    return version


def _meta(reader: sqlite3.Connection) -> tuple[Heartbeat, Counts]:
    row: Any = reader.execute("SELECT node_time, wall_time, records, value_bytes FROM meta").fetchone()
    if row is None or not all(isinstance(time, (int, float)) and abs(time) < TIME_MAX for time in row[:2]):
        raise sqlite3.DatabaseError("it does not say when it was written")
    if not all(type(count) is int and 0 <= count < COUNT_MAX for count in row[2:]):
        raise sqlite3.DatabaseError("it does not say how much is in it")
    reader.execute("SELECT key FROM record ORDER BY key LIMIT 1").fetchone()
    return Heartbeat(*row[:2]), Counts(*row[2:])
