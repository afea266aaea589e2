"""Return routability on a real socket: every type of request, as a forger sends it, through the operating system.

`bench/amplification.py` does more of the same, and prints it. Here no real time passes: what is held for a stranger is
given up by the engine's own clock.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.hostile.bare_socket import BareSocket
from tests.hostile.strangers import REQUEST, answer, message_id
from tests.hostile.test_return_routability import KINDS, LARGE, LARGE_VALUE, Talkative, padded

from kademlia.engine import limits
from kademlia.network import Server
from kademlia.node import Node

ID = b"i" * 20

#: Contacts that the node tells of.
CONTACTS = 200

#: Requests of each source.
REPEATED = 20


class Victim(Server):
    """A node whose program has much to say."""

    protocol_class = Talkative


class Source(BareSocket):
    """Somebody whose address a forger uses: it never answers."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = 0
        self.got = 0

    async def send(self, datagram: bytes, server: Server) -> None:
        """Send a datagram, and wait until the node has done with it."""
        before = server.stats().received
        self.sent += len(datagram)
        assert server.address is not None
        self._socket.sendto(datagram, server.address)
        await _until_received(server, before + 1)

    def take(self) -> list[bytes]:
        """Return what came since the last time."""
        came: list[bytes] = []
        with contextlib.suppress(BlockingIOError):
            while True:
                came.append(self._socket.recv(65_536))
                self.got += len(came[-1])
        return came

    async def next(self) -> bytes:
        """Return the next datagram that comes."""
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self._socket, 65_536), 5)


async def _until_received(server: Server, count: int) -> None:
    async with asyncio.timeout(5):
        while server.stats().received < count:  # noqa: ASYNC110  # a turn of the loop reads the socket
            await asyncio.sleep(0)
    await asyncio.sleep(0)


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    """Return a node with a full table, a large value and a talkative program."""
    node = Victim()
    await node.listen(0, "127.0.0.1")
    assert node.protocol is not None
    for number in range(CONTACTS):
        node.protocol.router.add_contact(Node(number.to_bytes(1, "big") * 20, "127.0.0.1", 1 + number))
    node.storage[LARGE] = LARGE_VALUE
    yield node
    node.stop()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "own, later"])
async def test_a_source_that_never_answers_gets_no_more_bytes_than_it_sent(server: Server, kind: str) -> None:
    """Counted at the source's own socket, after every single datagram, until nothing is held any more."""
    protocol = server.protocol
    assert protocol is not None
    sources = []
    for padding in (None, 0, 60, 1100):
        source = Source()
        sources.append(source)
        for number in range(REPEATED):
            datagram = KINDS[kind](number)
            await source.send(datagram if padding is None else padded(datagram, padding), server)
            source.take()
            assert source.got <= source.sent
    protocol.tick(protocol.now + limits.HELD_S + limits.HARD_TIMEOUT_S)
    protocol.wake()
    assert server.stats().holding == 0
    for source in sources:
        source.take()
        assert source.got <= source.sent
        assert source.address not in [node.address for node in protocol.router.contacts()]
        source.close()
    assert list(server.storage) == [(LARGE, LARGE_VALUE)]
    assert server.stats().internal_errors == 0


async def test_the_right_message_id_from_the_wrong_address_is_refused(server: Server) -> None:
    """Who reads along can forge no answer unless he can forge the address, too; the real one still counts."""
    asked, other = Source(), Source()
    assert server.protocol is not None
    for _ in range(20):
        call = asyncio.ensure_future(server.protocol.call_ping(Node(ID, *asked.address)))
        datagram = await asked.next()
        await other.send(answer(datagram, ID), server)
        assert not call.done()
        await asked.send(answer(datagram, ID), server)
        assert await call == (True, ID)
    assert server.stats().unmatched == 20
    assert other.address not in [node.address for node in server.protocol.router.contacts()]
    asked.close()
    other.close()


async def test_a_pong_from_the_wrong_address_releases_no_store(server: Server) -> None:
    """A store is held until its own address answers; that another one does, with the right id, proves nothing."""
    source, other = Source(), Source()
    await source.send(KINDS["store"](1), server)
    ping = await source.next()
    assert ping[:1] == REQUEST
    await other.send(answer(ping, ID), server)
    assert server.storage.get(message_id(1)) is None
    await source.send(answer(ping, ID), server)
    assert server.storage.get(message_id(1)) == "stored"
    source.close()
    other.close()
