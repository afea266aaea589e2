"""Quick nodes first: what round trips learnt from traffic save."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from kademlia.sim.experiments.experiment import (
    Experiment,
    Options,
    Row,
    exact_share,
    milliseconds,
    requests_a_lookup,
    walks_of_each,
)

NODES = 10_000

#: Every node looks something up so often, in virtual seconds, and for so long, before anything is measured.
EVERY_S = 600.0
LEARNING_S = 2_400.0

SOURCE = "ideal tables by distance: 181 ms at b=1"

#: Milliseconds to the first holder, p50, by b.
TARGETS = {1: 135.0, 5: 90.0}


def measure(options: Options) -> Iterator[Row]:
    """Time 1,000 lookups with and without, in networks that were used for forty minutes."""
    nodes = options.nodes or NODES
    for b, target in TARGETS.items():
        for aware in (False, True):
            runs = walks_of_each(
                options,
                nodes=nodes,
                b=b,
                latency=options.measured_latency,
                latency_aware=aware,
                every=EVERY_S if aware else 0.0,
                settle=LEARNING_S if aware else 0.0,  # without, nothing is learnt
            )
            setting = f"n={nodes:,} k=20 b={b} filled, {'quick' if aware else 'nearest'} first"
            for what, rank, goal in (("p50", 0.5, target if aware else None), ("p99", 0.99, None)):
                ours = median(milliseconds((walk.first_holder_s for walk in found), rank) for found in runs)
                yield Row(
                    setting=setting,
                    what=f"first holder, {what} ms",
                    ours=ours,
                    target=goal,
                    source=SOURCE,
                )
            yield Row(setting=setting, what="requests a lookup, mean", ours=requests_a_lookup(runs), target=None)
            what = "lookups that find exactly the k closest, share"
            yield Row(setting=setting, what=what, ours=exact_share(runs), target=None)


EXPERIMENT = Experiment(
    name="latency-aware",
    question="What do lookups save by asking quick nodes first?",
    run=measure,
    takes="45 minutes",
    needs_matrix=True,
)
