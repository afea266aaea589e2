"""What the demo prints: a line for each thing done, with a moving one on a terminal, and a table at the end."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from kademlia.cli import screen
from kademlia.cli.demo.story import Plan, Results, Work
from kademlia.cli.demo.verdict import Verdict, judge
from kademlia.cli.values import Value, shown

if TYPE_CHECKING:
    from rich.status import Status

#: Lost keys that are named; the rest are counted.
LOST_NAMED_MAX = 10

#: Length of the line that shows a value, in characters: with its indent it fits a terminal.
SAMPLE_CHARS_MAX = 66


class Teller:
    """Prints the lines. What it says was checked before it says it.

    Args:
        plan: The size of the network.
        records: What is to be stored.
        source: Where the records come from, in words.
    """

    def __init__(self, plan: Plan, records: Mapping[str, Value], source: str) -> None:
        self._plan = plan
        self._records = records
        self._source = source
        self._console = screen.out()
        self._status: Status | None = None
        self._doing = ""
        self._steps = 0
        self._begun = time.perf_counter()
        self._took = 0.0

    # -- while it runs ---------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Say what is going to happen."""
        plan = self._plan
        self._console.print(
            f"[bold]A network of {plan.nodes} nodes[/] in {plan.processes} processes on this machine; "
            f"k = {plan.ksize} of them keep each value [dim](seed {plan.seed})[/]"
        )
        self._console.print(f"What they keep: {len(self._records):,} {screen.one_line(self._source)}\n", markup=False)

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Show on a terminal what is being done, and how far it is."""
        begun = time.perf_counter()
        self._doing, self._steps = what, 0
        if self._console.is_terminal:
            with self._console.status(f"{what} ...") as self._status:
                yield
        else:
            yield
        self._status = None
        self._took = time.perf_counter() - begun

    def step(self) -> None:
        """Note that one more record is done."""
        self._steps += 1
        if self._status is not None:
            self._status.update(f"{self._doing} ... {self._steps:,} of {len(self._records):,}")

    def joined(self, results: Results) -> None:
        """Say how joining went."""
        text = f"all {self._plan.nodes} nodes, by the first" if results.joined else "not every node found others"
        self._line(results.joined, "joined", text, self._took)

    def stored(self, results: Results) -> None:
        """Say how storing went."""
        count = len(self._records) - len(results.sets.refused)
        kept = [len(places) for places in results.holders.values() if places]
        copies = f", {statistics.mean(kept):.1f} copies of each" if kept else ""
        good = bool(count) and not results.sets.refused
        self._line(good, "stored", f"{count:,} of {len(self._records):,} values{copies}", results.sets.seconds)

    def read(self, results: Results, work: Work) -> None:
        """Say how reading went."""
        stored = {key: value for key, value in self._records.items() if key not in results.sets.refused}
        found = judge(stored, work.found, results.held_by_the_living())
        text = f"{len(found.equal):,} of {len(stored):,} by nodes that do not keep them; every byte as stored"
        if work.visits:
            text += f" ({work.visits} by a newcomer: all nodes keep {'it' if work.visits == 1 else 'them'})"
        good = found.good and bool(found.equal) and (not found.gone or bool(results.died))
        self._line(good, "read again" if results.died else "read", text, work.seconds)
        if found.equal and not results.died:
            self._show_one(found.equal, work)

    def _show_one(self, keys: list[str], work: Work) -> None:
        """Show one of the values found: of the middle, and one that fits if there is any."""
        samples = [f"{key}: {_readable(work.found[key])}" for key in keys[len(keys) // 2 :]]
        sample = next((text for text in samples if len(text) <= SAMPLE_CHARS_MAX), samples[0])
        self._console.print(Text(f"{' ' * 13}{screen.one_line(sample)[:SAMPLE_CHARS_MAX]}", "dim"))

    def killed(self, results: Results, processes: int) -> None:
        """Say who was killed."""
        dead, plan = len(results.died), self._plan
        text = f"{dead} of {plan.nodes} nodes, with {processes} of {plan.processes} processes; the first is among them"
        self._line(True, "killed", text)

    def _line(self, good: bool, what: str, text: str, seconds: float = 0.0) -> None:
        mark = ("✓" if good else "✗") if self._console.encoding.startswith("utf") else ("ok" if good else "!!")
        took = f"  {seconds:.1f} s" if seconds else ""
        style = "green" if good else "red"
        self._console.print(Text.assemble((f"{mark} {what:<11}", f"bold {style}"), text, (took, "dim")))

    # -- at the end ------------------------------------------------------------------------------------------------

    def end(self, results: Results, verdict: Verdict) -> None:
        """Print the table, what is lost, and the conclusion."""
        self._console.print()
        self._console.print(_table(results, verdict))
        self._console.print(
            "[dim]Each process does one operation at a time. Requests: those of all nodes, for one operation.[/]"
        )
        for line in _lost(verdict, results):
            self._console.print(line, markup=False)
        self._conclude(verdict)

    def _conclude(self, verdict: Verdict) -> None:
        seconds = time.perf_counter() - self._begun
        if verdict.failures:
            self._console.print(f"\n[bold red]Failed[/] after {seconds:.1f} s:")
            for failure in verdict.failures:
                self._console.print(f"  {screen.one_line(failure)}", markup=False, style="red")
            return
        gone = len(verdict.again.gone)
        lost = f"{gone:,} lost with all their keepers" if gone else "nothing was lost"
        self._console.print(
            f"\n[bold green]Done[/] in {seconds:.1f} s: everything found equals what was stored, {lost}."
        )


def _table(results: Results, verdict: Verdict) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("", no_wrap=True)
    for name in ("values", "done", "wrong", "lost", "median", "p99", "slowest", "requests"):
        table.add_column(name, justify="right", no_wrap=True)
    sets, first, again = results.sets, verdict.first, verdict.again
    stored = verdict.records - len(sets.refused)
    table.add_row("set", f"{verdict.records:,}", f"{stored:,}", "", "", *_costs(sets))
    for name, judgement, work in (("get", first, results.first), ("get again", again, results.again)):
        lost = len(judgement.lost) + len(judgement.gone)
        counts = (stored, len(judgement.equal), len(judgement.different), lost)
        table.add_row(name, *(f"{count:,}" for count in counts), *_costs(work))
    return table


def _costs(work: Work) -> tuple[str, str, str, str]:
    """Return median, 99th percentile (nearest rank) and maximum of the times, and requests per operation."""
    if not work.took:
        return ("", "", "", "")
    took = sorted(work.took)
    late = took[math.ceil(0.99 * len(took)) - 1]
    median, slowest = statistics.median(took), took[-1]
    return (_milliseconds(median), _milliseconds(late), _milliseconds(slowest), f"{work.asked_each:.1f}")


def _readable(value: Value | None) -> str:
    return "" if value is None else shown(value).decode(errors="replace")


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.1f} ms"


def _lost(verdict: Verdict, results: Results) -> Iterator[str]:
    """Name the values lost by the kill, and whether anybody can be blamed."""
    lost = [*verdict.again.lost, *verdict.again.gone]
    for key in lost[:LOST_NAMED_MAX]:
        places = results.holders[key]
        living = len(places.difference(results.died))
        fate = (
            f"{living} of its {len(places)} keepers live"
            if living
            else f"all {len(places)} nodes that kept it were killed"
        )
        yield f"lost: {screen.one_line(key)} ({fate})"
    if len(lost) > LOST_NAMED_MAX:
        yield f"and {len(lost) - LOST_NAMED_MAX:,} more"
