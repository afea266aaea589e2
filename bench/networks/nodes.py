"""A network of nodes in one process, for whichever `kademlia` the interpreter has: ours, or the published release.

`python bench/networks/nodes.py 100 20` makes 100 nodes with k = 20 on loopback. Then it takes commands, one a line:
`{"do": "join"}` and, once they have joined, `{"do": "set", "seed": 1, "count": 400}`, `{"do": "get", ...}` with the
same seed and count, `{"do": "count", ...}`. It answers each with what it took. It uses nothing but what both releases
have, except to count requests and to see that nothing is under way.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import resource
import sys
import time
from collections.abc import Coroutine, Iterable
from typing import Any

import commands
from commands import AT_ONCE, Stopwatch

from kademlia.network import Server
from kademlia.utils import digest

#: Nodes that a newcomer is told of.
BOOTSTRAP_NODES = 3

#: Nothing was asked for so long, and nothing is under way: a network is quiet.
QUIET_S = 1.0

#: A network that is not quiet after so long is measured as it is, and the answer says so.
QUIET_WITHIN_S = 300.0

LOOPBACK = "127.0.0.1"

#: Of either release.
Servers = list[Any]


class Wire:
    """A transport that counts the requests that go through it."""

    requests = 0

    def __init__(self, transport: Any) -> None:
        self.wired = transport

    def sendto(self, data: bytes, address: Any) -> None:
        """Send a datagram; the first byte of a request is 0."""
        Wire.requests += data[:1] == b"\0"
        self.wired.sendto(data, address)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.wired, name)


def is_ours(servers: Servers) -> bool:
    """Return whether this is our release, whose nodes count for themselves."""
    return hasattr(servers[0], "stats")


def asked(servers: Servers) -> int:
    """Return how many requests were sent so far; of the published release only those sent through a `Wire`."""
    return sum(server.stats().asked for server in servers) if is_ours(servers) else Wire.requests


def under_way(servers: Servers) -> int:
    """Return how many requests have no answer yet."""
    if not is_ours(servers):
        return sum(len(server.protocol._outstanding) for server in servers)
    looks = [server.stats() for server in servers]
    return sum(look.in_flight + look.queued for look in looks)


async def started(count: int, ksize: int) -> Servers:
    """Start nodes that do not know each other yet; their ids are the same ones in every process."""
    chance = random.Random(count)
    servers = [Server(ksize, 3, node_id=chance.randbytes(20)) for _ in range(count)]
    for server in servers:
        await server.listen(0, LOOPBACK)
    return servers


def address_of(server: Any) -> tuple[str, int]:
    """Return where a node listens."""
    address: tuple[str, int] = server.transport.get_extra_info("sockname")[:2]
    return address


async def in_parallel(jobs: Iterable[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Do jobs in their order, `AT_ONCE` at a time; return their results, in no promised order."""
    waiting = iter(jobs)
    results = []

    async def work() -> None:
        for job in waiting:
            results.append(await job)  # noqa: PERF401  # the iterator is shared

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return results


async def quiet(servers: Servers) -> tuple[bool, float]:
    """Wait until nothing is under way, nor was asked for a while; return whether it is so, and CPU until then.

    Of the CPU, what looking takes is taken off.
    """
    cpu = time.process_time
    looking = 0.0
    since, before, used = time.monotonic(), -1, cpu()
    until = since + QUIET_WITHIN_S
    while time.monotonic() < until:
        begin = cpu()
        pending, now_asked = under_way(servers), asked(servers)
        looking += cpu() - begin
        if pending or now_asked != before:
            since, before, used = time.monotonic(), now_asked, cpu() - looking
        elif time.monotonic() - since >= QUIET_S:
            return True, used
        await asyncio.sleep(QUIET_S / 2)
    return False, cpu() - looking


