"""A node that is killed at any moment finds its values: `bench/kill_nine.py`, a few times only.

`KADEMLIA_KILLS=100` does it as often as the documentation says.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench" / "kill_nine.py"
KILLS = int(os.environ.get("KADEMLIA_KILLS", "5"))

#: Stores a second: the test is about what a node promises, and not about a machine that others use too.
RATE = 1000


@pytest.mark.processes
@pytest.mark.slow
@pytest.mark.parametrize("mode", ["interval", "always"])
def test_after_a_kill_nothing_is_missing_that_was_to_be_saved(mode: str) -> None:
    """With "always" that is all that was acknowledged; else all that was acknowledged longer ago than the interval."""
    command = [sys.executable, str(BENCH), "--mode", mode, "--kills", str(KILLS), "--rate", str(RATE)]
    run = subprocess.run(command, check=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    acknowledged = re.search(rf"{KILLS} kills, ([\d,]+) acknowledged", run.stdout)
    assert acknowledged is not None
    assert int(acknowledged[1].replace(",", "")) > 10 * KILLS
