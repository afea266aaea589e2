"""The state file: whole whatever happens, and harmless whatever it holds."""

from __future__ import annotations

import errno
import json
import os
import pickle
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kademlia.storage import state as state_module
from kademlia.storage.state import State, load, save

ID = bytes(range(20))
ALICE = (b"a" * 20, "10.0.0.1", 8468)
BOB = (b"b" * 20, "::1", 65535)
STATE = State(ksize=20, alpha=3, id=ID, neighbors=[ALICE[1:]], contacts=[ALICE, BOB])

ids = st.binary(min_size=20, max_size=20)
hosts = st.ip_addresses().map(str)
ports = st.integers(1, 65535)
states = st.builds(
    State,
    ksize=st.integers(1, 65535),
    alpha=st.integers(1, 65535),
    id=ids,
    neighbors=st.lists(st.tuples(hosts, ports)),
    contacts=st.lists(st.tuples(ids, hosts, ports)),
    published=st.lists(
        st.tuples(
            ids,
            st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
            st.floats(1, 604_800),
            st.integers(0, 2**53 - 1),
        ),
        max_size=3,
    ),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "node.state"


def document(**changes: Any) -> bytes:
    """A valid file, with some entries changed, or taken out if None."""
    valid = {
        "format": "kademlia state",
        "version": 1,
        "ksize": 20,
        "alpha": 3,
        "id": ID.hex(),
        "neighbors": [["10.0.0.1", 8468]],
        "contacts": [["61" * 20, "10.0.0.1", 8468]],
    }
    return json.dumps({name: entry for name, entry in (valid | changes).items() if entry is not None}).encode()


class TestWhatIsSaved:
    def test_published_values_beyond_the_room_for_them_are_left_out_and_counted(self, path: Path) -> None:
        """The id and the table must not be lost because a program published a great deal."""
        values = [(number.to_bytes(20, "big"), bytes(8_000), 86_400.0, 1) for number in range(6_000)]
        left_out = save(path, replace(STATE, published=values))
        kept = load(path).published
        assert left_out == len(values) - len(kept)
        assert 3_000 < len(kept) < 6_000
        assert kept == values[: len(kept)]

    def test_a_file_of_version_1_is_read_and_has_nothing_published(self, path: Path) -> None:
        """Nodes that ran before values were renewed come back with their ids and tables."""
        path.write_bytes(document(version=1))
        loaded = load(path)
        assert (loaded.id, loaded.published) == (ID, [])
        save(path, loaded)
        assert load(path) == loaded

    @given(states)
    def test_it_comes_back(self, state: State) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "node.state")
            save(path, state)
            assert load(path) == state

    def test_it_is_json_that_people_can_read(self, path: Path) -> None:
        save(path, STATE)
        read = json.loads(path.read_bytes())
        assert (read["format"], read["version"]) == ("kademlia state", 2)
        assert read["id"] == ID.hex()
        assert read["contacts"][0] == [ALICE[0].hex(), "10.0.0.1", 8468]

    def test_it_takes_the_place_of_the_old_and_leaves_nothing_beside_it(self, path: Path) -> None:
        path.write_bytes(b"old")
        save(path, STATE)
        assert load(path) == STATE
        assert list(path.parent.iterdir()) == [path]

    def test_the_path_may_be_a_text(self, path: Path) -> None:
        save(str(path), STATE)
        assert load(str(path)) == STATE

    def test_a_relative_path_is_one_from_here(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(path.parent)
        save("node.state", STATE)
        assert load(path) == STATE

    @pytest.mark.skipif(os.name != "posix", reason="links need rights elsewhere")
    def test_a_symbolic_link_stays_one(self, path: Path) -> None:
        """People put their state elsewhere and link to it."""
        link = path.with_name("link")
        link.symlink_to(path)
        save(link, STATE)
        assert link.is_symlink()
        assert load(path) == STATE

    def test_a_missing_folder_is_the_callers_error(self, path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            save(path / "missing", STATE)

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"id": b"short"}, "id is 5 bytes, not 20"),
            ({"id": "a" * 20}, "id is of type str"),
            ({"ksize": 0}, "ksize"),
            ({"alpha": -1}, "alpha"),
            ({"neighbors": [("10.0.0.1", 0)]}, "neighbors"),
            ({"neighbors": [("10.0.0.1", 65536)]}, "neighbors"),
            ({"neighbors": [("", 1)]}, "neighbors"),
            ({"neighbors": [("two words", 1)]}, "neighbors"),
            ({"contacts": [(b"short", "10.0.0.1", 1)]}, "id is 5 bytes"),
            ({"contacts": [(ID, "10.0.0.1", 65536)]}, "contacts"),
        ],
    )
    def test_what_could_not_be_loaded_is_not_saved(self, path: Path, wrong: dict[str, Any], said: str) -> None:
        save(path, STATE)
        with pytest.raises(ValueError, match=said):
            save(path, State(**{**vars(STATE), **wrong}))
        assert load(path) == STATE

    def test_more_than_can_be_loaded_is_not_saved(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(state_module, "STATE_BYTES_MAX", 100)
        with pytest.raises(ValueError, match="more than 100 bytes"):
            save(path, STATE)
        assert not path.exists()


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_whatever_fails_while_saving_the_old_file_is_whole_and_alone(
    path: Path, monkeypatch: pytest.MonkeyPatch, call: str, error: BaseException
) -> None:
    """A disk that is full tonight must not cost the node its id."""
    save(path, STATE)

    def fails(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(os, call, fails)
    monkeypatch.setattr(Path, "replace", fails if call == "replace" else Path.replace)
    with pytest.raises(type(error)):
        save(path, State(**{**vars(STATE), "ksize": 8}))
    monkeypatch.undo()
    assert load(path) == STATE
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
def test_a_write_that_fails_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here the kernel says it, not the test."""
    save(path, STATE)
    fdopen = os.fdopen

    def on_a_full_disk(descriptor: int, mode: str) -> Any:
        os.close(descriptor)
        return fdopen(os.open("/dev/full", os.O_WRONLY), mode)

    monkeypatch.setattr(os, "fdopen", on_a_full_disk)
    with pytest.raises(OSError, match="No space left"):
        save(path, STATE)
    assert load(path) == STATE
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_cannot_be_synced_is_no_failure(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some file systems refuse; the file is in place all the same."""
    fsync = os.fsync
    synced: list[int] = []

    def only_files(descriptor: int) -> None:
        if synced:
            raise OSError(errno.EINVAL, "Invalid argument")
        synced.append(descriptor)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", only_files)
    save(path, STATE)
    assert load(path) == STATE


class TestWhatIsLoaded:
    def test_no_file_is_file_not_found(self, path: Path) -> None:
        """Programs begin with it: `try: load ... except FileNotFoundError: start afresh`."""
        with pytest.raises(FileNotFoundError):
            load(path)

    def test_a_folder_is_named_as_unreadable(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="cannot be read"):
            load(tmp_path)

    @pytest.mark.parametrize("protocol", range(6))
    def test_a_pickle_of_the_releases_is_a_state_without_contacts(self, path: Path, protocol: int) -> None:
        old = {"ksize": 20, "alpha": 3, "id": ID, "neighbors": [("10.0.0.1", 8468)]}
        path.write_bytes(pickle.dumps(old, protocol))
        assert load(path) == State(20, 3, ID, [("10.0.0.1", 8468)], [])

    def test_entries_of_a_later_release_are_passed_over(self, path: Path) -> None:
        """Version 1 may get more entries; what it has means the same for ever."""
        path.write_bytes(document(more=[{"nested": [1]}]))
        assert load(path).id == ID

    def test_space_before_it_is_no_pickle(self, path: Path) -> None:
        path.write_bytes(b" \n" + document())
        assert load(path).id == ID

    WRONG: ClassVar = {
        "empty": (b"", "ends before"),
        "cut short": (document()[:-1], "truncated"),
        "other JSON": (b'{"a": 1}', "format"),
        "another format": (document(format="hello"), "format"),
        "a later version": (document(version=3, ksize="twenty"), "version is 3"),
        "no version": (document(version="1"), "version"),
        "no id": (document(id=None), "id"),
        "a short id": (document(id="00" * 19), "id"),
        "an id that is no hex": (document(id="zz" * 20), "id"),
        "an id and a newline": (document(id="00" * 20 + "\n"), "id"),
        "k of 0": (document(ksize=0), "ksize"),
        "k of a fraction": (document(ksize=2.5), "ksize"),
        "k of truth": (document(ksize=True), "ksize"),
        "k of a googol": (document(ksize=10**100), "ksize"),
        "alpha as a text": (document(alpha="3"), "alpha"),
        "port 0": (document(neighbors=[["10.0.0.1", 0]]), "neighbors"),
        "port 65536": (document(contacts=[["00" * 20, "10.0.0.1", 65536]]), "contacts"),
        "no host": (document(neighbors=[["", 1]]), "neighbors"),
        "a long host": (document(neighbors=[["x" * 256, 1]]), "neighbors"),
        "a host in two lines": (document(neighbors=[["a\nb", 1]]), "neighbors"),
        "three in a neighbor": (document(neighbors=[["10.0.0.1", 1, 2]]), "neighbors"),
        "more neighbors than any k": (document(neighbors=[["10.0.0.1", 1]] * 65_536), "neighbors"),
        "neighbors in a dict": (document(neighbors={"10.0.0.1": 1}), "neighbors"),
        "half a surrogate": (document(neighbors=[["\ud800", 1]]), "no state file"),
        "no UTF-8": (b'{"format": "\xff"}', "no state file"),
        "nested deeply": (b'{"x":' * 100_000, "nested too deeply"),
        "lists nested deeply": (b'{"x":' + b"[" * 1_000_000, "nested too deeply"),
        "a long number": (document(version=1).replace(b"20", b"9" * 100_000), "no state file"),
        "a pickle with a short id": (pickle.dumps({"id": b"short", "neighbors": []}), "5 bytes, not 20"),
        "a pickle without an id": (pickle.dumps({"neighbors": []}), "NoneType, not 20"),
        "a pickle without neighbors": (pickle.dumps({"ksize": 20, "alpha": 3, "id": ID}), "neighbors"),
        "a pickle with port 0": (
            pickle.dumps({"ksize": 20, "alpha": 3, "id": ID, "neighbors": [("10.0.0.1", 0)]}),
            "neighbors",
        ),
        "a pickle with k as a text": (
            pickle.dumps({"ksize": "20", "alpha": 3, "id": ID, "neighbors": []}),
            "ksize",
        ),
    }

    @pytest.mark.parametrize("name", WRONG)
    def test_anything_else_is_one_line_with_the_file_the_fault_and_the_remedy(self, path: Path, name: str) -> None:
        data, said = self.WRONG[name]
        path.write_bytes(data)
        with pytest.raises(ValueError, match=said) as caught:
            load(path)
        line = str(caught.value)
        assert line.startswith(f"{path} is no state file: ")
        assert line.endswith("Move it away, and the node starts with a new id")
        assert "\n" not in line
        assert len(line) < 400

    def test_what_is_too_large_is_not_even_read(self, path: Path) -> None:
        with path.open("wb") as file:
            file.truncate(10 * state_module.STATE_BYTES_MAX)
        with pytest.raises(ValueError, match="more than 67,108,864 bytes"):
            load(path)

    @given(st.binary() | st.binary().map(b"{".__add__))
    def test_noise_is_a_value_error_or_a_state(self, data: bytes) -> None:
        loads_or_refuses(data)

    @staticmethod
    def saved(state: State) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "node.state")
            save(path, state)
            return path.read_bytes()

    @given(states, st.data())
    def test_so_is_a_file_with_bytes_changed(self, state: State, data: Any) -> None:
        encoded = bytearray(self.saved(state))
        for _ in range(data.draw(st.integers(1, 4))):
            encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
        loads_or_refuses(bytes(encoded))

    @given(
        st.dictionaries(
            st.sampled_from(["format", "version", "ksize", "alpha", "id", "neighbors", "contacts", "published"]),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
                lambda parts: st.lists(parts, max_size=4) | st.dictionaries(st.text(max_size=5), parts, max_size=4),
                max_leaves=6,
            ),
        )
    )
    def test_so_is_any_json(self, changes: dict[str, Any]) -> None:
        loads_or_refuses(document(**changes))


def loads_or_refuses(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "node.state")
        path.write_bytes(data)
        try:
            loaded = load(path)
        except ValueError:
            return
        save(path, loaded)
        assert load(path) == loaded
