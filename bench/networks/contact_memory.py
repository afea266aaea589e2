"""Measure what an engine keeps of each address: a contact with its record, and a stranger's record.

`python bench/networks/contact_memory.py 2000` offers so many nodes to one engine: each pings it, from an address of its
own, and answers when it is pinged. Not all find room; a second engine is offered only those that the first one took.
Prints one line of JSON: bytes as tracemalloc counts them, by the line that allocated them.
"""

from __future__ import annotations

import gc
import json
import linecache
import random
import sys
import tracemalloc
from pathlib import Path
from typing import Any

from kademlia.engine.operation import Operation, finished
from kademlia.node import Node, forget_shared
from kademlia.protocol import KademliaProtocol
from kademlia.storage import ForgetfulStorage
from kademlia.wire import rpcudp, trailer

KSIZE = 20
ROUND_TRIP_S = 0.02
#: A node's first request is padded to this size, so that it pays for the ping that it is answered with.
FIRST_BYTES = 128
#: Long enough for calls that are over to be forgotten, short enough for nothing to be refreshed.
PAUSE_S = 20.0

Ids = list[int]


class World:
    """A host of one engine, in which every address answers pings with its own id."""

    transport = None

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.time = 1000.0
        self.engine = KademliaProtocol(Node(self.random_bytes(20)), ForgetfulStorage(), KSIZE)
        self.engine.start(self, self.time, 1.7e9)
        self.engine.probing.stop()  # it would ask others than whose turn it is

    def offer(self, number: int, identity: int) -> None:
        """Let one node ping the engine; as in a driver, its address and id are fresh objects in every datagram."""
        message_id = self.random_bytes(20)
        ping = rpcudp.request(message_id, rpcudp.encode(("ping", (identity.to_bytes(20, "big"),))))
        reply = self.engine.receive(trailer.introduction(ping, False, FIRST_BYTES), address_of(number), self.time)
        assert reply is not None, "the engine did not answer a first ping"
        hints = trailer.split(reply)[1]
        if hints and trailer.PING in hints:
            self.answer(hints[trailer.PING], number, identity)
        for datagram, (ip, _) in self.engine.take_outbox():
            assert ip == address_of(number)[0], "the engine asked somebody else"
            self.answer(datagram[1:21], number, identity)

    def answer(self, message_id: bytes, number: int, identity: int) -> None:
        """Answer a ping of the engine."""
        self.time += ROUND_TRIP_S
        pong = rpcudp.response(message_id, rpcudp.encode(identity.to_bytes(20, "big")))
        self.engine.receive(pong, address_of(number), self.time)

    def pause(self) -> None:
        """Let the engine finish what it is at, and forget what is over."""
        self.time += PAUSE_S
        while (self.engine.deadline() or self.time + 1) <= self.time:
            self.engine.tick(self.time)
        gc.collect()

    # -- engine.host.Host ------------------------------------------------------------------------------------------

    def now(self) -> float:
        return self.time

    def random_bytes(self, count: int) -> bytes:
        return self.chance.randbytes(count)

    def result(self, operation: Operation[Any]) -> Any:
        return operation

    future = result

    def operation(self, awaitable: Any) -> None:
        return None

    def resolve(self, name: str) -> Operation[str | None]:
        return finished(None)

    def reaches(self, ip: str) -> bool:
        return True

    def wake(self) -> None:
        pass

    def report(self, message: str) -> None:
        print(message, file=sys.stderr)


def address_of(number: int) -> tuple[str, int]:
    """Return a node's address, in objects of its own."""
    return f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 1024 + number


def taken_in(identities: Ids) -> tuple[Ids, Ids]:
    """Offer nodes to an engine; return which became contacts, and which did not."""
    world = World(seed=1)
    for number, identity in enumerate(identities):
        world.offer(number, identity)
    contacts = {node.long_id for node in world.engine.router.contacts()}
    return [one for one in identities if one in contacts], [one for one in identities if one not in contacts]


def where(before: tracemalloc.Snapshot, after: tracemalloc.Snapshot, count: int) -> dict[str, float]:
    """Return what the lines that allocate most took, for each contact."""
    lines: dict[str, float] = {}
    for difference in after.compare_to(before, "lineno"):
        frame = difference.traceback[0]
        share = difference.size_diff / count
        if share >= 1:
            code = linecache.getline(frame.filename, frame.lineno).strip()
            lines[f"{Path(frame.filename).name}:{frame.lineno} {code}"] = round(share, 1)
    return dict(sorted(lines.items(), key=lambda line: -line[1]))


def measure(identities: Ids) -> dict[str, Any]:
    """Measure an engine that is offered those that it takes in, and then the others."""
    contacts, others = taken_in(identities)
    forget_shared()  # of the nodes of that run: they are to be counted
    world = World(seed=1)
    tracemalloc.start()
    world.pause()
    start = tracemalloc.take_snapshot()
    before = tracemalloc.get_traced_memory()[0]
    for number, identity in enumerate(contacts):
        world.offer(number, identity)
    world.pause()
    remembering = tracemalloc.get_traced_memory()[0]
    forget_shared()  # that nodes are remembered to be shared has a limit of its own, and a row of its own
    with_contacts = tracemalloc.get_traced_memory()[0]
    assert len(world.engine.router) == len(world.engine.records) == len(contacts)
    lines = where(start, tracemalloc.take_snapshot(), len(contacts))
    middle = tracemalloc.get_traced_memory()[0]
    for number, identity in enumerate(others, len(contacts)):
        world.offer(number, identity)
    world.pause()
    with_strangers = tracemalloc.get_traced_memory()[0]
    strangers = len(world.engine.records) - len(contacts)
    return {
        "contacts": len(contacts),
        "bytes_per_contact": (with_contacts - before) / len(contacts),
        "bytes_per_remembered": (remembering - with_contacts) / len(contacts),
        "strangers": strangers,
        "replacements": world.engine.stats().replacements,
        "bytes_per_stranger": (with_strangers - middle) / strangers,
        "lines": lines,
    }


def main() -> None:
    """Measure and print."""
    chance = random.Random(2)
    identities = [int.from_bytes(chance.randbytes(20), "big") for _ in range(int(sys.argv[1]))]
    print(json.dumps(measure(identities)))


if __name__ == "__main__":
    main()
