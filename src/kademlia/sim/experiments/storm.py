"""All nodes restart at once: what each kept in memory is gone, and every publisher publishes anew.

A node remembers who it is, where it lives, its table, and what it published, as its state does; it joins by its old
neighbours. The network may not be flooded, and all values have to be back within an hour.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from kademlia.engine.published import Kept
from kademlia.node import ID_BYTES, Address, Node
from kademlia.protocol import KademliaProtocol
from kademlia.sim import collector
from kademlia.sim.churn import DAY_S, HOUR_S
from kademlia.sim.experiments.experiment import Experiment, Options, Row
from kademlia.sim.holders import Holders
from kademlia.sim.meter import Meter
from kademlia.sim.resident import Resident
from kademlia.sim.stage import Stage
from kademlia.storage import IStorage

NODES = 1_000
K = 20

#: Values of each node.
VALUES_EACH = 100

#: All restart within so many virtual seconds, the time that a program takes to start.
RESTART_S = 5.0

#: Minutes after the restart at which it is looked who keeps what.
LOOKS_MIN = (1, 5, 10, 20, 30, 40, 50, 60)

#: Minutes of which the mean number of datagrams is told.
SPANS_MIN = ((0, 1), (1, 5), (5, 15), (15, 30), (30, 45), (45, 60))

#: What a node may send in its busiest second: as many datagrams as its requests in flight, 512, and answers to others.
SENT_MAX = 1_024

#: What a node may send in the busiest second of the whole network, on average: 100 kB/s of small datagrams.
SENT_MEAN_MAX = 500.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """What came of one run."""

    series: list[int]  #: datagrams in each second, in all
    spans: list[float]  #: datagrams a node and second, by `SPANS_MIN`
    peak: float  #: in the busiest second, a node
    sender_peak: int  #: by one node in a second
    target_peak: int  #: to one node in a second
    back: list[float]  #: the share of values that somebody keeps, by `LOOKS_MIN`
    closest: float  #: of the k closest nodes, the share that keep a value in the end


def measure(options: Options) -> Iterator[Row]:
    """Restart all, and count for an hour."""
    nodes, each = options.nodes or NODES, options.keys or VALUES_EACH
    runs = [storm(options, seed, nodes, each) for seed in options.seeds]
    setting = f"n={nodes:,} k={K} b=1 filled, {each:,} values each, all restart within {RESTART_S:.0f} s"

    def row(what: str, numbers: list[float], target: float | None = None, *, at_most: bool = True) -> Row:
        ours = round(median(numbers), 4)
        return Row(setting=setting, what=what, ours=ours, target=target, at_most=at_most)

    for number, (start, end) in enumerate(SPANS_MIN):
        yield row(f"datagrams a node and second, minutes {start}-{end}", [run.spans[number] for run in runs])
    yield Row(
        setting=setting,
        what="the same in the busiest second",
        ours=round(median(run.peak for run in runs), 4),
        target=SENT_MEAN_MAX,
        series=tuple(round(count / nodes, 3) for count in runs[0].series),
    )
    yield row("sent by one node in a second, at most", [run.sender_peak for run in runs], SENT_MAX)
    yield row("sent to one node in a second, at most", [run.target_peak for run in runs])
    for number, minute in enumerate(LOOKS_MIN):
        shares = [run.back[number] for run in runs]
        target = 1.0 if minute == LOOKS_MIN[-1] else None
        yield row(f"values back after {minute} minutes, share", shares, target, at_most=False)
    yield row("k closest nodes that keep a value then, share", [run.closest for run in runs], 0.99, at_most=False)


@collector.seldom()
def storm(options: Options, seed: int, nodes: int, each: int) -> Storm:
    """Restart a network."""
    stage = Stage(seed, nodes, ksize=K)
    values = {
        resident.address: [stage.chance.randbytes(ID_BYTES) for _ in range(each)] for resident in stage.residents()
    }
    stage.values = {key: key.hex() for keys in values.values() for key in keys}
    meter = Meter(stage.world)
    restart_all(stage, values)
    began, back = stage.world.now, []
    for minute in LOOKS_MIN:
        stage.pass_time(began + 60 * minute - stage.world.now, options.progress)
        back.append(1 - len(Holders(stage.world, stage.values).lost()) / len(stage.values))
    return Storm(
        spans=[meter.between(60 * start, 60 * end) / nodes for start, end in SPANS_MIN],
        series=meter.series,
        peak=max(meter.series) / nodes,
        sender_peak=meter.sender_peak,
        target_peak=meter.target_peak,
        back=back,
        closest=Holders(stage.world, stage.values).at_the_closest_of_all(K),
    )


class Memory(NamedTuple):
    """What a node's state remembers."""

    contacts: list[Node]
    neighbours: list[Address]
    published: list[Kept]


def restart_all(stage: Stage, values: dict[Address, list[bytes]]) -> None:
    """Have every node die now, and come back within seconds with what its state remembers."""
    stamp = int((stage.world.wall - HOUR_S) * 1000)
    residents = stage.residents()
    memories = {
        resident.address: Memory(
            contacts=resident.protocol.router.contacts(),
            neighbours=[node.address for node in resident.protocol.router.find_neighbors(resident.node)],
            published=[Kept(key, stage.values[key], DAY_S, stamp) for key in values[resident.address]],
        )
        for resident in residents
    }
    kind = restored(memories)
    for resident in residents:
        resident.die()
    for resident in residents:
        at = stage.world.now + stage.chance.uniform(0, RESTART_S)
        stage.world.at(at, _restart, stage, resident, kind, memories[resident.address].neighbours)


def _restart(stage: Stage, dead: Resident, kind: type[KademliaProtocol], neighbours: list[Address]) -> None:
    """Let a node live again, with its id, its address and its state, and join by its old neighbours."""
    node = dead.protocol.source_node
    b = dead.protocol.router.b
    reborn = stage.world.add(node.id, ksize=stage.ksize, b=b, protocol_class=kind, address=dead.address)
    reborn.protocol.join(neighbours)


def restored(
    memories: dict[Address, Memory], kind: type[KademliaProtocol] = KademliaProtocol
) -> type[KademliaProtocol]:
    """Return the class of nodes, else of some kind, that take over what they remember before they start."""

    class Restored(kind):  # type: ignore[valid-type, misc]  # a class that is an argument
        """A node after a restart."""

        def __init__(self, source_node: Node, storage: IStorage, ksize: int) -> None:
            super().__init__(source_node, storage, ksize)
            self.restore(*memories[source_node.address])

    return Restored


EXPERIMENT = Experiment(
    name="restart-storm",
    question="Do a thousand nodes that restart at once flood the network?",
    run=measure,
    takes="15 minutes; 1 with --nodes 100",
)
