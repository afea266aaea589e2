"""Two engines that lived through the same: one answers as it is shipped, the other decodes and checks everything.

What is done is done to both; what is asked is asked of both, and of a third one, a program's own, whose `rpc_find_node`
only calls ours. Then the answers have to be the same, and so has everything that an engine holds.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import msgspec

from kademlia.engine.records import Record
from kademlia.node import Address, Node
from kademlia.protocol import KademliaProtocol
from kademlia.sim import Resident, World
from kademlia.wire import trailer

TOP = 2**160 - 1
REQUEST, RESPONSE = 0, 1
HEADER_BYTES = 21
DATAGRAM_BYTES_MIN = 22

encode = msgspec.msgpack.encode
decode = msgspec.msgpack.decode


def as_id(number: int) -> bytes:
    """Return the id that this integer is."""
    return number.to_bytes(20, "big")


def address_of(index: int) -> Address:
    """Return the address where the node of this number lives."""
    return (f"10.{index >> 16}.{index >> 8 & 255}.{index & 255}", 8468)


def request(name: object, *arguments: object, number: int = 1) -> bytes:
    """Return the datagram that every release since 0.6 sends."""
    return bytes([REQUEST]) + as_id(number) + encode((name, arguments))


class Roundabout(KademliaProtocol):
    """A program's own protocol that changes nothing, and so takes the plain way with find_node."""

    def rpc_find_node(self, sender: Address, nodeid: bytes, key: bytes) -> Any:
        return super().rpc_find_node(sender, nodeid, key)


@dataclass(frozen=True)
class Cluster:
    """Ids that have something in common."""

    count: int
    center: int | str  # "own", "zeros", "ones", "last", or where it lies
    shared_bits: int  # how many leading bits they share with the center; the rest is random
    adjacent: bool  # they differ in their last bits only

    def numbers(self, own: int, last: int, chance: random.Random) -> list[int]:
        """Return the ids as integers."""
        named = {"own": own, "zeros": 0, "ones": TOP, "last": last}
        center = named[self.center] if isinstance(self.center, str) else self.center
        if self.adjacent:
            return [center ^ (number + 1) for number in range(self.count)]
        low_bits = 160 - self.shared_bits
        return [center >> low_bits << low_bits | chance.getrandbits(160) % (1 << low_bits) for _ in range(self.count)]


def ids_of(clusters: list[Cluster], own: int, seed: int) -> list[bytes]:
    """Return the different ids of some clusters, without the own one."""
    chance = random.Random(seed)
    numbers: list[int] = []
    for cluster in clusters:
        numbers += cluster.numbers(own, numbers[-1] if numbers else own, chance)
    return [as_id(number) for number in dict.fromkeys(numbers) if number != own]


class Twins:
    """The engines, and what is done to all of them."""

    def __init__(self, ksize: int, own: int) -> None:
        self.ksize = ksize
        self.own_id = as_id(own)
        kinds = (KademliaProtocol, KademliaProtocol, Roundabout)
        residents = [World(1).add(self.own_id, ksize=ksize, protocol_class=kind) for kind in kinds]
        self.residents: list[Resident] = residents
        self.quick, self.plain, self.program = [resident.protocol for resident in residents]
        self.all = (self.quick, self.plain, self.program)

    @property
    def now(self) -> float:
        """The time, for all of them."""
        return self.residents[0].world.now

    def wait(self, seconds: float) -> None:
        """Let time pass: calls that nobody answers time out."""
        for resident in self.residents:
            resident.wake()
            resident.world.run(seconds)

    def answered(self, address: Address, node_id: bytes | None) -> None:
        """Let an address prove itself, and say who lives there unless that is None."""
        for protocol in self.all:
            protocol.now = self.now
            protocol.contacts.answered(protocol.records.of(address), node_id, None, self.now)

    def fail(self, address: Address, node_id: bytes, times: int) -> None:
        """Let calls to a node go unanswered."""
        for protocol in self.all:
            for _ in range(times):
                record = protocol.records.of(address)
                protocol.contacts.unanswered(record, Node.at(node_id, address), self.now, self.now)

    def forget(self, address: Address, node_id: bytes) -> None:
        """Take a contact out of the table."""
        for protocol in self.all:
            protocol.contacts.forget(Node.at(node_id, address))

    def split(self, node_id: bytes) -> None:
        """Split the bucket where an id belongs."""
        for protocol in self.all:
            index = protocol.router.get_bucket_for(Node(node_id))
            low, high = protocol.router.buckets[index].range
            if low < high:
                protocol.router.split_bucket(index)

    def ask(self, datagram: bytes, address: Address) -> bytes | None:
        """Ask all; return the answer, once it is seen that all said and learnt the same."""
        now = self.now
        quick = self.quick.receive(datagram, address, now)
        plain = plainly(self.plain, datagram, address, now)
        program = self.program.receive(datagram, address, now)
        assert same(quick, plain), f"the quick way says {told(quick)}, the plain way {told(plain)}"
        assert same(program, plain), f"the program says {told(program)}, the plain way {told(plain)}"
        states = [everything(protocol, address) for protocol in self.all]
        assert states[0] == states[1]
        assert states[2] == states[1]
        return quick

    def closest(self, key: bytes, asker: Address) -> set[tuple[Any, ...]]:
        """Return what an asker should be told, by brute force: the k closest live contacts but itself and the key."""
        protocol = self.plain
        fit = [
            node
            for node in protocol.router.contacts()
            if node.id not in protocol.contacts.failing and node.id != key and node.address != asker
        ]
        fit.sort(key=lambda node: node.long_id ^ int.from_bytes(key, "big"))
        return {(node.id, *node.address) for node in fit[: self.ksize]}


