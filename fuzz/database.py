"""The target `database`: files of values that are damaged, foreign, or made by hand to mislead.

The first byte of an input says what it is: a whole file; changes to the bytes of a sound one, or of its write-ahead
log; or rows of any type and any number in the tables of a sound one, and statements that change its schema. Opening it
ends with a storage or with an `OSError` or a `ValueError`; what can be read then is sane, whatever is in the file.
"""

from __future__ import annotations

import sqlite3
import struct
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from fuzz import limited
from fuzz.cursor import Cursor
from fuzz.host import WALL_START, LoneHost
from fuzz.state import memory_folder
from fuzz.target import Target, must

from kademlia.engine import limits
from kademlia.node import Node
from kademlia.protocol import KademliaProtocol
from kademlia.storage import SQLiteStorage
from kademlia.storage.disk import looks
from kademlia.storage.shelf import VALUE_TYPES

#: Where keys of the sound file lie, and how many.
KEYS = [number.to_bytes(1, "big") + bytes(18) + b"k" for number in range(0, 256, 32)]

#: What a file is made worse with, beside rows.
STATEMENTS = (
    "DROP TABLE meta",
    "DROP TABLE record",
    "DELETE FROM meta",
    "INSERT INTO meta VALUES (1, 1, 1, 1)",
    "UPDATE meta SET records = 'many'",
    "UPDATE meta SET node_time = 'never'",
    "UPDATE meta SET node_time = 9e999",
    "UPDATE meta SET wall_time = -9e999",
    "UPDATE meta SET records = -7, value_bytes = -7",
    "UPDATE meta SET records = 9223372036854775807, value_bytes = 9223372036854775807",
    "DROP INDEX record_ends",
    "DROP INDEX record_written",
    "PRAGMA user_version = 1",
    "PRAGMA user_version = 3",
    "PRAGMA user_version = -1",
    "PRAGMA application_id = 7",
    "CREATE TRIGGER late BEFORE INSERT ON record BEGIN SELECT RAISE(ABORT, 'no'); END",
    "CREATE TRIGGER kind AFTER INSERT ON record BEGIN DELETE FROM record; END",
    "ALTER TABLE record ADD COLUMN more TEXT NOT NULL DEFAULT 'x'",
    "ALTER TABLE meta RENAME COLUMN records TO others",
    "CREATE TABLE other (x)",
    "DROP TABLE record; CREATE VIEW record AS SELECT x'00' AS key, 1 AS stamp, 1 AS ends_at, 1 AS written, 1 AS value",
    "DROP TABLE record; CREATE TABLE record (id, key, stamp, ends_at, written, value)",
    "DROP TABLE meta; CREATE TABLE meta (node_time, wall_time, records, value_bytes)",
)  # fmt: skip

INSERT = "INSERT OR REPLACE INTO record (id, key, stamp, ends_at, written, value) VALUES (?, ?, ?, ?, ?, ?)"

#: Suffixes of the files of one database.
SUFFIXES = ("", "-wal", "-shm", "-journal", ".lock")


@cache
def sound() -> tuple[bytes, bytes]:
    """Return a sound file of values in small pages, and its write-ahead log with more in it."""
    with tempfile.TemporaryDirectory(prefix="kademlia-fuzz-", dir=memory_folder()) as folder:
        path = Path(folder, "values")
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA page_size = 512")
            connection.execute("VACUUM")
        connection.close()
        storage = SQLiteStorage(path, clock=lambda: 0.0, wall=lambda: WALL_START)
        for index, key in enumerate(KEYS):
            storage.write(key, (index, "text" * index, bytes(40 * index), 1.5)[index % 4], complex(index, 1e6))
        storage.flush()
        storage._file.let_go()
        storage._file.writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        storage.write(KEYS[0], "in the log", complex(9, 1e6))
        storage.flush()
        found = path.read_bytes(), path.with_name("values-wal").read_bytes()
        storage.close()
        return found


