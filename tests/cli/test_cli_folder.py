"""`kademlia node --data`: one folder is one node, which comes back whatever ended it; and what can be wrong with it."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.cli.cli_processes import RunningNode, complaint, kademlia

from kademlia import Server
from kademlia.cli.faults import WrongUse
from kademlia.cli.folder import Folder, Room

pytestmark = pytest.mark.processes


def with_data(folder: Path, *arguments: str) -> RunningNode:
    """Return a node that keeps everything in a folder."""
    return RunningNode("--data", str(folder), *arguments)


def refused(*arguments: str | Path) -> str:
    """Run a node that cannot start; return why."""
    result = kademlia("node", "--port", "0", "--interface", "127.0.0.1", *arguments)
    assert (result.returncode, result.stdout) == (2, b"")
    return complaint(result)


def values_of(node: RunningNode) -> int:
    """Return how many values a node has, by its table of counts."""
    node.process.send_signal(signal.SIGUSR1)
    return int(node.wait_for(r"(\d+) +values kept"))


def stored(node: RunningNode, tmp_path: Path, count: int) -> None:
    """Store so many values by one command."""
    path = tmp_path / "records.csv"
    path.write_text("".join(f"key-{number},x\n" for number in range(count)))
    assert kademlia("import", path, bootstrap=node.address).returncode == 0


# -- coming back -------------------------------------------------------------------------------------------------------


def test_a_killed_node_comes_back_with_its_id_and_every_value_it_acknowledged(tmp_path: Path) -> None:
    """It was alone and told nobody else: what it said it keeps must be on the disk."""
    folder = tmp_path / "ada"
    with with_data(folder, "--commit", "always") as node:
        assert node.printed[2] == f"new in {folder}: id, contacts and values are kept there"
        stored(node, tmp_path, 3)
        node.process.kill()
        node.process.wait()
    with with_data(folder) as again:
        assert again.id == node.id
        assert again.printed[2] == f"back from {folder}: 3 values, 0 published"
        assert kademlia("get", "key-2", bootstrap=again.address).stdout == b"x"


def test_a_node_that_is_told_to_end_saves_all_and_finds_its_network_again(tmp_path: Path) -> None:
    """Nobody has to name a bootstrap address twice; the folder is all there is to copy or to keep."""
    with RunningNode() as other:
        with with_data(tmp_path / "ada", "--bootstrap", other.address, "--ksize", "7") as node:
            node.wait_for("^joined")
            kademlia("set", "kept", "x", bootstrap=node.address)
            assert node.end() == 0
            assert node.printed[-1] == "ended"
        assert sorted(path.name for path in (tmp_path / "ada").iterdir()) == [
            "node.json",
            "values.db",
            "values.db.lock",
        ]
        with with_data(tmp_path / "ada") as again:
            again.wait_for("^joined")
            assert again.id == node.id
            assert again.printed[0].endswith(", k = 7, alpha = 3")
            assert again.printed[2] == f"back from {tmp_path / 'ada'}: 1 value, 0 published"


def test_what_a_program_published_comes_back_with_its_folder(tmp_path: Path) -> None:
    """The state is that of `Server.save_state`: what the node promised to keep alive it goes on renewing."""

    async def program() -> None:
        server = Server()
        await server.listen(0, "127.0.0.1")
        await server.set("mine", "x")
        server.save_state(tmp_path / "node.json", even_alone=True)
        server.stop()

    asyncio.run(program())
    with with_data(tmp_path) as node:
        assert node.printed[2] == f"back from {tmp_path}: 0 values, 1 published"


def test_a_node_without_its_state_keeps_its_values_and_says_that_its_id_is_new(tmp_path: Path) -> None:
    with with_data(tmp_path) as node:
        kademlia("set", "kept", "x", bootstrap=node.address)
        node.end()
    (tmp_path / "node.json").unlink()
    with with_data(tmp_path) as again:
        assert again.id != node.id
        assert again.printed[2] == (
            f"back from {tmp_path}: 1 value, 0 published, with a new id, as node.json is not there"
        )
        assert json.loads((tmp_path / "node.json").read_text())["id"] == again.id


@pytest.mark.parametrize("folder", [[], ["--data", "ada"]], ids=["in memory", "on disk"])
def test_a_node_keeps_no_more_values_than_it_was_told(folder: list[str], tmp_path: Path) -> None:
    arguments = [part.replace("ada", str(tmp_path / "ada")) for part in folder]
    path = tmp_path / "records.csv"
    path.write_text("".join(f"key-{number},x\n" for number in range(5)))
    with RunningNode("--max-records", "3", *arguments) as node:
        kademlia("import", path, bootstrap=node.address)
        assert values_of(node) == 3


def test_a_full_disk_costs_lines_and_not_the_node(tmp_path: Path) -> None:
    """It goes on serving what it has, says what is wrong, and ends when it is told to."""
    with with_data(tmp_path, "--commit", "always") as node:
        kademlia("set", "before", "x", bootstrap=node.address)
        resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, (0, 0))
        kademlia("set", "after", "x", bootstrap=node.address)
        node.wait_for(r"^kademlia: .*values\.db: values ")
        assert kademlia("get", "before", bootstrap=node.address).stdout == b"x"
        assert node.end() == 0
        assert any(f"cannot save the state to {tmp_path / 'node.json'}: " in line for line in node.printed)
    with with_data(tmp_path) as again:
        assert again.id == node.id
        assert kademlia("get", "before", bootstrap=again.address).stdout == b"x"


# -- leaving -----------------------------------------------------------------------------------------------------------


def test_a_node_that_ends_hands_its_values_over(tmp_path: Path) -> None:
    """With k = 1 each value has one holder: what is not handed over is gone until the node is back."""

    async def stored_at_one_each(address: str) -> None:
        host, port = address.split(":")
        server = Server(ksize=1, ephemeral=True)
        await server.listen(0, "127.0.0.1")
        await server.bootstrap([(host, int(port))])
        assert all((await server.set_many({f"key {number}": "x" for number in range(24)}, renew=False)).values())
        server.stop()

    with RunningNode("--ksize", "1") as other, with_data(tmp_path / "ada", "--ksize", "1", "-b", other.address) as node:
        node.wait_for("^joined")
        other.wait_for("^no longer alone")
        asyncio.run(stored_at_one_each(other.address))
        before = values_of(other)
        assert before < 24
        assert node.end() == 0
        assert node.printed[-2] == f"handed over {24 - before} value{'s' * (24 - before != 1)}"
        assert node.printed[-1] == "ended"
        assert values_of(other) == 24


def test_a_second_signal_ends_a_node_whose_heirs_are_silent(tmp_path: Path) -> None:
    with RunningNode("--ksize", "1") as other, with_data(tmp_path / "ada", "--ksize", "1", "-b", other.address) as node:
        node.wait_for("^joined")
        stored(node, tmp_path, 24)
        other.process.send_signal(signal.SIGSTOP)
        node.process.send_signal(signal.SIGTERM)
        node.wait_for("^leaving: handing values over, for 5 s at most; a second signal ends it at once")
        assert node.end(signal.SIGINT) == 0
    assert node.printed[-1] == "ended"


# -- what can be wrong -------------------------------------------------------------------------------------------------


def test_two_nodes_on_one_folder_are_one_too_many(tmp_path: Path) -> None:
    """The second ends with one line, and the first does not notice."""
    with with_data(tmp_path) as node:
        assert refused("--data", tmp_path).startswith(f"another node uses the folder {tmp_path}")
        kademlia("set", "k", "v", bootstrap=node.address)
        assert kademlia("get", "k", bootstrap=node.address).stdout == b"v"


def test_a_database_that_is_none_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "values.db"
    path.write_bytes(b"what somebody wrote down" * 9)
    assert refused("--data", tmp_path).startswith(f"cannot use the folder {tmp_path}: {path} is no database of values")
    assert path.read_bytes() == b"what somebody wrote down" * 9


def test_a_damaged_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    with with_data(tmp_path) as node:
        node.end()
    path = tmp_path / "values.db"
    data = bytearray(path.read_bytes())
    data[100:300] = b"\xff" * 200
    path.write_bytes(data)
    said = refused("--data", tmp_path)
    assert said.startswith(f"cannot use the folder {tmp_path}: {path} is damaged (")
    assert "move it away" in said
    assert path.read_bytes() == data


def test_the_database_of_another_program_is_refused(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "values.db")
    connection.execute("CREATE TABLE recipe (name)")
    connection.close()
    assert "is the database of another program" in refused("--data", tmp_path)


def test_a_state_that_is_none_is_refused_and_the_folder_is_free_again(tmp_path: Path) -> None:
    state = tmp_path / "node.json"
    state.write_text("{}")
    assert refused("--data", tmp_path).startswith(f"cannot come back from the state: {state} is no state file")
    assert state.read_text() == "{}"
    state.unlink()
    with with_data(tmp_path) as node:
        assert node.end() == 0


def test_a_file_is_no_folder_and_nothing_is_made_in_nowhere(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert refused("--data", file) == f"{file} is a file; --data names a folder, which is made if it is not there"
    nowhere = tmp_path / "nowhere"
    assert refused("--data", nowhere / "ada") == f"there is no folder {nowhere} to make ada in; make it first"
    assert not nowhere.exists()


@contextmanager
def as_nobody() -> Iterator[None]:
    """Do without the right of the superuser to write everywhere."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("made", [True, False], ids=["the folder", "its parent"])
