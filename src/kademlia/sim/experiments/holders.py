"""Whether those are asked that were told: which of the k closest nodes keep a value when it is read.

In KAD a lookup finds 18 % of the nodes that hold a copy, and a quarter of all searches fail ten hours after the store,
since whoever stores and whoever searches end at different nodes (Kang et al., 2009).
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from kademlia.sim import collector
from kademlia.sim.churn import DAY_S, HOUR_S, law
from kademlia.sim.experiments.experiment import Experiment, Options, Row, share
from kademlia.sim.holders import Holders
from kademlia.sim.stage import Stage

#: The published size is 10,000 nodes. How many of the k closest keep a value is decided among some tens of neighbours,
#: which are as many in a network of 1,000.
NODES = 1_000
KEYS = 1_000
KS = (10, 20)

#: Virtual hours of coming and going before values are read.
HOURS = 10

#: Values live longer than the experiment.
LIFE_S = 2 * DAY_S

#: Seconds over which values are published where nobody comes or goes.
STATIC_S = 600.0

TARGETS = {"none": 0.99, "kad": 0.95}
SAID = {"none": "nobody comes or goes", "kad": f"KAD's sessions, {HOURS} h"}
SOURCE = "Kang et al. 2009: 18 %"


def measure(options: Options) -> Iterator[Row]:
    """Publish 1,000 values, wait, and look at the k closest living nodes."""
    nodes, keys = options.nodes or NODES, options.keys or KEYS
    for ksize in KS:
        for churn, target in TARGETS.items():
            runs = [_run(options, seed, nodes, keys, ksize, churn) for seed in options.seeds]
            setting = f"n={nodes:,} k={ksize} b=1 filled, {keys:,} values, {SAID[churn]}"
            yield Row(
                setting=setting,
                what="k closest living nodes that keep a value, share",
                ours=round(median(held for held, _ in runs), 4),
                target=target,
                at_most=False,
                source=SOURCE,
            )
            found = round(median(found for _, found in runs), 4)
            what = "values found by a fetch from anywhere, share"
            yield Row(setting=setting, what=what, ours=found, target=None, source="Kang et al. 2009: 75 %")


@collector.seldom()
def _run(options: Options, seed: int, nodes: int, keys: int, ksize: int, churn: str) -> tuple[float, float]:
    """Return the share of holders among the k closest, and the share of values that are found."""
    stage = Stage(seed, nodes, ksize=ksize)
    if churn == "none":
        stage.publish(keys, STATIC_S, LIFE_S, options.progress)
    else:
        stage.move(law(churn))
        stage.publish(keys, HOUR_S, LIFE_S, options.progress)
        stage.pass_time((HOURS - 0.5) * HOUR_S, options.progress)
    held = Holders(stage.world, stage.values).at_the_closest_of_all(ksize)
    return held, share(stage.found(list(stage.values)).values())


EXPERIMENT = Experiment(
    name="holders",
    question="Do the k closest nodes keep a value when it is read?",
    run=measure,
    takes="25 minutes; 5 with --nodes 200 --keys 200",
)
