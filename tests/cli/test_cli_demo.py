"""`kademlia demo`: a small one, in full; what it prints, and that it leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest
from tests.cli.cli_processes import complaint, finished, kademlia, started

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def printed() -> str:
    """What a demo of six nodes prints."""
    result = kademlia("demo", "--nodes", "6", "--processes", "3", "--seed", "7")
    assert (result.returncode, result.stderr) == (0, b"")
    return result.stdout.decode()


@pytest.mark.slow
def test_the_demo_stores_and_finds_the_standard_library(printed: str) -> None:
    found = re.search(r"What they keep: (\d+) standard-library modules", printed)
    assert found
    count = found[1]
    assert int(count) > 300
    assert printed.startswith(
        "A network of 6 nodes in 3 processes on this machine; k = 3 of them keep each value (seed 7)"
    )
    assert re.search(r"joined +all 6 nodes, by the first", printed)
    assert re.search(rf"stored +{count} of {count} values, 3\.\d copies of each", printed)
    assert re.search(rf"read +{count} of {count} by nodes that do not keep them", printed)
    assert re.search(r"killed +2 of 6 nodes, with 1 of 3 processes", printed)
    assert re.search(rf"set +{count} +{count} +[\d.,]+ ms +[\d.]+ ms +[\d.,]+ ms +[\d.]+ *\n", printed)
    assert re.search(rf"get +{count} +{count} +0 +0 +[\d.,]+ ms +[\d.]+ ms +[\d.,]+ ms +[\d.]+ *\n", printed)
    assert re.search(rf"get again +{count} +{count} +0 +0 +[\d.,]+ ms +[\d.]+ ms +[\d.,]+ ms +[\d.]+ *\n", printed)
    assert re.search(r"Done in [\d.]+ s: everything found equals what was stored, ", printed)


@pytest.mark.slow
def test_without_a_terminal_the_demo_prints_plain_lines(printed: str) -> None:
    assert "\x1b" not in printed
    assert "\r" not in printed


def test_the_demo_stores_a_user_s_file_with_every_type(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text('["text", "grüße"]\n["int", -5]\n["float", 2.5]\n["truth", true]\n["zero", 0]\n["empty", ""]\n')
    result = kademlia("demo", "--data", path, "--nodes", "6", "--processes", "2")
    assert (result.returncode, result.stderr) == (0, b"")
    assert b"What they keep: 6 records of mine.jsonl" in result.stdout
    assert b"read again 6 of 6 by nodes" in result.stdout


def test_what_cannot_be_stored_makes_the_demo_fail_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    path.write_text(f"good,1\nbad\nlarge,{'x' * 9000}\n")
    result = kademlia("demo", "--data", path, "--nodes", "6", "--processes", "2")
    assert result.returncode == 1
    assert complaint(result) == f"{path}:2: 1 columns, and key and value need 2"
    said = result.stdout.decode()
    assert re.search(r"stored +1 of 2 values", said)
    assert "Failed after" in said
    assert "lines of the file that hold no record: 1" in said
    assert "not stored: 1 (large)" in said
    assert "Done" not in said


def test_a_file_without_records_makes_the_demo_fail(tmp_path: Path) -> None:
    """Nothing was checked, so there is no success to report."""
    path = tmp_path / "empty.csv"
    path.write_text("key,value\n")
    result = kademlia("demo", "--data", path, "--nodes", "3", "--processes", "2")
    assert result.returncode == 1
    assert "there was nothing to store" in result.stdout.decode()


def test_no_process_outlives_a_demo_that_is_killed() -> None:
    """The workers share the demo's stderr: reading it ends only when the last of them has ended."""
    with started("demo", "--nodes", "6", "--processes", "3") as demo:
        assert demo.stdout is not None
        while b"joined" not in demo.stdout.readline():
            assert demo.poll() is None
        demo.kill()
        assert finished(demo).returncode == -signal.SIGKILL


def test_ctrl_c_ends_the_demo_and_its_processes_without_a_traceback() -> None:
    with started("demo", "--nodes", "6", "--processes", "3") as demo:
        assert demo.stdout is not None
        while b"joined" not in demo.stdout.readline():
            assert demo.poll() is None
        demo.send_signal(signal.SIGINT)
        result = finished(demo)
    assert (result.returncode, result.stderr) == (130, b"")


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="who a process's children are is asked of Linux")
def test_a_worker_that_dies_unasked_makes_the_demo_fail(tmp_path: Path) -> None:
    path = tmp_path / "much.jsonl"
    path.write_text("".join(f'["key-{number}", "value"]\n' for number in range(20_000)))
    with started("demo", "--data", path, "--nodes", "6", "--processes", "3") as demo:
        assert demo.stdout is not None
        while b"joined" not in demo.stdout.readline():
            assert demo.poll() is None
        children = Path(f"/proc/{demo.pid}/task/{demo.pid}/children").read_text().split()
        os.kill(int(children[-1]), signal.SIGKILL)
        result = finished(demo)
    assert result.returncode == 1
    assert complaint(result) == f"the demo failed: process {children[-1]} ended by itself"
