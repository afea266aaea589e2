"""The same on a real socket: hostile datagrams through the operating system, into a node that has to go on serving."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio
from tests.hostile.bare_socket import BareSocket
from tests.hostile.datagrams import ID, KEY, MALFORMED, STRAY, UNKNOWN
from tests.hostile.strangers import REQUEST, answer, message_id, request

from kademlia.network import Server
from kademlia.wire import rpcudp, trailer


class Visitor(BareSocket):
    """A bare socket that talks to one node.

    A pong that comes back proves that everything sent before it was processed: loopback keeps the order.
    """

    def __init__(self, server: Server) -> None:
        super().__init__()
        assert server.address is not None
        self.target = server.address
        self.sent = 0
        self.received = 0
        self.pings: list[bytes] = []  # the node's, not answered
        self._numbers = iter(range(10**6, 10**9))

    async def send(self, datagram: bytes) -> None:
        """Send a datagram as it is."""
        self.sent += len(datagram)
        await asyncio.get_running_loop().sock_sendto(self._socket, datagram, self.target)

    async def next(self) -> bytes:
        """Return the next datagram that comes."""
        datagram = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self._socket, 65535), 5)
        self.received += len(datagram)
        if datagram[:1] == REQUEST:
            self.pings.append(datagram)
        return datagram

    async def answered(self, number: int) -> bytes:
        """Return the body of the answer to the request of this number; other datagrams are passed over."""
        while True:
            datagram = await self.next()
            if datagram[:21] == b"\x01" + message_id(number):
                return datagram[21:]

    async def processed(self) -> None:
        """Wait until everything sent so far was taken, and what it led to was sent."""
        for _ in range(2):
            number = next(self._numbers)
            await self.send(request("ping", ID, number=number))
            await self.answered(number)


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    """Return a listening node with a neighbour and a value."""
    node, neighbour = Server(), Server()
    await node.listen(0, "127.0.0.1")
    await neighbour.listen(0, "127.0.0.1")
    assert neighbour.address is not None
    assert await node.bootstrap([neighbour.address])
    node.storage[KEY] = "v" * 8000
    yield node
    node.stop()
    neighbour.stop()


@pytest_asyncio.fixture
async def visitor(server: Server) -> AsyncIterator[Visitor]:
    """Return a bare socket."""
    somebody = Visitor(server)
    yield somebody
    somebody.close()


async def test_every_hostile_datagram_is_counted_and_dropped(server: Server, visitor: Visitor) -> None:
    """65,507 bytes of nothing included; the node answers pings in between, and keeps what it kept."""
    before = server.stats()
    for datagram in [*MALFORMED.values(), *UNKNOWN.values(), *STRAY.values()]:
        await visitor.send(datagram)
        await visitor.processed()
    after = server.stats()
    assert after.malformed - before.malformed == len(MALFORMED)
    assert after.unknown_methods - before.unknown_methods == len(UNKNOWN)
    assert after.unmatched - before.unmatched == len(STRAY)
    assert after.internal_errors == 0
    assert server.protocol is not None
    assert visitor.address not in [node.address for node in server.protocol.router.contacts()]
    assert list(server.storage) == [(KEY, "v" * 8000)]


async def test_a_source_that_never_answers_gets_no_more_bytes_than_it_sent(server: Server, visitor: Visitor) -> None:
    """Every request type, padded and not, counted at the victim's own socket."""
    kinds = [
        request("ping", ID),
        request("stun"),
        request("store", ID, b"o" * 20, "v" * 8000),
        request("find_node", ID, KEY),
        request("find_value", ID, KEY),
        trailer.append(request("find_value", ID, KEY), {trailer.PADDING: bytes(500)}),
        trailer.append(request("find_node", ID, KEY), {trailer.EPHEMERAL: True}),
    ]
    for repetition in range(30):
        for number, datagram in enumerate(kinds):
            numbered = REQUEST + message_id(100 * repetition + number) + datagram[21:]
            await visitor.send(numbered)
        await visitor.processed()
        assert visitor.received <= visitor.sent
    assert visitor.pings
    assert server.storage.get(b"o" * 20) is None
    assert server.protocol is not None
    assert visitor.address not in [node.address for node in server.protocol.router.contacts()]


async def test_whoever_answers_the_ping_is_served_in_full(server: Server, visitor: Visitor) -> None:
    """8 kB for 78 bytes, as soon as the address is known to be its own; and a pong from elsewhere proves nothing."""
    await visitor.send(request("find_value", ID, KEY, number=1))
    ping = await visitor.next()
    assert rpcudp.decode_request(ping[21:]) == ("ping", [server.node.id])
    other = Visitor(server)
    await other.send(answer(ping, ID))
    await other.processed()
    other.close()
    assert server.stats().unmatched == 1
    await visitor.send(answer(ping, ID))
    assert rpcudp.decode(await visitor.answered(1)) == {"value": "v" * 8000}
    assert server.protocol is not None
    assert visitor.address in [node.address for node in server.protocol.router.contacts()]


async def test_a_peers_nonsense_does_not_disturb_set_and_get(server: Server, visitor: Visitor) -> None:
    """A contact that answers every request with one kind of nonsense after the other."""
    bodies = [b"\xc1", b"\x80", b"\x07", b"\xa3abc", b"\x91" * 3000 + b"\x00", b"\xdd\xff\xff\xff\xff", b""]
    await visitor.send(request("store", ID, b"o" * 20, 1, number=1))
    await visitor.send(answer(await visitor.next(), ID))
    await visitor.answered(1)
    talking = asyncio.ensure_future(_answer_with(visitor, bodies))
    for number in range(len(bodies)):
        assert await server.set(f"key {number}", number) is True
        assert await server.get(f"key {number}") == number
        assert await server.get(f"nobody's {number}") is None
    talking.cancel()
    assert server.stats().wrong_replies >= len(bodies)
    assert server.stats().internal_errors == 0


async def _answer_with(visitor: Visitor, bodies: list[bytes]) -> None:
    """Answer every request with the next body, for ever."""
    while True:
        for body in bodies:
            datagram = await visitor.next()
            while datagram[:1] != REQUEST:
                datagram = await visitor.next()
            await visitor.send(b"\x01" + datagram[1:21] + body)
