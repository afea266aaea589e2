"""A stranger's padded request is answered at once, and by both ways alike: the quick one, and the one that decodes."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.properties.twin_engines import (
    REQUEST,
    Cluster,
    as_id,
    everything,
    ids_of,
    plainly,
    request,
    same,
)

from kademlia.node import Address
from kademlia.protocol import KademliaProtocol
from kademlia.sim import World
from kademlia.sim.world import WALL_START
from kademlia.wire import life, rpcudp, trailer

OWN = 0x5A << 152
LIFE = life.encode(int(WALL_START * 1000), 0, 3600)


@dataclass(frozen=True)
class Ask:
    """What a stranger asks, how it introduces itself, and whether it answers who it is."""

    stranger: int
    method: str
    near: int  # the target is that near to the own id, in bits
    target: int
    hints: trailer.Trailer
    answers: bool


introductions = st.one_of(
    st.sampled_from([0, 1, 40, 100, 255, 256, 257, 400, 700, 900, 1200]).map(
        lambda size: {trailer.PADDING: bytes(size)}
    ),
    st.sampled_from([{}, {trailer.EPHEMERAL: True}, {trailer.PADDING: True}, {9: b"later"}]),
    st.just({trailer.EPHEMERAL: False, trailer.PADDING: bytes(900)}),
    st.builds(
        lambda size, told: {trailer.PADDING: bytes(size), trailer.LIFE: told},
        st.sampled_from([0, 1, 40, 255, 256, 400, 900, 1200]),
        st.sampled_from([b"", b"", b"", LIFE, bytes(15), None]),
    ),
    st.sampled_from([b"", LIFE, bytes(15), 5]).map(lambda told: {trailer.LIFE: told}),
    st.sampled_from([{trailer.LIFE: b"", trailer.PADDING: bytes(900)}, {trailer.EPHEMERAL: True, trailer.LIFE: b""}]),
)
asks = st.builds(
    Ask,
    stranger=st.integers(0, 5),
    method=st.sampled_from(["find_node", "find_node", "find_value", "ping", "store", "stun"]),
    near=st.sampled_from([0, 0, 3, 8, 40, 159]),
    target=st.integers(0, 2**160 - 1),
    hints=introductions,
    answers=st.booleans(),
)
clusters = st.lists(
    st.builds(
        Cluster,
        count=st.integers(0, 40),
        center=st.sampled_from(["own", "zeros"]),
        shared_bits=st.sampled_from([0, 2, 7, 50]),
        adjacent=st.booleans(),
    ),
    max_size=3,
)


def answer(protocol: KademliaProtocol, message_id: bytes, node_id: bytes, address: Address, now: float) -> None:
    """Say who lives at an address."""
    assert protocol.receive(rpcudp.response(message_id, rpcudp.encode(node_id)), address, now) is None


@settings(max_examples=200)
@given(
    ksize=st.sampled_from([1, 4, 8, 20]),
    drawn=clusters,
    seed=st.integers(0, 2**32),
    asked=st.lists(asks, max_size=20),
    ephemeral=st.sampled_from([False, False, True]),
)
def test_both_ways_say_and_do_the_same(
    ksize: int, drawn: list[Cluster], seed: int, asked: list[Ask], ephemeral: bool
) -> None:
    quick, plain = [World(1).add(as_id(OWN), ksize=ksize).protocol for _ in range(2)]
    quick.ephemeral = plain.ephemeral = ephemeral
    values = ids_of([Cluster(3, "own", 4, adjacent=False)], OWN, seed)
    for protocol in (quick, plain):
        for index, node_id in enumerate(ids_of(drawn, OWN, seed)):
            address = (f"10.0.{index >> 8}.{index & 255}", 8468)
            protocol.contacts.answered(protocol.records.of(address), node_id, None, 0.0)
        for size, key in enumerate(values):
            protocol.keep(key, b"v" * 10**size)
    sent: dict[Address, int] = {}
    for number, ask in enumerate(asked):
        address, now = (f"192.0.2.{ask.stranger}", 8468), number * 0.01
        node_id = as_id(ask.stranger + 1 << 150)
        key = as_id(OWN ^ ask.target >> ask.near) if ask.target % 3 else values[ask.target % len(values)]
        arguments = {"ping": (node_id,), "stun": (), "store": (node_id, key, 1)}.get(ask.method, (node_id, key))
        datagram = trailer.append(request(ask.method, *arguments, number=number), ask.hints)
        proved = plain.records.of(address).verified(now)
        replies = quick.receive(datagram, address, now), plainly(plain, datagram, address, now)
        told = [trailer.split(reply) if reply is not None else (None, None) for reply in replies]
        assert same(told[0][0], told[1][0])
        assert told[0][1] == told[1][1]
        assert everything(quick, address) == everything(plain, address)
        pings = [out for out, target in quick.calls.outbox if target == address and out[0] == REQUEST]
        if not proved:
            out = len(replies[0] or b"") + sum(map(len, pings))
            sent[address] = sent.get(address, 0) + len(datagram) - out
            assert sent[address] >= 0
        hints = told[0][1] or {}
        ids = [ping[1:21] for ping in pings] + [hints[key] for key in (trailer.PING,) if key in hints]
        for protocol in (quick, plain):
            protocol.take_outbox()
            for message_id in ids if ask.answers else []:
                answer(protocol, message_id, node_id, address, now)
            protocol.take_outbox()
    assert quick.counts.internal_errors == 0
