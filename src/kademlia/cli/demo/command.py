"""The command line of the demo: what it stores, on how large a network."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from typing import Annotated

import typer

from kademlia.cli import records, screen
from kademlia.cli.demo.library import documented_modules
from kademlia.cli.demo.process import WorkerFailedError
from kademlia.cli.demo.report import Teller
from kademlia.cli.demo.story import Plan, Story
from kademlia.cli.demo.verdict import conclude
from kademlia.cli.faults import NOT_FOUND, Fault, WrongUse
from kademlia.cli.records import Bad, Format
from kademlia.cli.values import Value

EXAMPLES = [
    ("kademlia demo", "30 nodes, the standard library's documentation"),
    ("kademlia demo --data people.csv", "your own data: JSON lines or CSV, as in kademlia import"),
    ("kademlia demo --nodes 60 --processes 6 --seed 7", "a larger network, the same every time"),
]

#: The k of the demo: most of 30 nodes do not keep a given value, and if 10 are killed, all its keepers are among them
#: once in 130,000 times.
KSIZE = 8

#: Of a smaller network no more than this share keeps a value, so that there are others to read it.
KEEPERS_SHARE = 1 / 2


def demo(
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="FILE", help="Store the records of this file instead: JSON lines or CSV."),
    ] = None,
    format: Annotated[
        Format | None, typer.Option("--format", "-f", help="How FILE is written; by default its name says.")
    ] = None,
    nodes: Annotated[int, typer.Option("--nodes", "-n", min=3, max=1000, metavar="N", help="Nodes to start.")] = 30,
    processes: Annotated[
        int, typer.Option("--processes", min=2, max=64, metavar="N", help="Processes they are spread over.")
    ] = 4,
    ksize: Annotated[
        int | None,
        typer.Option("--ksize", "-k", min=1, metavar="K", help="Nodes that keep a value: 8, or half of a few."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", help="Repeat a run: the same ids, the same readers.")
    ] = None,
) -> None:
    """See a network at work: store, find, kill a third, find again.

    Starts nodes in several processes on this machine, stores real records by all of them, reads every one from nodes
    that do not keep it, kills a third of the nodes without a warning, and reads everything again. Each value is
    compared byte for byte with what was stored; the exit code is 0 only if all of it is right.
    """
    stored, source, bad_lines = _library() if data is None else _file(data, format)
    plan = _plan(nodes, processes, ksize, seed)
    teller = Teller(plan, stored, source)
    teller.begin()
    try:
        results = asyncio.run(Story(plan, stored, teller).run())
    except* WorkerFailedError as failed:
        raise Fault(f"the demo failed: {failed.exceptions[0]}") from None
    verdict = conclude(stored, results, bad_lines)
    teller.end(results, verdict)
    if verdict.failures:
        raise typer.Exit(NOT_FOUND)


def _plan(nodes: int, processes: int, ksize: int | None, seed: int | None) -> Plan:
    if processes > nodes:
        raise WrongUse(f"{nodes} nodes cannot be spread over {processes} processes; choose fewer --processes")
    survivors = nodes - round(nodes / 3)
    if ksize is not None and ksize >= survivors:
        raise WrongUse(
            f"with k = {ksize} each of the {survivors} nodes that survive keeps every value; choose a smaller k"
        )
    chosen = min(KSIZE, max(1, int(nodes * KEEPERS_SHARE)))
    return Plan(nodes, processes, ksize or chosen, secrets.randbelow(1_000_000) if seed is None else seed)


def _library() -> tuple[dict[str, Value], str, int]:
    modules = documented_modules()
    if not modules:
        raise WrongUse("this Python has no sources of its standard library to read; store a file: --data FILE")
    return dict(modules), "standard-library modules, each with the first line of its documentation", 0


def _file(path: Path, format: Format | None) -> tuple[dict[str, Value], str, int]:
    """Read a file; a key that comes again has the later value, as in the network."""
    stored: dict[str, Value] = {}
    bad_lines = 0
    with records.opened(path) as file:
        written = records.format_of(path, format)
        for record in records.read(file, written):
            if isinstance(record, Bad):
                bad_lines += 1
                screen.complain(f"{path}:{record.line}: {record.reason}")
            else:
                stored[record.key] = record.value
    return stored, f"records of {path.name}", bad_lines
