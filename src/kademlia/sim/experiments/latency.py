"""How long lookups take where nothing is wrong: the effect of the k-burst (R14)."""

from __future__ import annotations

from collections.abc import Iterator

from kademlia.sim.experiments.experiment import Experiment, Options, Row, milliseconds, walks_of_all

#: First holder p50 and end p50 in milliseconds, alpha = 3, R14 on, b = 1, a lognormal round trip for each request.
PUBLISHED = {
    (1_000, 8): (236, 618),
    (1_000, 20): (143, 665),
    (10_000, 8): (338, 732),
    (10_000, 20): (243, 759),
    (100_000, 8): (443, 833),
    (100_000, 20): (314, 837),
}

#: The same for measured round trips (PlanetLab); None where there is no number.
MEASURED = {(1_000, 20): (98, None), (10_000, 8): (252, None), (10_000, 20): (181, 591), (100_000, 20): (227, None)}

#: What lookups take without the k-burst, for comparison: n = 10,000, k = 20.
WITHOUT_BURST_MS = 1447

#: Ours may be so much slower.
SLACK = 1.15


def measure(options: Options) -> Iterator[Row]:
    """Time 1,000 lookups in each setting, nearest first and not quickest first."""
    for latency, table in (("king-per-message", PUBLISHED), (options.measured_latency, MEASURED)):
        for (nodes, k), (first, end) in table.items():
            if options.nodes is None or nodes == options.nodes:
                yield from _rows(options, latency, nodes, k, 1, first, end)
        yield from _rows(options, latency, options.nodes or 10_000, 20, 5, None, None)


def _rows(
    options: Options, latency: str, nodes: int, k: int, b: int, first: float | None, end: float | None
) -> Iterator[Row]:
    found = walks_of_all(options, nodes=nodes, k=k, b=b, latency=latency, latency_aware=False)
    name = "lognormal per request" if latency == "king-per-message" else latency.partition(":")[0]
    setting = f"n={nodes:,} k={k} b={b} filled, {name}"
    source = f"Monte Carlo + 15 % (k-burst; {WITHOUT_BURST_MS} ms without, n=10,000 k=20)"

    def row(what: str, ours: float, published: float | None) -> Row:
        target = None if published is None else round(published * SLACK, 1)
        return Row(setting=setting, what=what, ours=ours, target=target, source=source)

    yield row("first holder, p50 ms", milliseconds((walk.first_holder_s for walk in found), 0.5), first)
    yield row("first holder, p99 ms", milliseconds((walk.first_holder_s for walk in found), 0.99), None)
    yield row("lookup ends, p50 ms", milliseconds((walk.ended_s for walk in found), 0.5), end)


EXPERIMENT = Experiment(
    name="latency",
    question="How long do lookups take without churn, and does the k-burst show?",
    run=measure,
    takes="6 minutes",
    needs_matrix=True,
)
