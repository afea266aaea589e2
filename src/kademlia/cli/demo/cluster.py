"""A network of nodes in several processes on this machine."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from kademlia.cli.demo.process import WorkerProcess

#: How often we look whether the network has become quiet, in seconds.
LOOK_S = 0.05

#: Longest wait for that: a node that is silent for ever is given up after five seconds.
QUIET_S = 8.0


def layout(nodes: int, processes: int) -> tuple[list[int], int]:
    """Spread nodes over processes so that killing the first few kills exactly a third of the nodes.

    Returns:
        The number of nodes in each process, and how many processes are to be killed.
    """
    doomed = round(nodes / 3)
    killed = min(max(1, round(processes / 3)), doomed)
    return _spread(doomed, killed) + _spread(nodes - doomed, processes - killed), killed


def _spread(nodes: int, processes: int) -> list[int]:
    return [nodes // processes + (number < nodes % processes) for number in range(processes)]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node lives: the number of its process, and its number in it."""

    process: int
    number: int


@dataclass(frozen=True, slots=True)
class Load:
    """What all living nodes counted together."""

    asked: int
    busy: int
    faults: int


class Cluster:
    """The network. Nodes are known by their place in `places`."""

    def __init__(self, processes: list[WorkerProcess], sizes: list[int]) -> None:
        self._processes = dict(enumerate(processes))
        self.places = [Place(process, number) for process, size in enumerate(sizes) for number in range(size)]
        self._ports: dict[Place, int] = {}

    @classmethod
    async def start(cls, ids: list[bytes], sizes: list[int], ksize: int) -> Cluster:
        """Start the processes and the nodes in them."""
        cluster = cls(list(await asyncio.gather(*(WorkerProcess.start() for _ in sizes))), sizes)
        try:
            await cluster._start_nodes(ids, ksize)
        except BaseException:
            await cluster.end()
            raise
        return cluster

    async def _start_nodes(self, ids: list[bytes], ksize: int) -> None:
        names = {place: node_id.hex() for place, node_id in zip(self.places, ids, strict=True)}

        async def start(process: int) -> None:
            mine = [place for place in self.places if place.process == process]
            ports = await self._processes[process].ask("start", [names[place] for place in mine], ksize)
            self._ports.update(zip(mine, ports, strict=True))

        await asyncio.gather(*map(start, self._processes))

    async def ask(self, place: Place, method: str, *arguments: Any) -> Any:
        """Have one node do something (`worker.Worker`)."""
        return await self._processes[place.process].ask(method, place.number, *arguments)

    async def join(self) -> int:
        """Have all nodes join by the first; return how many of them found others."""
        first, *others = self.places
        found = await asyncio.gather(*(self.ask(place, "join", self._ports[first]) for place in others))
        return sum(map(bool, found))

    async def load(self) -> Load:
        """Return what all living nodes counted."""
        answers = await asyncio.gather(*(process.ask("stats") for process in self._processes.values()))
        return Load(*(sum(column) for column in zip(*answers, strict=True)))

    async def quiet(self) -> Load:
        """Wait until no node has anything under way, so that what is counted next belongs to what is done next."""
        before = await self.load()
        for _ in range(int(QUIET_S / LOOK_S)):
            await asyncio.sleep(LOOK_S)
            now = await self.load()
            if not now.busy and now.asked == before.asked:
                return now
            before = now
        return before

    async def holders(self) -> dict[str, set[Place]]:
        """Return who holds what: the places of all living nodes that hold a value, by the digest of its key."""
        holding = await asyncio.gather(*(self.ask(place, "holding") for place in self.places))
        holders: dict[str, set[Place]] = {}
        for place, digests in zip(self.places, holding, strict=True):
            for digest in digests:
                holders.setdefault(digest, set()).add(place)
        return holders

    async def kill(self, count: int) -> list[Place]:
        """Kill the first processes; return the places of the nodes that died with them."""
        killed = [self._processes.pop(number) for number in sorted(self._processes)[:count]]
        await asyncio.gather(*(process.kill() for process in killed))
        died = [place for place in self.places if place.process not in self._processes]
        self.places = [place for place in self.places if place.process in self._processes]
        return died

    async def end(self) -> None:
        """End all processes."""
        await asyncio.gather(*(process.end() for process in self._processes.values()))
