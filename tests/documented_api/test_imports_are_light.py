"""Importing the package imports no event loop: it serves programs of either, and a command line has 100 ms to start."""

from __future__ import annotations

import json

import pytest
from tests.documented_api.program_runner import run_code


def modules_after(statement: str) -> set[str]:
    output = run_code(f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))")
    return set(json.loads(output))


@pytest.mark.processes
@pytest.mark.parametrize(
    "module",
    ["kademlia", "kademlia.protocol", "kademlia.routing", "kademlia.crawling", "kademlia.node", "kademlia.storage"],
)
def test_importing_it_loads_neither_asyncio_nor_twisted(module: str) -> None:
    """What is not loaded cannot be leaned on by mistake, and a Twisted program must not be taken for an asyncio one."""
    assert modules_after(f"import {module}").isdisjoint({"asyncio", "twisted", "zope.interface"})


@pytest.mark.processes
@pytest.mark.parametrize("module", ["kademlia.network", "kademlia.utils"])
def test_importing_the_front_door_loads_no_event_loop_either(module: str) -> None:
    assert modules_after(f"import {module}").isdisjoint({"asyncio", "twisted"})


@pytest.mark.processes
def test_making_a_server_loads_no_twisted() -> None:
    """A program without Twisted, or without wanting it, never meets it."""
    assert "twisted" not in modules_after("import kademlia\nserver = kademlia.Server()\nserver.protocol")


@pytest.mark.processes
def test_every_documented_module_can_be_imported_alone() -> None:
    """In whatever order a program imports them: no module leans on another having been imported first."""
    for module in ("crawling", "log", "network", "node", "protocol", "routing", "storage", "utils"):
        run_code(f"import kademlia.{module}")
