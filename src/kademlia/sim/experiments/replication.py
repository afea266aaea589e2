"""What it costs to keep values alive: one replicator a key and hour, and one sender for each newcomer (R26-R28).

Values are as many as nodes. Who is stored at by a replication is k holders, the replicator among them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from kademlia.sim import collector
from kademlia.sim.churn import DAY_S, HOUR_S, law
from kademlia.sim.experiments.experiment import Experiment, Options, Row
from kademlia.sim.newcomers import Newcomers
from kademlia.sim.stage import Stage
from kademlia.sim.stores import COPY, HANDOFF, REPLICATION

NODES = 1_000
KEYS = 1_000
K = 20

#: Virtual hours before anything is counted: the first is that of publishing; and hours that are counted.
SETTLE_H = 2
HOURS = 4

#: Values live longer than the experiment.
LIFE_S = 2 * DAY_S

#: Store requests a key and hour, and for each newcomer among the k closest, at most.
STORES_MAX = 1.2 * K
HANDOFFS_MAX = 1.2

#: Lookups a replication where nobody goes: about none. Where a holder is found gone, a lookup finds the next.
LOOKUPS_MAX = 0.1

CHURNS = {"none": "nobody comes or goes", "kad": "KAD's sessions"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What was sent in one run."""

    stores: float  #: by replication, a key and hour
    replications: float  #: a key and hour
    again: float  #: stores that were late and sent once more, a key and hour
    copies: float  #: left on the way by searches, a key and hour
    handoffs: float  #: a pair of a newcomer and a key to which it is one of the k closest; 0 where nobody came
    newcomers: int  #: such pairs
    lookups: float  #: of keys, a replication
    asks: float  #: by holders that are not among the k closest any more, a key and hour


def measure(options: Options) -> Iterator[Row]:
    """Count stores for some hours, without churn and with it."""
    for churn, said in CHURNS.items():
        nodes, keys = options.nodes or NODES, options.keys or min(KEYS, options.nodes or KEYS)
        runs = [costs(options, seed, nodes, keys, churn) for seed in options.seeds]
        setting = f"n={nodes:,} k={K} b=1 filled, {keys:,} values, {said}, {HOURS} h"
        yield from _rows(runs, setting, churn != "none")


@collector.seldom()
def costs(options: Options, seed: int, nodes: int, keys: int, churn: str, ksize: int = K) -> Costs:
    """Publish values, wait, and count what is sent for them."""
    stage = Stage(seed, nodes, ksize=ksize)
    newcomers = Newcomers(stage.world, ksize)
    if churn != "none":
        stage.move(law(churn), newcomers.came)
    stage.publish(keys, HOUR_S, LIFE_S, options.progress)
    stage.pass_time((SETTLE_H - 1) * HOUR_S, options.progress)
    stage.stores.reset()
    newcomers.watch(stage.values)
    stage.pass_time(HOURS * HOUR_S, options.progress)
    stores, came = stage.stores, newcomers.count
    replications = sum(map(len, stores.replications.values()))
    key_hours = len(stage.values) * HOURS
    return Costs(
        stores=stores.count[REPLICATION] / key_hours,
        replications=replications / key_hours,
        again=stores.count["again"] / key_hours,
        copies=stores.count[COPY] / key_hours,
        handoffs=stores.count[HANDOFF] / came if came else float(stores.count[HANDOFF]),
        newcomers=came,
        lookups=stores.lookups / replications if replications else 0.0,
        asks=stores.asks / key_hours,
    )


def _rows(runs: list[Costs], setting: str, moving: bool) -> Iterator[Row]:
    def row(what: str, name: str, target: float | None = None, source: str = "") -> Row:
        ours = round(median(getattr(one, name) for one in runs), 3)
        return Row(setting=setting, what=what, ours=ours, target=target, source=source)

    yield row("stores by replication, a key and hour", "stores", STORES_MAX, "R26: one replicator; k² without")
    yield row("replications, a key and hour", "replications")
    yield row("stores sent again, a key and hour", "again")
    yield row("lookups of the key, a replication", "lookups", None if moving else LOOKUPS_MAX, "R27")
    yield row("asked by holders farther away, a key and hour", "asks")
    if moving:
        yield row("stores by handoff, a newcomer near a key", "handoffs", HANDOFFS_MAX, "R28: one sender a pair")
        yield row("newcomers among the k closest of a key", "newcomers")


EXPERIMENT = Experiment(
    name="replication",
    question="What do nodes send to keep values alive?",
    run=measure,
    takes="12 minutes",
)