async def join(servers: Servers, counting: bool = False) -> dict[str, Any]:
    """Let the nodes join, a few at a time, each by some that have joined; measure until the last refresh is over.

    `counting`: have requests counted, also where that slows nodes down.
    """
    if counting:
        count_requests(servers)
    chance = random.Random(len(servers))
    watch, begin, before = Stopwatch(), time.process_time(), asked(servers)
    for start in range(1, len(servers), AT_ONCE):
        known = servers[:start]
        newcomers = servers[start : start + AT_ONCE]
        told = [chance.sample(known, min(BOOTSTRAP_NODES, len(known))) for _ in newcomers]
        joining = zip(newcomers, told, strict=True)
        await asyncio.gather(*(server.bootstrap([address_of(one) for one in some]) for server, some in joining))
    foreground = watch.seconds()
    is_quiet, end = await quiet(servers)
    ignore_requests(servers)
    contacts = sum(len(bucket.nodes) for server in servers for bucket in server.protocol.router.buckets)
    return {
        "cpu": end - begin,
        "foreground": foreground,
        "quiet": is_quiet,
        "requests": asked(servers) - before,
        "contacts": contacts / len(servers),
    }


async def set_all(servers: Servers, seed: int, count: int, looking: bool = False) -> dict[str, Any]:
    """Store values from nodes chosen at random.

    `looking`: each by a lookup of its own. What earlier ones found our nodes remember for a minute; others do not.
    """
    chosen = commands.chosen(seed, servers)

    async def store(server: Any, key: str, value: bytes) -> bool:
        if looking and is_ours(servers):
            server.protocol.survey.forget()
        return await server.set(key, value) is True  # ours begins when it is called, not when it is awaited

    jobs = [store(next(chosen), key, value) for key, value in commands.pairs(seed, count)]
    return await timed(servers, jobs)


async def get_all(servers: Servers, seed: int, count: int) -> dict[str, Any]:
    """Find the values of `set_all` from nodes chosen at random, of those that do not hold them."""
    chosen = commands.chosen(seed + 1, servers)

    async def find(server: Any, key: str, value: bytes) -> bool:
        return bool(await server.get(key) == value)

    def strangers_to(key: str) -> Any:
        some = [next(chosen) for _ in range(10)]
        return next((server for server in some if server.storage.get(digest(key)) is None), some[0])

    jobs = [find(strangers_to(key), key, value) for key, value in commands.pairs(seed, count)]
    return await timed(servers, jobs)


async def timed(servers: Servers, jobs: list[Coroutine[Any, Any, bool]]) -> dict[str, Any]:
    """Do the jobs; return what they took, how many came right, and how many requests were sent meanwhile."""
    is_quiet, _ = await quiet(servers)
    gc.collect()
    before = asked(servers)
    watch = Stopwatch()
    results = await in_parallel(jobs)
    took = watch.seconds()
    return {**took, "right": sum(results), "requests": asked(servers) - before, "quiet": is_quiet}


def count_requests(servers: Servers) -> None:
    """Count, from now on, the requests of nodes that do not do so themselves."""
    for server in servers if not is_ours(servers) else []:
        server.protocol.transport = Wire(server.protocol.transport)


def ignore_requests(servers: Servers) -> None:
    """Count them no more."""
    for server in servers if not is_ours(servers) else []:
        if isinstance(server.protocol.transport, Wire):
            server.protocol.transport = server.protocol.transport.wired


async def counted(servers: Servers, seed: int, count: int) -> dict[str, Any]:
    """Count the requests that one operation needs."""
    count_requests(servers)
    sets = await set_all(servers, seed, count)
    gets = await get_all(servers, seed, count)
    ignore_requests(servers)
    return {"set": sets["requests"] / count, "get": gets["requests"] / count}


def unwell(servers: Servers) -> dict[str, int]:
    """Return what went wrong in our nodes so far."""
    if not is_ours(servers):
        return {}
    names = ("resent", "timeouts", "malformed", "unmatched", "held_dropped", "unsent", "internal_errors", "uncredited")
    return {name: sum(getattr(server.stats(), name) for server in servers) for name in names}


async def main() -> None:
    """Make the network and do what is asked of it."""
    logging.disable(logging.CRITICAL)
    count, ksize = map(int, sys.argv[1:3])
    wanted = min(count + 100, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    servers = await started(count, ksize)
    doing: dict[str, Any] = {"join": join, "set": set_all, "get": get_all, "count": counted}
    while (command := await asyncio.to_thread(commands.read)) is not None:
        took = await doing[command.pop("do")](servers, **command)
        commands.answer(**took, unwell=unwell(servers))
    for server in servers:
        server.stop()


if __name__ == "__main__":
    asyncio.run(main())
