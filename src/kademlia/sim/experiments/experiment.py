"""What an experiment is: a question, the published answer, and rows of measurements beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import ceil, inf
from pathlib import Path
from statistics import mean, median
from typing import Any

from kademlia.sim.figures import Point
from kademlia.sim.scenario import Scenario
from kademlia.sim.simulation import Simulation
from kademlia.sim.walks import Walk


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How an experiment is to be run."""

    seeds: tuple[int, ...] = (1,)
    nodes: int | None = None  #: instead of the published size
    keys: int | None = None  #: how many values there are, instead of the published number
    lookups: int = 1_000  #: measured in each run
    matrix: Path | None = None  #: of round trips (`kademlia.sim.latency.Matrix`); the synthetic map without one
    progress: Callable[[str], None] = lambda _line: None  #: told what is being done
    clock: Callable[[], float] = lambda: 0.0  #: real time in seconds; the simulator has none of its own
    memory: Callable[[], int] = lambda: 0  #: bytes that the process holds

    @property
    def measured_latency(self) -> str:
        """The model of latency of the experiments that the literature made with measured round trips."""
        return f"matrix:{self.matrix}" if self.matrix is not None else "map"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measurement beside what it is compared with."""

    setting: str  #: nodes, k, b, start and whatever else tells rows of one experiment apart
    what: str  #: what was measured, with its unit
    ours: float
    target: float | None  #: the number to meet; None if it is only reported
    at_most: bool = True  #: whether less is better
    source: str = ""  #: where the target is from
    within: float | None = None  #: instead of a bound: how far from the target it may be, either way
    point: Point | None = None  #: where it stands in the plot of hops, if it belongs there
    series: tuple[float, ...] | None = None  #: the datagrams of a node in each second, if they are to be drawn

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.target is None:
            return None
        if self.within is not None:
            return abs(self.ours - self.target) <= self.within
        return self.ours <= self.target if self.at_most else self.ours >= self.target


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """A question with a published answer."""

    name: str
    question: str  #: one sentence
    run: Callable[[Options], Iterator[Row]]
    takes: str  #: how long, roughly, on one core
    needs_matrix: bool = False  #: whether its numbers are for the PlanetLab matrix


def run(options: Options, **fields: Any) -> Simulation:
    """Run a scenario to its end."""
    scenario = Scenario(**{"lookups": options.lookups, **fields})
    shown = ", ".join(f"{name} {value}" for name, value in fields.items())
    simulation = Simulation(scenario)
    simulation.build()
    simulation.run(lambda what, done, of: options.progress(f"{shown}: {what} {done}/{of}"))
    return simulation


def walks_of_each(options: Options, most: int | None = None, **fields: Any) -> list[list[Walk]]:
    """Run a scenario with each seed, or with so many; return the lookups that ended in each run."""
    return [walks(run(options, seed=seed, **fields)) for seed in options.seeds[:most]]


def walks_of_all(options: Options, **fields: Any) -> list[Walk]:
    """Run a scenario with each seed; return the lookups that ended, of all runs together."""
    return [walk for found in walks_of_each(options, **fields) for walk in found]


def exact_share(runs: list[list[Walk]]) -> float:
    """Return the share of lookups that found exactly the k closest, the median of some runs."""
    return median(share(walk.exact for walk in found) for found in runs)


def requests_a_lookup(runs: list[list[Walk]]) -> float:
    """Return how many requests a lookup made on average, the median of some runs."""
    return round(median(mean(walk.requests for walk in found) for found in runs), 1)


def walks(simulation: Simulation) -> list[Walk]:
    """Return the lookups of a run that ended."""
    return [lookup.walk for lookup in simulation.workload.lookups if lookup.walk is not None]


def share(flags: Iterable[bool]) -> float:
    """Return the share of those that are true."""
    listed = list(flags)
    return round(sum(listed) / len(listed), 4) if listed else 0.0


def percentile(values: Iterable[float | None], rank: float) -> float:
    """Return a percentile, 0 to 1, by nearest rank; what never happened counts as for ever."""
    ranked = sorted(inf if value is None else value for value in values)
    return ranked[ceil(rank * len(ranked)) - 1] if ranked else inf


def milliseconds(values: Iterable[float | None], rank: float) -> float:
    """Return a percentile of some seconds in milliseconds."""
    return round(1000 * percentile(values, rank), 1)
