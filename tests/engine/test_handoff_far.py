"""Newcomers far away get nothing, and it is known without a look at any key: a full store is not walked for each."""

from __future__ import annotations

from random import Random

import pytest

from kademlia.engine.handoff import _Transfer
from kademlia.node import ID_BYTES, Node
from kademlia.sim import World


@pytest.mark.parametrize(("size", "ksize"), [(3, 4), (40, 4), (200, 8), (200, 20)])
def test_who_is_called_far_is_due_no_key_and_most_are_far(size: int, ksize: int) -> None:
    """By comparison with the rule itself, for keys everywhere and near each node."""
    world = World(size)
    residents = world.network(size, ksize=ksize)
    chance = Random(size)
    far = 0
    for resident in residents[:20]:
        protocol = resident.protocol
        own = protocol.source_node.long_id
        near = [(own ^ chance.getrandbits(160 - bits)).to_bytes(ID_BYTES, "big") for bits in range(1, 12)]
        keys = [Node(key) for key in [*near, *(chance.randbytes(ID_BYTES) for _ in range(20))]]
        for number in range(8):
            newcomer = Node(chance.randbytes(ID_BYTES), "10.9.9.9", 1 + number)
            transfer = _Transfer(protocol, newcomer)
            levels = transfer._levels()
            transfer._levels_of_others = set(levels)
            if transfer._is_far(levels):
                far += 1
                assert not any(transfer._is_due(key) for key in keys)
    assert (far > 40) is (size > 4 * ksize)