def test_a_folder_that_cannot_be_written_is_one_line(made: bool, tmp_path: Path) -> None:
    Folder(tmp_path / "another", Room()).close()  # the modules have to be read before
    with TemporaryDirectory() as above:  # pytest's own folders are closed to others
        Path(above).chmod(0o555)
        folder = Path(above) if made else Path(above) / "ada"
        with as_nobody(), pytest.raises(WrongUse, match="Permission denied") as fault:
            Folder(folder, Room())
    assert str(fault.value).startswith(f"cannot {'use' if made else 'make'} the folder {folder}: ")


def test_a_port_in_use_leaves_the_folder_free(tmp_path: Path) -> None:
    with RunningNode() as other:
        port = other.address.rpartition(":")[2]
        assert refused("--data", tmp_path, "--port", port).startswith(f"port {port} on 127.0.0.1 is in use")
    with with_data(tmp_path) as node:
        assert node.printed[2].startswith("new in ")


def test_options_that_do_not_go_together_say_what_to_do(tmp_path: Path) -> None:
    folder, state = tmp_path / "ada", tmp_path / "old.json"
    said = refused("--data", folder, "--state", state)
    assert said == f"--data has the state in it, as {folder / 'node.json'}; move {state} there and leave --state out"
    assert refused("--commit", "always").startswith("--commit is about values on disk; name a folder for them")
    assert refused("--max-bytes", "lots").startswith("'lots' is no number of bytes")
    assert not os.path.lexists(folder)
