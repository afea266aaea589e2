"""Whom a lookup believes: liars, right ids at wrong addresses, many ids at one address, many nodes of one network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kademlia.engine import limits
from kademlia.engine.limits import Limits
from kademlia.engine.lookup import Lookup
from kademlia.node import Node
from kademlia.wire import rpcudp

TARGET = Node(bytes(20))


def node(distance: int, ip: str | None = None) -> Node:
    """Return the node at this distance from the target, in a network of its own."""
    return Node(distance.to_bytes(20, "big"), ip or f"45.{distance >> 8 & 255}.{distance & 255}.1", 8468)


def entries(nodes: list[Node]) -> list[Any]:
    """Return what an answer says of some nodes."""
    return [[n.id, n.ip, n.port] for n in nodes]


def at(nodes: list[Node]) -> list[Any]:
    """Return where some nodes live: who is told of is read anew."""
    return [n.address for n in nodes]


def answers(lookup: Lookup, who: Node, told: list[Node]) -> None:
    """Have a node answer with contacts."""
    lookup.answered(who, told, entries(told))


def test_whoever_told_of_nobody_who_answers_is_believed_no_more() -> None:
    """A few are asked in vain; then it is the turn of those that others told of."""
    liar, honest = node(1000), node(1001)
    lookup = Lookup(TARGET, [liar, honest], ksize=4, alpha=2)
    lookup.next()
    answers(lookup, liar, [node(10 + number) for number in range(20)])
    made_up = lookup.next()
    for victim in made_up:
        lookup.slow(victim)
    answers(lookup, honest, [node(500), node(501)])
    asked: list[Node] = []
    while (now := lookup.next()) and not any(n.long_id >= 500 for n in asked):
        asked += now
        for who in now:
            if who.long_id < 500:
                lookup.slow(who)
    assert any(n.long_id >= 500 for n in asked)
    assert sum(n.long_id < 500 for n in [*made_up, *asked]) <= 2 * limits.LOOKUP_LIES_MAX + 2


@pytest.mark.parametrize("spelled", [lambda ip: ip.encode(), lambda ip: f"::ffff:{ip}", lambda ip: f"::FFFF:{ip}"])
def test_no_spelling_of_an_address_spares_a_liar(spelled: Callable[[str], Any]) -> None:
    """Old nodes tell addresses as bytes, and IPv4 may be written as IPv6: it is the same lie."""
    liar = node(1000)
    lookup = Lookup(TARGET, [liar, node(1001)], ksize=20, alpha=3)
    lookup.next()
    told = [[n.id, spelled(n.ip), n.port] for n in (node(10 + number) for number in range(20))]
    lookup.answered(liar, rpcudp.contacts(told, 64) or [], told)
    asked = lookup.next()
    for victim in asked:
        lookup.slow(victim)
    assert len(asked) + len(lookup.next()) <= limits.LOOKUP_LIES_MAX


def test_liars_cost_a_few_requests_each_and_the_result_is_right() -> None:
    """Nineteen of twenty lie; the twentieth knows the closest."""
    peers = [node(10_000 + number) for number in range(20)]
    closest = [node(1000 + number) for number in range(20)]
    lookup = Lookup(TARGET, peers, ksize=20, alpha=3)
    made_up = 1
    while not lookup.finished:
        asked = lookup.next()
        for who in asked:
            if who is peers[-1]:
                answers(lookup, who, closest)
            elif who in peers:
                answers(lookup, who, [node(made_up + number) for number in range(20)])
                made_up += 20
            elif who in closest:
                answers(lookup, who, closest)
            else:
                lookup.slow(who)
                lookup.slow(who)
    assert lookup.closest() == closest
    assert lookup.requests < Limits().lookup_requests * 20


#: One id at two addresses.
WRONG, RIGHT = node(5, "198.51.100.1"), node(5, "203.0.113.1")


def asked_both(alpha: int = 3) -> tuple[Lookup, Node, Node]:
    """Return a lookup, and the two nodes that it has asked."""
    first, second = node(100), node(101)
    lookup = Lookup(TARGET, [first, second], ksize=2, alpha=alpha)
    lookup.next()
    return lookup, first, second


def test_a_right_id_at_a_wrong_address_is_tried_at_the_right_one() -> None:
    """The first who tells of an id may be a liar; the honest one tells of it later."""
    lookup, liar, honest = asked_both(alpha=2)
    answers(lookup, liar, [WRONG])
    answers(lookup, honest, [RIGHT])
    assert at(lookup.next()) == [WRONG.address]
    lookup.slow(WRONG)
    assert at(lookup.next()) == [RIGHT.address]
    answers(lookup, RIGHT, [])
    assert RIGHT.address in at(lookup.closest())


def test_an_address_that_is_told_of_after_the_first_was_silent_is_tried_at_once() -> None:
    lookup, liar, honest = asked_both()
    answers(lookup, liar, [WRONG])
    assert at(lookup.next()) == [WRONG.address]
    lookup.slow(WRONG)
    answers(lookup, honest, [RIGHT])
    assert RIGHT.address in at(lookup.next())


def test_a_late_answer_from_the_first_address_counts() -> None:
    """Whoever answers under an id is it, be it late, and tried elsewhere meanwhile."""
    lookup, honest, liar = asked_both()
    answers(lookup, honest, [RIGHT])
    answers(lookup, liar, [WRONG])
    assert at(lookup.next()) == [RIGHT.address]
    lookup.slow(RIGHT)
    assert at(lookup.next()) == [WRONG.address]
    answers(lookup, RIGHT, [])
    lookup.failed(WRONG)
    assert RIGHT.address in at(lookup.closest())


def test_of_one_network_two_count_among_the_k() -> None:
    """Whoever has a /24 and grinds ids is not all the holders of a value."""
    sybils = [node(1 + number, f"203.0.113.{number + 1}") for number in range(50)]
    others = [node(1000 + number) for number in range(10)]
    lookup = Lookup(TARGET, [*sybils, *others], ksize=8, alpha=3, bounds=Limits())
    asked: list[Node] = []
    while not lookup.finished:
        for who in lookup.next():
            asked.append(who)
            answers(lookup, who, sybils)
    assert lookup.closest() == [*sybils[:2], *others[:6]]
    assert sum(who in sybils for who in asked) == 2


def test_when_it_has_to_hurry_it_asks_nobody_more() -> None:
    """A deadline: it ends with those that answered."""
    lookup = Lookup(TARGET, [node(10), node(20)], ksize=2, alpha=1)
    (first,) = lookup.next()
    lookup.hurry()
    answers(lookup, first, [node(5)])
    assert lookup.next() == []
    assert lookup.finished
    assert lookup.closest() == [first]


def test_what_liars_tell_does_not_crowd_out_what_is_remembered() -> None:
    """Their contacts are nearer than all others; what we know ourselves stays."""
    peers = [node(100_000 + number) for number in range(4)]
    lookup = Lookup(TARGET, peers, ksize=4, alpha=3)
    made_up = 1
    for who in lookup.next():
        answers(lookup, who, [node(made_up + number) for number in range(4 * limits.LOOKUP_NODES_FACTOR)])
        made_up += 4 * limits.LOOKUP_NODES_FACTOR
    assert len(lookup.nearest.heap) <= 4 * limits.LOOKUP_NODES_FACTOR
    assert all(peer in lookup.nearest for peer in peers)
