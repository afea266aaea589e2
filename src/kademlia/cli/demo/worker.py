"""Some nodes of the demo in a process of their own: `python -m kademlia.cli.demo.worker`.

It is told what to do by lines of JSON on stdin, `[number, method, arguments]`, and answers each by a line on stdout,
`[number, result]`. When stdin ends, because the demo ended or died, so does the process and with it its nodes.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time
from typing import Any

import msgspec

from kademlia.network import Server
from kademlia.utils import digest

LOOPBACK = "127.0.0.1"


class Worker:
    """The nodes of one process, by their number in it. Its public methods are what the demo may ask for."""

    def __init__(self) -> None:
        self._servers: list[Server] = []

    async def start(self, ids: list[str], ksize: int) -> list[int]:
        """Start nodes with these ids; return the ports they listen on."""
        ports = []
        for node_id in ids:
            server = Server(ksize, id=bytes.fromhex(node_id), driver="asyncio")
            await server.listen(0, LOOPBACK)
            assert server.address is not None
            ports.append(server.address[1])
            self._servers.append(server)
        return ports

    async def join(self, number: int, port: int) -> int:
        """Have a node join by another; return how many nodes it found."""
        return len(await self._servers[number].bootstrap([(LOOPBACK, port)]))

    async def set(self, number: int, key: str, value: Any) -> tuple[bool, float, str]:
        """Have a node store a value; return whether it is stored, the seconds it took, and why it is not."""
        begun = time.perf_counter()
        try:
            stored = await self._servers[number].set(key, value)
        except ValueError as fault:
            return False, 0.0, str(fault)
        return stored, time.perf_counter() - begun, "" if stored else "no node took it"

    async def get(self, number: int, key: str) -> tuple[bool, Any, float]:
        """Have a node find a value that it does not hold.

        Returns:
            Whether it holds the value itself, and is no witness; the value found, or None; the seconds it took.
        """
        server = self._servers[number]
        if server.storage.get(digest(key)) is not None:
            return True, None, 0.0
        begun = time.perf_counter()
        value = await server.get(key)
        return False, value, time.perf_counter() - begun

    async def visit(self, number: int, key: str) -> tuple[bool, Any, float]:
        """Have a newcomer find a value by one of the nodes, and leave; returns as `get`.

        Where every node holds a value, nobody else is a witness that the network has it.
        """
        host = self._servers[number]
        assert host.address is not None
        visitor = Server(host.ksize, ephemeral=True, driver="asyncio")
        await visitor.listen(0, LOOPBACK)
        try:
            await visitor.bootstrap([host.address])
            begun = time.perf_counter()
            return False, await visitor.get(key), time.perf_counter() - begun
        finally:
            visitor.stop()

    async def holding(self, number: int) -> list[str]:
        """Return the digests of all keys whose values a node holds."""
        return [key.hex() for key, _ in self._servers[number].storage]

    async def stats(self) -> tuple[int, int, int]:
        """Return, of all nodes together: requests made, requests not finished, faults of our own."""
        stats = [server.stats() for server in self._servers]
        busy = sum(each.in_flight + each.queued + each.holding for each in stats)
        return sum(each.asked for each in stats), busy, sum(each.internal_errors for each in stats)

    def stop(self) -> None:
        """Stop all nodes."""
        for server in self._servers:
            server.stop()


async def serve() -> None:
    """Do what the lines on stdin say, until they end."""
    worker = Worker()
    lines: asyncio.Queue[bytes] = asyncio.Queue()
    threading.Thread(target=_read, args=(asyncio.get_running_loop(), lines), daemon=True).start()
    async with asyncio.TaskGroup() as tasks:
        while line := await lines.get():
            tasks.create_task(_obey(worker, line))
    worker.stop()


def _read(loop: asyncio.AbstractEventLoop, lines: asyncio.Queue[bytes]) -> None:
    """Pass lines on to the loop; an empty one is the end. A thread, as not every loop can wait for a pipe."""
    for line in sys.stdin.buffer:
        loop.call_soon_threadsafe(lines.put_nowait, line)
    loop.call_soon_threadsafe(lines.put_nowait, b"")


async def _obey(worker: Worker, line: bytes) -> None:
    number, method, arguments = msgspec.json.decode(line)
    result = await getattr(worker, method)(*arguments)
    sys.stdout.buffer.write(msgspec.json.encode((number, result)) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the demo ends its workers itself
    asyncio.run(serve())
