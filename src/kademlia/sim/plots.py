"""All plots of one run, drawn into a folder."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from kademlia.sim import figures
from kademlia.sim.report import Report
from kademlia.sim.scenario import NONE
from kademlia.sim.simulation import Simulation


def draw(simulation: Simulation, folder: Path, kind: str = "png") -> list[Path]:
    """Draw what came of a run: its latencies, and for lookups the hops, the ring and the tables' health.

    Args:
        simulation: It has run.
        folder: Where the files go; it is made if need be, and files of an earlier run are replaced.
        kind: "png" or "svg".

    Returns:
        The files.

    Raises:
        ImportError: matplotlib is not installed; the text says how it is.
        OSError: The folder or a file cannot be written.
    """
    figures.need()
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, drawing in _drawings(simulation).items():
        path = folder / f"{name}.{kind}"
        drawing(path)
        written.append(path)
    return written


def _drawings(simulation: Simulation) -> dict[str, Callable[[Path], None]]:
    about = _about(simulation.report())
    drawings: dict[str, Callable[[Path], None]] = {}
    workload = simulation.workload
    if simulation.scenario.workload == "lookups":
        ended = [lookup for lookup in workload.lookups if lookup.walk is not None]
        walks = [lookup.walk for lookup in ended if lookup.walk is not None]
        ids = [resident.protocol.source_node.long_id for resident in simulation.world.residents.values()]
        if walks:
            drawings["latency"] = partial(figures.latencies, walks, about=about)
            drawings["hops"] = partial(figures.hop_histogram, walks, about=about)
            drawings["ring"] = partial(figures.ring, ended, sorted(ids), about=about)
    else:
        curves = {
            "gets of what was set": [access.took_s if access.found else None for access in workload.gets],
            "sets": [access.took_s if access.found else None for access in workload.sets],
        }
        title = f"How long sets and gets take: {about}"
        drawings["latency"] = partial(figures.cumulated, curves, len(workload.gets), title=title)
    if simulation.health:
        drawings["health"] = partial(figures.table_health, simulation.health, about=about)
    return drawings


def _about(report: Report) -> str:
    """Return what run this is, short enough for a title."""
    law = report.scenario.churn
    return f"{report.nodes:,} nodes, k = {report.k}, b = {report.b}" + ("" if law == NONE else f", churn {law}")
