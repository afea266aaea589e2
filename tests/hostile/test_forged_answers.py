"""Forged answers: somebody who cannot read along guesses message ids, from whatever address he likes.

An id has 160 bits of the operating system's chance (in a simulation, of a seed), so that guessing is hopeless; what is
held to here is that nothing else than a right guess at the right address has any effect.
"""

from __future__ import annotations

from random import Random

import pytest
from tests.hostile.strangers import RESPONSE, encode

from kademlia.engine.operation import Operation
from kademlia.node import ID_BYTES, Address, Node
from kademlia.protocol import KademliaProtocol
from kademlia.sim import World
from kademlia.wire import rpcudp, trailer

#: Answers that are forged; a million were tried.
FORGED = 100_000

#: Nodes that were asked something and stay silent.
ASKED = 100


def answers(chance: Random, attacker: Address) -> list[bytes]:
    """Return the bodies and trailers that would do the most harm if they were believed."""
    own = chance.randbytes(ID_BYTES)
    contacts = [(chance.randbytes(ID_BYTES), *attacker) for _ in range(20)]
    bodies = [encode(own), encode(contacts), encode({"value": "forged"}), encode(True)]
    told = trailer.framed({trailer.NODE_ID: own, trailer.PING: chance.randbytes(ID_BYTES)})
    return [*bodies, *(body + told for body in bodies)]


def node_that_asks() -> tuple[KademliaProtocol, list[Node], list[Operation[tuple[bool, object]]]]:
    """Return a node with calls under way, whom it asked, and the calls."""
    world = World(1)
    protocol = world.add().protocol
    asked = [Node(world.chance.randbytes(ID_BYTES), f"192.0.2.{number + 1}", 8468) for number in range(ASKED)]
    calls: list[Operation[tuple[bool, object]]] = []
    for number, node in enumerate(asked):
        if number % 2:
            calls.append(protocol.call_ping(node))
        else:
            calls.append(protocol.call_find_value(node, Node(world.chance.randbytes(ID_BYTES))))
    return protocol, asked, calls


@pytest.mark.parametrize("from_the_asked", [True, False], ids=["from the asked address", "from elsewhere"])
def test_a_blind_attacker_forges_no_answer(from_the_asked: bool) -> None:
    """Even from the address that was asked: of 100,000 guesses none is believed, and nobody becomes a contact."""
    protocol, asked, calls = node_that_asks()
    chance = Random(2)
    elsewhere = ("198.51.100.1", 8468)
    bodies = answers(chance, elsewhere)
    for number in range(FORGED):
        address = asked[number % ASKED].address if from_the_asked else elsewhere
        datagram = RESPONSE + chance.randbytes(ID_BYTES) + bodies[number % len(bodies)]
        assert protocol.receive(datagram, address, 0.001) is None
    stats = protocol.stats()
    assert stats.unmatched == FORGED
    assert stats.replies == 0
    assert (stats.contacts, stats.replacements) == (0, 0)
    assert not any(call.done for call in calls)
    assert stats.internal_errors == 0


def test_of_two_answers_with_the_right_id_only_the_one_from_the_right_address_counts() -> None:
    """The control: the same calls are answered as soon as the asked one says so."""
    protocol, asked, calls = node_that_asks()
    pending = [call.message_id for call in protocol.calls._pending.values()]
    for node, call, message_id in zip(asked, calls, pending, strict=True):
        answer = rpcudp.response(message_id, encode(node.id))
        protocol.receive(answer, ("198.51.100.1", 8468), 0.001)
        assert not call.done
        protocol.receive(answer, node.address, 0.001)
        assert call.done
    assert protocol.stats().unmatched == ASKED


def test_an_answer_counts_once() -> None:
    """Replayed, it is an answer to nothing."""
    protocol, asked, calls = node_that_asks()
    message_id = next(iter(protocol.calls._pending))
    for _ in range(1000):
        protocol.receive(rpcudp.response(message_id, encode([])), asked[0].address, 0.001)
    assert calls[0].value == (True, [])
    assert protocol.stats().unmatched == 999
    assert protocol.stats().replies == 1
