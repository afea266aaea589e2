"""Real nodes that are contacts of one node and call it: `contacts.py PORT COUNT`.

Each is a `Server` on asyncio that joined by that node; from `begin` to `end` each calls it every quarter of a second,
as the engine calls: sent again after the soft time-out, given up after five seconds.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import Any

from console import serve
from witness import middle_and_end

from kademlia import Server
from kademlia.node import Node

#: Between two calls of one contact, in seconds.
EVERY_S = 0.25


class Calls:
    """The calls of all contacts."""

    def __init__(self, servers: list[Server], node: Node) -> None:
        self._servers = servers
        self._node = node
        self._tasks: list[asyncio.Task[None]] = []
        self._took: list[float] = []
        self._failed = 0

    def begin(self) -> None:
        """Begin to call."""
        self._took.clear()
        self._failed = 0
        self._tasks = [asyncio.ensure_future(self._call(server)) for server in self._servers]

    def end(self) -> dict[str, Any]:
        """Call no more; tell how many calls there were, and in how many milliseconds they were answered."""
        for task in self._tasks:
            task.cancel()
        return {
            "calls": len(self._took) + self._failed,
            "answered": len(self._took),
            "ms": [1000 * seconds for seconds in middle_and_end(self._took)],
        }

    async def _call(self, server: Server) -> None:
        while True:
            begin = time.monotonic()
            answered, _ = await server.protocol.call_find_node(self._node, Node(os.urandom(20)))
            if answered:
                self._took.append(time.monotonic() - begin)
            self._failed += not answered
            await asyncio.sleep(EVERY_S)


async def run(port: int, count: int) -> None:
    """Join, and do what is asked for."""
    servers = [Server() for _ in range(count)]
    found: list[Node] = []
    for server in servers:
        await server.listen(0, "127.0.0.1")
        found = await server.bootstrap([("127.0.0.1", port)])
    node = next(node for node in found if node.address == ("127.0.0.1", port))
    calls = Calls(servers, node)
    await serve(port, {"begin": calls.begin, "end": calls.end})
    for server in servers:
        server.stop()


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]), int(sys.argv[2])))
