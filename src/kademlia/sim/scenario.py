"""A run described: how large the network is, what is wrong with it, and what its nodes are asked to do.

Every field has a default, a unit and a rule; what is not allowed is refused when the scenario is made. The same
fields stand in scenario files (TOML).
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from math import inf
from pathlib import Path
from typing import Any

from kademlia.sim import fields as rules
from kademlia.sim.churn import REJOINS, law
from kademlia.sim.latency import Constant, Coordinates, Latency, Lognormal, Matrix

#: A node takes 60 to 150 kB.
NODES_MAX = 1_000_000

#: An answer of more than about 200 contacts does not fit into a datagram.
K_MAX = 200

#: A table has (2^b - 1) / b times as many buckets as with b = 1.
B_MAX = 8

#: A node has no more requests in flight.
ALPHA_MAX = 512

#: A lookup under observation takes a kilobyte.
OPERATIONS_MAX = 10_000_000

#: A year of virtual time.
SECONDS_MAX = 31_536_000.0

#: Seconds; slower than any time-out.
SLOW_MAX_S = 60.0

#: What stands where there is nothing: no churn, no time that places stay empty.
NONE = "none"

MATRIX = "matrix:"
CONSTANT = "constant:"
LATENCIES = f"king, king-per-message, map, {CONSTANT}SECONDS or {MATRIX}FILE"

STARTS = ("filled", "joined", "looked-up")
WORKLOADS = ("lookups", "sets+gets")


def latency_model(text: str) -> Callable[[int], Latency]:
    """Return what makes the model of latency of this name from a seed.

    Raises:
        ValueError: There is no such model.
    """
    if text == "king":
        return Lognormal
    if text == "king-per-message":
        return lambda seed: Lognormal(seed, per_message=True)
    if text == "map":
        return Coordinates
    if text.startswith(MATRIX) and text != MATRIX:
        return lambda seed: Matrix(text.removeprefix(MATRIX), seed)
    if text.startswith(CONSTANT):
        return lambda _seed: Constant(_seconds(text))
    raise ValueError(f"no model of latency is called {rules.shown(text)}; take {LATENCIES}")


def _seconds(text: str) -> float:
    try:
        seconds = float(text.removeprefix(CONSTANT))
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < inf:
        raise ValueError(f"{text!r} has no number of seconds, 0 or more; write {CONSTANT}0.02 for 20 ms one way")
    return seconds


def _is_latency(text: str) -> None:
    latency_model(text)
    if text.startswith(CONSTANT):
        _seconds(text)


def _is_law(text: str) -> None:
    if text != NONE:
        law(text)


_LAW = rules.text(f"{NONE} or a law", _is_law)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A run of the simulator, from its seed to the last lookup.

    Attributes:
        nodes: How many nodes there are at the beginning.
        seed: Everything that happens follows from it, and from the other fields.
        k: Contacts in a bucket, nodes in an answer, holders of a value.
        b: Bits that a lookup gains at a time (the paper's section 4.2); that of real nodes if None.
        alpha: Requests that a lookup has under way at once.
        start: "filled": all tables are full and true before the clock is read. "joined": each node joined by the
            first, as real ones do (R23). "looked-up": each looked up its own id, and left the rest of joining out.
        latency_aware: Whether lookups ask quick nodes first, as those of real nodes do.
        every: Virtual seconds between two lookups of each node, newcomers among them, from the beginning, besides
            those that are measured; 0 for none.
        latency: How long a datagram takes: "king" (lognormal, fixed for each pair), "king-per-message", "map"
            (places on a map), "constant:SECONDS" one way, or "matrix:FILE" of measured round trips.
        loss: Share of datagrams that never arrive.
        duplication: Share of datagrams that arrive twice.
        reordering: Share of datagrams that later ones overtake.
        broken_pairs: Share of pairs that cannot reach each other though both reach others.
        nat: Share of the first nodes that are behind NAT; the very first is not.
        slow: Share of the first nodes that are slow.
        slow_s: How long a slow node takes to look at a datagram, in seconds.
        dead: Share of nodes that stop without a word when the network stands; the others' tables still have them.
        churn: The law of how long nodes stay: a name of `kademlia.sim.churn.LAWS`, "exp:SECONDS" (the mean),
            "weibull:SHAPE:SECONDS", or "none".
        rejoin: Who comes for a node that went: "new-id", or "same-id" with its store.
        off: The law of how long a place stays empty; "none" for what goes with `rejoin`.
        settle: Virtual seconds that pass, with churn, before the first operation.
        workload: "lookups" of random ids, each by a random node; or "sets+gets": values are stored, and read by
            others.
        lookups: How many lookups there are; or how many values, each of which is set once and read once.
        seconds: Virtual seconds over which they are spread; many are under way at once.

    Raises:
        ValueError: A field is not allowed; the text names it and says what is.
    """

    nodes: int = rules.ruled(1_000, rules.whole(2, NODES_MAX))
    seed: int = rules.ruled(1, rules.whole(0, 2**63 - 1))
    k: int = rules.ruled(20, rules.whole(1, K_MAX))
    b: int | None = rules.ruled(None, rules.or_none(rules.whole(1, B_MAX)))
    alpha: int = rules.ruled(3, rules.whole(1, ALPHA_MAX))
    start: str = rules.ruled("filled", rules.one_of(*STARTS))
    latency_aware: bool = rules.ruled(True, rules.flag())
    every: float = rules.ruled(0.0, rules.number(0, SECONDS_MAX, "virtual seconds"))
    latency: str = rules.ruled("king", rules.text(LATENCIES, _is_latency))
    loss: float = rules.ruled(0.0, rules.share())
    duplication: float = rules.ruled(0.0, rules.share())
    reordering: float = rules.ruled(0.0, rules.share())
    broken_pairs: float = rules.ruled(0.0, rules.share())
    nat: float = rules.ruled(0.0, rules.share())
    slow: float = rules.ruled(0.0, rules.share())
    slow_s: float = rules.ruled(1.0, rules.number(0, SLOW_MAX_S, "seconds"))
    dead: float = rules.ruled(0.0, rules.share())
    churn: str = rules.ruled(NONE, _LAW)
    rejoin: str = rules.ruled(REJOINS[0], rules.one_of(*REJOINS))
    off: str = rules.ruled(NONE, _LAW)
    settle: float = rules.ruled(0.0, rules.number(0, SECONDS_MAX, "virtual seconds"))
    workload: str = rules.ruled("lookups", rules.one_of(*WORKLOADS))
    lookups: int = rules.ruled(1_000, rules.whole(0, OPERATIONS_MAX))
    seconds: float = rules.ruled(10.0, rules.number(0, SECONDS_MAX, "virtual seconds"))

    def __post_init__(self) -> None:
        for each in fields(self):
            each.metadata["rule"].check(each.name, getattr(self, each.name))
        if self.nodes - round(self.dead * self.nodes) < 2:
            raise ValueError(f"dead = {self.dead:g} of {self.nodes:,} nodes leaves fewer than 2 alive; take less")


def of(values: Mapping[str, Any]) -> Scenario:
    """Return the scenario with these fields.

    Raises:
        ValueError: A field is unknown, or its value is not allowed.
    """
    names = [each.name for each in fields(Scenario)]
    for name in values:
        if name not in names:
            alike = get_close_matches(name, names, 1)
            advice = f"did you mean {alike[0]}?" if alike else f"there are {', '.join(names)}"
            raise ValueError(f"no field is called {rules.shown(name)}; {advice}")
    return Scenario(**values)


def read(path: str | Path) -> dict[str, Any]:
    """Return the fields in a scenario file. The path of a matrix is relative to that file's folder.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is no TOML.
    """
    path = Path(path)
    try:
        values = tomllib.loads(path.read_bytes().decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"this is no TOML: {error}") from None
    named = values.get("latency")
    if isinstance(named, str) and named.startswith(MATRIX) and named != MATRIX:
        values["latency"] = f"{MATRIX}{path.parent / named.removeprefix(MATRIX)}"
    return values
