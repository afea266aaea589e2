"""Whether lookups find exactly the k closest nodes where nothing is wrong (rule R25)."""

from __future__ import annotations

from collections.abc import Iterator

from kademlia.sim.experiments.experiment import Experiment, Options, Row, share, walks_of_all

#: Nodes, and the latency: with King's, joining one after the other takes 10,000 nodes three virtual hours, and much
#: real time.
SIZES = {1_000: "king", 10_000: "constant:0.0001"}
TARGET = 0.99


def measure(options: Options) -> Iterator[Row]:
    """Look up 1,000 ids in networks that joined, each node by all of R23."""
    for nodes, latency in SIZES.items() if options.nodes is None else [(options.nodes, "king")]:
        for b in (1, 5):
            found = walks_of_all(options, nodes=nodes, b=b, start="joined", latency=latency, settle=30.0)
            yield Row(
                setting=f"n={nodes:,} k=20 b={b} joined, {latency}",
                what="lookups that find exactly the k closest, share",
                ours=share(walk.exact for walk in found),
                target=TARGET,
                at_most=False,
                source="R25; 0.87-0.95 without it",
            )


EXPERIMENT = Experiment(
    name="exact-k",
    question="Do lookups on joined networks find exactly the k closest nodes?",
    run=measure,
    takes="12 minutes",
)
