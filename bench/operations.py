"""Measure whole operations on networks of nodes, ours beside others: run it with `python bench/operations.py`.

`set` and `get` on 100 nodes and the joining of 1,000, each beside kademlia 2.2.3; `set` and `get` with k = 8 on 50
nodes beside OpenDHT, which is written in C++. A network is one process, and all its nodes talk through the kernel on
loopback; what is compared is the CPU time of the whole process. The programs that run there are in `networks/`.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from comparison import Comparison
from rich.console import Console
from rich.table import Table

NETWORKS = Path(__file__).parent / "networks"
ROOT = Path(__file__).parent.parent

#: The names under which the interpreters of peers are given.
PUBLISHED = "kademlia-2.2.3"
CPP = "cpp"

#: Operations of one round, and of one round in a hurry.
OPERATIONS = 400
OPERATIONS_QUICK = 80

#: Operations of each node before the first round, which are not measured: then all nodes have met (newcomers are handed
#: values), and are as busy as they will be. OpenDHT settles by itself, and every operation costs it more than the last.
OPERATIONS_UNTIL_REST = 24
OPERATIONS_OPENDHT = 80

#: Nodes that join, and nodes that join in a hurry; more rounds than these tell nothing new.
JOINING = 1000
JOINING_QUICK = 200
JOINING_ROUNDS = 3

#: A network that has not ended by itself after so many seconds is ended.
ENDING_S = 10

Took = dict[str, Any]


class Network:
    """A network in a process of its own.

    Args:
        python: The interpreter; ours is the one that runs this.
        program: The program's name in `networks/`.
        arguments: Its arguments.
    """

    def __init__(self, python: str, program: str, *arguments: int) -> None:
        environment = dict(os.environ)
        if python != sys.executable:
            environment.pop("PYTHONPATH", None)  # where our package lies is nothing to a peer
        command = [python, str(NETWORKS / program), *map(str, arguments)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)

    def do(self, what: str, **how: int | bool) -> Took:
        """Command something and wait for it.

        Raises:
            RuntimeError: The process has ended instead; what it said of that is on standard error.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps({"do": what, **how}) + "\n")
            self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self._process.args!r} ended with {self._process.wait()}; it was to {what}")
        took: Took = json.loads(answer)
        return took

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._process.communicate(timeout=ENDING_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()


@dataclass
class Rounds:
    """What one operation took in every round, ours and theirs."""

    count: int  #: operations in a round
    ours: list[Took] = field(default_factory=list)
    theirs: list[Took] = field(default_factory=list)

    def per_cpu_second(self) -> tuple[list[float], list[float]]:
        """Return operations per CPU second."""
        ours, theirs = ([self.count / took["cpu"] for took in each] for each in (self.ours, self.theirs))
        return ours, theirs

    def cpu_us(self) -> tuple[list[float], list[float]]:
        """Return CPU microseconds per operation."""
        ours, theirs = ([took["cpu"] / self.count * 1e6 for took in each] for each in (self.ours, self.theirs))
        return ours, theirs

    def wall(self) -> dict[str, float]:
        """Return operations per second by the clock, the median."""
        return {
            name: round(statistics.median(self.count / took["wall"] for took in each), 1)
            for name, each in (("ours", self.ours), ("theirs", self.theirs))
        }

    def right(self) -> str:
        """Say how many operations came right, and whether the networks were busy with something else."""
        ours, theirs = (sum(took["right"] for took in each) for each in (self.ours, self.theirs))
        busy = "" if all(took["quiet"] for took in self.ours + self.theirs) else "; a network was not quiet before"
        return f"right: {ours}, theirs {theirs} of {self.count * len(self.ours)}{busy}"


def operations(quick: bool) -> dict[str, Rounds]:
    """Return what will be filled with what operations take."""
    count = OPERATIONS_QUICK if quick else OPERATIONS
    return {"set": Rounds(count), "get": Rounds(count)}


def warm_up(network: Network, count: int) -> None:
    """Do in a network what will be measured."""
    network.do("set", seed=-1, count=count)
    network.do("get", seed=-1, count=count)


def one_round(ours: Network, theirs: Network, done: dict[str, Rounds], seed: int) -> None:
    """Store and find in both networks in turn, so that a slow minute of the machine hits both."""
    for what, taken in done.items():
        both = [(ours, taken.ours), (theirs, taken.theirs)]
        for network, into in both if seed % 2 else reversed(both):
            into.append(network.do(what, seed=seed, count=taken.count))


def unwell(took: Took) -> str:
    """Say what went wrong in our nodes."""
    counts = ", ".join(f"{name} {count}" for name, count in took.get("unwell", {}).items() if count)
    return f"; our nodes counted {counts}" if counts else ""


def beside_published(python: str, rounds: int, quick: bool) -> list[Comparison]:
    """Compare `set` and `get` on 100 nodes with k = 20."""
    nodes, ksize = 100, 20
    done = operations(quick)
    looking = Rounds(done["set"].count, theirs=done["set"].theirs)
    with (
        Network(sys.executable, "nodes.py", nodes, ksize) as ours,
        Network(python, "nodes.py", nodes, ksize) as theirs,
    ):
        for network in (ours, theirs):
            network.do("join")
            warm_up(network, nodes * OPERATIONS_UNTIL_REST)
        for seed in range(rounds):
            one_round(ours, theirs, done, seed)
        for seed in range(rounds, 2 * rounds):
            looking.ours.append(ours.do("set", seed=seed, count=looking.count, looking=True))
        requests = theirs.do("count", seed=-2, count=OPERATIONS_QUICK)
    rows = []
    for what, taken, their_requests, must, aim in (
        ("set", done["set"], requests["set"], 12, 16),
        ("get", done["get"], requests["get"], 4, 5),
        ("set, each by a lookup of its own", looking, requests["set"], None, None),
    ):
        one, other = taken.per_cpu_second()
        requested = statistics.mean(took["requests"] for took in taken.ours) / taken.count
        note = f"requests each: {requested:.1f}, theirs {their_requests:.1f}; {taken.right()}"
        rows.append(
            Comparison(
                f"{what}, 100 nodes, k = 20, 100 bytes, 8 at a time",
                "kademlia 2.2.3",
                "operations per CPU second",
                one,
                other,
                must,
                aim,
                more_is_better=True,
                wall=taken.wall(),
                note=note + unwell(taken.ours[-1]),
            )
        )
    return rows


def beside_cpp(python: str, rounds: int, quick: bool) -> list[Comparison]:
    """Compare `set` and `get` on 50 nodes with k = 8.

    New networks each round: OpenDHT keeps up its searches for minutes, and every operation costs it more than the last.
    """
    nodes = 50
    done = operations(quick)
    looking = Rounds(done["set"].count, theirs=done["set"].theirs)
    for seed in range(rounds):
        with (
            Network(sys.executable, "nodes.py", nodes, 8) as ours,
            Network(python, "opendht_nodes.py", nodes) as theirs,
        ):
            ours.do("join")
            theirs.do("settle")
            warm_up(ours, nodes * OPERATIONS_UNTIL_REST)
            warm_up(theirs, OPERATIONS_OPENDHT)
            one_round(ours, theirs, done, seed)
            looking.ours.append(ours.do("set", seed=seed + rounds, count=looking.count, looking=True))
    rows = []
    for what, taken, must, aim in (
        ("put", done["set"], 0.7, 0.45),
        ("get", done["get"], 0.2, 0.12),
        ("put, each by a lookup of its own", looking, None, None),
    ):
        one, other = taken.cpu_us()
        rows.append(
            Comparison(
                f"{what}, 50 nodes, k = 8, 100 bytes, 8 at a time",
                "OpenDHT (C++)",
                "us CPU per operation",
                one,
                other,
                must,
                aim,
                wall=taken.wall(),
                note=f"{background(taken)}; {taken.right()}{unwell(taken.ours[-1])}",
            )
        )
    return rows


def background(rounds: Rounds) -> str:
    """Say what OpenDHT's threads use when nothing is asked of them, and how many requests both made."""
    net = [(took["cpu"] - took["idle_share"] * took["wall"]) / rounds.count * 1e6 for took in rounds.theirs]
    requests = [statistics.median(took["requests"] for took in each) for each in (rounds.ours, rounds.theirs)]
    return (
        f"theirs without what its threads use when idle: {statistics.median(net):.0f} us; "
        f"requests each: {requests[0] / rounds.count:.1f}, theirs {requests[1] / rounds.count:.1f} messages"
    )


def joining(python: str, rounds: int, quick: bool) -> Comparison:
    """Compare how much CPU it takes a network to come together, our refreshing of every level included."""
    size = JOINING_QUICK if quick else JOINING
    ours: list[Took] = []
    theirs: list[Took] = []
    for _ in range(min(rounds, JOINING_ROUNDS)):
        for interpreter, into in ((sys.executable, ours), (python, theirs)):
            with Network(interpreter, "nodes.py", size, 20) as network:
                into.append(network.do("join"))
    with Network(python, "nodes.py", size, 20) as network:
        counted = network.do("join", counting=True)
    tables = f"contacts each: {ours[-1]['contacts']:.0f}, theirs {counted['contacts']:.0f}"
    requests = f"requests per join: {ours[-1]['requests'] / size:.1f}, theirs {counted['requests'] / size:.1f}"
    busy = "" if all(took["quiet"] for took in ours) else "; ours was still busy when it was measured"
    return Comparison(
        f"{size:,} nodes join, k = 20; ours also looks up an id in every level",
        "kademlia 2.2.3",
        "CPU seconds",
        [took["cpu"] for took in ours],
        [took["cpu"] for took in theirs],
        1.4,
        1.0,
        wall={"ours": ours[-1]["foreground"]["wall"], "theirs": theirs[-1]["foreground"]["wall"]},
        note=f"{len(ours)} rounds; {requests}; {tables}{busy}{unwell(ours[-1])}; wall is in seconds",
    )


def measure(peers: Mapping[str, str | None], rounds: int, quick: bool = False) -> list[Comparison]:
    """Measure operations.

    Args:
        peers: The interpreter of each peer, by name ("kademlia-2.2.3", "cpp"); without it, its rows are left out.
        rounds: How often to measure each row.
        quick: Fewer operations and fewer nodes.
    """
    published, cpp = peers.get(PUBLISHED), peers.get(CPP)
    rows = beside_published(published, rounds, quick) if published else []
    rows += beside_cpp(cpp, rounds, quick) if cpp else []
    rows += [joining(published, rounds, quick)] if published else []
    return rows


def interpreters() -> dict[str, str | None]:
    """Return where the peers' interpreters are: told by the environment, or where `make` puts them."""
    told = {PUBLISHED: os.environ.get("KADEMLIA_PEER_PYTHON"), CPP: os.environ.get("KADEMLIA_CPP_PEER_PYTHON")}
    paths = {name: Path(path or ROOT / ".peers" / name / "bin" / "python") for name, path in told.items()}
    return {name: str(path) if path.is_file() else None for name, path in paths.items()}


def lines(rows: list[Comparison]) -> Iterator[tuple[str, ...]]:
    """Yield what a table says of each row."""
    for number, row in enumerate(rows, 1):
        theirs = f"{statistics.median(row.theirs):,.1f}" if row.theirs else ""
        colour = "green" if row.reached(row.must) else "red"
        promise = "" if row.must is None else f"{row.must:g} / {row.aim:g}"
        ours = f"{statistics.median(row.ours):,.1f}"
        yield f"{number}", row.row, row.peer, row.unit, ours, theirs, f"[{colour}]{row.value:,.2f}[/]", promise


def show(rows: list[Comparison]) -> None:
    """Print a plain table, and below it what there is to know of each row."""
    console = Console()
    table = Table()
    for column in ("", "what", "beside", "unit", "ours", "theirs", "ratio", "must / aim"):
        table.add_column(column, justify="right" if column in ("ours", "theirs", "ratio") else "left")
    for line in lines(rows):
        table.add_row(*line)
    console.print(table)
    for number, row in enumerate(rows, 1):
        console.print(f"{number}: {row.note}", markup=False, highlight=False)


if __name__ == "__main__":
    show(measure(interpreters(), rounds=3, quick="--quick" in sys.argv))
