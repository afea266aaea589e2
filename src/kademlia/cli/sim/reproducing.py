"""`kademlia sim reproduce`: an experiment's rows, each printed as soon as it is known."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from kademlia.cli import screen
from kademlia.cli.faults import WrongUse
from kademlia.cli.sim import drawing
from kademlia.cli.sim.machine import memory
from kademlia.sim import figures
from kademlia.sim.experiments import EXPERIMENTS, Experiment, Options, Row

if TYPE_CHECKING:
    from rich.console import Console

#: Characters of the columns: what was measured, ours, and the target.
WHAT_CHARS = 44
NUMBER_CHARS = 10
TARGET_CHARS = 14


def show_list(as_json: bool) -> None:
    """Print what experiments there are."""
    if as_json:
        listed = [
            {"name": one.name, "question": one.question, "takes": one.takes, "needs_matrix": one.needs_matrix}
            for one in EXPERIMENTS.values()
        ]
        print(json.dumps(listed))
        return
    width = max(map(len, EXPERIMENTS), default=0)
    for one in EXPERIMENTS.values():
        takes = f"{one.takes}; needs --matrix" if one.needs_matrix else one.takes
        screen.out().print(Text.assemble((f"{one.name:<{width}}", "bold"), f"  {one.question} ", (f"({takes})", "dim")))


def reproduce(
    name: str,
    seeds: tuple[int, ...],
    nodes: int | None,
    matrix: Path | None,
    as_json: bool,
    plot: Path | None = None,
    keys: int | None = None,
) -> bool:
    """Run an experiment and print its rows; return whether every target was met.

    Its hops or its traffic are drawn into a folder, if one is given and the experiment tells them.
    """
    experiment = _experiment(name)
    if plot is not None:
        drawing.prepare(plot)
    if experiment.needs_matrix and matrix is None:
        screen.complain(f"{name}: its targets are for measured round trips (--matrix FILE); taking a map", "yellow")
    console = screen.out()
    show = partial(_show_json, console) if as_json else _Lines(experiment, console).show
    met = True
    drawn = []
    with _doing(name, console) as progress:
        options = Options(
            seeds=seeds,
            nodes=nodes,
            keys=keys,
            matrix=matrix,
            progress=progress,
            clock=time.perf_counter,
            memory=lambda: memory() or 0,
        )
        try:
            for row in experiment.run(options):
                show(row)
                met &= row.met is not False
                drawn += [row] if row.point is not None or row.series is not None else []
        except OSError as fault:
            raise WrongUse(f"cannot read {fault.filename}: {fault.strerror}") from None
        except ValueError as fault:
            raise WrongUse(f"{name}: {fault}") from None
    if plot is not None:
        _draw(drawn, plot, console)
    return met


def _draw(rows: list[Row], folder: Path, console: Console) -> None:
    points = [row.point for row in rows if row.point is not None]
    drawings: dict[str, Callable[[Path], None]] = {}
    if points:
        drawings["hops-against-n"] = partial(figures.hops_against_n, points)
    for row in rows:
        if row.series is not None:
            drawings["traffic"] = partial(figures.traffic, row.series, about=row.setting)
    if not drawings:
        raise WrongUse("this experiment counts no hops, and so has no plot; leave --plot out, or take: hops")
    for name, draw in drawings.items():
        path = folder / f"{name}.png"
        try:
            draw(path)
        except OSError as fault:
            raise WrongUse(f"cannot write {fault.filename}: {fault.strerror}") from None
        console.print(Text(f"plot  {path}"))


def _experiment(name: str) -> Experiment:
    experiment = EXPERIMENTS.get(name)
    if experiment is None:
        there = ", ".join(EXPERIMENTS) or "none yet"
        raise WrongUse(f"no experiment is called {screen.one_line(name)!r:.60}; there are: {there}")
    return experiment


@contextmanager
def _doing(name: str, console: Console) -> Iterator[Callable[[str], None]]:
    """Show what an experiment is doing below its rows, if these are printed on a terminal."""
    if not console.is_terminal:
        yield lambda _line: None
        return
    with console.status(f"{name} ...") as status:
        yield lambda line: status.update(Text(f"{name}: {screen.one_line(line)}"))


def _show_json(console: Console, row: Row) -> None:
    """Print a row as JSON, on a line."""
    console.print(Text(json.dumps({**asdict(row), "met": row.met})))


class _Lines:
    """Prints rows as lines below the setting that they share."""

    def __init__(self, experiment: Experiment, console: Console) -> None:
        self._console = console
        self._setting: str | None = None
        console.print(Text(experiment.question, "bold"))

    def show(self, row: Row) -> None:
        """Print one."""
        if row.setting != self._setting:
            self._setting = row.setting
            numbers = f"{'ours':>{NUMBER_CHARS}}{'target':>{TARGET_CHARS}}  met"
            self._console.print()
            self._console.print(Text.assemble((f"{row.setting:<{WHAT_CHARS + 2}}", "cyan"), (numbers, "dim")))
        met, style = {True: ("yes", "green"), False: ("no ", "bold red"), None: ("-  ", "dim")}[row.met]
        line = f"  {row.what:<{WHAT_CHARS}}{number(row.ours):>{NUMBER_CHARS}}{_target(row):>{TARGET_CHARS}}  "
        source = f"  {row.source}" if row.source else ""
        self._console.print(Text.assemble(line, (met, style), (source, "dim")))


def number(value: float) -> str:
    """Return a number with as many digits as are read: four or so."""
    if value != value or abs(value) >= 100 or value == int(value):  # noqa: PLR0124  # a measurement of nothing is NaN
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3g}"


def _target(row: Row) -> str:
    if row.target is None:
        return ""
    if row.within is not None:
        return f"{number(row.target)} ±{number(row.within)}"
    return f"{'<=' if row.at_most else '>='} {number(row.target)}"
