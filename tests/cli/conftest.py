"""A small network for the commands to talk to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.cli.cli_processes import RunningNode


@pytest.fixture(scope="session")
def network_address() -> Iterator[str]:
    """Return the address of one of two nodes that know each other; they are told to end at the end."""
    with RunningNode() as first, RunningNode("--bootstrap", first.address) as second:
        second.wait_for("^joined")
        yield first.address
