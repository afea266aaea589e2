"""Plots are drawn: each is a picture of the kind that was wanted, and the same run draws the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kademlia.sim import figures, plots
from kademlia.sim.scenario import Scenario
from kademlia.sim.simulation import Simulation

SMALL = Scenario(nodes=60, lookups=40, seconds=10, k=8)
PNG = b"\x89PNG\r\n"


def ran(scenario: Scenario) -> Simulation:
    simulation = Simulation(scenario)
    simulation.build()
    simulation.run()
    return simulation


@pytest.mark.slow
def test_a_run_of_lookups_has_four_plots(tmp_path: Path) -> None:
    drawn = plots.draw(ran(SMALL), tmp_path / "new" / "plots")
    assert [path.name for path in drawn] == ["latency.png", "hops.png", "ring.png", "health.png"]
    for path in drawn:
        assert path.read_bytes().startswith(PNG)


@pytest.mark.slow
def test_a_run_of_sets_and_gets_has_no_hops_to_draw_and_svg_has_words(tmp_path: Path) -> None:
    simulation = ran(replace(SMALL, workload="sets+gets"))
    drawn = plots.draw(simulation, tmp_path, "svg")
    assert [path.name for path in drawn] == ["latency.svg", "health.svg"]
    first = [path.read_bytes() for path in drawn]
    assert all(b"<svg" in picture for picture in first)
    assert [path.read_bytes() for path in plots.draw(simulation, tmp_path, "svg")] == first


def test_a_run_of_nothing_draws_the_tables_alone(tmp_path: Path) -> None:
    drawn = plots.draw(ran(replace(SMALL, lookups=0, seconds=0)), tmp_path)
    assert [path.name for path in drawn] == ["health.png"]


def test_several_networks_are_drawn_against_their_size(tmp_path: Path) -> None:
    points = [figures.Point(nodes=nodes, k=k, b=1, hops=2.0) for nodes in (100, 1000) for k in (8, 20)]
    figures.hops_against_n(points, tmp_path / "hops.png")
    assert (tmp_path / "hops.png").read_bytes().startswith(PNG)


@pytest.mark.parametrize(
    ("nodes", "k", "b", "hops"), [(10**3, 8, 1, 2.25), (10**4, 20, 1, 2.34), (10**5, 20, 5, 1.71), (10**6, 8, 3, 3.10)]
)
def test_the_formula_gives_what_is_published(nodes: int, k: int, b: int, hops: float) -> None:
    """Stutzbach and Rejaie (2006), computed for other sizes."""
    assert figures.expected_hops(nodes, k, b) == pytest.approx(hops, abs=0.006)
