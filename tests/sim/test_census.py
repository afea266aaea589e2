"""The census knows who lives and who is closest: against a plain sort of all that live."""

from __future__ import annotations

import random

import pytest

from kademlia.node import Node
from kademlia.sim.census import Census

TOP = 2**160 - 1


def node(long_id: int, port: int = 1) -> Node:
    """Return a node with this id."""
    return Node(long_id.to_bytes(20, "big"), "10.0.0.1", port)


def plain(living: dict[int, Node], long_id: int, count: int) -> list[Node]:
    """Return the closest in the plain way."""
    return sorted(living.values(), key=lambda node: node.long_id ^ long_id)[:count]


@pytest.mark.parametrize("spread", [160, 12, 5])
def test_the_closest_are_those_of_a_plain_sort_through_births_and_deaths(spread: int) -> None:
    """Everything a run says of lookups is measured against it; ids crowd in their last `spread` bits."""
    chance = random.Random(spread)
    census = Census()
    living: dict[int, Node] = {}
    high = chance.getrandbits(160) >> spread << spread
    for _ in range(600):
        born = node(high | chance.getrandbits(spread))
        living[born.long_id] = born
        census.add(born)
        if living and chance.random() < 0.4:
            dead = living.pop(chance.choice(sorted(living)))
            census.remove(dead)
        assert len(census) == len(living)
        near, anywhere = high | chance.getrandbits(spread), chance.getrandbits(160)
        for target in (near, anywhere, born.long_id, 0, TOP):
            count = chance.choice([1, 2, 8, 20, 1000])
            assert census.closest(target, count) == plain(living, target, count)


def test_nobody_lives_in_an_empty_census() -> None:
    census = Census()
    assert (len(census), census.closest(5, 20)) == (0, [])


def test_who_was_never_born_or_died_before_dies_without_a_trace() -> None:
    """A run may kill the same node twice."""
    census = Census()
    census.add(node(1))
    census.remove(node(2))
    census.add(node(3))
    census.remove(node(3))
    census.remove(node(3))
    assert [found.long_id for found in census.closest(0, 20)] == [1]


def test_who_comes_back_with_its_id_is_known_at_its_new_address() -> None:
    """One that rejoins with the same id is one node, not two."""
    census = Census()
    census.add(node(1, port=1))
    census.add(node(1, port=2))
    assert len(census) == 1
    assert [found.port for found in census.closest(0, 20)] == [2]
