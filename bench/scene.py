"""The scene of a flood: the node, those who call it, the strangers; and spells of some seconds, with what was seen."""

from __future__ import annotations

import random
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from callers import Callers
from hose import Hose
from load import Crowd, measured
from servers.dialects import Rpcudp
from servers.process import LOAD_CORE, Process
from servers.stations import Ask, Echo, Ours

#: Requests by which the answer rate is measured, and how often: the best turn counts, for nobody else was at work then.
REQUESTS = 10_240
TURNS = 11

#: Calls a second of all contacts in the crowd, and of all strangers there who proved their addresses.
CONTACTS_CALLS = 500.0
STRANGERS_CALLS = 200.0

#: Real nodes that are contacts, and lookups of the node's own a second.
REAL = 16
GETS = 10.0

#: Bytes of the bare echo's answers: as an answer to ping, with a trailer.
ECHO_BYTES = 100


class Scene:
    """The node with a full table, its contacts, and the strangers."""

    def __init__(self, stack: ExitStack) -> None:
        self.node = Ours(0, sys.executable)
        stack.callback(self.node.end)
        port = self.node.process.port
        self.real = Process(sys.executable, "contacts.py", str(port), str(REAL), cores=LOAD_CORE)
        stack.callback(self.real.end)
        self.node.fill()
        crowd = self.node.crowd
        crowd.heard = self._heard
        self.contacts = Callers(crowd, self.node.senders("members"), CONTACTS_CALLS, 1 << 40)
        self.strangers = Callers(crowd, self.node.senders("strangers"), STRANGERS_CALLS, 1 << 41)
        self.hose = Hose(port, Rpcudp(), random.Random(6))
        stack.callback(self.hose.close)

    def rate(self) -> float:
        """Measure how many find_nodes are answered a second, in a closed loop."""
        senders = self.node.senders("all")
        rates = []
        for _ in range(TURNS):
            datagrams = self.node.datagrams(Ask("find_node"), senders, REQUESTS)
            flow, _ = measured(self.node.process, self.node.crowd, senders, datagrams)
            rates.append(flow.replies / flow.seconds)
        return max(rates)

    def table(self) -> set[bytes]:
        """Return the ids in the node's table."""
        self.node.look()
        return set(self.node.contacts)

    def _heard(self, reply: bytes) -> None:
        self.contacts.heard(reply)
        self.strangers.heard(reply)


class Spell:
    """Some seconds in which everybody calls, under a flood of some rate, and what was seen in them.

    Args:
        scene: Where.
        seconds: How long calls are begun.
        rate: Of the flood, in datagrams a second; none if 0, all that can be offered if None.
    """

    def __init__(self, scene: Scene, seconds: float, rate: float | None = 0.0) -> None:
        process, hose, callers = scene.node.process, scene.hose, (scene.contacts, scene.strangers)
        hose.rate, hose.offered = rate, 0
        lost, cpu_ns = lost_by_kernel(process.port), process.cpu_ns()
        for each in callers:
            each.begin()
        process.ask("watch", GETS)
        scene.real.ask("begin")
        self.begun_at = time.perf_counter()
        go_on(scene.node.crowd, callers, hose if rate != 0.0 else None, self.begun_at + seconds)
        self.seconds = time.perf_counter() - self.begun_at
        self.offered = hose.offered
        self.lost = lost_by_kernel(process.port) - lost
        self.real: dict[str, Any] = scene.real.ask("end")
        self.node: dict[str, Any] = process.ask("watched")
        self.cpu_s = (process.cpu_ns() - cpu_ns) / 1e9
        self.contacts, self.strangers = (each.tale for each in callers)


def go_on(crowd: Crowd, callers: tuple[Callers, ...], hose: Hose | None, until: float) -> None:
    """Call and flood until then, and flood on until each call is answered or given up."""
    calling = True
    while calling or any(each.waiting for each in callers):
        if hose is not None:
            hose.spray()
        for each in callers:
            each.step(calling=calling)
        crowd.attend()
        calling = time.perf_counter() < until


def lost_by_kernel(port: int) -> int:
    """Return how many datagrams did not fit into the buffer of the socket at a port; 0 where Linux does not tell."""
    try:
        lines = Path("/proc/net/udp").read_text().splitlines()[1:]
    except OSError:
        return 0
    return sum(int(line.split()[-1]) for line in lines if line.split()[1].endswith(f"0100007F:{port:04X}"))


def echo_under_flood(seconds: float) -> tuple[float, float]:
    """Flood a bare echo with all that can be offered; return the rate, and the share of datagrams that was lost."""
    with ExitStack() as stack:
        echo = Echo(1, sys.executable, "socket")
        stack.callback(echo.end)
        echo.answer_with(ECHO_BYTES)
        hose = Hose(echo.process.port, Rpcudp(), random.Random(6))
        stack.callback(hose.close)
        begin = time.perf_counter()
        go_on(echo.crowd, (), hose, begin + seconds)
        rate = hose.offered / (time.perf_counter() - begin)
        return rate, lost_by_kernel(echo.process.port) / hose.offered
