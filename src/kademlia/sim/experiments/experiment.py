"""What an experiment is: a question, the published answer, and rows of measurements beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How an experiment is to be run."""

    seeds: tuple[int, ...] = (1,)
    nodes: int | None = None  #: instead of the published size
    matrix: Path | None = None  #: of round trips (`kademlia.sim.latency.Matrix`); the synthetic map without one
    progress: Callable[[str], None] = lambda _line: None  #: told what is being done


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
