"""Half of the network is gone from one moment to the next: what is left, and whether it is whole again in an hour.

A value whose k holders all were in that half is lost: 1 - (1/2)^k are left, a little more in small networks, where half
of the nodes are not drawn independently: 1 - C(n-k, n/2) / C(n, n/2).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import comb
from random import Random
from statistics import fmean, median, stdev

from kademlia.engine import limits
from kademlia.sim import collector
from kademlia.sim.churn import DAY_S, HOUR_S
from kademlia.sim.experiments.experiment import Experiment, Options, Row, share
from kademlia.sim.holders import Holders
from kademlia.sim.stage import Stage

SIZES = (40, 1_000)
KS = (3, 8, 20)
KEYS = 1_000

#: Halves that are drawn to see which share is left on average; one of them really leaves. Values that have the same
#: holders have the same fate, so that one half alone tells little.
DRAWS = 400

#: How many standard errors of their mean the formula may be away.
ERRORS = 3.0

#: Of the values that are left, those that have to be found at once, while half of all contacts are dead.
FOUND_MIN = 0.99

#: Values live longer than the experiment.
LIFE_S = DAY_S

PUBLISHING_S = HOUR_S

#: One replication: an hour until every value is due, the longest wait until that is looked at, and time to do it.
REPLICATED_S = limits.REFRESH_S + limits.UPKEEP_S * (1 + limits.JITTER) + 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Half:
    """What was left of some values in one run."""

    left: float  #: the share that somebody keeps, the mean over many drawn halves
    error: float  #: the standard error of that mean
    kept: float  #: the share that somebody keeps, of the half that really left
    found: float  #: the share that is found at once
    found_later: float  #: of those kept, the share that is found when all are replicated
    whole: float  #: of those kept, the share that k living nodes keep by then
    exact: float  #: of those kept, the share whose k closest nodes all keep it


def measure(options: Options) -> Iterator[Row]:
    """Let half of the nodes vanish, fetch all values, wait for an hour, and look who keeps them."""
    for nodes in (options.nodes,) if options.nodes is not None else SIZES:
        for ksize in KS:
            keys = options.keys or KEYS
            runs = [_run(options, seed, nodes, keys, ksize) for seed in options.seeds]
            yield from _rows(runs, f"n={nodes:,} k={ksize} b=1 filled, {keys:,} values", nodes, ksize)


def expected(nodes: int, ksize: int) -> float:
    """Return the chance that one of k holders is in the half that stays."""
    return 1 - comb(nodes - ksize, nodes // 2) / comb(nodes, nodes // 2) if ksize <= nodes - nodes // 2 else 1.0


@collector.seldom()
def _run(options: Options, seed: int, nodes: int, keys: int, ksize: int) -> Half:
    stage = Stage(seed, nodes, ksize=ksize)
    stage.publish(keys, PUBLISHING_S, LIFE_S, options.progress)
    before = Holders(stage.world, stage.values)
    shares = [_share_left(before, _half(stage, stage.chance)) for _ in range(DRAWS)]
    leaving = _half(stage, stage.chance)
    for resident in stage.residents():
        if resident.protocol.source_node.id in leaving:
            resident.die()
    after = Holders(stage.world, stage.values)
    lost = set(after.lost())  # only ever asked for membership
    kept = [key for key in stage.values if key not in lost]
    found = share(stage.found(list(stage.values)).values())
    stage.pass_time(REPLICATED_S, options.progress)
    later = Holders(stage.world, kept)
    return Half(
        left=fmean(shares),
        error=stdev(shares) / DRAWS**0.5,
        kept=share(key not in lost for key in stage.values),
        found=found,
        whole=share(len(later.of[key]) >= ksize for key in kept),
        exact=share(later.at_the_closest(key, ksize) == 1 for key in kept),
        found_later=share(stage.found(kept).values()),
    )


def _half(stage: Stage, chance: Random) -> set[bytes]:
    """Draw the ids of half of the nodes; they are only ever asked for membership."""
    residents = stage.residents()
    return {resident.protocol.source_node.id for resident in chance.sample(residents, len(residents) // 2)}


def _share_left(holders: Holders, leaving: set[bytes]) -> float:
    return fmean(any(node_id not in leaving for node_id in of) for of in holders.of.values())


def _rows(runs: list[Half], setting: str, nodes: int, ksize: int) -> Iterator[Row]:
    def row(what: str, name: str, target: float | None = None) -> Row:
        ours = round(median(getattr(run, name) for run in runs), 4)
        return Row(setting=setting, what=what, ours=ours, target=target, at_most=False)

    yield Row(
        setting=setting,
        what=f"left, share, mean of {DRAWS} halves",
        ours=round(fmean(run.left for run in runs), 5),
        target=round(expected(nodes, ksize), 5),
        within=round(max(ERRORS * fmean(run.error for run in runs), 1e-5), 5),
        source=f"1 - (1/2)^k = {1 - 0.5**ksize:.5f}",
    )
    yield row("left, share, of the half that went", "kept")
    goal = round(FOUND_MIN * median(run.kept for run in runs), 4)
    yield row("found at once by a fetch from anywhere, share", "found", goal)
    yield row("kept by k nodes again after a replication, share", "whole", 1.0)
    yield row("the k closest all keep it then, share", "exact")
    yield row("found then, share of those left", "found_later", 1.0)


EXPERIMENT = Experiment(
    name="half-leaves",
    question="What is left when half of the network is gone at once?",
    run=measure,
    takes="10 minutes",
)
