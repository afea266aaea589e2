"""What fuzzing found, once each, in plain words; the inputs themselves are in `fuzz/corpus`."""

from __future__ import annotations

import sqlite3
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from tests.hostile.strangers import request
from tests.storage.sqlite_world import Clocks, key

from kademlia.engine import limits
from kademlia.engine.lookup import Lookup
from kademlia.node import Node
from kademlia.sim import World
from kademlia.storage import SQLiteStorage
from kademlia.storage.disk.file import told_plainly


def test_one_id_at_two_addresses_that_fall_silent_together_is_asked_again() -> None:
    """Both rest until the same moment, and a heap of who is asked next has to say which comes first.

    Anybody could have two addresses tell one id, and leave two calls of one moment unanswered: `tick` raised.
    """
    world = World(1)
    resident = world.add(ksize=4)
    protocol, contacts = resident.protocol, resident.protocol.contacts
    node_id = b"i" * 20
    first, second = [protocol.records.of((f"198.51.100.{number}", 8468)) for number in (1, 2)]
    for record in (first, second):
        contacts.answered(record, node_id, None, world.now)
    for record in (first, second):
        contacts.forget(Node(node_id, *first.address))
        protocol.router.add_contact(Node(node_id, *record.address))
        contacts.unanswered(record, record.node, world.now, world.now)
    world.run(60)
    assert protocol.stats().internal_errors == 0


def test_an_answer_from_where_an_id_was_late_does_not_have_it_asked_a_third_time() -> None:
    """It was tried elsewhere meanwhile. Asked once more it answered into nothing, and a fetch waited for ever."""
    node_id, other = b"i" * 20, b"j" * 20
    here, there = Node(node_id, "198.51.100.1", 8468), Node(node_id, "203.0.113.1", 8468)
    teller = Node(other, "192.0.2.1", 8468)
    lookup = Lookup(Node(b"k" * 20), [here, teller], 4, 3)
    assert set(lookup.next()) == {here, teller}
    lookup.slow(here)
    lookup.answered(teller, [there], [[there.id, there.ip, there.port]])
    assert [node.address for node in lookup.next()] == [there.address]
    lookup.answered(here, [])
    assert lookup.next() == []
    lookup.answered(there, [])
    assert lookup.finished
    assert not lookup.late


def test_a_contact_whose_record_gave_way_is_no_contact_once_its_address_is_somebody_else() -> None:
    """A flood of forged addresses has records forgotten, those of nodes that wait for a place among them.

    One that took a place later could never be given up: the table named a node that nobody was.
    """
    resident = World(1).add(bytes(20), ksize=1)
    protocol = resident.protocol
    ghost = Node(b"\xff" * 20, "10.9.0.1", 8468)
    protocol.router.add_contact(ghost)
    protocol.contacts.answered(protocol.records.of(ghost.address), b"\x80" * 20, ghost, 0.0)
    assert [node.id for node in protocol.router.contacts()] == [b"\x80" * 20]


