"""More datagrams than can be answered: contacts come first, others are shed and counted, and it is over at once.

The buffers of real sockets are filled before the loop has its turn. They are of Linux's usual size here, and hold 550
small datagrams: what matters lies in the first 256.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, suppress
from typing import Any, cast

import pytest
from tests.hostile.strangers import answer, message_id, request
from twisted.internet.selectreactor import SelectReactor

from kademlia import Server
from kademlia.drivers import tx
from kademlia.drivers.datagrams import BURST, DatagramSocket
from kademlia.drivers.intake import AHEAD, PRESSED_S
from kademlia.engine.triage import OTHERS_UNDER_PRESSURE
from kademlia.node import Address, Node
from kademlia.protocol import KademliaProtocol
from kademlia.storage import ForgetfulStorage

#: Receive buffer of the node, in bytes: what Linux gives to whoever does not ask.
BUFFER_BYTES = 212_992

#: Datagrams that wait for it: an eighth of the buffer more than it reads ahead.
FLOOD = 400


class Strangers:
    """Sockets that ping a node, and never answer what it asks."""

    def __init__(self, target: Address, count: int = 5) -> None:
        family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET
        self._sockets = [socket.socket(family, socket.SOCK_DGRAM) for _ in range(count)]
        for sock in self._sockets:
            sock.bind((target[0], 0))
            sock.connect(target)
            sock.setblocking(False)
        self._ids = [os.urandom(20) for _ in range(count)]
        self._sent = 0

    def ping(self, times: int) -> None:
        """Send so many pings, from each in turn."""
        for _ in range(times):
            self._sent += 1
            place = self._sent % len(self._sockets)
            self._sockets[place].send(request("ping", self._ids[place], number=self._sent))

    def answers(self) -> int:
        """Return how many answers have come since this was asked last."""
        return sum(datagram[:1] == b"\x01" for sock in self._sockets for datagram in _waiting(sock))

    def close(self) -> None:
        """Close the sockets."""
        for sock in self._sockets:
            sock.close()


def _waiting(sock: socket.socket) -> Iterator[bytes]:
    with suppress(BlockingIOError):
        while True:
            yield sock.recv(65_535)


def drain(server: Server) -> None:
    """Take everything that waits for a server."""
    while server.transport.drain():
        pass


def node(server: Server) -> Node:
    """Return a server as others know it."""
    assert server.address is not None
    return Node(server.node.id, *server.address)


def moved_on(server: Server, seconds: float) -> None:
    """Let a server's clock be ahead by so much."""
    host = server.protocol.host
    later = host.now() + seconds
    host.now = lambda: later


@pytest.fixture(params=["a burst in one call", "one by one", "IPv6"])
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Server, Server]]:
    """Return a node and its contact; the node reads its socket in one of the ways there are."""
    alice, bob = Server(), Server()
    for server in (alice, bob):
        try:
            await server.listen(0, "::1" if request.param == "IPv6" else "127.0.0.1")
        except OSError:
            pytest.skip("there is no IPv6 here")
    alice.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    if request.param == "one by one":
        alice.protocol.host.intake.datagrams = DatagramSocket(alice.transport.get_extra_info("socket"))
    await bob.bootstrap([alice.address])
    await alice.protocol.call_ping(node(bob))
    assert alice.protocol.records.of(bob.address).bucket is not None
    counts = [server.protocol.counts for server in (alice, bob)]
    yield alice, bob
    alice.stop()
    bob.stop()
    assert [count.internal_errors for count in counts] == [0, 0]


async def test_contacts_are_answered_and_strangers_are_shed_and_counted(pair: tuple[Server, Server]) -> None:
    """Two thousand requests of strangers must not cost a contact its answer."""
    alice, bob = pair
    with closing(Strangers(alice.address)) as strangers:
        strangers.ping(100)
        asked = [bob.protocol.call_ping(node(alice))]
        strangers.ping(100)
        asked.append(bob.protocol.call_ping(node(alice)))
        strangers.ping(1800)
        before = alice.stats()
        alice.transport.drain()
        stats = alice.stats()
        assert stats.received - before.received == AHEAD
        assert stats.shed == AHEAD - len(asked) - OTHERS_UNDER_PRESSURE
        assert stats.answered - before.answered == len(asked) + OTHERS_UNDER_PRESSURE
        assert strangers.answers() == OTHERS_UNDER_PRESSURE
        drain(alice)
        for one in asked:
            assert await one == (True, alice.node.id)
        assert bob.stats().timeouts == 0


