"""`kademlia sim run`: the run itself, with a bar on a terminal, and its numbers as a table or as JSON."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from kademlia.cli import screen
from kademlia.cli.faults import NotFound, WrongUse
from kademlia.cli.sim import drawing
from kademlia.cli.sim.machine import Meter
from kademlia.cli.sim.summary import summary
from kademlia.sim import plots
from kademlia.sim import simulation as simulations
from kademlia.sim.checks import Violation
from kademlia.sim.scenario import Scenario
from kademlia.sim.simulation import Simulation


def run(scenario: Scenario, as_json: bool, plot: Path | None, kind: str, check: bool) -> None:
    """Run a scenario and print what came of it.

    Args:
        scenario: What is to be run.
        as_json: Print a JSON object, not a table.
        plot: The folder for plots, if they are wanted.
        kind: "png" or "svg".
        check: Whether all rules are checked while it runs.

    Raises:
        NotFound: A rule was broken; the text ends with the command that shows it again.
    """
    if plot is not None:
        drawing.prepare(plot)
    simulation = _simulation(scenario)
    meter = Meter()
    if check:
        simulation.check(f"replay: kademlia {shlex.join(sys.argv[1:])}")
    try:
        with _bar() as progress:
            simulation.build(progress)
            meter.built()
            simulation.run(progress)
    except Violation as violation:
        raise NotFound(str(violation)) from None
    report = simulation.report(meter.cost())
    drawn = _draw(simulation, plot, kind) if plot is not None else []
    if as_json:
        print(json.dumps(report.as_dict()))
        return
    console = screen.out()
    for part in summary(report):
        console.print(part)
    for path in drawn:
        console.print(Text(f"plot  {path}"))


def _simulation(scenario: Scenario) -> Simulation:
    try:
        return Simulation(scenario)
    except OSError as fault:
        raise WrongUse(f"latency: cannot read {fault.filename}: {fault.strerror}") from None
    except ValueError as fault:
        raise WrongUse(f"latency: {fault}") from None


def _draw(simulation: Simulation, folder: Path, kind: str) -> list[Path]:
    try:
        return plots.draw(simulation, folder, kind)
    except OSError as fault:
        raise WrongUse(f"cannot write {fault.filename}: {fault.strerror}") from None


@contextmanager
def _bar() -> Iterator[simulations.Progress]:
    """Show on a terminal what is being done, and how far it is."""
    columns = (TextColumn("{task.description:<15}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    console = screen.err()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        tasks = {}

        def tell(what: str, done: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=of)
            bar.update(tasks[what], completed=done)

        yield tell
