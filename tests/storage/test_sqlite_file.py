"""A file of values is opened, upgraded or refused: one clear line, and nothing in it is lost."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.storage.sqlite_world import WALL, Clocks, key

from kademlia.storage import SQLiteStorage
from kademlia.storage.disk.file import VERSION

FIXTURES = Path(__file__).parent / "fixtures"

#: What is in the fixtures, set at `WALL`, by the clock 1000; each lives an hour longer than the one before it.
KEPT: dict[str, Any] = {
    "text": "grüße",
    "bytes": bytes(range(256)),
    "int": -(2**63),
    "large": 2**64 - 1,
    "float": -0.0,
    "true": True,
    "false": False,
    "empty": b"",
    "long": "x" * 8000,
}

A = key(1)


@pytest.fixture
def closed(path: Path) -> Path:
    """A sound file with a value in it."""
    with SQLiteStorage(path) as storage:
        storage[A] = "kept"
    return path


def digest(name: str) -> bytes:
    return hashlib.sha1(name.encode()).digest()


def content_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir()) if file.suffix != ".lock"}


class TestFormats:
    @pytest.mark.parametrize("version", range(1, VERSION + 1))
    def test_a_file_of_every_version_is_read(self, version: int, path: Path, clocks: Clocks) -> None:
        """They were written by the releases of their time, and are never made anew."""
        shutil.copy(FIXTURES / f"values-{version}.sqlite", path)
        clocks.move(1800)
        with clocks.open(path) as storage:
            assert bool(storage.notices()) == (version < VERSION)
            assert storage.records == len(KEPT) + 1
            for number, (name, value) in enumerate(KEPT.items()):
                read, life = storage.read(digest(name)) or (None, None)
                assert type(read) is type(value)
                assert repr(read) == repr(value)
                assert life == pytest.approx(complex(1_699_999_000_000 + number, 1000 + 3600 * (number + 1)))
                assert storage.age(digest(name)) == pytest.approx(1800)
            assert storage.read(digest("no life")) == ("set by a program", None)
            assert storage.ended(1000 + 3600, 99) == [digest("text")]

    def test_an_upgrade_is_told_once_and_lasts(self, path: Path, clocks: Clocks) -> None:
        shutil.copy(FIXTURES / "values-1.sqlite", path)
        with clocks.open(path) as storage:
            assert storage.notices() == [f"{path} is of format 2 now, and was of 1: earlier releases refuse it"]
            assert storage.notices() == []
            size = storage.size
        with clocks.open(path) as storage:
            assert storage.notices() == []
            assert storage.size == size > 8000

    def test_an_upgrade_that_fails_leaves_the_file_as_it_was(self, path: Path) -> None:
        """It is one transaction: whoever goes back to the earlier release finds everything."""
        shutil.copy(FIXTURES / "values-1.sqlite", path)
        with sqlite3.connect(path) as connection:
            connection.execute("ALTER TABLE meta ADD COLUMN value_bytes INTEGER")  # the second step will fail on it
        connection.close()
        with pytest.raises(ValueError, match="damaged"):
            SQLiteStorage(path)
        connection = sqlite3.connect(path)
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM record").fetchone() == (len(KEPT) + 1,)
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'record_ends'").fetchone() == (0,)
        connection.close()

    def test_a_file_of_a_later_version_is_refused_and_not_touched(self, closed: Path) -> None:
        connection = sqlite3.connect(closed)
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
        connection.close()
        before = content_of(closed.parent)
        with pytest.raises(ValueError, match=rf"is of format {VERSION + 1}.*reads formats 1 to {VERSION}.*upgrade"):
            SQLiteStorage(closed)
        assert content_of(closed.parent) == before


class TestRefusals:
    def refused(self, path: Path, error: type[Exception], *said: str) -> None:
        """Check that it is refused in one line that names the file, and as often as it is tried."""
        for _ in range(2):
            with pytest.raises(error) as raised:
                SQLiteStorage(path)
            line = str(raised.value)
            assert "\n" not in line
            for part in (str(path), *said):
                assert part in line

    @pytest.mark.parametrize("content", [b"hello", b"{}" * 5000, b"SQLite format 2\0" * 300, b"\0"])
    def test_what_is_no_database_is_refused_and_not_touched(self, path: Path, content: bytes) -> None:
        path.write_bytes(content)
        self.refused(path, ValueError, "no database", "name another file")
        assert content_of(path.parent) == {path.name: content}

    @pytest.mark.parametrize("application", [0, 12345])
    def test_another_programs_database_is_refused_and_not_touched(self, path: Path, application: int) -> None:
        connection = sqlite3.connect(path)
        connection.execute(f"PRAGMA application_id = {application}")
        connection.execute("CREATE TABLE record (bookmark TEXT)")
        connection.commit()
        connection.close()
        before = content_of(path.parent)
        self.refused(path, ValueError, "another program", "name another file")
        assert content_of(path.parent) == before

    def test_an_empty_file_is_a_new_one(self, path: Path) -> None:
        """A node that was killed while it made its file leaves one behind."""
        path.write_bytes(b"")
        with SQLiteStorage(path) as storage:
            storage[A] = 1
        connection = sqlite3.connect(path.with_name("other"))
        connection.execute("PRAGMA journal_mode = WAL")
        connection.close()
        with SQLiteStorage(path.with_name("other")) as storage:
            storage[A] = 1

    @pytest.mark.parametrize(
        ("at", "byte"), [(16, b"\x00\x01"), (28, b"\x00\x00\x01\x00"), (100, b"\xff" * 300), (200, b"\xff" * 20_000)]
    )
    def test_a_damaged_file_is_refused(self, closed: Path, at: int, byte: bytes) -> None:
        """Header, schema or first pages overwritten."""
        content = bytearray(closed.read_bytes())
        content[at : at + len(byte)] = byte
        closed.write_bytes(content)
        with pytest.raises(ValueError, match=r"(damaged|no database).*(move|name)"):
            SQLiteStorage(closed)

    def test_a_file_that_was_cut_off_is_refused(self, closed: Path) -> None:
        closed.write_bytes(closed.read_bytes()[:4096])
        self.refused(closed, ValueError, "damaged", "move it away")

    @pytest.mark.parametrize("statement", ["DELETE FROM meta", "DROP TABLE record", "UPDATE meta SET wall_time = 'x'"])
    def test_a_file_that_lacks_something_is_refused(self, closed: Path, statement: str) -> None:
        with sqlite3.connect(closed) as connection:
            connection.execute(statement)
        connection.close()
        self.refused(closed, ValueError, "damaged", "move it away")

    def test_a_folder_that_is_not_there_is_refused(self, path: Path) -> None:
        with pytest.raises(FileNotFoundError, match=rf"no folder {path} for deeper: make it first"):
            SQLiteStorage(path / "deeper")

    def test_a_folder_in_place_of_a_file_is_refused(self, path: Path) -> None:
        path.mkdir()
        self.refused(path, IsADirectoryError, "name a file in it")

    @pytest.mark.processes
    @pytest.mark.skipif(os.name != "posix", reason="rights are another matter elsewhere")
    @pytest.mark.parametrize("what", ["folder", "file", "lock", "reading"])
    def test_what_cannot_be_written_is_refused(self, closed: Path, what: str) -> None:
        """Also where the tests are run by root, whom rights do not stop."""
        folder = closed.parent
        lock = closed.with_name(closed.name + ".lock")
        lock.chmod(0o444 if what == "lock" else 0o666)
        closed.chmod({"file": 0o444, "reading": 0o000}.get(what, 0o666))
        if what == "folder":
            lock.unlink()
        folder.chmod(0o555 if what == "folder" else 0o777)
        code = (
            "import os, sys\n"
            "from kademlia.storage import SQLiteStorage\n"
            "if os.getuid() == 0:\n    os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
            "os.chdir(sys.argv[1])\n"  # folders above may be closed to others
            "try:\n    SQLiteStorage('values.sqlite')\nexcept OSError as error:\n    print(error)\n"
        )
        opened_up = open_to_others(folder)
        run = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=False)
        for above, mode in opened_up:
            above.chmod(mode)
        folder.chmod(0o755)
        assert "values.sqlite" in run.stdout, run.stderr
        assert "give this user the right" in run.stdout
        assert run.stdout.count("\n") == 1

    def test_a_locked_file_is_another_nodes(self, closed: Path, tmp_path: Path) -> None:
        """Two nodes in one folder would answer for each other; also in one process, and under another name."""
        link = tmp_path / "link"
        with SQLiteStorage(closed) as storage:
            self.refused(closed, OSError, "another node uses", "name another file")
            if os.name == "posix":
                link.symlink_to(closed)
                with pytest.raises(OSError, match="another node uses"):
                    SQLiteStorage(link)
            assert storage[A] == "kept"
        SQLiteStorage(closed).close()

    def test_a_refusal_keeps_nothing_locked(self, path: Path) -> None:
        path.write_bytes(b"hello")
        self.refused(path, ValueError)
        path.unlink()
        SQLiteStorage(path).close()

    def test_a_file_that_another_program_has_locked_is_refused(
        self, closed: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("kademlia.storage.disk.file.WRITER_WAIT_S", 0.01)
        connection = sqlite3.connect(closed, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        self.refused(closed, OSError, "another program has locked", "close it")
        connection.close()


def open_to_others(folder: Path) -> list[tuple[Path, int]]:
    """Let others pass through the folders above, which pytest makes for one user; return what they were."""
    were = []
    for above in folder.parents:
        mode = above.stat().st_mode
        if not mode & 0o001 and above.stat().st_uid == os.getuid():
            were.append((above, mode & 0o7777))
            above.chmod(mode | 0o001)
    return were


class TestDamageFoundLater:
    @pytest.fixture
    def storage(self, path: Path) -> Any:
        """A file of 130 pages, of which 20 are overwritten."""
        with SQLiteStorage(path) as storage:
            for number in range(1000):
                storage.write(key(number << 140), b"x" * 100, complex(1, 1e9))
        content = bytearray(path.read_bytes())
        content[20 * 4096 : 40 * 4096] = b"\xa5" * (20 * 4096)
        path.write_bytes(content)
        storage = SQLiteStorage(path)
        yield storage
        storage.close()

    def test_what_cannot_be_read_is_not_there_and_is_told_once(self, storage: SQLiteStorage) -> None:
        """A node goes on with what there is: others hold the rest."""
        found = [storage.read(key(number << 140)) for number in range(1000)]
        assert None in found
        assert any(held is not None and held[0] == b"x" * 100 for held in found)
        list(storage)
        list(storage.between(key(0), b"\xff" * 20))
        storage.ended(2e9, 50)
        storage.farthest(key(5), 50)
        storage.touch(key(999 << 140))
        assert storage.faults > 1
        lines = storage.notices()
        assert len(lines) == 1
        assert "cannot be read in places" in lines[0]
        assert "move the file away" in lines[0]

    def test_what_cannot_be_saved_there_waits(self, storage: SQLiteStorage) -> None:
        news = []
        for number in range(0, 1000, 7):
            storage.write(key(number << 140), "new", complex(2, 1e9))
        for _ in range(3):
            news += [storage.committed(storage.commit()())]
        assert news[1:] == [None, None]
        assert "cannot be" in (news[0] or "")
        assert storage.read(key(7 << 140)) == ("new", pytest.approx(complex(2, 1e9)))
        storage._waiting.records.clear()  # or closing says that they are lost


def test_closing_says_what_is_lost(path: Path) -> None:
    storage = SQLiteStorage(path)
    storage[A] = 1
    storage._file.writer.execute("PRAGMA query_only = 1")
    storage[key(2)] = "x"
    with pytest.raises(OSError, match=r"[12] values could not be saved"):
        storage.close()
    storage.close()
    SQLiteStorage(path).close()


def test_the_fixtures_are_of_their_time() -> None:
    """Whoever changes the format adds one."""
    assert sorted(file.name for file in FIXTURES.glob("*.sqlite")) == [
        f"values-{n}.sqlite" for n in range(1, VERSION + 1)
    ]
    for number in range(1, VERSION + 1):
        header = (FIXTURES / f"values-{number}.sqlite").read_bytes()[:100]
        assert int.from_bytes(header[60:64], "big") == number
    assert WALL == 1_700_000_000.0