async def test_it_is_over_a_moment_after_the_flood(pair: tuple[Server, Server]) -> None:
    """A node that once was flooded must not be worse for it, nor wait for somebody's datagram to notice."""
    alice, _ = pair
    with closing(Strangers(alice.address)) as strangers:
        strangers.ping(FLOOD)
        drain(alice)
        assert alice.protocol.pressed
        moved_on(alice, PRESSED_S)
        alice.protocol.host.intake._look_again()  # which a timer does
        assert not alice.protocol.pressed
        shed = alice.stats().shed
        strangers.answers()
        strangers.ping(200)
        drain(alice)
        assert strangers.answers() == 200
        assert alice.stats().shed == shed


async def test_under_pressure_less_than_a_burst_is_answered(pair: tuple[Server, Server]) -> None:
    """Strangers get what a node can give: it chooses only where it must."""
    alice, _ = pair
    with closing(Strangers(alice.address)) as strangers:
        strangers.ping(FLOOD)
        drain(alice)
        strangers.answers()
        strangers.ping(BURST - 1)
        drain(alice)
        assert alice.protocol.pressed
        assert strangers.answers() == BURST - 1


async def test_as_many_as_are_read_ahead_are_on_their_way_and_none_is_shed(pair: tuple[Server, Server]) -> None:
    """An honest crowd waits for its answers before it asks again: it is no flood."""
    alice, _ = pair
    with closing(Strangers(alice.address)) as strangers:
        for _ in range(8):
            strangers.ping(AHEAD - 1)
            drain(alice)
            assert strangers.answers() == AHEAD - 1
            assert not alice.protocol.pressed
        assert alice.stats().shed == 0


async def test_a_large_buffer_may_hold_more_before_anything_is_shed(pair: tuple[Server, Server]) -> None:
    """A thousand requests on their way, each waited for, overflow nothing and are answered within milliseconds."""
    alice, _ = pair
    sock = alice.transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 * BUFFER_BYTES)
    if sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) < 8 * BUFFER_BYTES:
        pytest.skip("this system gives no such buffer")
    with closing(Strangers(alice.address)) as strangers:
        strangers.ping(AHEAD + 200)
        drain(alice)
        assert strangers.answers() == AHEAD + 200
        assert alice.stats().shed == 0


async def test_answers_to_our_own_requests_come_first(pair: tuple[Server, Server]) -> None:
    """Lookups ask nodes that are no contacts; under a flood they must find what they look for."""
    alice, _ = pair
    with closing(socket.socket(*_kind(alice))) as carol, closing(Strangers(alice.address)) as strangers:
        carol.bind((alice.address[0], 0))
        asked = alice.protocol.call_ping(Node(bytes(20), *carol.getsockname()[:2]))
        question = carol.recv(65_535)
        strangers.ping(100)
        carol.sendto(answer(question, bytes(20)), alice.address)
        carol.sendto(answer(request("ping", number=1), bytes(20)), alice.address)  # to nothing that was asked
        strangers.ping(300)
        replies = alice.stats().replies
        alice.transport.drain()
        assert alice.stats().replies == replies + 1
        assert await asked == (True, bytes(20))
        assert alice.stats().shed == AHEAD - 1 - OTHERS_UNDER_PRESSURE


async def test_timers_are_served_while_the_flood_lasts(pair: tuple[Server, Server]) -> None:
    """A node that only reads would never give up whom it asked, and its lookups would not end."""
    alice, _ = pair
    with closing(socket.socket(*_kind(alice))) as silent, closing(Strangers(alice.address)) as strangers:
        silent.bind((alice.address[0], 0))
        asked = alice.protocol.call_ping(Node(bytes(20), *silent.getsockname()[:2]))
        for seconds in (1.0, 6.0):
            strangers.ping(FLOOD)
            moved_on(alice, seconds)
            alice.protocol.host._on_timer()
        assert await asked == (False, None)
        assert alice.stats().shed > 0


async def test_a_flood_leaves_no_timer_behind(pair: tuple[Server, Server]) -> None:
    """Also of a node that stops in the middle of it."""
    alice, _ = pair
    with closing(Strangers(alice.address)) as strangers:
        strangers.ping(FLOOD)
        alice.transport.drain()
        protocol, loop = alice.protocol, cast("Any", asyncio.get_running_loop())
        owners = [protocol.host, protocol.host.intake]

        def timers() -> list[Any]:
            left = [timer for timer in loop._scheduled if not timer.cancelled()]
            return [timer for timer in left if getattr(timer._callback, "__self__", None) in owners]

        assert len(timers()) >= len(owners)
        alice.stop()
        assert not protocol.pressed
        assert timers() == []


