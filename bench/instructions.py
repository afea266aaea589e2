"""Count what the engine executes to answer one request: `python bench/instructions.py`.

No sockets and no clock, so the figures are the same on every machine, for one version of Python: bytecode instructions
and lines, of `KademliaProtocol.receive` and all that it calls. An engine is filled by 2,000 nodes that introduce
themselves, then 512 of them ask, half of them contacts. With `--valgrind`, and where valgrind is installed, machine
instructions are counted too, the interpreter's own work included; that takes minutes.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from rich.console import Console
from rich.table import Table

from kademlia.engine.operation import Operation, finished
from kademlia.node import Address, Node
from kademlia.protocol import KademliaProtocol
from kademlia.storage import ForgetfulStorage
from kademlia.wire import rpcudp

K = 20
OFFERED = 2_000
SENDERS = 512
VALUE_BYTES = 100

#: Requests of a kind, of which the mean is told.
REQUESTS = 512

#: Requests of a kind under valgrind: enough for the start to be small beside them.
REQUESTS_VALGRIND = 4_096

#: Bits of the own id that a target near it shares: as many as the k nearest of 2,000 ids do.
NEAR_BITS = 7

NOW = 1_000.0

Datagrams = list[tuple[bytes, Address]]


class Bench:
    """An engine, its host, and those around it."""

    transport = None

    def __init__(self) -> None:
        self.chance = random.Random(20)
        self.random_bytes = self.chance.randbytes
        self.protocol = KademliaProtocol(Node(self.random_bytes(20)), ForgetfulStorage(clock=lambda: NOW), K)
        self.protocol.start(self, NOW, NOW)
        self._ids = {(f"10.0.{place >> 8}.{place & 255}", 8468): self.random_bytes(20) for place in range(OFFERED)}
        for address, node_id in self._ids.items():
            self._introduce(address, node_id)
        contacts = {node.address for node in self.protocol.router.contacts()}
        members = [address for address in self._ids if address in contacts]
        strangers = [address for address in self._ids if address not in contacts]
        self.senders = members[: SENDERS // 2] + strangers[: SENDERS // 2]
        self.keys = [self.random_bytes(20) for _ in range(REQUESTS)]
        for key in self.keys:
            self.protocol.storage[key] = self.random_bytes(VALUE_BYTES)

    def requests(self, kind: str) -> Datagrams:
        """Return requests of a kind, one from each sender."""
        own = int.from_bytes(self.protocol.source_node.id, "big")
        free = 160 - NEAR_BITS
        datagrams = []
        for place in range(REQUESTS):
            address, key = self.senders[place % SENDERS], self.keys[place]
            about: dict[str, tuple[bytes, ...]] = {
                "ping": (),
                "find_node": (self.random_bytes(20),),
                "find_node, near the own id": (
                    (own >> free << free | self.chance.getrandbits(free)).to_bytes(20, "big"),
                ),
                "find_value, kept": (key,),
                "find_value, unknown": (self.random_bytes(20),),
                "store": (key, self.random_bytes(VALUE_BYTES)),
            }
            datagrams.append((self._request(kind.partition(",")[0], self._ids[address], *about[kind]), address))
        return datagrams

    def answer(self, datagrams: Datagrams) -> None:
        """Have them answered, every one of them at once."""
        receive = self.protocol.receive
        for datagram, address in datagrams:
            assert receive(datagram, address, NOW) is not None

    def _introduce(self, address: Address, node_id: bytes) -> None:
        """Do what a newcomer does: ping, ask for its own neighbourhood, and answer; others answer as well."""
        for request in (self._request("ping", node_id), self._request("find_node", node_id, node_id)):
            self.protocol.receive(request, address, NOW)
            for datagram, target in self.protocol.take_outbox():
                if datagram[0] == rpcudp.REQUEST:
                    self.protocol.receive(
                        rpcudp.response(datagram[1:21], rpcudp.encode(self._ids[target])), target, NOW
                    )

    def _request(self, method: str, *arguments: bytes) -> bytes:
        return rpcudp.request(self.random_bytes(20), rpcudp.encode((method, arguments)))

    # -- engine.host.Host ------------------------------------------------------------------------------------------

    def now(self) -> float:
        return NOW

    def result(self, operation: Operation[Any]) -> Operation[Any]:
        return operation

    future = result

    def operation(self, awaitable: object) -> None:
        return None

    def resolve(self, name: str) -> Operation[str | None]:
        return finished(None)

    def reaches(self, ip: str) -> bool:
        return True

    def wake(self) -> None:
        pass

    def report(self, message: str) -> None:
        raise AssertionError(message)


def counted(work: Callable[[], None]) -> tuple[int, int]:
    """Return how many bytecode instructions and how many lines some work takes."""
    return _monitored(work) if hasattr(sys, "monitoring") else _traced(work)


def _traced(work: Callable[[], None]) -> tuple[int, int]:
    counts = {"opcode": 0, "line": 0, "call": 0, "return": 0, "exception": 0}

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        frame.f_trace_opcodes = True
        counts[event] += 1
        return trace

    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(None)
    return counts["opcode"], counts["line"]


def _monitored(work: Callable[[], None]) -> tuple[int, int]:
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined]
    tool, events = monitoring.PROFILER_ID, monitoring.events
    counts = {events.INSTRUCTION: 0, events.LINE: 0}

    def count(event: int) -> Callable[..., None]:
        def happened(*_: object) -> None:
            counts[event] += 1

        return happened

    monitoring.use_tool_id(tool, "instructions")
    for event in counts:
        monitoring.register_callback(tool, event, count(event))
    monitoring.set_events(tool, events.INSTRUCTION | events.LINE)
    try:
        work()
    finally:
        monitoring.set_events(tool, 0)
        monitoring.free_tool_id(tool)
    return counts[events.INSTRUCTION], counts[events.LINE]


KINDS = ("ping", "find_node", "find_node, near the own id", "find_value, kept", "find_value, unknown", "store")


def machine_instructions() -> dict[str, float]:
    """Return machine instructions per request, by kind, from runs with and without the requests."""

    def refs(*arguments: str) -> int:
        command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
        command += [sys.executable, __file__, "--only", *arguments]
        environment = os.environ | {"PYTHONHASHSEED": "0"}
        said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stderr
        found = re.search(r"I\s+refs:\s+([\d,]+)", said)
        assert found, said
        return int(found[1].replace(",", ""))

    return {kind: (refs(kind, "2") - refs(kind, "1")) / REQUESTS_VALGRIND for kind in KINDS}


def main() -> None:
    """Count and print."""
    bench = Bench()
    if "--only" in sys.argv:
        requests = bench.requests(sys.argv[-2])
        for _ in range((int(sys.argv[-1]) - 1) * REQUESTS_VALGRIND // REQUESTS + 1):
            bench.answer(requests)
        return
    valgrind = "--valgrind" in sys.argv and bool(shutil.which("valgrind"))
    machine = machine_instructions() if valgrind else {}
    title = f"executed per request, Python {sys.version.split()[0]}, {len(bench.protocol.router)} contacts"
    table = Table("request", title=title)
    for column in ("bytecode instructions", "lines", *(["machine instructions"] if machine else [])):
        table.add_column(column, justify="right")
    nothing = counted(lambda: bench.answer([]))
    for kind in KINDS:
        bench.answer(bench.requests(kind))  # caches are warm, as they are after the first second of a node
        requests = bench.requests(kind)
        instructions, lines = counted(lambda asked=requests: bench.answer(asked))  # type: ignore[misc]
        figures = [(instructions - nothing[0]) / REQUESTS, (lines - nothing[1]) / REQUESTS]
        table.add_row(kind, *(f"{figure:,.1f}" for figure in figures), *([f"{machine[kind]:,.0f}"] if machine else []))
    Console().print(table)


if __name__ == "__main__":
    main()