class Database(Target):
    """`storage.SQLiteStorage`."""

    name = "database"
    input_bytes_max = 8192
    inputs_per_round = 200

    def begin(self) -> None:
        """Make a folder for the files, and looks of few rows."""
        self._folder = tempfile.TemporaryDirectory(prefix="kademlia-fuzz-", dir=memory_folder())
        self._path = Path(self._folder.name, "values")
        self._page = looks.KEYS_PER_PAGE
        looks.KEYS_PER_PAGE = 3

    def take(self, data: bytes) -> None:
        """Make a file, open it, use it, and let a node use it."""
        cursor = Cursor(data)
        try:
            cursor.one_of((self._as_it_is, self._changed, self._changed_log, self._rows, self._rows))(cursor)
            self._use(self._path)
        finally:
            for suffix in SUFFIXES:
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

    def end(self) -> None:
        """Leave no file."""
        looks.KEYS_PER_PAGE = self._page
        self._folder.cleanup()

    # -- files -------------------------------------------------------------------------------------------------------

    def _as_it_is(self, cursor: Cursor) -> None:
        self._path.write_bytes(cursor.rest())

    def _changed(self, cursor: Cursor) -> None:
        file, _log = sound()
        self._path.write_bytes(_patched(file, cursor))

    def _changed_log(self, cursor: Cursor) -> None:
        file, log = sound()
        self._path.write_bytes(file)
        self._path.with_name(self._path.name + "-wal").write_bytes(_patched(log, cursor))

    def _rows(self, cursor: Cursor) -> None:
        """Put rows into a sound file, of any types, and do what somebody might do to it."""
        self._path.write_bytes(sound()[0])
        connection = sqlite3.connect(self._path, isolation_level=None)
        try:
            for _ in range(24):
                if not cursor:
                    break
                kind = cursor.byte()
                try:
                    if kind < 64:
                        connection.executescript(STATEMENTS[kind % len(STATEMENTS)])
                    else:
                        number = None if kind % 2 else 2**63 - kind  # SQLite chooses one, or it is at the end of all
                        columns = [number, *[_cell(cursor) for _ in range(5)]]
                        connection.execute(INSERT, columns)
                except (sqlite3.Error, OverflowError):
                    continue
        finally:
            connection.close()

    # -- what is done with them ----------------------------------------------------------------------------------------

    def _use(self, path: Path) -> None:
        for _ in range(2):  # what it wrote itself has to be readable, too
            try:
                storage = SQLiteStorage(
                    path,
                    clock=lambda: 0.0,
                    wall=lambda: WALL_START + 60,
                    max_records=limited.VALUES_MAX,
                    max_bytes=limited.VALUES_BYTES_MAX,
                )
            except (OSError, ValueError) as refused:
                must(str(path) in str(refused) and "\n" not in str(refused), f"refused with {refused}")
                return
            try:
                self._look(storage)
                self._change(storage)
                self._be_used_by_a_node(storage)
            finally:
                try:
                    storage.close()
                except OSError:
                    storage._file.close()

    def _look(self, storage: SQLiteStorage) -> None:
        for key, value in storage:
            must(type(key) is bytes and len(key) == 20, f"the key {key!r:.80}")
            must(type(value) in VALUE_TYPES, f"the value {value!r:.80}")
        low, high = bytes(20), b"\xff" * 20
        keys = [
            *storage.between(low, high),
            *storage.older_than(0),
            *storage.ended(1e9, 5),
            *storage.farthest(KEYS[1], 5),
            *storage.some(0.3, 5),
            *KEYS,
        ]
        for key in dict.fromkeys(keys):
            must(type(key) is bytes and len(key) == 20, f"the key {key!r:.80}")
            held, age = storage.read(key), storage.age(key)
            must(age is None or type(age) is float, f"the age {age!r}")
            if held is not None:
                must(type(held[0]) in VALUE_TYPES, f"the value {held[0]!r:.80}")
                must(held[1] is None or (type(held[1]) is complex and held[1] == held[1]), f"the life {held[1]!r}")
        must(type(storage.records) is int and type(storage.size) is int, f"{storage.records!r}, {storage.size!r}")
        must(storage.records >= 0 and storage.size >= 0, f"{storage.records} records, {storage.size} bytes")

    def _change(self, storage: SQLiteStorage) -> None:
        try:
            storage[KEYS[2]] = "set"
            del storage[KEYS[2]]
            storage.flush()
        except (OSError, KeyError):
            return
        storage.touch(KEYS[3])
        storage.drop(KEYS[4])

    def _be_used_by_a_node(self, storage: SQLiteStorage) -> None:
        """Let it be asked, fill, replicate and hand over."""
        host = LoneHost(lambda: None)
        protocol = KademliaProtocol(Node(bytes(19) + b"n", "198.51.100.200", 8468), storage, 2)
        protocol.start(host, 0.0, WALL_START + 60)
        peer = ("198.51.100.1", 8468)
        protocol.contacts.answered(protocol.records.of(peer), b"\xff" * 20, None, 0.0)
        for number in range(6):
            key = (number * 40).to_bytes(1, "big") + bytes(18) + b"n"
            protocol.keep(key, "x" * 900)
            value = protocol.keeping.get(key)  # a damaged index may show another record's
            must(value is None or type(value) in VALUE_TYPES, f"the value {value!r:.80}")
        for key in KEYS:
            protocol.rpc_find_value(peer, b"\xff" * 20, key)
        protocol.transfer_key_values(Node(KEYS[5], *peer))
        protocol.upkeep.refresh()
        for step in range(40):
            protocol.tick(step * limits.HARD_TIMEOUT_S / 8)
            protocol.take_outbox()
        protocol.stop()


def _patched(data: bytes, cursor: Cursor) -> bytes:
    """Return bytes with some pieces put over what is there, and perhaps cut off."""
    changed = bytearray(data)
    keep = cursor.byte()
    while cursor:
        at, new = cursor.number() % len(changed), cursor.some(1 + cursor.byte() % 16)
        changed[at : at + len(new)] = new
    return bytes(changed[: len(changed) * keep // 200]) if keep < 200 else bytes(changed)


def _cell(cursor: Cursor) -> Any:
    """Return what stands in one column: of any type."""
    kind = cursor.byte()
    match kind % 9:
        case 0:
            return None
        case 1:
            return cursor.one_of(KEYS)
        case 2:
            return cursor.some(kind % 32)
        case 3:
            return cursor.some(kind % 32).decode("latin-1")
        case 4:
            return struct.unpack(">d", cursor.some(8).rjust(8, b"\0"))[0]
        case 5:
            return int.from_bytes(cursor.some(8), "big", signed=True)
        case 6:
            return WALL_START + cursor.byte() - 128
        case 7:
            return (b"\xa4text", b"\x2a", b"\xc0", b"\x91\x01", b"\xd4\x05\x01", b"\xc1", b"\xc4\x02ab")[
                cursor.byte() % 7
            ]
        case _:
            return b"".join((bytes((cursor.byte(),)), bytes(18), b"h"))
