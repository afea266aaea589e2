"""What the demo does: start a network, store, read, kill a third, read again. It measures, and judges nothing."""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kademlia.cli.demo.cluster import Cluster, Place, layout
from kademlia.cli.values import Value
from kademlia.utils import digest

if TYPE_CHECKING:
    from kademlia.cli.demo.report import Teller

#: Operations under way at once in each process: the times are those of single operations, not of a crowd.
PARALLEL = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """How large a network, and the seed of its node ids and of who reads what."""

    nodes: int
    processes: int
    ksize: int
    seed: int


@dataclass(slots=True)
class Work:
    """What one round of operations came to."""

    took: list[float] = field(default_factory=list)  #: seconds of each operation
    seconds: float = 0.0  #: of all operations together
    asked: int = 0  #: requests that all nodes made meanwhile
    refused: dict[str, str] = field(default_factory=dict)  #: storing: why a value was not stored, by its key
    found: dict[str, Value | None] = field(default_factory=dict)  #: reading: what was found, by its key
    passed_over: int = 0  #: reading: nodes not used as readers because they hold the value
    visits: int = 0  #: reading: values read by a newcomer, as every living node holds them

    @property
    def asked_each(self) -> float:
        """Requests per operation."""
        return self.asked / len(self.took) if self.took else 0.0


@dataclass(slots=True)
class Results:
    """All that was measured."""

    joined: bool = False
    sets: Work = field(default_factory=Work)
    first: Work = field(default_factory=Work)
    again: Work = field(default_factory=Work)
    holders: dict[str, set[Place]] = field(default_factory=dict)  #: just before the kill, by the key
    died: list[Place] = field(default_factory=list)
    faults: int = 0

    def held_by_the_living(self) -> set[str]:
        """Return the keys that a node holds which was not killed."""
        return {key for key, places in self.holders.items() if places.difference(self.died)}


class Story:
    """One run of the demo."""

    def __init__(self, plan: Plan, records: Mapping[str, Value], teller: Teller) -> None:
        self._plan = plan
        self._records = records
        self._tell = teller
        self._chance = random.Random(plan.seed)  # noqa: S311  # who reads what may be repeated, and guards nothing
        self._results = Results()

    async def run(self) -> Results:
        """Play it; return what was measured."""
        sizes, doomed = layout(self._plan.nodes, self._plan.processes)
        ids = [self._chance.randbytes(20) for _ in range(self._plan.nodes)]
        with self._tell.doing("starting the network"):
            cluster = await Cluster.start(ids, sizes, self._plan.ksize)
        try:
            await self._play(cluster, doomed)
        finally:
            await cluster.end()
        return self._results

    async def _play(self, cluster: Cluster, doomed: int) -> None:
        results, tell = self._results, self._tell
        with tell.doing("joining"):
            results.joined = await cluster.join() == len(cluster.places) - 1
            await cluster.quiet()
        tell.joined(results)
        with tell.doing("storing"):
            results.sets = await self._measured(cluster, self._store)
        results.holders = await self._holders(cluster)
        tell.stored(results)
        with tell.doing("reading"):
            results.first = await self._measured(cluster, self._read)
        tell.read(results, results.first)
        results.holders = await self._holders(cluster)  # reading leaves copies on its way
        results.faults = (await cluster.load()).faults
        results.died = await cluster.kill(doomed)
        tell.killed(results, doomed)
        with tell.doing("reading again"):
            results.again = await self._measured(cluster, self._read)
        tell.read(results, results.again)
        results.faults = max(results.faults, (await cluster.load()).faults)

    async def _measured(self, cluster: Cluster, work: Callable[[Cluster, Work], Awaitable[None]]) -> Work:
        """Do a round of operations; count the requests from quiet to quiet, so that they are its own."""
        done = Work()
        before = await cluster.quiet()
        begun = time.perf_counter()
        await work(cluster, done)
        done.seconds = time.perf_counter() - begun
        done.asked = (await cluster.quiet()).asked - before.asked
        return done

    async def _store(self, cluster: Cluster, done: Work) -> None:
        """Store every record, each node as many as the others."""

        async def store(key: str, place: Place) -> None:
            stored, seconds, reason = await cluster.ask(place, "set", key, self._records[key])
            if stored:
                done.took.append(seconds)
            else:
                done.refused[key] = reason
            self._tell.step()

        places = cluster.places
        jobs = [(key, places[number % len(places)]) for number, key in enumerate(self._records)]
        await _a_few_at_once(jobs, store)

    async def _read(self, cluster: Cluster, done: Work) -> None:
        """Read every record that was stored, by a living node that does not hold it, or by a newcomer."""

        async def read(key: str, place: Place) -> None:
            held, value, seconds = await cluster.ask(place, "get" if others[key] else "visit", key)
            if held:
                done.passed_over += 1
                others[key].remove(place)
                waiting.append(key)
                return
            done.took.append(seconds)
            done.found[key] = value
            self._tell.step()

        waiting = [key for key in self._records if key not in self._results.sets.refused]
        others = {key: list(cluster.places) for key in waiting}
        while waiting:
            jobs = [(key, self._chance.choice(others[key] or cluster.places)) for key in waiting]
            done.visits += sum(not others[key] for key in waiting)
            waiting.clear()
            await _a_few_at_once(jobs, read)

    async def _holders(self, cluster: Cluster) -> dict[str, set[Place]]:
        """Return who holds each record."""
        by_digest = await cluster.holders()
        return {key: by_digest.get(digest(key).hex(), set()) for key in self._records}


async def _a_few_at_once(jobs: Iterable[tuple[str, Place]], work: Callable[[str, Place], Awaitable[None]]) -> None:
    """Do a job for each key at its place, a few at once in each process."""
    slots: dict[int, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(PARALLEL))

    async def one(key: str, place: Place) -> None:
        async with slots[place.process]:
            await work(key, place)

    async with asyncio.TaskGroup() as tasks:
        for key, place in jobs:
            tasks.create_task(one(key, place))
