"""What every test may lean on: the checkout, the published release to talk to, how hypothesis draws."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

#: The checkout: where examples/, docs/ and pyproject.toml lie.
REPO_ROOT = Path(__file__).resolve().parent.parent

#: The interpreter of the environment that holds the published kademlia 2.2.3.
PEER_PYTHON = REPO_ROOT / os.environ.get("KADEMLIA_PEER_PYTHON", ".peers/kademlia-2.2.3/bin/python")

# A timing claim lives in bench/, so no example has a deadline; a failing one prints the line that replays it.
# HYPOTHESIS_PROFILE=thorough is for a quiet evening.
settings.register_profile("dev", deadline=None, print_blob=True)
settings.register_profile("ci", parent=settings.get_profile("dev"), derandomize=True, database=None)
settings.register_profile(
    "thorough",
    parent=settings.get_profile("dev"),
    max_examples=10_000,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))

# Whoever runs the tests in a shell's background has Ctrl-C ignored, and so would every process a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """Return the checkout's folder."""
    return REPO_ROOT


@pytest.fixture(scope="session")
def peer_python() -> Path:
    """Return the Python of the published kademlia 2.2.3; without it a test fails rather than skips."""
    if not PEER_PYTHON.is_file():
        pytest.fail(f"no published kademlia to talk to at {PEER_PYTHON}; `make test` installs it there")
    return PEER_PYTHON
