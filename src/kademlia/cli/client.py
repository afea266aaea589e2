"""A node for one command: it joins the network, does its work and is gone. Others keep it out of their tables."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kademlia.cli import addresses, screen
from kademlia.cli.faults import Unreachable, WrongUse
from kademlia.cli.options import BOOTSTRAP_VARIABLE
from kademlia.network import Server

#: Longest wait for answers that nothing depends on, in seconds: three round trips to the far side of the world.
SETTLE_S = 1.0

#: How often we look whether they have come, in seconds.
LOOK_S = 0.01


@asynccontextmanager
async def one_shot(interface: str) -> AsyncIterator[Server]:
    """Listen on a port that the system chooses, and stop at the end."""
    server = Server(ephemeral=True, driver="asyncio")
    try:
        await server.listen(0, interface)
    except OSError as fault:
        raise Unreachable(f"cannot listen on {interface}: {fault.strerror or fault}") from None
    try:
        yield server
    finally:
        server.stop()


@asynccontextmanager
async def network(bootstrap: list[str] | None) -> AsyncIterator[Server]:
    """Join the network by the given nodes.

    Raises:
        WrongUse: No node is given, or not in the form HOST:PORT.
        Unreachable: None of them answers.
    """
    given = addresses.parse_all(bootstrap or [])
    if not given:
        raise WrongUse(f"which network? Name one of its nodes: --bootstrap HOST:PORT, or set {BOOTSTRAP_VARIABLE}")
    way = await addresses.route(given)
    log = screen.show_log(gather=True)
    async with one_shot(way.interface) as server:
        if not await server.bootstrap(way.addresses):
            reasons = "; ".join(log.gathered) or "nobody answered"
            raise Unreachable(f"network unreachable: {reasons}")
        log.gather = False
        yield server


async def settle(server: Server) -> None:
    """Wait until what was sent has been answered: who does not know us takes nothing before we proved our address."""
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + SETTLE_S
    while server.stats().in_flight and loop.time() < ends_at:  # noqa: ASYNC110  # `Server` tells no event for it
        await asyncio.sleep(LOOK_S)
