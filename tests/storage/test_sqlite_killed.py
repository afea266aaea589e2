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


@pytest.mark.processes
@pytest.mark.slow
@pytest.mark.parametrize("mode", ["interval", "always"])
def test_after_a_kill_nothing_is_missing_that_was_saved(mode: str) -> None:
    """With "always" that is all that was acknowledged; else all that had waited for the interval."""
    command = [sys.executable, str(BENCH), "--mode", mode, "--kills", str(KILLS)]
    run = subprocess.run(command, check=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"{KILLS} kills, opened {KILLS}, sound {KILLS}" in run.stdout
    assert "said to be saved but missing 0; wrong bytes in a value 0" in run.stdout
    said = re.search(r"said to be saved ([\d,]+)", run.stdout)
    assert said is not None
    assert int(said[1].replace(",", "")) > 100 * KILLS
