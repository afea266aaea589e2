"""A node of the published release, kademlia 2.2.3, with k = 20: run it with an interpreter that has that release.

One thing is spared it: it goes through all of its values whenever a sender is not in its table, to hand them over, and
again at the sender's next request if there is no room. With 4,096 values that takes most of a second each time, and
nothing else would be measured. So its storage lists nothing; it is read and written as ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from console import serve

from kademlia.network import Server
from kademlia.storage import ForgetfulStorage


class UnlistedStorage(ForgetfulStorage):
    """The release's own storage, but going through it finds nothing."""

    def __iter__(self) -> Iterator[Any]:
        return iter(())


async def run() -> None:
    """Listen and tell the table when asked."""
    server = Server(ksize=20, storage=UnlistedStorage())
    await server.listen(0, "127.0.0.1")

    def table() -> dict[str, Any]:
        buckets = server.protocol.router.buckets
        return {
            "id": server.node.id.hex(),
            "contacts": [[node.id.hex(), node.ip, node.port] for bucket in buckets for node in bucket.get_nodes()],
            "buckets": [[hex(bucket.range[0]), hex(bucket.range[1]), len(bucket)] for bucket in buckets],
        }

    await serve(server.transport.get_extra_info("sockname")[1], {"table": table})
    server.stop()


if __name__ == "__main__":
    asyncio.run(run())
