"""A network of OpenDHT nodes (C++, by its Python bindings) in one process, commanded as `nodes.py` is.

`python bench/networks/opendht_nodes.py 50` makes 50 nodes on loopback and lets them join. Commands, one a line:
`{"do": "settle"}`, `{"do": "set", "seed": 1, "count": 400}`, `{"do": "get", ...}` with the same seed and count.
OpenDHT's k is 8 and cannot be chosen. Its limits of requests per second are off. The CPU time is that of all threads.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import commands
import opendht
from commands import AT_ONCE, Stopwatch

LOOPBACK = "127.0.0.1"

#: A network of our own: its nodes answer no others.
NETWORK = 8468

#: The network is quiet when it uses less than this share of a CPU; how long that is looked at, and waited for.
QUIET_SHARE = 0.02
LOOK_S = 2.0
QUIET_WITHIN_S = 60.0

#: An operation that takes longer has failed.
OPERATION_S = 60.0

Begin = Callable[[Callable[[bool], None]], None]


def config() -> opendht.DhtConfig:
    """Return the settings of a node that talks to loopback only and limits nobody."""
    made = opendht.DhtConfig()
    made.setNetwork(NETWORK)
    made.setRateLimit(-1, -1)
    made.setPeerDiscovery(False, False)
    return made


def started(count: int) -> list[opendht.DhtRunner]:
    """Start nodes and let each join by the first."""
    nodes = []
    for number in range(count):
        node = opendht.DhtRunner()
        node.run(is_bootstrap=number == 0, ipv4=LOOPBACK, config=config())
        if nodes:
            node.bootstrap(LOOPBACK, str(nodes[0].getBound(socket.AF_INET).getPort()))
        nodes.append(node)
    return nodes


def idle_share() -> float:
    """Return the share of a CPU that is used while nothing is asked for."""
    watch = Stopwatch()
    time.sleep(LOOK_S)
    took = watch.seconds()
    return took["cpu"] / took["wall"]


def settle() -> dict[str, Any]:
    """Wait until the network is quiet."""
    until = time.monotonic() + QUIET_WITHIN_S
    while (share := idle_share()) > QUIET_SHARE and time.monotonic() < until:
        pass
    return {"quiet": share <= QUIET_SHARE, "idle_share": share}


def in_parallel(beginnings: Iterable[Begin]) -> list[bool]:
    """Begin operations in their order, `AT_ONCE` at a time; return which came right."""
    places = threading.Semaphore(AT_ONCE)
    results: list[bool] = []

    def ended(right: bool) -> None:
        results.append(right)
        places.release()

    for begin in beginnings:
        if not places.acquire(timeout=OPERATION_S):
            break
        begin(ended)
    for _ in range(AT_ONCE):
        places.acquire(timeout=OPERATION_S)
    return results


def timed(nodes: list[Any], beginnings: list[Begin]) -> dict[str, Any]:
    """Do operations; return what they took, and the share of a CPU that was used before them."""
    settled = settle()
    messages(nodes)
    watch = Stopwatch()
    results = in_parallel(beginnings)
    took = watch.seconds()
    return {**took, **settled, "right": sum(results), "requests": messages(nodes)}


def messages(nodes: list[Any]) -> int:
    """Return how many requests were sent since this was last asked: the nodes begin anew when they are asked."""
    return sum(sum(node.getNodeMessageStats()) for node in nodes)


def set_all(nodes: list[Any], seed: int, count: int) -> dict[str, Any]:
    """Store values from nodes chosen at random."""
    chosen = commands.chosen(seed, nodes)

    def store(node: Any, key: str, value: bytes) -> Begin:
        return lambda ended: node.put(
            opendht.InfoHash.get(key), opendht.Value(value), lambda stored, _nodes: ended(bool(stored))
        )

    return timed(nodes, [store(next(chosen), key, value) for key, value in commands.pairs(seed, count)])


def get_all(nodes: list[Any], seed: int, count: int) -> dict[str, Any]:
    """Find the values of `set_all` from nodes chosen at random; each search ends with the first value."""
    chosen = commands.chosen(seed + 1, nodes)

    def find(node: Any, key: str, value: bytes) -> Begin:
        found: list[bool] = []

        def got(one: opendht.Value) -> bool:
            found.append(one.data == value)
            return False

        return lambda ended: node.get(
            opendht.InfoHash.get(key), got, lambda _ended, _nodes: ended(bool(found) and found[0])
        )

    return timed(nodes, [find(next(chosen), key, value) for key, value in commands.pairs(seed, count)])


def main() -> None:
    """Make the network and do what is asked of it."""
    nodes = started(int(sys.argv[1]))
    while (command := commands.read()) is not None:
        do = command.pop("do")
        if do == "settle":
            commands.answer(**settle())
        else:
            commands.answer(**(set_all if do == "set" else get_all)(nodes, **command))
    for node in nodes:
        node.join()


if __name__ == "__main__":
    main()