def plainly(protocol: KademliaProtocol, datagram: bytes, address: Address, now: float) -> bytes | None:
    """Take a datagram as `receive` does, without the quick way."""
    if len(datagram) < DATAGRAM_BYTES_MIN or datagram[0] != REQUEST:
        return protocol.receive(datagram, address, now)
    protocol.now = now
    protocol.counts.received += 1
    protocol.counts.received_bytes += len(datagram)
    record = protocol.records.of(address)
    if not record.verified(now):
        record.credit += len(datagram)
    if record.tokens:
        record.tokens -= 1
    elif not protocol.budgets.grant(record, now):
        protocol.counts.limited += 1
        return None
    return protocol.answering.request(datagram, record, now)


def contacts_in(reply: bytes | None) -> set[tuple[Any, ...]] | None:
    """Return the contacts that an answer tells, each once, or None if it is no such answer."""
    result = said(reply) if reply is not None else None
    if not isinstance(result, list):
        return None
    contacts = {tuple(contact) for contact in result}
    assert len(contacts) == len(result), f"told twice: {result}"
    return contacts


def same(one: bytes | None, other: bytes | None) -> bool:
    """Return whether two answers are the same bytes, but for the order of contacts, which nobody promised."""
    if one == other or one is None or other is None:
        return one == other
    contacts = contacts_in(one)
    return (
        contacts is not None
        and contacts == contacts_in(other)
        and (one[:HEADER_BYTES], len(one)) == (other[:HEADER_BYTES], len(other))
    )


def said(reply: bytes) -> Any:
    """Return what an answer says, with a trailer behind it or without."""
    try:
        return decode(reply[HEADER_BYTES:])
    except msgspec.DecodeError:
        return decode(trailer.split(reply)[0][HEADER_BYTES:])


def told(reply: bytes | None) -> object:
    """Return what an answer says, fit for a message."""
    return reply if reply is None else said(reply)


def everything(protocol: KademliaProtocol, address: Address) -> dict[str, object]:
    """Return all that an engine counted, holds, knows of an address, and is about to send."""
    storage: Any = protocol.storage
    return {
        "counts": protocol.counts.as_dict(),
        "stats": protocol.stats(),
        "buckets": [
            (bucket.range, [tuple(node) for node in bucket.get_nodes()], list(bucket.replacement_nodes))
            for bucket in protocol.router.buckets
        ],
        "failing": sorted(protocol.contacts.failing),
        "values": [(key, birthday, type(value), repr(value)) for key, (birthday, value) in storage.data.items()],
        "lives": dict(storage.lives),
        "record": known_of(protocol.records.of(address)),
        "outbox": list(protocol.calls.outbox),
    }


def known_of(record: Record) -> dict[str, object]:
    """Return what is known of an address."""
    known: dict[str, object] = {name: getattr(record, name) for name in Record.__slots__}
    known["node"] = tuple(record.node) if record.node is not None else None
    known["lapse"] = (record.strikes, record.struck_at, record.locked_until)
    known["bucket"] = record.bucket.range if record.bucket is not None else None
    return known
