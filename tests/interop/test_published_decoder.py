"""What the published release makes of our datagrams: asked itself, not remembered.

A raw socket stands in for one of our nodes, so that every byte that reaches the old node is the test's own.
"""

from __future__ import annotations

import ast
import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio
from tests.interop.mixed import OLD, Peer, Process, add

from kademlia.wire import rpcudp, trailer

pytestmark = pytest.mark.interop

ID, KEY = b"i" * 20, b"k" * 20

FIELDS: list[dict[int, Any]] = [
    {},
    {trailer.PADDING: bytes(60)},
    {trailer.PADDING: bytes(8000)},
    {trailer.NODE_ID: ID, trailer.EPHEMERAL: True},
    {99: {"later": [1, "nodes", b"may"], "say": None}},
]

#: Reads Python literals, one a line; writes each as u-msgpack packs it, in hex, and what it reads from ours in turn.
UMSGPACK = """
import ast, sys, umsgpack
for line in sys.stdin:
    literal, encoded = line.rstrip("\\n").split("\\t")
    print(umsgpack.packb(ast.literal_eval(literal)).hex(), repr(umsgpack.unpackb(bytes.fromhex(encoded))), sep="\\t")
"""


class Socket(asyncio.DatagramProtocol):
    """A bare socket that keeps what it gets."""

    def __init__(self) -> None:
        self.got: asyncio.Queue[tuple[bytes, Any]] = asyncio.Queue()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.got.put_nowait((data, addr))

    async def asked(self) -> tuple[str, bytes, Any]:
        """Return the next request: its method, the datagram, its sender."""
        while True:
            datagram, sender = await asyncio.wait_for(self.got.get(), 10)
            if datagram[0] == rpcudp.REQUEST:
                return rpcudp.decode_request(datagram[21:])[0], datagram, sender

    async def answer_to(self, message_id: bytes) -> bytes:
        """Return the body of the answer with this message id."""
        while True:
            datagram, _ = await asyncio.wait_for(self.got.get(), 10)
            if datagram[:21] == b"\x01" + message_id:
                return datagram[21:]


@pytest_asyncio.fixture
async def old(peer_python: Path, tmp_path: Path) -> AsyncIterator[Peer]:
    """Return a node of the published release."""
    async with Process(OLD, peer_python, tmp_path / "old.log") as process:
        yield await add(process, 20, b"o" * 20)


@pytest_asyncio.fixture
async def raw() -> AsyncIterator[Socket]:
    """Return a bare socket on loopback."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(Socket, local_addr=("127.0.0.1", 0))
    yield protocol
    transport.close()


@pytest.mark.parametrize("fields", FIELDS, ids=["empty", "padding", "8 kB", "hints", "unknown hints"])
async def test_a_request_with_a_trailer_is_answered_as_one_without(
    old: Peer, raw: Socket, fields: dict[int, Any]
) -> None:
    """The published decoders stop at the end of the body; everything that our trailer may hold rests on it."""
    here = raw.transport.get_extra_info("sockname")
    requests = {
        "ping": (ID,),
        "stun": (),
        "store": (ID, KEY, "kept"),
        "find_value": (ID, KEY),
        "find_node": (ID, KEY),
    }
    expected = {
        "ping": b"o" * 20,
        "stun": list(here),
        "store": True,
        "find_value": {"value": "kept"},
        "find_node": [],
    }
    for number, (method, arguments) in enumerate(requests.items()):
        for message_id, end in ((bytes([number]) * 20, {}), (bytes([number + 100]) * 20, fields)):
            datagram = rpcudp.request(message_id, rpcudp.encode((method, arguments)))
            datagram = trailer.append(datagram, end) if message_id[0] >= 100 else datagram
            raw.transport.sendto(datagram, old.address)
            body = await raw.answer_to(message_id)
            assert body == rpcudp.encode(expected[method])
            assert rpcudp.decode(body) == expected[method]


@pytest.mark.parametrize("fields", FIELDS, ids=["empty", "padding", "8 kB", "hints", "unknown hints"])
async def test_an_answer_with_a_trailer_is_understood_as_one_without(
    old: Peer, raw: Socket, fields: dict[int, Any]
) -> None:
    """An old node bootstraps by somebody all of whose answers carry a trailer."""
    here = raw.transport.get_extra_info("sockname")
    bootstrap = asyncio.create_task(old.process.order("bootstrap", node=old.number, addresses=[list(here)]))
    results: dict[str, object] = {"ping": ID, "find_node": []}
    for expected in ("ping", "find_node"):
        method, datagram, sender = await raw.asked()
        assert method == expected
        raw.transport.sendto(
            trailer.append(rpcudp.response(datagram[1:21], rpcudp.encode(results[method])), fields), sender
        )
    assert await bootstrap == [ID.hex()]


def test_values_are_packed_byte_for_byte_as_u_msgpack_packs_them(peer_python: Path) -> None:
    """The library under rpcudp, in its own interpreter; and it reads ours as the very same values."""
    values: list[object] = [
        *(None, True, False, 0.0, -0.0, 1.5, 1e308, 5e-324, 0.1),
        *(sign * 2**bits + offset for bits in range(63) for sign in (1, -1) for offset in (-1, 0, 1)),
        *(2**63 - 1, 2**63, 2**64 - 1, -(2**63)),
        *("x" * length for length in (0, 1, 31, 32, 255, 256, 65535, 65536)),
        *(b"x" * length for length in (0, 1, 31, 32, 255, 256, 65535, 65536)),
        *("naïve ☃ 東京 🦆", "\x00", "\uffff", bytes(range(256))),
        *([0] * length for length in (0, 1, 15, 16, 65535, 65536)),
        *(dict.fromkeys(range(length)) for length in (0, 1, 15, 16)),
        ["store", [ID, KEY, "value"]],
        {"value": b"value"},
        [[ID, "192.0.2.1", 8468], [KEY, "2001:db8::1", 1]],
    ]
    lines = "".join(f"{value!r}\t{rpcudp.encode(value).hex()}\n" for value in values)
    ran = subprocess.run(
        [peer_python, "-I", "-c", UMSGPACK], input=lines, capture_output=True, text=True, check=True, timeout=60
    )
    said = [line.split("\t") for line in ran.stdout.splitlines()]
    assert len(said) == len(values)
    for value, (packed, unpacked) in zip(values, said, strict=True):
        assert rpcudp.encode(value).hex() == packed
        assert repr(value) == unpacked
        decoded = rpcudp.decode(bytes.fromhex(packed))
        assert repr(decoded) == repr(ast.literal_eval(unpacked))
