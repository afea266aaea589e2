"""Bamboo's stress: half of all sessions are shorter than 1.4 minutes (Rhea et al., USENIX 2004).

A lookup is to find the closest of the nodes that lived from its beginning to its end, also those that were joining
(`kademlia.sim.walks`). Whoever asks may still be joining, too, but knows somebody.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import Any

from kademlia.sim.experiments.experiment import Experiment, Options, Row, milliseconds, run, share, walks_of_each

NODES = 1_000
K = 8

#: Virtual seconds before anything is measured: five mean sessions.
SETTLE_S = 600.0
SECONDS = 600.0

#: Each node looks something up so often, in virtual seconds.
EVERY_S = 10.0

#: So many more lookups are measured.
MEASURED_SHARE = 0.1


def measure(options: Options) -> Iterator[Row]:
    """Measure what upkeep sends in one run, without lookups, and how lookups go in another."""
    nodes = options.nodes or NODES
    for b in (5, 1):
        fields: dict[str, Any] = {"nodes": nodes, "k": K, "b": b, "latency": "king", "churn": "bamboo"}
        setting = f"n={nodes:,} k={K} b={b}, sessions of 1.4 min (median)"
        idle = median(_bytes_a_second(options, seed=seed, **fields) for seed in options.seeds)
        what = "sent for upkeep by a node, B/s"
        yield Row(setting=setting, what=what, ours=round(idle, 1), target=900.0, source="Bamboo, Rhea et al. 2004")
        lookups = round(nodes * SECONDS / EVERY_S * MEASURED_SHARE)
        runs = walks_of_each(options, settle=SETTLE_S, lookups=lookups, every=EVERY_S, seconds=SECONDS, **fields)
        yield Row(
            setting=setting,
            what="lookups that find the closest living node, share",
            ours=median(share(walk.found for walk in found) for found in runs),
            target=0.99,
            at_most=False,
            source="Bamboo, Rhea et al. 2004",
        )
        end = median(milliseconds((walk.ended_s for walk in found), 0.5) for found in runs)
        yield Row(setting=setting, what="lookup ends, p50 ms", ours=end, target=None)


def _bytes_a_second(options: Options, **fields: Any) -> float:
    report = run(options, lookups=0, seconds=SETTLE_S, **fields).report()
    return report.bytes / report.nodes / report.virtual_seconds


EXPERIMENT = Experiment(
    name="bamboo",
    question="Does it stand sessions of 1.4 minutes, and at what cost?",
    run=measure,
    takes="50 minutes",
)
