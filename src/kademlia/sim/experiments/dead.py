"""Lookups where a tenth of the nodes stopped, right away and after an hour of ordinary use."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from kademlia.sim.churn import HOUR_S
from kademlia.sim.experiments.experiment import (
    Experiment,
    Options,
    Row,
    exact_share,
    milliseconds,
    requests_a_lookup,
    walks_of_each,
)
from kademlia.sim.walks import Walk

NODES = 10_000
SOURCE = "ideal tables, fixed time-outs: 1,104 ms, .69 exact"
DEAD = 0.1

#: Every node looks something up so often, in virtual seconds, for so long, before the measured lookups.
EVERY_S = 600.0

#: Seeds by b, at the most: with b = 5 tables are five times as large, and an hour takes three times as long.
SEEDS_MAX = {1: 5, 5: 1}


def measure(options: Options) -> Iterator[Row]:
    """Look up 1,000 ids per seed; of figures over seeds the median is told."""
    nodes = options.nodes or NODES
    for b, most in SEEDS_MAX.items():
        for settle in (0.0, HOUR_S):
            runs = walks_of_each(
                options,
                most,
                nodes=nodes,
                b=b,
                dead=DEAD,
                latency=options.measured_latency,
                every=EVERY_S if settle else 0.0,
                settle=settle,
            )
            when = "after an hour" if settle else "at once"
            yield from _rows(runs, f"n={nodes:,} k=20 b={b} filled, {DEAD:.0%} dead, {when}", bool(settle))


def _rows(runs: list[list[Walk]], setting: str, counts: bool) -> Iterator[Row]:
    def row(what: str, ours: float, target: float, *, at_most: bool = True) -> Row:
        goal = target if counts else None
        return Row(
            setting=setting,
            what=what,
            ours=ours,
            target=goal,
            at_most=at_most,
            source=SOURCE,
        )

    first = median(milliseconds((walk.first_holder_s for walk in found), 0.99) for found in runs)
    yield row("first holder, p99 ms", first, 600.0)
    yield row("requests a lookup, mean", requests_a_lookup(runs), 28.0)
    yield row("lookups that find exactly the k closest, share", exact_share(runs), 0.95, at_most=False)
    end = median(milliseconds((walk.ended_s for walk in found), 0.5) for found in runs)
    yield Row(setting=setting, what="lookup ends, p50 ms", ours=end, target=None)


EXPERIMENT = Experiment(
    name="dead-contacts",
    question="What do lookups suffer when a tenth of the nodes stop?",
    run=measure,
    takes="2 hours at n=10,000; 8 minutes with --nodes 2000",
    needs_matrix=True,
)