def _kind(server: Server) -> tuple[int, int]:
    return (socket.AF_INET6 if ":" in server.address[0] else socket.AF_INET), socket.SOCK_DGRAM


# -- Twisted -----------------------------------------------------------------------------------------------------------


class Listening:
    """Protocols on a reactor of their own, as `reactor.listenUDP` makes them listen."""

    def __init__(self) -> None:
        self.reactor = SelectReactor()
        self._ports: list[Any] = []

    def protocol(self, kind: type[KademliaProtocol] = KademliaProtocol) -> KademliaProtocol:
        """Return one more that listens."""
        protocol = kind(Node(os.urandom(20)), ForgetfulStorage(), 20)
        tx.attach(protocol)
        self._ports.append(self.reactor.listenUDP(0, protocol, interface="127.0.0.1"))
        return protocol

    def until(self, deferred: Any) -> Any:
        """Return a Deferred's result."""
        results: list[Any] = []
        deferred.addCallback(results.append)
        while not results:
            self.reactor.iterate(0.001)
        return results[0]

    def close(self) -> None:
        """End everything."""
        for port in self._ports:
            port.stopListening()
        self.reactor.iterate(0)
        self.reactor.iterate(0)
        self.reactor.disconnectAll()


def whole(protocol: KademliaProtocol) -> Node:
    """Return a protocol's node with its address."""
    return Node(protocol.source_node.id, *protocol.host.own_address)  # type: ignore[union-attr]


def test_under_twisted_contacts_come_first_too() -> None:
    """The reactor's own reading takes one datagram after the other, and so cannot choose."""
    with closing(Listening()) as listening:
        alice, bob = listening.protocol(), listening.protocol()
        assert listening.until(bob.call_ping(whole(alice))) == (True, alice.source_node.id)
        assert listening.until(alice.call_ping(whole(bob))) == (True, bob.source_node.id)
        with closing(Strangers(whole(alice).address)) as strangers:
            strangers.ping(200)
            asked = bob.call_ping(whole(alice))
            strangers.ping(1800)
            assert listening.until(asked) == (True, alice.source_node.id)
            assert alice.counts.shed >= AHEAD - 1 - OTHERS_UNDER_PRESSURE
            assert alice.counts.internal_errors == 0


def test_under_twisted_a_program_that_takes_datagrams_itself_gets_each() -> None:
    """Protocols of 0.x override datagramReceived, to count, to log, or to take other datagrams besides."""

    class Counting(KademliaProtocol):
        seen = 0

        def datagramReceived(self, data: bytes, addr: Any) -> None:
            self.seen += 1
            super().datagramReceived(data, addr)

    with closing(Listening()) as listening:
        alice: Any = listening.protocol(Counting)
        bob = listening.protocol()
        assert listening.until(bob.call_ping(whole(alice))) == (True, alice.source_node.id)
        assert alice.seen >= 1


# -- the choice, without a socket --------------------------------------------------------------------------------------


def test_of_the_others_whoever_proved_its_address_comes_first() -> None:
    """A flood of strangers does not take the places of those who were there before."""
    protocol = KademliaProtocol(Node(bytes(20)), ForgetfulStorage(), 20)
    proved = ("10.9.0.1", 8468)
    protocol.contacts.answered(protocol.records.of(proved), None, None, 0.0)
    datagrams = [(b"old", proved), *((b"x", (f"10.8.0.{number}", 8468)) for number in range(100))]
    assert protocol.triage.chosen(datagrams)[0] == (b"old", proved)


def test_of_the_others_the_newest_are_taken_and_what_is_shed_leaves_no_trace() -> None:
    """The oldest have been given up by their callers; and a flood from ever new addresses must make nothing grow."""
    protocol = KademliaProtocol(Node(bytes(20)), ForgetfulStorage(), 20)
    others = [(request("stun", number=n), (f"192.0.2.{n}", 4000)) for n in range(100)]
    chosen = protocol.triage.chosen(others)
    assert chosen == others[::-1][:OTHERS_UNDER_PRESSURE]
    assert protocol.counts.shed == 100 - OTHERS_UNDER_PRESSURE
    assert len(protocol.records) == 0


def test_what_is_no_datagram_of_ours_is_chosen_from_like_any_other() -> None:
    """Hostile bytes must not raise before they are looked at."""
    protocol = KademliaProtocol(Node(bytes(20)), ForgetfulStorage(), 20)
    odd = [(data, ("192.0.2.1", 4000)) for data in (b"", b"\x01", b"\x01" + message_id(1), b"\x07" * 65_535)]
    assert protocol.triage.chosen(odd) == odd[::-1]
