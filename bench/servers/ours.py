"""Our node as it ships: `Server` with k = 20 on asyncio, or with `--uvloop` on uvloop."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import asdict
from typing import Any

from console import serve

from kademlia import Server


async def run() -> None:
    """Listen and tell what is asked for: the table, the counts."""
    server = Server(ksize=20)
    await server.listen(0, "127.0.0.1")

    def table() -> dict[str, Any]:
        buckets = server.protocol.router.buckets
        return {
            "id": server.node.id.hex(),
            "contacts": [[node.id.hex(), node.ip, node.port] for bucket in buckets for node in bucket.get_nodes()],
            "buckets": [[hex(bucket.range[0]), hex(bucket.range[1]), len(bucket)] for bucket in buckets],
        }

    await serve(server.address[1], {"table": table, "stats": lambda: asdict(server.stats())})
    server.stop()


def main() -> None:
    """Run on the loop that the command line names."""
    if "--uvloop" in sys.argv:
        import uvloop

        uvloop.run(run())
    else:
        asyncio.run(run())


if __name__ == "__main__":
    main()
