"""`kademlia delete KEY`: delete a value, whoever set it."""

from __future__ import annotations

import asyncio

from kademlia.cli import outcomes, screen
from kademlia.cli.client import network
from kademlia.cli.faults import NotFound
from kademlia.cli.options import Bootstrap, Key

EXAMPLES = [
    ("kademlia delete greeting -b 192.0.2.1:8468", "by a node that you know"),
    ("kademlia delete greeting", "with KADEMLIA_BOOTSTRAP set"),
]


def delete(key: Key, bootstrap: Bootstrap = None) -> None:
    """Delete the value of a key, whoever set it.

    The nodes closest to the key take a mark in its place, which outlives any value from before. Who sets the key again
    later brings it back. Nodes before 3.0 do not know the mark and keep what they have until it expires there. If no
    node took the mark, the exit code is 1.
    """
    asyncio.run(mark(key, bootstrap))


async def mark(key: str, bootstrap: list[str] | None) -> None:
    """Delete one value on the network, and tell who took the mark."""
    async with network(bootstrap) as server:
        result = await server.delete(key)
    if not result:
        raise NotFound(f"{key!r:.60} is not deleted: {outcomes.why_nobody(result)}")
    line = f"deleted {screen.one_line(key)} {outcomes.where(result)}{outcomes.others(result)}"
    screen.out().print(line, markup=False)
