"""What servers run and what lives in simulations is one engine: what is proved there is true of the shipped code."""

from __future__ import annotations

from typing import Any

import pytest
from tests.compat_2x.nodes import LOCALHOST, address_of

from kademlia import Server
from kademlia.crawling import NodeSpiderCrawl
from kademlia.node import Node
from kademlia.protocol import KademliaProtocol
from kademlia.sim import World
from kademlia.utils import digest

IDS = [digest(f"node {number}") for number in range(12)]
KSIZE = 4

#: The parts that the engine is put together from.
PARTS = ["answering", "asking", "calls", "contacts", "counts", "records", "router", "straight", "survey", "upkeep"]


def parts(protocol: KademliaProtocol) -> dict[str, type]:
    """Return the classes of all parts of an engine, and of their parts; its host is the world's."""
    found: dict[str, type] = {}
    for name, part in vars(protocol).items():
        if name != "host":
            found[name] = type(part)
            found |= {f"{name}.{inner}": type(value) for inner, value in getattr(part, "__dict__", {}).items()}
    return {name: kind for name, kind in found.items() if kind.__module__.startswith("kademlia.")}


def search(protocol: KademliaProtocol, target: Node) -> Any:
    """Return what the protocol's world awaits: the nodes closest to a target, searched from all contacts."""
    return NodeSpiderCrawl(protocol, target, protocol.router.contacts(), KSIZE, 3).find()


def ids(nodes: list[Node]) -> list[bytes]:
    """Return ids, in order."""
    return [node.id for node in nodes]


async def test_servers_on_loopback_and_simulated_nodes_run_the_same_classes() -> None:
    """No model, no subclass, no part exchanged: type by type."""
    server = Server()
    await server.listen(0, LOCALHOST)
    try:
        simulated = World(1).add().protocol
        real = server.protocol
        assert real is not None
        assert type(real) is type(simulated) is KademliaProtocol
        assert set(PARTS) <= parts(simulated).keys()
        assert parts(real) == parts(simulated) == parts(World(1).filled(3)[0].protocol)
    finally:
        server.stop()


@pytest.mark.parametrize("target", [digest("key"), IDS[5], bytes(20)], ids=["key", "node", "zero"])
async def test_with_the_same_contacts_both_tell_and_find_the_same(target: bytes) -> None:
    """One network of twelve ids on sockets and one on a virtual clock; the same node of each is asked."""
    servers = [Server(ksize=KSIZE, id=node_id) for node_id in IDS]
    world = World(2)
    residents = [world.add(node_id, ksize=KSIZE) for node_id in IDS]
    try:
        for server in servers:
            await server.listen(0, LOCALHOST)
        for server, resident in zip(servers, residents, strict=True):
            for peer, other in zip(servers, residents, strict=True):
                server.protocol.router.add_contact(Node(peer.node.id, *address_of(peer)))
                resident.protocol.router.add_contact(other.node)
        real, simulated = servers[0].protocol, residents[0].protocol
        stranger = ("192.0.2.1", 1)
        told = [
            sorted(contact[0] for contact in protocol.rpc_find_node(stranger, bytes(20), target))
            for protocol in (real, simulated)
        ]
        assert told[0] == told[1]
        found = ids(await search(real, Node(target)))
        assert found == ids(world.finish(search(simulated, Node(target))))
        assert found == ids(world.closest(Node(target), KSIZE, besides=residents[0].node))
    finally:
        for server in servers:
            server.stop()
