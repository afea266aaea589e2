"""Message ids prove addresses, so nobody may be able to guess them: they come from the operating system, and only so.

With `random.Random`, 125 ids seen predict the next one (Kademlia, section 2.3; R10).
"""

from __future__ import annotations

import ast
import asyncio
import os
import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

import kademlia
from kademlia.drivers import aio, tx
from kademlia.drivers.driver import Driver
from kademlia.engine.chance import BLOCK_BYTES, Chance
from kademlia.network import Server
from kademlia.node import ID_BYTES, Node
from kademlia.protocol import KademliaProtocol
from kademlia.storage import ForgetfulStorage


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return what was drawn from the operating system since, which goes on drawing."""
    blocks: list[bytes] = []
    urandom = os.urandom

    def remembered(count: int) -> bytes:
        blocks.append(urandom(count))
        return blocks[-1]

    monkeypatch.setattr(os, "urandom", remembered)
    return blocks


@pytest.fixture
def stranger() -> Iterator[socket.socket]:
    """Return a bare socket on loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        yield sock


@pytest.mark.parametrize("attach", [aio.attach, tx.attach])
def test_both_drivers_give_the_engine_the_operating_systems_bytes(attach: object, drawn: list[bytes]) -> None:
    """And they give it nothing else: jitter and refresh ids come from there too."""
    protocol = KademliaProtocol(Node(b"i" * ID_BYTES), ForgetfulStorage(), 20)
    assert callable(attach)
    driver: Driver = attach(protocol)
    protocol.start(driver, 0.0, 0.0)
    drawn.clear()
    protocol.chance = Chance(driver.random_bytes)
    ids = [protocol.chance.bytes(ID_BYTES) for _ in range(3 * BLOCK_BYTES // ID_BYTES)]
    assert b"".join(ids) == b"".join(drawn)
    assert len(set(ids)) == len(ids)


async def test_the_ids_on_the_wire_are_the_operating_systems(drawn: list[bytes], stranger: socket.socket) -> None:
    """From a real node's socket; module-level `random`, which anybody can seed, is not even touched."""
    random.seed(1)
    before = random.getstate()
    server = Server()
    await server.listen(0, "127.0.0.1")
    assert server.node.id in drawn
    ip, port = stranger.getsockname()
    asking = [asyncio.ensure_future(server.bootstrap_node((ip, port))) for _ in range(50)]
    loop = asyncio.get_running_loop()
    ids = [(await asyncio.wait_for(loop.sock_recv(stranger, 65535), 5))[1:21] for _ in asking]
    server.stop()
    await asyncio.gather(*asking)
    assert len(set(ids)) == 50
    assert all(any(message_id in block for block in drawn) for message_id in ids)
    assert random.getstate() == before


def test_nothing_that_a_node_is_made_of_imports_random() -> None:
    """A seeded source exists in simulation and tests, where a run has to be repeatable; programs are free."""
    package = Path(kademlia.__file__).parent
    guessable = {"random", "numpy.random"}
    importers = set()
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if guessable & set(names):
                importers.add(path.relative_to(package).parts[0])
    assert importers <= {"sim", "cli", "web"}
