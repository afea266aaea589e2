"""Strangers: inhabitants of a simulated world who are no engine, and say whatever they are told to.

A stranger has an address, sends raw datagrams and keeps what it gets. It answers only if it is given an answer to
give. `Watched` is a world that holds every engine to the rule of return routability, at every single datagram.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, cast

import msgspec

from kademlia.node import Address
from kademlia.sim import Resident, World

REQUEST, RESPONSE = b"\x00", b"\x01"

encode = msgspec.msgpack.encode
decode = msgspec.msgpack.decode

#: What a stranger does with a request that reaches it: the datagrams it sends back.
Manner = Callable[[bytes], list[bytes]]


def message_id(number: int) -> bytes:
    """Return the 20-byte message id that a test gives this number."""
    return number.to_bytes(20, "big")


def request(name: str | bytes, *arguments: object, number: int = 1) -> bytes:
    """Return a request's datagram; `number` becomes its message id."""
    return REQUEST + message_id(number) + encode([name, list(arguments)])


def answer(asked: bytes, result: object) -> bytes:
    """Return the answer to a request's datagram."""
    return RESPONSE + asked[1:21] + encode(result)


def said(datagram: bytes) -> Any:
    """Return what the body of a datagram of ours says, with a trailer behind it or without."""
    try:
        return decode(datagram[21:])
    except msgspec.DecodeError:
        return decode(datagram[21 : len(datagram) - 3 - int.from_bytes(datagram[-3:-1], "big")])


def asked_for(datagram: bytes) -> tuple[str, list[Any]]:
    """Return method name and arguments of a request of ours."""
    name, arguments = said(datagram)
    return name, arguments


def silent(datagram: bytes) -> list[bytes]:
    """Answer nothing."""
    return []


def honest(node_id: bytes) -> Manner:
    """Answer as a node without contacts and values would, whose id this is."""
    results: dict[str, object] = {"ping": node_id, "store": True, "find_node": [], "find_value": []}

    def manner(datagram: bytes) -> list[bytes]:
        return [answer(datagram, results[asked_for(datagram)[0]])]

    return manner


class Stranger:
    """Somebody at an address.

    Args:
        world: Where it lives.
        address: Its (ip, port).
        manner: How it meets requests; by default with silence.
    """

    def __init__(self, world: World, address: Address, manner: Manner = silent) -> None:
        self.world = world
        self.address = address
        self.manner = manner
        self.got: list[bytes] = []
        world.residents[address] = cast("Resident", self)

    def send(self, datagram: bytes, target: Resident) -> None:
        """Send a datagram as it is."""
        self.world.carry(datagram, self.address, target.address)

    def arrived(self, datagram: bytes, source: Address) -> None:
        """Take a datagram (what a `World` calls)."""
        self.got.append(datagram)
        if datagram[:1] == REQUEST:
            for reply in self.manner(datagram):
                self.world.carry(reply, self.address, source)

    @property
    def answers(self) -> dict[bytes, object]:
        """What was answered to this stranger's requests, by message id."""
        return {datagram[1:21]: said(datagram) for datagram in self.got if datagram[:1] == RESPONSE}


class Watched(World):
    """A world in which no engine may send a silent stranger more bytes than it got from it, at any moment."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.traffic: Counter[tuple[Address, Address]] = Counter()  # bytes sent, by (source, target)
        self.arrived_from: Counter[tuple[Address, Address]] = Counter()  # bytes that arrived, the same

    def carry(self, datagram: bytes, source: Address, target: Address) -> None:
        """Refuse what the rule forbids before it is on its way."""
        self.traffic[source, target] += len(datagram)
        super().carry(datagram, source, target)
        receiver = cast("object", self.residents.get(target))
        if isinstance(receiver, Stranger) and receiver.manner is silent:
            paid = self.arrived_from[target, source]
            assert self.traffic[source, target] <= paid, f"{self.traffic[source, target]} bytes for {paid}"

    def _arrive(self, datagram: bytes, source: Address, target: Address) -> None:
        self.arrived_from[source, target] += len(datagram)
        super()._arrive(datagram, source, target)


def knows(resident: Resident, address: Address) -> bool:
    """Return whether an address is in a node's table or waits in a replacement cache."""
    return any(
        node.address == address
        for bucket in resident.protocol.router.buckets
        for node in (*bucket.nodes.values(), *bucket.replacement_nodes.values())
    )


def stored(resident: Resident) -> list[tuple[bytes, Any]]:
    """Return everything a node keeps."""
    return list(resident.protocol.storage)
