"""Aim a node at others: `python bench/amplification.py` sends what a forger would, from sockets that never answer.

A `Server` on a real socket, with a full table, values of 8 kB and an RPC of a program's own that says 60 kB, gets every
type of request: the smallest that there is, padded to many sizes, with and without what our own nodes put behind their
requests, byte for byte as the published releases send it, once and over and over. Each sort has a source of its own in
127.0.0.0/8. After every datagram it is counted what the source has sent and got so far: it may never have got more.
What is held for a source ends after five seconds, so it is listened for six more.

Then the right answers come from the wrong place: the node calls A, and B, who knows the message id, answers first.

    Takes ten seconds; exits with 1 if a promise is broken.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from kademlia import Server
from kademlia.node import Node
from kademlia.protocol import KademliaProtocol
from kademlia.storage import pairs
from kademlia.wire import life, rpcudp, trailer

#: How often each request is sent with ever new message ids, and how often with one and the same.
REPEATED = 20

#: Bytes of padding behind a request; None is no trailer at all.
PADDINGS = (None, 0, 20, 60, 128, 400, 1_100, 8_000)

#: What is held ends after 5 s; nothing may come for so long after the last datagram, in seconds.
SILENCE_S = 6.0

#: Answers with the right message id from the wrong address.
FORGED = 200

#: What the node has to tell.
CONTACTS = 400
LARGE_VALUE_BYTES = 8_000
OWN_ANSWER_BYTES = 60_000

LARGE, SMALL, MISSING = b"l" * 20, b"s" * 20, b"m" * 20
OWN_ID = b"i" * 20


class Talkative(KademliaProtocol):
    """A program's own node, whose answer is far larger than what asks for it."""

    def rpc_tell(self, sender: tuple[str, int]) -> str:
        return "t" * OWN_ANSWER_BYTES


class Victim(Server):
    protocol_class = Talkative


Make = Callable[[bytes], bytes]


def asks(method: str, *arguments: object) -> Make:
    """Return what makes a request's datagram of a message id."""
    body = rpcudp.call(method, *arguments)
    return lambda message_id: rpcudp.request(message_id, body)


def captured(body: str) -> Make:
    """Return the same for the bytes of a published release."""
    raw = bytes.fromhex(body)
    return lambda message_id: b"\x00" + message_id + raw


_ID, _KEY, _LARGE = OWN_ID.hex(), MISSING.hex(), LARGE.hex()

#: Every type of request, the smallest of its kind where sizes differ.
KINDS: dict[str, Make] = {
    "ping": asks("ping", OWN_ID),
    "stun": asks("stun"),
    "find_node": asks("find_node", OWN_ID, MISSING),
    "find_value, missing": asks("find_value", OWN_ID, MISSING),
    "find_value, small": asks("find_value", OWN_ID, SMALL),
    "find_value, 8 kB": asks("find_value", OWN_ID, LARGE),
    "find_value, 8 kB and its life": lambda message_id: (
        asks("find_value", OWN_ID, LARGE)(message_id) + trailer.QUESTION
    ),
    "store, small": lambda message_id: asks("store", OWN_ID, message_id, 1)(message_id),
    "store, 8 kB": lambda message_id: asks("store", OWN_ID, message_id, "v" * LARGE_VALUE_BYTES)(message_id),
    "store with a life": lambda message_id: (
        asks("store", OWN_ID, message_id, 1)(message_id) + trailer.of_life(life.encode(1, 0, 86_400))
    ),
    "own RPC, 60 kB": asks("tell"),
    "unknown method": asks("x"),
    "malformed arguments": asks("ping", 5),
    "no msgpack": lambda message_id: b"\x00" + message_id + b"\xc1",
    "an answer": lambda message_id: rpcudp.response(message_id, rpcudp.encode(OWN_ID)),
    "22 bytes": lambda message_id: b"\x00" + message_id + b"\x90",
    "1 byte": lambda message_id: b"\x00" + message_id[:0],
    "2.2.3 ping": captured(f"92a470696e6791c414{_ID}"),
    "2.2.3 stun": captured("92a47374756e90"),
    "2.2.3 find_node": captured(f"92a966696e645f6e6f646592c414{_ID}c414{_KEY}"),
    "2.2.3 find_value": captured(f"92aa66696e645f76616c756592c414{_ID}c414{_LARGE}"),
    "2.2.3 store": captured(f"92a573746f726593c414{_ID}c414{_KEY}a568656c6c6f"),
    "0.4 find_value": captured(f"92c40a66696e645f76616c756592c414{_ID}c414{_LARGE}"),
}


@dataclass
class Traffic:
    """What one type of request came to, of all its sources."""

    smallest: int = 0  #: request
    largest: int = 0  #: datagram that came of it
    sent: int = 0
    got: int = 0
    worst: float = 0.0  #: bytes got by bytes sent, at the worst moment of the worst source


class Source:
    """Somebody whose address a forger uses: a socket that never answers."""

    _hosts = itertools.count(2)

    def __init__(self, traffic: Traffic) -> None:
        number = next(self._hosts)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((f"127.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", 0))
        self._socket.setblocking(False)
        self._traffic = traffic
        self._sent = self._got = 0

    def send(self, datagram: bytes, target: tuple[str, int]) -> None:
        """Send one."""
        self._socket.sendto(datagram, target)
        traffic = self._traffic
        self._sent += len(datagram)
        traffic.sent += len(datagram)
        traffic.smallest = min(traffic.smallest or len(datagram), len(datagram))

    def listen(self) -> bool:
        """Take what came; return whether that was more than was sent."""
        traffic = self._traffic
        with contextlib.suppress(BlockingIOError):
            while True:
                size = len(self._socket.recv(65_536))
                self._got += size
                traffic.got += size
                traffic.largest = max(traffic.largest, size)
        traffic.worst = max(traffic.worst, self._got / self._sent)
        return self._got > self._sent

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


