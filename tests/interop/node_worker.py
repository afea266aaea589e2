"""A process with a few nodes in it, which does what it is told: one JSON object a line on stdin, one a line on stdout.

It is a program written for 2.x, and runs unchanged under the published release and under ours: which of the two its
nodes are, the interpreter decides. Orders are carried out at once, side by side; answers carry the order's number. It
ends when its stdin does.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from typing import Any

import kademlia
from kademlia.network import Server
from kademlia.node import Node
from kademlia.utils import digest

#: Longest line, in bytes.
LINE_BYTES_MAX = 1 << 20

servers: list[Any] = []  # typed for neither release, since both run this


def pack(value: Any) -> list[Any]:
    """Return a value as JSON that keeps its type."""
    if isinstance(value, bytes):
        return ["bytes", base64.b64encode(value).decode()]
    return [type(value).__name__, repr(value) if isinstance(value, float) else value]


def unpack(packed: list[Any]) -> Any:
    """Return the value that was packed."""
    kind, value = packed
    if kind == "bytes":
        return base64.b64decode(value)
    return float(value) if kind == "float" else value


async def do_version() -> str:
    """Tell which release this is."""
    return kademlia.__version__


async def do_add(k: int, node_id: str | None = None, **options: Any) -> dict[str, Any]:
    """Add a node on a port that the system chooses; tell its number, id and address."""
    server = Server(ksize=k, node_id=bytes.fromhex(node_id) if node_id else None, **options)
    await server.listen(0, interface="127.0.0.1")
    servers.append(server)
    port = server.transport.get_extra_info("sockname")[1]
    return {"node": len(servers) - 1, "id": server.node.id.hex(), "address": ["127.0.0.1", port]}


async def do_bootstrap(node: int, addresses: list[list[Any]]) -> list[str]:
    """Join; tell the ids found."""
    found = await servers[node].bootstrap([tuple(address) for address in addresses])
    return [other.id.hex() for other in found]


async def do_set(node: int, key: str, value: list[Any]) -> Any:
    """Store a value."""
    return await servers[node].set(key, unpack(value))


async def do_get(node: int, key: str) -> list[Any]:
    """Find a value."""
    return pack(await servers[node].get(key))


async def do_holds(node: int, key: str) -> bool:
    """Tell whether a node keeps the value of a key itself."""
    return servers[node].storage.get(digest(key)) is not None


async def do_contacts(node: int) -> dict[str, list[Any]]:
    """Tell the ids of the routing table, and where they live."""
    buckets = servers[node].protocol.router.buckets
    return {other.id.hex(): [other.ip, other.port] for bucket in buckets for other in bucket.get_nodes()}


async def do_neighbours(node: int, key: str) -> list[str]:
    """Tell the ids that a search for a key would start from."""
    return [other.id.hex() for other in servers[node].protocol.router.find_neighbors(Node(digest(key)))]


async def do_search(node: int, digest: str) -> bool:
    """Search for a value by its digest (ours only); tell whether it was found."""
    return await servers[node].get_digest(bytes.fromhex(digest)) is not None


async def do_stats(node: int) -> dict[str, int]:
    """Tell some counts (ours only)."""
    stats = servers[node].stats()
    return {name: getattr(stats, name) for name in ("internal_errors", "malformed", "wrong_replies", "rpc_errors")}


def answer(number: int, **said: object) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps({"number": number, **said}) + "\n")
    sys.stdout.flush()


async def obey(order: dict[str, Any]) -> None:
    """Carry out one order."""
    number, name = order.pop("number"), order.pop("do")
    try:
        answer(number, result=await globals()[f"do_{name}"](**order))
    except Exception as fault:  # noqa: BLE001  # whatever it is, the test is to see it
        answer(number, fault=f"{type(fault).__name__}: {fault}")


async def main() -> None:
    """Obey until stdin ends."""
    reader = asyncio.StreamReader(limit=LINE_BYTES_MAX)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    tasks: set[asyncio.Future[None]] = set()
    while line := await reader.readline():
        task = asyncio.ensure_future(obey(json.loads(line)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    for server in servers:
        server.stop()


if __name__ == "__main__":
    asyncio.run(main())
