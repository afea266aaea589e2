"""The commands `kademlia sim run` and `kademlia sim reproduce`: what is wanted, read from options and files."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kademlia.cli import faults, screen
from kademlia.cli.faults import WrongUse

if TYPE_CHECKING:
    from kademlia.sim.scenario import Scenario

ABOUT = """Simulate a network: thousands of real nodes on a virtual clock, in this process.

The same seed gives the same run, to the byte. Guide and results: docs/simulator.md."""

RUN_EXAMPLES = [
    ("kademlia sim run --nodes 10000", "how lookups do on 10,000 nodes, in about 20 seconds"),
    ("kademlia sim run --nodes 1000 --dead 0.1 --loss 0.01", "a tenth of the nodes is dead, and datagrams get lost"),
    ("kademlia sim run --churn ipfs --seconds 3600 --plot plots", "an hour of churn, with plots"),
    ("kademlia sim run scenario.toml --seed 7 --json", "from a file, with another seed, for a program"),
]
REPRODUCE_EXAMPLES = [
    ("kademlia sim reproduce --list", "what there is"),
    ("kademlia sim reproduce hops --seeds 1-5", "once for each seed"),
]


class Format(StrEnum):
    """How a plot is written."""

    png = "png"
    svg = "svg"


def sim(context: typer.Context) -> None:
    """Show what there is, if no command is given."""
    if context.invoked_subcommand is None:
        screen.out().print(context.get_help())
        raise typer.Exit(faults.WRONG_USE)


def run(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A scenario (TOML); options override it.", show_default=False)
    ] = None,
    nodes: Annotated[int | None, typer.Option("--nodes", "-n", metavar="N", help="Nodes; 1,000 by default.")] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", help="All that happens follows from it; 1 by default.")
    ] = None,
    k: Annotated[
        int | None, typer.Option("--k", "-k", metavar="K", help="Contacts in a bucket, holders of a value; 20.")
    ] = None,
    b: Annotated[
        int | None, typer.Option("--b", metavar="B", help="Bits that a lookup gains at a time; as real nodes: 5.")
    ] = None,
    alpha: Annotated[
        int | None, typer.Option("--alpha", metavar="N", help="Requests that a lookup has under way; 3.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--start", metavar="filled|joined|looked-up", help="Tables full from the start (default), or joined."
        ),
    ] = None,
    latency_aware: Annotated[
        bool | None,
        typer.Option("--latency-aware/--latency-unaware", help="Whether lookups ask quick nodes first, as they do."),
    ] = None,
    every: Annotated[
        float | None, typer.Option("--every", metavar="S", help="Each node looks something up so often besides; never.")
    ] = None,
    latency: Annotated[
        str | None,
        typer.Option(
            "--latency", metavar="MODEL", help="king (default), king-per-message, map, constant:SECONDS, matrix:FILE."
        ),
    ] = None,
    matrix: Annotated[
        Path | None, typer.Option("--matrix", metavar="FILE", help="The same as --latency matrix:FILE.")
    ] = None,
    loss: Annotated[
        float | None, typer.Option("--loss", metavar="SHARE", help="Of datagrams, lost: 0 (default) to 1.")
    ] = None,
    dead: Annotated[
        float | None, typer.Option("--dead", metavar="SHARE", help="Of nodes, dead from the start; others know them.")
    ] = None,
    churn: Annotated[
        str | None,
        typer.Option("--churn", metavar="LAW", help="How long nodes stay: kad, exp:SECONDS, ...; for ever."),
    ] = None,
    rejoin: Annotated[
        str | None, typer.Option("--rejoin", metavar="new-id|same-id", help="Who comes for who went; new-id.")
    ] = None,
    workload: Annotated[
        str | None, typer.Option("--workload", metavar="lookups|sets+gets", help="What nodes do; lookups.")
    ] = None,
    lookups: Annotated[
        int | None, typer.Option("--lookups", metavar="N", help="Lookups, or values set and read; 1,000.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option("--seconds", metavar="S", help="Virtual time they are spread over; 10.")
    ] = None,
    settle: Annotated[
        float | None, typer.Option("--settle", metavar="S", help="Virtual time before the first of them; 0.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Check all rules while it runs, and stop at the first that is broken.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of the table.")] = False,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="DIR", help="Draw plots into this folder (needs kademlia\\[sim]).")
    ] = None,
    plot_format: Annotated[Format, typer.Option("--plot-format", help="How plots are written.")] = Format.png,
) -> None:
    """Build a network, have its nodes look up random ids, and say how that went.

    Every node is the engine of a real one; only time, the network between them and their chance are simulated. What
    FILE says, options override.
    """
    given = {
        "nodes": nodes,
        "seed": seed,
        "k": k,
        "b": b,
        "alpha": alpha,
        "start": start,
        "latency_aware": latency_aware,
        "every": every,
        "latency": _latency(latency, matrix),
        "loss": loss,
        "dead": dead,
        "churn": churn,
        "rejoin": rejoin,
        "workload": workload,
        "lookups": lookups,
        "seconds": seconds,
        "settle": settle,
    }
    scenario = _scenario(file, {name: value for name, value in given.items() if value is not None})
    from kademlia.cli.sim import running

    running.run(scenario, json, plot, plot_format.value, check)


def reproduce(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The experiment.", show_default=False)] = None,
    listed: Annotated[bool, typer.Option("--list", help="List the experiments instead.")] = False,
    seeds: Annotated[str, typer.Option("--seeds", metavar="LIST", help="As 1-5, or 1,2,7.")] = "1",
    nodes: Annotated[
        int | None, typer.Option("--nodes", "-n", min=2, metavar="N", help="Instead of the published size.")
    ] = None,
    keys: Annotated[
        int | None, typer.Option("--keys", min=1, metavar="N", help="Values, where an experiment keeps some.")
    ] = None,
    matrix: Annotated[
        Path | None,
        typer.Option("--matrix", metavar="FILE", help="Measured round trips; without, a map with about the same."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print each row as a JSON object of a line.")] = False,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="DIR", help="Draw into this folder (hops and restart-storm).")
    ] = None,
) -> None:
    """Run a published experiment, and set our numbers beside the published ones.

    Each row is printed when it is known. The exit code is 1 if a target was missed.
    """
    from kademlia.cli.sim import reproducing

    if listed:
        reproducing.show_list(json)
    elif name is None:
        raise WrongUse("which experiment? See: kademlia sim reproduce --list")
    elif not reproducing.reproduce(name, read_seeds(seeds), nodes, matrix, json, plot, keys):
        raise typer.Exit(faults.NOT_FOUND)


def read_seeds(text: str) -> tuple[int, ...]:
    """Return the seeds in a list as 1-5 or 1,2,7."""
    seeds: list[int] = []
    try:
        for part in text.split(","):
            first, _, last = part.partition("-")
            seeds += range(int(first), int(last or first) + 1)
    except ValueError:
        seeds = []
    if not seeds:
        raise WrongUse(f"--seeds is a list as 1-5 or 1,2,7, not {screen.one_line(text)!r:.60}")
    return tuple(seeds)


def _latency(latency: str | None, matrix: Path | None) -> str | None:
    if matrix is None:
        return latency
    if latency is not None:
        raise WrongUse("--latency and --matrix exclude each other; --matrix FILE is --latency matrix:FILE")
    return f"matrix:{matrix}"


def _scenario(file: Path | None, given: dict[str, Any]) -> Scenario:
    """Return the scenario of a file and of options, which come first."""
    from kademlia.sim import scenario

    said: dict[str, Any] = {}
    if file is not None:
        try:
            said = scenario.read(file)
            scenario.of(said)  # what is wrong in it is said of it, before the options hide it
        except OSError as fault:
            raise WrongUse(f"cannot read {file}: {fault.strerror}") from None
        except ValueError as fault:
            raise WrongUse(f"{file}: {fault}") from None
    try:
        return scenario.of({**said, **given})
    except ValueError as fault:
        raise WrongUse(str(fault)) from None
