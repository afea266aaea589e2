"""A program's own `call_store`, which knows of no lives, sends values with the lives that they were given."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from kademlia import Server
from kademlia.node import Node
from kademlia.protocol import KademliaProtocol
from kademlia.utils import digest


class Later(KademliaProtocol):
    """A program that thinks for a moment before it sends a value."""

    async def call_store(self, node_to_ask: Node, key: bytes, value: Any) -> Any:
        await asyncio.sleep(0)
        return await super().call_store(node_to_ask, key, value)


class AtOnce(KademliaProtocol):
    """A program that only looks."""

    def call_store(self, node_to_ask: Node, key: bytes, value: Any) -> Any:
        return super().call_store(node_to_ask, key, value)


@pytest.mark.parametrize("kind", [Later, AtOnce])
async def test_what_it_sends_for_others_lives_as_long_as_it_was_given(kind: type[KademliaProtocol]) -> None:
    """The publisher is no holder of most of its values: it cannot look their lives up in its own store."""
    servers = [type("Own", (Server,), {"protocol_class": kind})(ksize=3) for _ in range(12)]
    try:
        for server in servers:
            await server.listen(0, "127.0.0.1")
        for server in servers[1:]:
            await server.bootstrap([servers[0].address])
        results = {}
        for number in range(8):
            results[number] = await servers[0].publish(number, "value", ttl=100 + number)
        for number, result in results.items():
            assert result.stored
            lives = [
                server.protocol.keeping.life_of(digest(number))
                for server in servers
                if server.storage.get(digest(number)) is not None
            ]
            left = [life.ends_at - time.monotonic() for life in lives]
            assert all(90 < seconds <= 100 + number for seconds in left)
            assert len({life.stamp for life in lives}) == 1
    finally:
        for server in servers:
            server.stop()
