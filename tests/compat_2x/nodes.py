"""Networks of real nodes on loopback, each on a port that the system chose."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from kademlia.network import Server
from kademlia.node import Address
from kademlia.sim import Resident

LOCALHOST = "127.0.0.1"


def address_of(server: Server) -> Address:
    """Return where a node listens, found out as 2.x programs do."""
    ip, port = server.transport.get_extra_info("sockname")[:2]
    return (ip, port)


def protocol_of(server: Server | Resident) -> Any:
    """Return a node's protocol; programs call its RPCs by names that no type checker knows."""
    return server.protocol


@asynccontextmanager
async def network(
    size: int, *, server_class: type[Server] = Server, interface: str = LOCALHOST, **arguments: Any
) -> AsyncIterator[list[Server]]:
    """Several nodes that know one another; afterwards they have stopped."""
    servers = [server_class(**arguments) for _ in range(size)]
    try:
        for server in servers:
            await server.listen(0, interface)
        for server in servers[1:]:
            await server.bootstrap([address_of(servers[0])])
        yield servers
    finally:
        for server in servers:
            server.stop()


@contextmanager
def silence(interface: str = LOCALHOST) -> Iterator[Address]:
    """The address of a port where nobody answers, and nobody says so."""
    family = socket.AF_INET6 if ":" in interface else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as deaf:
        deaf.bind((interface, 0))
        yield deaf.getsockname()[:2]
