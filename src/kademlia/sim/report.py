"""What came of a scenario: one frozen object of numbers, the same for the same seed but for those of real time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

from kademlia.sim.health import Health
from kademlia.sim.scenario import Scenario

if TYPE_CHECKING:
    from kademlia.sim.walks import Walk
    from kademlia.sim.workload import Access, Lookup
    from kademlia.sim.world import WorldStats

#: Digits behind the point of whatever is no count: microseconds of a time in milliseconds.
DIGITS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a run took of the machine it ran on; who runs it measures, as the simulator reads no clock."""

    build_seconds: float  #: of real time, until the network stood
    run_seconds: float  #: of real time, from then to the end
    cpu_seconds: float  #: of the processor, for both
    memory_bytes: int | None  #: by how much the process's memory grew over both; None if not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Percentiles by nearest rank, and the mean."""

    mean: float
    p50: float
    p90: float
    p99: float


def spread(values: Iterable[float | None], unit: float = 1.0) -> Spread | None:
    """Return the percentiles of some values divided by a unit, those that are None left out; None if none is left."""
    ranked = sorted(value / unit for value in values if value is not None)
    if not ranked:
        return None
    p50, p90, p99 = (round(ranked[ceil(share * len(ranked)) - 1], DIGITS) for share in (0.5, 0.9, 0.99))
    return Spread(mean=round(sum(ranked) / len(ranked), DIGITS), p50=p50, p90=p90, p99=p99)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accesses:
    """How sets or gets went."""

    begun: int
    ended: int
    done: int  #: sets that at least one other node took; gets that gave what was set
    wrong: int  #: gets that gave something else
    ms: Spread | None  #: virtual milliseconds of those that are done


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The numbers of one run. Everything from `messages` to `deaths` is counted since the network stood."""

    nodes: int
    seed: int
    k: int
    b: int
    alpha: int
    start: str
    lookups: int  #: begun
    ended: int  #: of those, ended; the others' nodes died before, or time was up
    found: int  #: of those, got an answer of the closest living node
    exact_share: float | None  #: of those that ended, the share that found exactly the k closest living nodes
    hops: Spread | None  #: to the closest node; 1 is a contact of the own table
    latency_ms: Spread | None  #: virtual time until the first of the k closest answered; or of the gets that found
    ended_ms: Spread | None  #: virtual time until the lookup ended
    rpcs_per_lookup: float | None  #: requests, the mean
    sets: Accesses | None
    gets: Accesses | None
    messages: int  #: datagrams sent
    bytes: int  #: of those, with UDP and IP headers
    events: int  #: datagrams that arrived, and timers
    virtual_seconds: float
    births: int
    deaths: int
    health: Health | None  #: of the tables of some nodes, at the end
    seconds: float | None  #: of real time, in all
    build_seconds: float | None  #: of real time, until the network stood
    cpu_seconds: float | None
    events_per_s: float | None  #: events by the seconds of real time after the network stood
    bytes_per_node: int | None  #: growth of the process's memory, by the nodes at the beginning
    trace: str  #: the hash over every datagram since the world began
    scenario: Scenario

    @property
    def first_holder_ms(self) -> Spread | None:
        """The same as `latency_ms`, in the words of the experiments; None for gets."""
        return self.latency_ms if self.scenario.workload == "lookups" else None

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as plain values, for JSON."""
        return {**asdict(self), "first_holder_ms": self.first_holder_ms and asdict(self.first_holder_ms)}


def of_lookups(lookups: list[Lookup]) -> dict[str, Any]:
    """Return the fields of a report that tell how lookups went."""
    walks: list[Walk] = [lookup.walk for lookup in lookups if lookup.walk is not None]
    return {
        "lookups": len(lookups),
        "ended": len(walks),
        "found": sum(walk.found for walk in walks),
        "exact_share": _mean([walk.exact for walk in walks]),
        "hops": spread(walk.closest_hops for walk in walks),
        "latency_ms": spread((walk.first_holder_s for walk in walks), 0.001),
        "ended_ms": spread((walk.ended_s for walk in walks), 0.001),
        "rpcs_per_lookup": _mean([walk.requests for walk in walks]),
        "sets": None,
        "gets": None,
    }


def of_accesses(sets: list[Access], gets: list[Access]) -> dict[str, Any]:
    """Return the same fields for sets and gets: a get counts as a lookup, and what it is found by is not known."""
    got = accesses(gets)
    return {
        "lookups": got.begun,
        "ended": got.ended,
        "found": got.done,
        "exact_share": None,
        "hops": None,
        "latency_ms": got.ms,
        "ended_ms": spread((access.took_s for access in gets), 0.001),
        "rpcs_per_lookup": None,
        "sets": accesses(sets),
        "gets": got,
    }


def accesses(some: list[Access]) -> Accesses:
    """Return how some sets, or some gets, went."""
    return Accesses(
        begun=len(some),
        ended=sum(access.took_s is not None for access in some),
        done=sum(access.found for access in some),
        wrong=sum(access.wrong for access in some),
        ms=spread((access.took_s for access in some if access.found), 0.001),
    )


def of_traffic(before: WorldStats, after: WorldStats) -> dict[str, Any]:
    """Return the fields that count what happened between two looks at a world."""
    return {
        "messages": after.datagrams - before.datagrams,
        "bytes": after.bytes - before.bytes,
        "events": after.events - before.events,
    }


def of_cost(cost: Cost | None, events: int, nodes: int) -> dict[str, Any]:
    """Return the fields about real time and memory: None where nobody measured."""
    if cost is None:
        return dict.fromkeys(("seconds", "build_seconds", "cpu_seconds", "events_per_s", "bytes_per_node"))
    return {
        "seconds": round(cost.build_seconds + cost.run_seconds, DIGITS),
        "build_seconds": round(cost.build_seconds, DIGITS),
        "cpu_seconds": round(cost.cpu_seconds, DIGITS),
        "events_per_s": round(events / cost.run_seconds, 1) if cost.run_seconds else None,
        "bytes_per_node": None if cost.memory_bytes is None else cost.memory_bytes // nodes,
    }


def _mean(values: list[Any]) -> float | None:
    return round(sum(values) / len(values), DIGITS) if values else None
