"""Whether a value goes when its publisher goes, and stays, the newest one, while its publisher stays.

In 2.2.3 values never die: each replication makes them young again. Ours carry the end that their publisher gave them;
where half of the nodes are old, those go on storing at ours what died there, and are not believed. What old nodes keep
themselves is not ours to end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

from kademlia.engine import limits
from kademlia.node import ID_BYTES
from kademlia.protocol import KademliaProtocol
from kademlia.sim import collector
from kademlia.sim.churn import DAY_S, HOUR_S
from kademlia.sim.experiments.experiment import Experiment, Options, Row, share
from kademlia.sim.holders import Holders
from kademlia.sim.old_node import OldAndNew, OldNode, is_old
from kademlia.sim.resident import Resident
from kademlia.sim.stage import ONE_WAY_S, Stage

#: What lives on is decided among the k holders of a value: small networks do, and 21 days of large ones take long.
NODES = 40
K = 8

#: Values of publishers that leave, and of publishers that stay.
KEYS = 40

#: Virtual days until the last look.
DAYS = 21

#: Nodes that publish and leave an hour later, besides all others.
LEAVERS = 4

#: A publisher that stays sets a new value after so many seconds, about every other day.
UPDATED_S = 1.7 * DAY_S

#: Days after which it is counted who still keeps what a leaver published.
LOOKS_D = (1.1, 2, 7, 21)

#: Holders that a get with a quorum hears.
QUORUM = 3

#: Copies on our nodes that are to be the newest: those farther away ask once an hour.
FRESH_MIN = 0.99

NEVER = "2.2.3: never gone"

KINDS = {"all ours": (KademliaProtocol,), "every second node as 2.2.3": (KademliaProtocol, OldNode)}


@dataclass(slots=True)
class Fate:
    """What became of the values in one run."""

    ours: list[int] = field(default_factory=list)  #: copies of leavers' values on our nodes, by `LOOKS_D`
    old: list[int] = field(default_factory=list)  #: the same on old nodes
    found: float = 0.0  #: the share of leavers' values that are found in the end
    newest: list[bool] = field(default_factory=list)  #: of all gets of stayers' values: whether it was the newest
    agreed: list[bool] = field(default_factory=list)  #: the same of gets with a quorum
    missing: list[bool] = field(default_factory=list)  #: whether nothing was found
    fresh: list[bool] = field(default_factory=list)  #: of their copies on our nodes: whether it is the newest
    given_up: int = 0  #: publishers that stay and were told that something newer is there


def measure(options: Options) -> Iterator[Row]:
    """Let publishers leave or stay, and look for three weeks."""
    nodes, keys = options.nodes or NODES, options.keys or KEYS
    for said, kinds in KINDS.items():
        runs = [fate(options, seed, nodes, keys, kinds) for seed in options.seeds]
        setting = f"n={nodes:,} k={K} b=1 filled, {keys:,} values of each sort, {said}"
        yield from _rows(runs, setting, OldNode in kinds)


@collector.seldom()
def fate(options: Options, seed: int, nodes: int, keys: int, kinds: tuple[type[KademliaProtocol], ...]) -> Fate:
    """Run one network."""
    world = OldAndNew(seed, latency=ONE_WAY_S, traced=False)
    stage = Stage(seed, nodes + LEAVERS, ksize=K, kinds=kinds, world=world)
    ours = [resident for resident in stage.residents() if not is_old(resident)]
    leavers, stayers = ours[:LEAVERS], ours[LEAVERS:]
    left = [stage.chance.randbytes(ID_BYTES) for _ in range(keys)]
    stays = [stage.chance.randbytes(ID_BYTES) for _ in range(keys)]
    for number, key in enumerate(left):
        stage.set(key, f"left {number}", limits.LIFE_S, leavers[number % LEAVERS])
    for number, key in enumerate(stays):
        world.at(world.now + HOUR_S * number / keys, _update, stage, key, stayers[number % len(stayers)], 0)
    stage.pass_time(HOUR_S, options.progress)
    for resident in leavers:
        resident.die()
    run = Fate()
    dates = sorted({*LOOKS_D, *range(1, DAYS + 1)})
    for day in (day for day in dates if day <= DAYS):
        stage.pass_time(day * DAY_S - world.now, options.progress)
        if day in LOOKS_D:
            run.ours.append(Holders(world, left, lambda resident: not is_old(resident)).copies())
            run.old.append(Holders(world, left, is_old).copies())
        if day == int(day):
            _get_all(stage, stays, run)
    run.found = share(stage.found(left).values())
    run.given_up = sum(key not in stage.publishers[key].protocol.upkeep.published for key in stays)
    return run


def _update(stage: Stage, key: bytes, publisher: Resident, version: int) -> None:
    """Have a publisher set a new value, and again later."""
    value = stage.values[key] = f"version {version}"
    stage.publishers[key] = publisher
    publisher.protocol.publish(key, value, limits.LIFE_S, renew=True)
    after = UPDATED_S * stage.chance.uniform(0.5, 1.5)
    stage.world.at(stage.world.now + after, _update, stage, key, publisher, version + 1)


def _get_all(stage: Stage, keys: list[bytes], run: Fate) -> None:
    """Have each value fetched by one of our nodes."""
    ours = [resident for resident in stage.residents() if not is_old(resident)]
    holders = Holders(stage.world, keys, lambda resident: not is_old(resident))
    for key in keys:
        kept = [resident.protocol.keeping.get(key) for resident in holders.of[key].values()]
        run.fresh += [value == stage.values[key] for value in kept]
        asker = stage.chance.choice(ours).protocol
        value = stage.world.finish(asker.fetch(key))
        run.agreed.append(stage.world.finish(asker.search(key, QUORUM)).value == stage.values[key])
        run.missing.append(value is None)
        run.newest.append(value == stage.values[key])


def _rows(runs: list[Fate], setting: str, mixed: bool) -> Iterator[Row]:
    def row(what: str, ours: float, target: float | None = None, source: str = "", *, at_most: bool = True) -> Row:
        return Row(setting=setting, what=what, ours=ours, target=target, at_most=at_most, source=source)

    for number, day in enumerate(LOOKS_D[: len(runs[0].ours)]):
        target = 0.0 if day == LOOKS_D[-1] else None
        yield row(f"copies on our nodes after {day:g} days", median(run.ours[number] for run in runs), target, NEVER)
        if mixed:
            yield row(f"copies on old nodes after {day:g} days", median(run.old[number] for run in runs))
    target = None if mixed else 0.0
    yield row("found then, share (old nodes answer, too)", median(run.found for run in runs), target)
    newest = share(flag for run in runs for flag in run.newest)
    yield row("publisher stays: found, and the newest, share", newest, 1.0, at_most=False)
    agreed = share(flag for run in runs for flag in run.agreed)
    yield row(f"publisher stays: the newest, with a quorum of {QUORUM}, share", agreed, 1.0, at_most=False)
    fresh = share(flag for run in runs for flag in run.fresh)
    what = "publisher stays: copies on our nodes that are the newest, share"
    yield row(what, fresh, FRESH_MIN, "who is not among the k closest learns of it in an hour", at_most=False)
    yield row("publishers that stay and gave up", sum(run.given_up for run in runs), 0.0)
    missing = share(flag for run in runs for flag in run.missing)
    yield row("publisher stays: not found, share", missing, 0.0)


EXPERIMENT = Experiment(
    name="forgotten",
    question="Does a value go with its publisher, and stay as new as it was set while its publisher stays?",
    run=measure,
    takes="20 minutes",
)
