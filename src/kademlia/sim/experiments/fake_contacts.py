"""Liars answer everything with twenty contacts that do not exist: what a node believes, and what its lookups find.

Two networks. In one the victim knows nineteen liars and one honest node of a network that knows no liars: where one
honest path exists, a lookup has to find the k closest, within its limits. In the other every fifth node lies, or every
second one, and everybody has some of them as contacts; there the share is told that is found.

None of the contacts told may be in a table, or wait to be: all who are have to live where it says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from statistics import fmean

from kademlia.crawling import NodeSpiderCrawl
from kademlia.engine.limits import HARD_TIMEOUT_S, Limits
from kademlia.node import ID_BYTES, Address, Node
from kademlia.sim import collector
from kademlia.sim.experiments.experiment import Experiment, Options, Row, share
from kademlia.sim.fabulists import INNOCENT, TALES, Fabulist, Tale, lives
from kademlia.sim.filled import fill
from kademlia.sim.internet import Internet
from kademlia.sim.resident import Resident
from kademlia.sim.trace import SENT

NODES = 300
K = 20

#: Liars whom the victim knows, beside one honest node.
LIARS = 19

#: Bogus answers that have to reach the victim, and lookups after which it is given up to wait for them.
ANSWERS = 1_000
LOOKUPS_MAX = 400

#: Lookups where liars live amid the network, and the shares of them.
LOOKUPS = 100
SHARES = (0.2, 0.5)

LIMITS = Limits()

#: Keys with a value at honest nodes.
KEYS = 30


@dataclass(slots=True)
class Outcome:
    """How the lookups of one run went."""

    exact: list[bool] = field(default_factory=list)  #: whether all honest ones among the k closest were found
    recall: list[float] = field(default_factory=list)  #: the share of them
    requests: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    gets: list[bool] = field(default_factory=list)
    answers: int = 0  #: with bogus contacts, that reached the victims
    aimed: int = 0  #: datagrams to somebody innocent, of whom liars tell everybody
    believed: int = 0  #: bogus contacts in tables and replacement caches of honest nodes


def measure(options: Options) -> Iterator[Row]:
    """Ask liars."""
    nodes, lookups, keys = options.nodes or NODES, min(options.lookups, LOOKUPS), options.keys or KEYS
    for kind in (*TALES, "all"):
        runs = [_one_path(options, seed, nodes, kind) for seed in options.seeds]
        yield from _rows(runs, f"n={nodes:,} k={K}, 1 honest node and {LIARS} liars known: {kind}", True)
    for liars in SHARES:
        runs = [_amid(options, seed, nodes, liars, lookups, keys) for seed in options.seeds]
        yield from _rows(runs, f"n={nodes:,} k={K}, {liars:.0%} of all nodes are liars", False)


@collector.seldom()
def _one_path(options: Options, seed: int, nodes: int, kind: str) -> Outcome:
    """Have a node that knows nineteen liars and one honest node look up ids until it got enough bogus answers."""
    world = Internet(seed, traced=False)
    honest = world.filled(nodes)
    liars = [world.add(protocol_class=Fabulist) for _ in range(LIARS)]
    victim = world.add()
    world.census.remove(victim.protocol.source_node)
    lying = frozenset(liar.node.id for liar in liars)
    chance, outcome = Random(f"one path {seed}"), Outcome()
    tale = _corrupt(world, liars, kind, seed, outcome)
    while outcome.answers < ANSWERS and len(outcome.exact) < LOOKUPS_MAX:
        peers = [*(liar.node for liar in liars), chance.choice(honest).node]
        _look_up(world, victim, Node(chance.randbytes(ID_BYTES)), peers, outcome, lying)
        outcome.answers = tale.answers.get(victim.address, 0)
        options.progress(f"{kind}: {outcome.answers} bogus answers")
    outcome.believed = _believed(world, [victim])
    return outcome


@collector.seldom()
def _amid(options: Options, seed: int, nodes: int, share_of_liars: float, lookups: int, keys: int) -> Outcome:
    """Have honest nodes of a network look up ids and values, after some of its nodes began to lie."""
    world = Internet(seed, traced=False)
    residents = [world.add(protocol_class=Fabulist) for _ in range(nodes)]
    fill(residents, world.chance)
    chance, outcome = Random(f"amid {seed}"), Outcome()
    published = [chance.randbytes(ID_BYTES) for _ in range(keys)]
    for key in published:
        world.finish(chance.choice(residents).protocol.publish(key, key.hex()))
    liars = chance.sample(residents, round(share_of_liars * nodes))
    tale = _corrupt(world, liars, "all", seed, outcome)
    honest = [resident for resident in residents if resident not in liars]
    lying = frozenset(liar.node.id for liar in liars)
    for number in range(lookups):
        asker = chance.choice(honest)
        _look_up(world, asker, Node(chance.randbytes(ID_BYTES)), None, outcome, lying)
        options.progress(f"{share_of_liars:.0%} liars: {number + 1}/{lookups} lookups")
    for key in published:
        asker = chance.choice([resident for resident in honest if resident.protocol.keeping.get(key) is None])
        outcome.gets.append(world.finish(asker.protocol.fetch(key)) == key.hex())
    outcome.answers = sum(tale.answers.get(resident.address, 0) for resident in honest)
    outcome.believed = _believed(world, honest)
    return outcome


def _corrupt(world: Internet, residents: list[Resident], kind: str, seed: int, outcome: Outcome) -> Tale:
    """Have some nodes begin to lie, and count what that sends to somebody innocent."""

    def count(what: bytes, _datagram: bytes, _source: Address, target: Address) -> None:
        outcome.aimed += what == SENT and target == INNOCENT

    world.listeners.append(count)
    tale = Tale(world.census, kind, seed)
    tale.fellows = [resident.node for resident in residents]
    for resident in residents:
        assert isinstance(resident.protocol, Fabulist)
        resident.protocol.tale = tale
    return tale


def _look_up(
    world: Internet,
    asker: Resident,
    target: Node,
    peers: list[Node] | None,
    outcome: Outcome,
    liars: frozenset[bytes],
) -> None:
    """Have a node look up a target, and note what came of it."""
    crawls: list[NodeSpiderCrawl] = []

    class Noted(NodeSpiderCrawl):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments)  # type: ignore[arg-type]
            crawls.append(self)

    began = world.now
    found = {node.id for node in world.finish(asker.protocol.lookup(target, peers, Noted))}
    wanted = [node.id for node in world.closest(target, K, besides=asker.node) if node.id not in liars]
    outcome.seconds.append(world.now - began)
    outcome.requests.append(crawls[0].asked)
    outcome.recall.append(sum(node_id in found for node_id in wanted) / len(wanted) if wanted else 1.0)
    outcome.exact.append(outcome.recall[-1] == 1.0)


def _believed(world: Internet, residents: list[Resident]) -> int:
    """Return how many nodes in some tables, or waiting for a place there, do not live where it says."""
    return sum(
        not lives(world.residents, node)
        for resident in residents
        for bucket in resident.protocol.router.buckets
        for node in (*bucket.nodes.values(), *bucket.replacement_nodes.values())
    )


def _rows(runs: list[Outcome], setting: str, one_path: bool) -> Iterator[Row]:
    def row(what: str, ours: float, target: float | None = None, *, at_most: bool = True) -> Row:
        return Row(setting=setting, what=what, ours=ours, target=target, at_most=at_most)

    requests_max, seconds_max = LIMITS.lookup_requests * K, LIMITS.lookup_s + HARD_TIMEOUT_S
    yield row("bogus contacts in tables and caches", sum(run.believed for run in runs), 0)
    target = ANSWERS if one_path else None
    yield row("answers with 20 bogus contacts", min(run.answers for run in runs), target, at_most=False)
    exact = share(flag for run in runs for flag in run.exact)
    yield row("lookups with all honest ones of the closest", exact, 1.0 if one_path else None, at_most=False)
    yield row("of these nodes, found", round(fmean(part for run in runs for part in run.recall), 4))
    yield row("requests of a lookup, mean", round(fmean(count for run in runs for count in run.requests), 1))
    yield row("requests of a lookup, the most", max(max(run.requests) for run in runs), requests_max)
    yield row("seconds of a lookup, mean", round(fmean(seconds for run in runs for seconds in run.seconds), 2))
    yield row("seconds of a lookup, the most", round(max(max(run.seconds) for run in runs), 2), seconds_max)
    aimed = sum(run.aimed for run in runs) / sum(len(run.exact) for run in runs)
    yield row("datagrams to somebody innocent, a lookup", round(aimed, 2))
    if any(run.gets for run in runs):
        yield row("gets that succeed, share", share(flag for run in runs for flag in run.gets))


EXPERIMENT = Experiment(
    name="fake-contacts",
    question="Does anybody believe in contacts that do not exist, and do lookups get past them?",
    run=measure,
    takes="1 minute",
)
