"""What the tests of the storage on disk have in common: clocks that stand, and a place for the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.storage.sqlite_world import Clocks


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "values.sqlite"
