"""What docs/simulator.md shows works, and its tables have every field there is."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from kademlia.sim import scenario as scenarios
from kademlia.sim.churn import LAWS
from kademlia.sim.latency import Matrix
from kademlia.sim.report import Report
from kademlia.sim.scenario import Scenario

PAGE = (Path(__file__).resolve().parents[2] / "docs/simulator.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def table_of(heading: str) -> list[str]:
    """Return the names in the first column of the table below a heading, quoted ones only."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    first = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
    return [name for cell in first for name in re.findall(r"`([^`{]+)`", cell)]


@pytest.mark.slow
def test_the_programs_run_one_after_the_other(tmp_path: Path) -> None:
    """They build on each other, as a reader types them."""
    names: dict[str, Any] = {}
    for program in blocks("python"):
        exec(compile(program, "simulator.md", "exec"), names)
    assert names["walk"].found
    (tmp_path / "three.u16").write_bytes(names["data"])
    assert Matrix(tmp_path / "three.u16", 1).hosts == 3


def test_the_file_is_a_scenario() -> None:
    (file,) = blocks("toml")
    assert scenarios.of(tomllib.loads(file)).churn == "exp:1800"


def test_the_tables_have_every_field() -> None:
    assert table_of("Scenario files") == [each.name for each in fields(Scenario)]
    reported = table_of("What is reported")
    assert sorted(reported) == sorted({*(each.name for each in fields(Report)), "first_holder_ms"})


def test_every_law_of_churn_is_described() -> None:
    described = set(table_of("Churn"))
    for name in LAWS:
        assert name in described or f"-{name.partition('-')[2]}" in described
