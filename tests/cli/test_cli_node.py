"""`kademlia node`: what it says, how it ends, and how it comes back."""

from __future__ import annotations

import io
import json
import resource
import signal
from dataclasses import fields
from pathlib import Path

import pytest
from rich.console import Console
from tests.cli.cli_processes import RunningNode, complaint, kademlia

from kademlia import Server
from kademlia.cli.stats import GROUPS, table
from kademlia.engine.stats import Stats

pytestmark = pytest.mark.processes


# -- news --------------------------------------------------------------------------------------------------------------


def test_a_node_says_who_it_is_and_whom_it_meets() -> None:
    with RunningNode("--verbose") as first:
        assert first.wait_for("^alone: .*") == (
            f"alone: waiting for others; they join by: kademlia node --bootstrap {first.address}"
        )
        with RunningNode("--bootstrap", first.address, "--ksize", "7", "--alpha", "2") as second:
            assert second.printed[0].endswith(", k = 7, alpha = 2")
            assert second.wait_for("^joined.*") == "joined: 1 node found close to our id"
            first.wait_for("^no longer alone: 1 node known")
            first.wait_for("^contacts: 1, 0 of them silent")


@pytest.mark.slow
def test_a_node_whose_bootstrap_is_silent_says_so_and_finds_it_later() -> None:
    with RunningNode() as silent:
        address = silent.address
    with RunningNode("--bootstrap", address) as node:
        node.wait_for(f"cannot bootstrap from {address}: no answer")
        node.wait_for("^alone: nobody answered; trying again")
        port = address.rpartition(":")[2]
        with RunningNode("--port", port):  # the last --port counts
            node.wait_for("^no longer alone")


def test_a_bootstrap_that_nobody_knows_is_named() -> None:
    with RunningNode("--bootstrap", "nowhere.invalid:8468") as node:
        node.wait_for("cannot bootstrap from nowhere.invalid:8468: the name is unknown")
        assert node.end() == 0


# -- signals -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_node_cleanly(number: signal.Signals) -> None:
    with RunningNode() as node:
        assert node.end(number) == 0
        assert node.printed[-1] == "ended"


def test_a_node_can_be_ended_while_it_joins() -> None:
    with RunningNode() as silent:
        address = silent.address
    with RunningNode("--bootstrap", address) as node:
        assert node.end() == 0
        assert node.printed[-1] == "ended"


def test_sigusr1_prints_the_counts_and_the_node_lives_on() -> None:
    with RunningNode() as node:
        for _ in range(2):
            node.process.send_signal(signal.SIGUSR1)
            node.wait_for("what this node counted")
            node.wait_for("datagrams +0 +datagrams received")
            node.wait_for("exceptions in kademlia itself")
        assert node.end() == 0


async def test_the_table_shows_every_count() -> None:
    """One that a later release adds is shown too, though without a meaning."""
    assert {field for group in GROUPS.values() for field in group} == {field.name for field in fields(Stats)}
    server = Server()
    await server.listen(0, "127.0.0.1")
    printed = io.StringIO()
    Console(file=printed, width=100).print(table(server.stats()))
    server.stop()
    assert all(meaning in printed.getvalue() for group in GROUPS.values() for meaning in group.values())


# -- state -------------------------------------------------------------------------------------------------------------


def test_a_node_comes_back_as_itself(tmp_path: Path) -> None:
    """Its id, k, alpha and contacts are in the file; nobody has to name a bootstrap address again."""
    state = tmp_path / "node.json"
    with RunningNode() as other:
        with RunningNode("--state", str(state), "--bootstrap", other.address, "--ksize", "5") as node:
            node.wait_for("^joined")
            assert node.end() == 0
        assert json.loads(state.read_text())["id"] == node.id
        with RunningNode("--state", str(state)) as again:
            again.wait_for("^joined")
            assert again.id == node.id
            assert again.printed[0].endswith(", k = 5, alpha = 3")
            assert f"back from {state}" in again.printed[1]


def test_a_node_alone_leaves_no_state_and_says_so(tmp_path: Path) -> None:
    state = tmp_path / "node.json"
    with RunningNode("--state", str(state)) as node:
        node.wait_for("^alone")
        assert node.end() == 0
    assert not state.exists()
    assert f"kademlia: no known neighbours, so {state} is not written" in node.printed


def test_a_full_disk_costs_a_line_and_not_the_old_state(tmp_path: Path) -> None:
    state = tmp_path / "node.json"
    with RunningNode() as other:
        with RunningNode("--state", str(state), "--bootstrap", other.address) as node:
            node.wait_for("^joined")
            node.end()
        before = state.read_bytes()
        with RunningNode("--state", str(state)) as node:
            node.wait_for("^joined")
            resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, (0, 0))
            assert node.end() == 0
    assert node.printed[-2].startswith(f"kademlia: cannot save the state to {state}: ")
    assert node.printed[-1] == "ended"
    assert state.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["node.json"]


# -- what can be wrong -------------------------------------------------------------------------------------------------


def test_a_port_in_use_is_one_line() -> None:
    with RunningNode() as node:
        port = node.address.rpartition(":")[2]
        result = kademlia("node", "--port", port, "--interface", "127.0.0.1")
    assert (result.returncode, result.stdout) == (2, b"")
    assert complaint(result) == f"port {port} on 127.0.0.1 is in use; choose another with --port, or 0 for any free one"


@pytest.mark.parametrize("interface", ["192.0.2.1", "nowhere.invalid", "2001:db8::1"])
def test_an_interface_that_is_not_ours_is_one_line(interface: str) -> None:
    result = kademlia("node", "--port", "0", "--interface", interface)
    assert (result.returncode, result.stdout) == (2, b"")
    assert complaint(result) == f"{interface} is no address of this machine; choose another with --interface"


@pytest.mark.parametrize("content", [b"junk", b'{"format":"kademlia state","version":1}', b"\x80\x04K*.", b""])
def test_a_state_that_is_none_is_one_line_and_left_alone(content: bytes, tmp_path: Path) -> None:
    state = tmp_path / "node.json"
    state.write_bytes(content)
    result = kademlia("node", "--port", "0", "--state", state)
    assert (result.returncode, result.stdout) == (2, b"")
    assert complaint(result).startswith(f"cannot come back from the state: {state} ")
    assert state.read_bytes() == content


def test_a_state_that_cannot_be_read_or_written_is_one_line(tmp_path: Path) -> None:
    assert complaint(kademlia("node", "--port", "0", "--state", tmp_path)).startswith("cannot come back from the state")
    result = kademlia("node", "--port", "0", "--state", tmp_path / "nowhere" / "node.json")
    assert result.returncode == 2
    assert complaint(result) == f"there is no folder {tmp_path / 'nowhere'} for the state file; make it first"
