"""How many hops to the closest node (Stutzbach and Rejaie, 2006)."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import mean

from kademlia.sim.experiments.experiment import Experiment, Options, Row, percentile, walks_of_all
from kademlia.sim.figures import Point

#: Mean hops to the closest node and to the first of the k closest, b = 1: nodes, k.
PUBLISHED = {
    (1_000, 8): (2.30, 1.85),
    (1_000, 20): (1.91, 1.30),
    (10_000, 8): (3.05, 2.53),
    (10_000, 20): (2.47, 1.88),
    (100_000, 8): (3.73, 3.20),
    (100_000, 20): (3.04, 2.42),
}

#: How far from the published mean ours may be.
TOLERANCE = 0.15

SOURCE = "ideal tables, Monte Carlo"


def measure(options: Options) -> Iterator[Row]:
    """Count the hops of 1,000 lookups in each setting."""
    for (nodes, k), (closest, first) in PUBLISHED.items():
        if options.nodes is None or nodes == options.nodes:
            yield from _rows(options, nodes, k, 1, False, closest, first)
    for b, aware in ((1, True), (5, False), (5, True)):
        yield from _rows(options, options.nodes or 10_000, 20, b, aware, None, None)


def _rows(
    options: Options, nodes: int, k: int, b: int, aware: bool, closest: float | None, first: float | None
) -> Iterator[Row]:
    found = walks_of_all(options, nodes=nodes, k=k, b=b, latency="king-per-message", latency_aware=aware)
    setting = f"n={nodes:,} k={k} b={b} filled{' latency-aware' if aware else ''}"
    to_closest = [walk.closest_hops for walk in found if walk.closest_hops is not None]
    to_first = [walk.first_holder_hops for walk in found if walk.first_holder_hops is not None]

    def row(what: str, hops: list[int], target: float | None, point: Point | None = None) -> Row:
        ours = round(mean(hops), 2)
        return Row(setting=setting, what=what, ours=ours, target=target, source=SOURCE, within=TOLERANCE, point=point)

    point = None if aware else Point(nodes=nodes, k=k, b=b, hops=mean(to_closest))
    yield row("hops to the closest node, mean", to_closest, closest, point)
    yield row("hops to the first of the k closest, mean", to_first, first)
    if (nodes, k) == (10_000, 20):
        yield Row(
            setting=setting,
            what="hops to the closest node, 95 % within",
            ours=percentile(to_closest, 0.95),
            target=4,
            source="IPFS, ProbeLab RFM 17",
        )


EXPERIMENT = Experiment(
    name="hops",
    question="How many hops is it to the closest node?",
    run=measure,
    takes="4 minutes",
)
