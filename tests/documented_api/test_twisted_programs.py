"""Programs written from the documentation alone - Twisted, camelCase, Deferreds - run as a user runs them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.documented_api.program_runner import COMPLAINTS, Program, run, running

PROGRAMS = Path(__file__).parent / "programs"

#: A node under twistd, as `twistd -noy service.tac` starts it.
SERVICE = ("-c", "from twisted.scripts.twistd import run; run()", "-noy", PROGRAMS / "service.tac", "--pidfile=")

pytestmark = [pytest.mark.processes, pytest.mark.slow]


@pytest.mark.parametrize("reactor", ["", "asyncioreactor"])
def test_a_documented_program_runs_unchanged(reactor: str, tmp_path: Path) -> None:
    """On the default reactor, and on the one that is an asyncio loop and could be taken for a program of 2.x."""
    output = run(PROGRAMS / "twisted_story.py", tmp_path, *filter(None, [reactor]))
    assert output.startswith("all went well on")
    assert ("Asyncio" in output) == bool(reactor)


@pytest.mark.parametrize(
    "story",
    [
        "own_rpcs_answer_now_or_later",
        "own_rpcs_that_fail_leave_their_caller_without_an_answer",
        "overridden_methods_are_called_by_the_node_itself",
        "what_is_under_way_ends_when_the_node_stops",
        "a_bootstrap_that_waits_for_listening_ends_when_the_node_stops",
        "a_node_listens_again_after_it_was_stopped",
        "a_node_listens_again_when_the_program_closes_and_opens_its_port",
        "a_port_in_use_is_told_at_once",
        "what_cannot_be_reached_costs_nothing_but_its_answer",
        "a_node_on_both_families_talks_to_either",
    ],
)
def test_under_twisted(story: str) -> None:
    """Each story checks itself; after it no call of ours is left in the reactor."""
    assert run(PROGRAMS / "twisted_corners.py", story) == f"{story}\n"


class TestANodeUnderTwistd:
    def test_serves_values_to_other_processes(self, tmp_path: Path) -> None:
        """The node listens by `internet.UDPServer`, before whose start nothing of Twisted's reactor was imported."""
        with running(*SERVICE, cwd=tmp_path) as node:
            port = port_of(node)
            run(PROGRAMS / "twisted_query.py", "127.0.0.1", port, "a key", "a value")
            assert run(PROGRAMS / "twisted_query.py", "127.0.0.1", port, "a key") == "Key result: a value\n"
            node.stop()
            assert "Server Shut Down" in node.output
            assert not COMPLAINTS.search(node.output)

    def test_keeps_large_values_although_the_program_listens_itself(self, tmp_path: Path) -> None:
        """UDPServer reads 8192 bytes of a datagram unless told otherwise; values of 2.x have datagrams of 8213."""
        value = "v" * 8137
        with running(*SERVICE, cwd=tmp_path) as node:
            port = port_of(node)
            run(PROGRAMS / "twisted_query.py", "127.0.0.1", port, "a key", value)
            assert run(PROGRAMS / "twisted_query.py", "127.0.0.1", port, "a key") == f"Key result: {value}\n"

    def test_comes_back_from_its_state_and_finds_its_network(self, tmp_path: Path) -> None:
        """The first run saves whom it knows, the second bootstraps from it: nobody tells it an address."""
        one, two = tmp_path / "one", tmp_path / "two"
        one.mkdir()
        two.mkdir()
        with running(*SERVICE, cwd=one) as first:
            port = port_of(first)
            run(PROGRAMS / "twisted_query.py", "127.0.0.1", port, "a key", "a value")
            with running(*SERVICE, cwd=two, KADEMLIA_BOOTSTRAP=port) as second:
                port_of(second)
                second.wait_for_file(two / "cache.pickle")
                second.stop()
            with running(*SERVICE, cwd=two) as second:
                again = port_of(second)
                assert run(PROGRAMS / "twisted_query.py", "127.0.0.1", again, "a key") == "Key result: a value\n"


def port_of(node: Program) -> str:
    """Return the port of a node as Twisted's own log tells it, written by our documented observer."""
    return node.wait_for(r"starting on (\d+)")
