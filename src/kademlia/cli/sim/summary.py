"""The numbers of a run, as tables for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from kademlia.sim.report import Accesses, Report, Spread
from kademlia.sim.scenario import NONE, Scenario

if TYPE_CHECKING:
    from rich.console import RenderableType


def summary(report: Report) -> Iterator[RenderableType]:
    """Yield what is to be printed, from top to bottom."""
    yield _heading(report)
    yield _spreads(report)
    yield _counts(report)


def _heading(report: Report) -> Text:
    scenario = report.scenario
    what = f"{report.nodes:,} nodes"
    rest = f", k = {report.k}, b = {report.b}, alpha = {report.alpha}, {report.start} tables, seed {report.seed}"
    return Text.assemble((what, "bold"), rest, ("\n" + _weather(scenario), "dim"))


def _weather(scenario: Scenario) -> str:
    """Say what the network is like: the latency, and what is wrong."""
    shares = ("loss", "duplication", "reordering", "broken_pairs", "nat", "slow", "dead")
    wrong = [
        f"{name.replace('_', ' ')} {100 * getattr(scenario, name):g} %" for name in shares if getattr(scenario, name)
    ]
    moving = [] if scenario.churn == NONE else [f"churn {scenario.churn}, {scenario.rejoin}"]
    return ", ".join([f"latency {scenario.latency}", *wrong, *moving])


def _spreads(report: Report) -> Table:
    """Return how far and how long, as percentiles."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True)
    for name in ("mean", "p50", "p90", "p99"):
        table.add_column(name, justify="right", no_wrap=True, min_width=5)
    table.add_column("", no_wrap=True, style="dim")
    if report.scenario.workload == "lookups":
        _add_spread(table, "hops", report.hops, 2, "to the closest node")
        _add_spread(table, "first holder, ms", report.latency_ms, 0, "a holder has answered")
        _add_spread(table, "end, ms", report.ended_ms, 0, "the lookup has ended")
    elif report.sets is not None and report.gets is not None:
        _add_spread(table, "set, ms", report.sets.ms, 0, "all holders have answered")
        _add_spread(table, "get, ms", report.gets.ms, 0, "the value is there")
    return table


def _add_spread(table: Table, name: str, spread: Spread | None, digits: int, meaning: str) -> None:
    if spread is None:
        table.add_row(name, "-", "-", "-", "-", meaning)
        return
    ranks = [f"{value:,.0f}" for value in (spread.p50, spread.p90, spread.p99)]
    table.add_row(name, f"{spread.mean:,.{digits}f}", *ranks, meaning)


def _counts(report: Report) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, justify="right", style="bold")
    table.add_column(style="dim")
    for row in [*_work(report), *_traffic(report), *_machine(report)]:
        table.add_row(*row)
    table.add_row("trace", "", report.trace)
    return table


def _work(report: Report) -> Iterator[tuple[str, str, str]]:
    """Yield the counts of what the nodes were asked to do."""
    if report.sets is not None and report.gets is not None:
        yield from _accesses("set", report.sets, "taken by at least one other node")
        yield from _accesses("got", report.gets, "the value that was set")
        if report.gets.wrong:
            yield "wrong", f"{report.gets.wrong:,}", "another value than was set"
        return
    lookups = report.lookups
    yield "lookups", f"{lookups:,}", f"{report.ended:,} ended"
    yield "found", _percent(report.found, lookups), "the closest living node answered"
    if report.exact_share is not None:
        yield "exact", f"{100 * report.exact_share:.1f} %", "exactly the k closest living nodes were found"
    if report.rpcs_per_lookup is not None:
        yield "requests", f"{report.rpcs_per_lookup:.1f}", "a lookup"


def _accesses(name: str, accesses: Accesses, meaning: str) -> Iterator[tuple[str, str, str]]:
    yield name, _percent(accesses.done, accesses.begun), f"of {accesses.begun:,}: {meaning}"


def _traffic(report: Report) -> Iterator[tuple[str, str, str]]:
    seconds = report.virtual_seconds
    yield "virtual time", f"{seconds:,.0f} s", "since the network stood; the rest is counted in it"
    if report.deaths:
        yield "churn", f"{report.deaths:,}", f"nodes went, {report.births:,} came"
    rate = f"; {report.bytes / report.nodes / seconds:,.0f} B/s a node, with headers" if seconds else ""
    yield "sent", f"{report.bytes / 1e6:,.1f} MB", f"in {report.messages:,} datagrams{rate}"
    if report.health is not None:
        health = report.health
        yield "tables", f"{100 * health.known:.1f} %", "of its k closest living nodes a node knows, at the end"
        yield "", f"{100 * health.stale:.1f} %", "of its contacts are gone"


def _machine(report: Report) -> Iterator[tuple[str, str, str]]:
    if report.seconds is None or report.build_seconds is None:
        return
    yield "real time", f"{report.seconds:,.1f} s", f"of which {report.build_seconds:,.1f} s to build the network"
    rate = "" if report.events_per_s is None else f"{report.events_per_s:,.0f} a second of real time"
    yield "events", f"{report.events:,}", rate
    if report.bytes_per_node is not None:
        yield "memory", f"{report.bytes_per_node / 1000:,.0f} kB", "a node: by how much this process grew"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"
