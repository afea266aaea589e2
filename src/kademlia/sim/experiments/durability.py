"""Whether values outlive the nodes that hold them (Kademlia, section 2.5; P3 of the proof sketch).

Nobody renews them: their publishers forget them at once. With KAD's sessions none may be lost in a day. With sessions
of an hour and k = 8 the formula says that about half are, where the k holders change at replications only; that is so
in a network without handoff, and tells that what is measured here are losses. With handoff hardly any is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import exp
from random import Random
from statistics import fmean, median

from kademlia.protocol import KademliaProtocol
from kademlia.sim import collector
from kademlia.sim.churn import DAY_S, HOUR_S, Law, law
from kademlia.sim.experiments.experiment import Experiment, Options, Row, share
from kademlia.sim.holders import Holders
from kademlia.sim.lesser import WithoutHandoff
from kademlia.sim.stage import Stage
from kademlia.sim.survival import interval_of_share, neighbourhoods, survives

#: Nodes and values: of KAD's sessions, and of sessions of an hour. The published size is 10,000 nodes and 10,000
#: values, which takes a day. What is lost is decided by the k holders of a value, whatever the network's size.
NODES = 300
KEYS = 10_000
HARD_NODES = 500
HARD_KEYS = 2_000

HOURS = 24

#: Values live longer than the experiment.
LIFE_S = 3 * DAY_S

#: Values that are fetched at the end, at most: each by a node drawn at random.
FETCHED_MAX = 1_000

#: Sessions of the hard setting: exponential, so that a holder that has been there for long leaves as soon as others.
MEAN_SESSION_S = HOUR_S
HARD_K = 8

#: With handoff so much of the loss without it may be left: "far below".
LEFT_WITH_HANDOFF = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of some values in a day."""

    values: int
    lost: float  #: the share that nobody keeps any more
    bounds: tuple[float, float]  #: of that share, in 95 % of the resamples
    not_found: float  #: of those fetched at the end, the share that was not found
    kept: int  #: how many of those fetched somebody keeps, and were not found all the same
    closest: float  #: the share of the k closest living nodes that keep a value that is not lost, the mean
    interval_s: float  #: between two replications of a value, the mean
    formula: float  #: the share that is lost by the formula, at these intervals


def measure(options: Options) -> Iterator[Row]:
    """Let nodes come and go for a day; then look who keeps what."""
    yield from _gentle(options)
    yield from _hard(options)


def _gentle(options: Options) -> Iterator[Row]:
    nodes, keys = options.nodes or NODES, options.keys or KEYS
    runs = [fate(options, seed, nodes, keys, 20, law("kad"), KademliaProtocol) for seed in options.seeds]
    setting = f"n={nodes:,} k=20 b=1 filled, {keys:,} values, KAD's sessions, {HOURS} h"
    lost = sum(round(run.lost * run.values) for run in runs)
    yield Row(setting=setting, what="values lost", ours=lost, target=0, source="RFM 17: 0 of 10,000")
    kept = sum(run.kept for run in runs)
    yield Row(setting=setting, what="values kept, but not found by a fetch", ours=kept, target=0)
    yield from _besides(runs, setting)


def _hard(options: Options) -> Iterator[Row]:
    nodes, keys = options.nodes or HARD_NODES, options.keys or HARD_KEYS
    name = f"n={nodes:,} k={HARD_K} b=1 filled, {keys:,} values, sessions of 1 h (mean), {HOURS} h"
    without = [fate(options, seed, nodes, keys, HARD_K, law("li"), WithoutHandoff) for seed in options.seeds]
    setting = f"{name}, no handoff"
    for run, seed in zip(without, options.seeds, strict=True):
        low, high = run.bounds
        yield Row(
            setting=setting,
            what=f"values lost, share (seed {seed})",
            ours=round(run.lost, 4),
            target=round(run.formula, 4),
            within=round(high - run.lost if run.formula > run.lost else run.lost - low, 4),
            source=f"the formula; 95 % of resamples: {low:.3f} to {high:.3f}",
        )
    yield from _besides(without, setting)
    runs = [fate(options, seed, nodes, keys, HARD_K, law("li"), KademliaProtocol) for seed in options.seeds]
    setting = f"{name}, handoff"
    goal = round(LEFT_WITH_HANDOFF * median(run.lost for run in without), 4)
    lost = round(median(run.lost for run in runs), 4)
    yield Row(setting=setting, what="values lost, share", ours=lost, target=goal, source="a tenth of the loss without")
    yield from _besides(runs, setting)


def _besides(runs: list[Fate], setting: str) -> Iterator[Row]:
    def row(what: str, name: str) -> Row:
        ours = round(median(getattr(run, name) for run in runs), 4)
        return Row(setting=setting, what=what, ours=ours, target=None)

    yield row("k closest living nodes that keep a value, share", "closest")
    yield row("between two replications, mean s", "interval_s")
    yield row("not found by a fetch from anywhere, share", "not_found")


@collector.seldom()
def fate(
    options: Options, seed: int, nodes: int, keys: int, ksize: int, sessions: Law, kind: type[KademliaProtocol]
) -> Fate:
    """Publish values, let nodes come and go, and see what is left."""
    stage = Stage(seed, nodes, ksize=ksize, kinds=(kind,))
    ids = [resident.protocol.source_node.long_id for resident in stage.residents()]
    stage.move(sessions)
    stage.publish(keys, HOUR_S, LIFE_S, options.progress)
    stage.pass_time(HOURS * HOUR_S - 60.0 - HOUR_S / 2, options.progress)  # each has been there for a day, on average
    holders = Holders(stage.world, stage.values)
    lost = set(holders.lost())  # only ever asked for membership
    left = [key for key in stage.values if key not in lost]
    intervals = stage.stores.intervals()
    closest = holders.at_the_closest_of_all(ksize, left)
    found = stage.found(list(stage.values)[:FETCHED_MAX])
    return Fate(
        values=len(stage.values),
        lost=len(lost) / len(stage.values),
        bounds=interval_of_share(neighbourhoods(ids, stage.values, ksize), lost, Random(seed)),
        not_found=1 - share(found.values()),
        kept=sum(not there and key not in lost for key, there in found.items()),
        closest=closest,
        interval_s=fmean(intervals),
        formula=1 - survives(intervals, HOURS * HOUR_S, ksize, lambda seconds: exp(-seconds / MEAN_SESSION_S)),
    )


EXPERIMENT = Experiment(
    name="durability",
    question="Do values outlive the nodes that hold them?",
    run=measure,
    takes="40 minutes; 8 with --nodes 100 --keys 500",
)
