"""The asyncio driver on real sockets: drained, bounded, and patient with a loop that was busy."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator

import pytest

from kademlia import Server
from kademlia.drivers import aio
from kademlia.drivers.driver import RECEIVE_BUFFER_BYTES
from kademlia.node import Node
from kademlia.protocol import KademliaProtocol
from kademlia.storage import ForgetfulStorage


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Server, Server]]:
    """Return two servers that know each other."""
    alice, bob = Server(), Server()
    for server in (alice, bob):
        await server.listen(0, "127.0.0.1")
    await bob.bootstrap([alice.address])
    yield alice, bob
    alice.stop()
    bob.stop()


async def test_a_large_receive_buffer_is_asked_for() -> None:
    """The default holds 512 small datagrams: one burst of answers."""
    plain = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    server = Server()
    await server.listen(0, "127.0.0.1")
    ours = server.transport.get_extra_info("socket")
    wanted = plain.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == wanted
    plain.close()
    server.stop()


async def test_a_loop_that_was_busy_reads_its_answers_before_it_counts_time_outs(pair: tuple[Server, Server]) -> None:
    """A program that computes for six seconds must not find all its neighbours struck."""
    alice, bob = pair
    asked = bob.protocol.call_ping(Node(alice.node.id, *alice.address))
    answered = asyncio.ensure_future(asked)
    await alice_answers(alice)
    later = bob.protocol.host.now() + 6.0  # as if the loop had been blocked for that long
    bob.protocol.host.now = lambda: later
    bob.protocol.host._on_timer()
    assert await answered == (True, alice.node.id)
    assert bob.stats().timeouts == 0


async def alice_answers(alice: Server) -> None:
    """Let a server answer what lies in its buffer, and nobody else run."""
    while not alice.transport.drain() and alice.stats().requests < 2:
        pass


async def test_what_the_socket_does_not_take_is_counted_not_raised(pair: tuple[Server, Server]) -> None:
    """A full send buffer, or a datagram of 70 kB: lost, as datagrams are."""
    alice, bob = pair
    bob.protocol.send(bytes(70_000), alice.address)
    bob.protocol.wake()
    assert bob.stats().unsent == 1
    assert await bob.set("key", "value") is True


async def test_the_loops_own_transport_serves_too() -> None:
    """Where a loop has no add_reader, and for programs that call create_datagram_endpoint themselves."""
    loop = asyncio.get_running_loop()
    protocol = KademliaProtocol(Node(os.urandom(20)), ForgetfulStorage(), 20)
    aio.attach(protocol)
    transport, _ = await loop.create_datagram_endpoint(lambda: protocol, local_addr=("127.0.0.1", 0))  # type: ignore[type-var,arg-type,return-value]
    server = Server()
    await server.listen(0, "127.0.0.1")
    (found,) = await server.bootstrap([transport.get_extra_info("sockname")])
    assert found.id == protocol.source_node.id
    assert await server.set("key", "value") is True
    assert "value" in [value for _, value in protocol.storage]
    server.stop()
    transport.close()
    await asyncio.sleep(0)
    assert protocol.stopped


async def test_a_protocol_without_a_world_says_how_to_get_one() -> None:
    """Programs that build a protocol by hand used to have a socket of their own."""
    protocol = KademliaProtocol(Node(os.urandom(20)), ForgetfulStorage(), 20)
    with pytest.raises(RuntimeError, match="attach"):
        protocol.datagram_received(b"", ("127.0.0.1", 1))
    with pytest.raises(RuntimeError, match="attach"):
        protocol.call_ping(Node(bytes(20), "127.0.0.1", 1))


async def test_message_ids_come_from_the_operating_system(pair: tuple[Server, Server]) -> None:
    """After 125 ids of a Mersenne Twister the next can be told, and our pings forged."""
    alice, _ = pair
    assert alice.protocol.chance._source.__func__ is aio.AsyncioDriver.random_bytes
    drawn: list[int] = []
    real = os.urandom
    try:
        os.urandom = lambda count: drawn.append(count) or real(count)  # type: ignore[func-returns-value,assignment]
        for _ in range(300):
            alice.protocol.chance.bytes(20)
    finally:
        os.urandom = real
    assert sum(drawn) >= 4000


async def test_stopping_leaves_no_timer_and_no_task(pair: tuple[Server, Server]) -> None:
    """The published releases leave futures and five-second timers behind."""
    alice, bob = pair
    alice.stop()
    waiting = [asyncio.ensure_future(bob.get("nothing")), asyncio.ensure_future(bob.set("a", 1))]
    await asyncio.sleep(0)
    bob.stop()
    assert await asyncio.gather(*waiting) == [None, False]
    loop = asyncio.get_running_loop()
    assert [timer for timer in loop._scheduled if not timer.cancelled()] == []  # type: ignore[attr-defined]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_several_servers_share_one_process() -> None:
    """Researchers run networks in one process."""
    servers = [Server(ksize=4) for _ in range(30)]
    for server in servers:
        await server.listen(0, "127.0.0.1")
        await server.bootstrap([servers[0].address] if server is not servers[0] else [])
    assert all(await asyncio.gather(*[server.set(f"key {n}", n) for n, server in enumerate(servers)]))
    assert await asyncio.gather(*[servers[-n].get(f"key {n}") for n in range(30)]) == list(range(30))
    for server in servers:
        server.stop()


async def test_every_value_with_a_living_holder_is_found_after_a_third_of_the_nodes_vanished() -> None:
    """100 real nodes, 30 of them killed; the times are measured by bench/promises.py."""
    servers = [Server() for _ in range(100)]
    for server in servers:
        await server.listen(0, "127.0.0.1")
    for server in servers[1:]:
        await server.bootstrap([servers[0].address])
    keys = [f"key {number}" for number in range(100)]
    assert all([await servers[number].set(key, number) for number, key in enumerate(keys)])
    dead, alive = servers[70:], servers[:70]
    for server in dead:
        server.transport.close()
    for number, key in enumerate(keys):
        assert await alive[number * 7 % 70].get(key) == number
    assert all([await alive[number % 70].set(f"{key} again", number) for number, key in enumerate(keys[:10])])
    for server in alive:
        assert server.stats().internal_errors == 0
        server.stop()


async def test_time_stands_still_for_nobody(pair: tuple[Server, Server]) -> None:
    """The engine's clock is the monotonic one, whatever the wall clock does."""
    alice, _ = pair
    assert abs(alice.protocol.host.now() - time.monotonic()) < 1
    assert abs(alice.protocol.wall_offset + time.monotonic() - time.time()) < 1
