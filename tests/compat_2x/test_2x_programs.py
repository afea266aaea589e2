"""Programs written for 2.x run unchanged, each in a process of its own, as a user runs them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.documented_api.program_runner import COMPLAINTS, run, running

PROGRAMS = Path(__file__).parent / "programs"

pytestmark = [pytest.mark.processes, pytest.mark.slow]


@pytest.mark.parametrize("loop", ["", "uvloop"])
def test_a_program_that_drives_its_loop_itself_runs_unchanged(loop: str, tmp_path: Path) -> None:
    assert run(PROGRAMS / "asyncio_story.py", tmp_path, *filter(None, [loop])) == "all went well\n"


def test_a_program_with_a_reactor_in_its_process_is_still_an_asyncio_program(tmp_path: Path) -> None:
    assert run(PROGRAMS / "asyncio_beside_twisted.py", tmp_path / "state") == "all went well\n"


def test_values_pass_between_nodes_and_scripts_in_processes_of_their_own() -> None:
    """Two nodes that stay, a script that sets, scripts that get: on asyncio's loop and on uvloop."""
    with running(PROGRAMS / "asyncio_node.py") as first:
        one = first.wait_for(r"listening on (\d+)")
        with running(PROGRAMS / "asyncio_node.py", one) as second:
            two = second.wait_for(r"listening on (\d+)")
            assert run(PROGRAMS / "asyncio_set.py", one, "a key", "a value") == "Set result: True\n"
            assert run(PROGRAMS / "asyncio_get.py", two, "a key") == "Get result: a value\n"
            assert run(PROGRAMS / "asyncio_get.py", one, "a key", "uvloop") == "Get result: a value\n"
            for node in (first, second):
                assert node.stop() == 0
                assert node.output.endswith("stopped\n")
                assert not COMPLAINTS.search(node.output), node.output


def test_both_generations_of_programs_share_a_network() -> None:
    """Twisted's first examples and asyncio's, on one network."""
    query = PROGRAMS.parent.parent / "documented_api" / "programs" / "twisted_query.py"
    with running(PROGRAMS / "asyncio_node.py") as node:
        port = node.wait_for(r"listening on (\d+)")
        run(query, "127.0.0.1", port, "a key", "a value")
        assert run(PROGRAMS / "asyncio_get.py", port, "a key") == "Get result: a value\n"
        run(PROGRAMS / "asyncio_set.py", port, "another key", "another value")
        assert run(query, "127.0.0.1", port, "another key") == "Key result: another value\n"
