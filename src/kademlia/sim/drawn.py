"""What one seed of the swarm stands for: a small network, what is wrong with it, and what its nodes are asked to do.

Every kind of fault is left out of most runs: a fault that is always there hides what only happens without it (swarm
testing, Groce et al., ISSTA 2012).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from random import Random
from typing import Literal

from kademlia.node import ID_BYTES
from kademlia.sim.latency import Constant, Coordinates, Latency, Lognormal
from kademlia.tree import ID_BITS

NODES_MIN, NODES_MAX = 5, 60

#: A fault is there in one of so many runs.
FAULT_ONE_IN = 4

#: Runs without any fault, one of so many: what must be exact there need not be in others.
CALM_ONE_IN = 6

#: Ids at the bounds of ranges have up to so many bits in common with their neighbours.
EDGE_DEPTH_MAX = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A run of the swarm. Shares are of all, from 0 to 1; times are in virtual seconds."""

    seed: int
    nodes: int
    ksize: int
    alpha: int
    b: int
    latency: Literal["constant", "king", "map"]
    seconds: float  #: the time of faults and work
    operations: int  #: sets, gets and lookups in that time
    edges: float = 0.0  #: of nodes whose id is the first or the last of a range
    loss: float = 0.0
    duplication: float = 0.0
    reordering: float = 0.0
    broken_pairs: float = 0.0
    cuts: int = 0  #: how often the network is cut into two parts, until all is mended
    one_way: bool = False  #: whether only one part cannot reach the other
    nat: float = 0.0  #: of nodes that are behind NAT
    slow: float = 0.0  #: of nodes that take a while to look at a datagram
    killed: float = 0.0  #: of nodes that vanish for ever
    unplugged: float = 0.0  #: of nodes whose cable is pulled for a while
    leaps: float = 0.0  #: of nodes whose wall clock is wrong, and leaps once
    overheard: float = 0.0  #: of requests that somebody else answers, too
    churn: str = ""  #: the law of sessions, as `churn.law` reads it
    rejoin: Literal["new-id", "same-id"] = "new-id"

    def model(self) -> Latency:
        """Return the model of latency."""
        if self.latency == "constant":
            return Constant(Random(self.seed).choice((0.005, 0.02, 0.05, 0.1)))
        return Lognormal(self.seed) if self.latency == "king" else Coordinates(self.seed)

    @property
    def mortal(self) -> bool:
        """Whether nodes die."""
        return bool(self.churn or self.killed)

    def __str__(self) -> str:
        """Say what is not as usual."""
        told = [f"{self.nodes} nodes", f"k {self.ksize}", f"alpha {self.alpha}", f"b {self.b}", self.latency]
        faults = fields(self)[[field.name for field in fields(self)].index("edges") :]
        for field in faults:
            value = getattr(self, field.name)
            if value and (field.name != "rejoin" or self.churn):
                told.append(f"{field.name} {value:.2g}" if isinstance(value, float) else f"{field.name} {value}")
        return ", ".join(told)


def draw(seed: int) -> Drawn:
    """Return the run that a seed stands for."""
    chance = Random(seed)
    nodes = chance.randint(NODES_MIN, NODES_MAX)
    basics = {
        "seed": seed,
        "nodes": nodes,
        "ksize": chance.choice((4, 8, 8, 20, 20)),
        "alpha": chance.choice((1, 2, 3, 3, 3, 5)),
        "b": chance.choice((1, 2, 3, 5, 5)),
        "latency": chance.choice(("constant", "king", "map")),
        "seconds": chance.uniform(120.0, 900.0),
        "operations": chance.randint(10, 60),
        "edges": chance.choice((0.0, 0.2, 0.5)),
    }
    return Drawn(**basics, **({} if chance.randrange(CALM_ONE_IN) == 0 else _faults(chance)))  # type: ignore[arg-type]


def _faults(chance: Random) -> dict[str, object]:
    drawn: dict[str, object] = {
        "loss": chance.choice((0.01, 0.05, 0.1, 0.2)),
        "duplication": chance.choice((0.02, 0.2)),
        "reordering": chance.choice((0.02, 0.2)),
        "broken_pairs": chance.choice((0.04, 0.1)),
        "cuts": chance.randint(1, 3),
        "nat": chance.choice((0.1, 0.3)),
        "slow": chance.choice((0.1, 0.3)),
        "killed": chance.choice((0.1, 0.3)),
        "unplugged": chance.choice((0.1, 0.3)),
        "leaps": chance.choice((0.1, 0.5)),
        "overheard": chance.choice((0.02, 0.2)),
        "churn": chance.choice(("exp:200", "exp:1000", "weibull:0.6:400", "bamboo")),
    }
    present = {name: value for name, value in drawn.items() if chance.randrange(FAULT_ONE_IN) == 0}
    one_way = "cuts" in present and chance.random() < 0.3
    return {**present, "one_way": one_way, "rejoin": chance.choice(("new-id", "same-id"))}


def edge_id(chance: Random) -> bytes:
    """Return the first or the last id of a range that a table may split at, with the bits of its place drawn."""
    depth = chance.randint(1, EDGE_DEPTH_MAX)
    low = chance.randrange(1 << depth) << (ID_BITS - depth)
    return (low if chance.random() < 0.5 else (low - 1) % (1 << ID_BITS)).to_bytes(ID_BYTES, "big")