def test_a_strangers_ping_does_not_wait_for_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was paid for when it was to be sent, and left hours later, when what had come from there counted no more."""
    monkeypatch.setattr(limits, "REQUESTS_IN_FLIGHT_MAX", 1)
    protocol = World(1).add().protocol
    protocol.call_ping(Node(b"n" * 20, "10.9.0.1", 8468))
    protocol.receive(request("store", b"i" * 20, b"k" * 20, "v" * 50), ("198.51.100.1", 8468), 0.0)
    assert protocol.stats().in_flight == 1
    assert protocol.stats().queued == 0


def damaged(path: Path, clocks: Clocks, *statements: str) -> None:
    """Make a sound file of two values, and do something to it."""
    with clocks.open(path) as storage:
        storage[key(1)] = "one"
        storage[key(2)] = "two"
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "values.sqlite"


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


def everything(storage: SQLiteStorage) -> list[tuple[bytes, Any]]:
    """Look at a storage in all ways, and return its items."""
    low, high = bytes(20), b"\xff" * 20
    keys = [*storage.between(low, high), *storage.older_than(0), *storage.farthest(low, 9), *storage.ended(1e12, 9)]
    assert all(type(name) is bytes and len(name) == 20 for name in keys)
    for name in keys:
        storage.touch(name)
        storage.age(name)
    return list(storage)


@pytest.mark.parametrize("bad", ["'a text of 20 letters'", "x'00'", "zeroblob(21)", "7", "x''"])
def test_a_key_in_a_file_that_is_no_key_is_not_there(bad: str, path: Path, clocks: Clocks) -> None:
    """SQLite keeps anything in any column; a node would reckon with it, and send it to others."""
    damaged(path, clocks, f"UPDATE record SET key = {bad} WHERE id = 1")
    with clocks.open(path) as storage:
        assert everything(storage) == [(key(2), "two")]


@pytest.mark.parametrize(
    "change",
    [
        "written = 'never'",
        "written = x'00'",
        "stamp = 9e999, ends_at = 1e12",
        "stamp = 'late', ends_at = 1e12",
        "stamp = -1e300, ends_at = 1e12",
        "ends_at = 'late'",
        "value = 7",
        "value = 'text'",
        "value = x''",
        "value = x'c0'",
        "value = x'9101'",
        "value = x'd40501'",
        "value = x'd6ff00000000'",
    ],
)
def test_a_record_in_a_file_that_is_none_counts_as_not_there(change: str, path: Path, clocks: Clocks) -> None:
    """Looking at its age compared text with numbers, and raised; a list was served as if it were a value."""
    damaged(path, clocks, f"UPDATE record SET {change} WHERE id = 1")
    with clocks.open(path) as storage:
        assert everything(storage) == [(key(2), "two")]
        assert storage.read(key(1)) is None
        storage[key(1)] = "again"
        storage.flush()
        assert storage[key(1)] == "again"
        assert storage.faults


def test_the_last_number_there_is_can_be_looked_at(path: Path, clocks: Clocks) -> None:
    """One more is no number that SQLite takes, and a full node raised when it looked for what gives way."""
    damaged(path, clocks, f"UPDATE record SET id = {2**63 - 1} WHERE id = 2")
    with clocks.open(path) as storage:
        assert storage.some(1.0, 8) == [key(2)]


@pytest.mark.parametrize(
    "change",
    [
        "node_time = 9e999",
        "wall_time = -9e999",
        "node_time = 1e300",
        "node_time = 'now'",
        "records = 'many'",
        "records = -1",
        "records = 0.5",
        "value_bytes = -1",
        "value_bytes = 9223372036854775807",
    ],
)
def test_a_file_whose_time_or_counts_cannot_be_is_damaged(change: str, path: Path, clocks: Clocks) -> None:
    """With a time of infinity every life came out as no number, and with a count below zero no bound held."""
    damaged(path, clocks, f"UPDATE meta SET {change}")
    with pytest.raises(ValueError, match=r"values\.sqlite is damaged"):
        clocks.open(path)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER t AFTER INSERT ON record BEGIN DELETE FROM record; END",
        "CREATE VIEW other AS SELECT 1",
    ],
)
def test_a_file_with_triggers_or_views_is_not_ours(statement: str, path: Path, clocks: Clocks) -> None:
    """They are programs, and would be run when a value is saved."""
    damaged(path, clocks, statement)
    with pytest.raises(ValueError, match="triggers or views"):
        clocks.open(path)


def test_a_schema_that_is_no_text_is_told_as_damage(path: Path, clocks: Clocks) -> None:
    """SQLite puts its bytes into its message, and Python raises UnicodeDecodeError instead of sqlite3's own."""
    damaged(path, clocks)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"CREATE INDEX record_written", b"CREATE IND\xb7X record_written"))
    with pytest.raises(ValueError, match=r"values\.sqlite is damaged"):
        clocks.open(path)


def test_a_length_for_which_there_is_no_memory_is_told_as_such(path: Path, clocks: Clocks) -> None:
    """Python raises MemoryError then, and not sqlite3's own."""
    damaged(path, clocks)
    data = bytearray(path.read_bytes())
    at = data.index(b"tablemetameta")
    data[at - 9 : at + 9] = b"\xff" * 18
    path.write_bytes(data)
    with pytest.raises((OSError, ValueError), match=r"values\.sqlite"):  # which of both depends on SQLite's release
        clocks.open(path)
    with pytest.raises(OSError, match=r"values\.sqlite cannot be opened .* memory"), told_plainly(path):
        raise MemoryError


def test_what_is_told_of_a_damaged_schema_is_one_line_of_text(path: Path, clocks: Clocks) -> None:
    """SQLite repeats the schema as it stands in the file: lines, and codes that a terminal obeys."""
    damaged(path, clocks)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"CREATE INDEX record_written", b"CREATE INDEX \x1b[2J\n\n(((((((("))
    with pytest.raises(ValueError, match=r"values\.sqlite is damaged") as raised:
        clocks.open(path)
    assert str(raised.value).isprintable()


def shuffled(path: Path) -> None:
    """Exchange the last key of a file and an early one, in its index, too: SQLite finds them in the wrong order."""
    data = bytearray(path.read_bytes())
    first, last = key(799), key(3)
    at = [place for place in range(len(data)) if bytes(data[place : place + 20]) in {first, last}]
    for place in at:
        data[place : place + 20] = last if data[place : place + 20] == first else first
    path.write_bytes(data)


def test_looks_through_an_index_that_is_out_of_order_end(path: Path, clocks: Clocks) -> None:
    """Pages of keys go on behind the last one that was read: where that was an early one, for ever."""
    with clocks.open(path) as storage:
        for number in range(800):
            clocks.move(0.01)
            storage[key(number)] = number
    shuffled(path)
    with clocks.open(path) as storage:
        for names in (storage.between(bytes(20), b"\xff" * 20), storage.older_than(0)):
            assert len(list(islice(names, 5000))) < 5000
        assert len(storage.farthest(key(0), 5)) == 5


def test_more_values_than_a_file_says_it_has_are_dropped_without_harm(path: Path, clocks: Clocks) -> None:
    """Its count would go below zero."""
    damaged(path, clocks, "UPDATE meta SET records = 0, value_bytes = 0")
    with clocks.open(path) as storage:
        storage.drop(key(1))
        storage.drop(key(2))
        assert (storage.records, storage.size) == (0, 0)
    with clocks.open(path) as storage:
        assert everything(storage) == []