async def taken(server: Server, count: int) -> None:
    """Wait until the node has taken so many datagrams in all, and sent what came of them."""
    give_up = asyncio.get_running_loop().time() + 5
    while server.stats().received < count:
        assert asyncio.get_running_loop().time() < give_up, "the node does not take what it is sent"
        await asyncio.sleep(0)
    await asyncio.sleep(0)


def variants(make: Make) -> Iterator[list[bytes]]:
    """Yield the datagrams of each source: with each padding, as one that will not stay, and the same one repeated."""
    for padding in PADDINGS:
        fields = None if padding is None else {trailer.PADDING: bytes(padding)}
        yield [_with(make(os.urandom(20)), fields) for _ in range(REPEATED)]
    yield [_with(make(os.urandom(20)), {trailer.EPHEMERAL: True}) for _ in range(REPEATED)]
    yield [_with(make(os.urandom(20)), {trailer.NODE_ID: OWN_ID, trailer.PING: OWN_ID}) for _ in range(REPEATED)]
    yield [make(OWN_ID)] * REPEATED


def _with(datagram: bytes, fields: dict[int, Any] | None) -> bytes:
    return datagram if fields is None else trailer.append(datagram, fields)


async def silent_sources(server: Server) -> dict[str, Traffic]:
    """Send everything, and count."""
    assert server.address is not None
    traffic = {name: Traffic() for name in KINDS}
    sources: list[Source] = []
    count = server.stats().received
    for name, make in KINDS.items():
        for datagrams in variants(make):
            source = Source(traffic[name])
            sources.append(source)
            for datagram in datagrams:
                source.send(datagram, server.address)
                count += 1
                await taken(server, count)
                source.listen()
    began = asyncio.get_running_loop().time()
    while asyncio.get_running_loop().time() < began + SILENCE_S:
        await asyncio.sleep(0.1)
        for source in sources:
            source.listen()
    for source in sources:
        source.close()
    return traffic


async def forged_answers(server: Server) -> tuple[int, int, int]:
    """Have B answer what A was asked; return how many were sent, believed, and how many of A's own were, afterwards."""
    assert server.protocol is not None
    assert server.address is not None
    loop = asyncio.get_running_loop()
    a, b = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    for sock in (a, b):
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
    node = Node(OWN_ID, *a.getsockname())
    count = server.stats().received
    believed = right = 0
    for _ in range(FORGED):
        call = asyncio.ensure_future(server.protocol.call_ping(node))
        asked = await asyncio.wait_for(loop.sock_recv(a, 65_536), 5)
        answer = rpcudp.response(asked[1:21], rpcudp.encode(OWN_ID))
        b.sendto(answer, server.address)
        count += 1
        await taken(server, count)
        believed += call.done()
        a.sendto(answer, server.address)
        right += (await asyncio.wait_for(call, 5))[0]
        count += 1
    contacts = [contact.address for contact in server.protocol.router.contacts()]
    believed += b.getsockname() in contacts
    a.close()
    b.close()
    return FORGED, believed, right


async def node() -> Server:
    """Return a node that has much to tell."""
    server = Victim()
    await server.listen(0, "127.0.0.1")
    assert server.protocol is not None
    for number in range(CONTACTS):
        server.protocol.router.add_contact(Node(os.urandom(20), f"127.200.{number >> 8}.{number & 255}", 8468))
    server.storage[LARGE] = "v" * LARGE_VALUE_BYTES
    server.storage[SMALL] = 1
    return server


def show(traffic: dict[str, Traffic], stores: int, forged: tuple[int, int, int], errors: int) -> bool:
    """Print it; return whether all promises are kept."""
    table = Table(title="what a source gets that never answers, in bytes; the factor may never be above 1")
    for column in ("request", "smallest", "largest reply", "in", "out", "factor at its worst", "kept"):
        table.add_column(column, justify="left" if column == "request" else "right", no_wrap=True)
    kept = True
    for name, one in traffic.items():
        good = one.worst <= 1
        kept &= good
        numbers = (one.smallest, one.largest, one.sent, one.got)
        table.add_row(name, *(f"{n:,}" for n in numbers), f"{one.worst:.3f}", "yes" if good else "[bold red]no")
    console = Console(width=120)
    console.print(table)
    sent, believed, right = forged
    console.print(f"stores of silent sources that took effect: {stores} (0)")
    console.print(f"right message ids from the wrong address: {sent}, believed: {believed} (0)")
    console.print(f"the same answers from the right one, afterwards: {right} ({sent}); internal errors: {errors} (0)")
    return kept and stores == 0 and believed == 0 and right == sent and errors == 0


async def main() -> int:
    server = await node()
    traffic = await silent_sources(server)
    stores = sum(key not in (LARGE, SMALL) for key, _ in pairs(server.storage))
    forged = await forged_answers(server)
    kept = show(traffic, stores, forged, server.stats().internal_errors)
    server.stop()
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
