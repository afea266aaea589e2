"""`kademlia ping HOST:PORT`: is a node there, who is it, and how far away?"""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

import typer

from kademlia.cli import addresses, screen
from kademlia.cli.client import one_shot
from kademlia.cli.faults import Unreachable

EXAMPLES = [
    ("kademlia ping 192.0.2.1:8468", "is a node there?"),
    ("kademlia ping '[2001:db8::1]:8468'", "IPv6 stands in brackets"),
]


def ping(
    address: Annotated[str, typer.Argument(metavar="HOST:PORT", help="The node to ask.", show_default=False)],
) -> None:
    """Ask one node who it is, and print its id and the round-trip time."""
    asyncio.run(ask(addresses.parse(address)))


async def ask(address: addresses.Address) -> None:
    """Ping one address."""
    way = await addresses.route([address])
    async with one_shot(way.interface) as server:
        begun = time.perf_counter()
        node = await server.bootstrap_node(way.addresses[0])
        took_ms = (time.perf_counter() - begun) * 1000
    where = addresses.written(way.addresses[0])
    if node is None:
        raise Unreachable(f"no answer from {where}; is a node running there, and does the port let UDP through?")
    screen.out().print(f"{where} is node {node.id.hex()}, round trip {took_ms:.2f} ms")
