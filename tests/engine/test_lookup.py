"""The lookup as a machine: whom it asks next, and when it is done. No network, no clock."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kademlia.engine import limits
from kademlia.engine.lookup import Lookup
from kademlia.node import Node

TARGET = Node(bytes(20))


def node(distance: int) -> Node:
    """Return the node at this distance from the target."""
    return Node(distance.to_bytes(20, "big"), "192.0.2.1", distance % 65535 + 1)


def nodes(*distances: int) -> list[Node]:
    """Return the nodes at these distances."""
    return [node(distance) for distance in distances]


def distances(found: list[Node]) -> list[int]:
    """Return how far from the target nodes are."""
    return [entry.long_id for entry in found]


def test_it_starts_with_the_alpha_nearest() -> None:
    """Rule R11."""
    lookup = Lookup(TARGET, nodes(50, 10, 40, 20, 30), ksize=4, alpha=3)
    assert distances(lookup.next()) == [10, 20, 30]
    assert lookup.next() == []


def test_it_asks_the_next_one_without_waiting_for_the_round() -> None:
    """Rule R12: a dead node in a round cost every round five seconds in the published releases."""
    lookup = Lookup(TARGET, nodes(10, 20, 30, 40), ksize=4, alpha=3)
    lookup.next()
    lookup.answered(node(20), nodes(5))
    assert distances(lookup.next()) == [5]


def test_it_asks_all_of_the_k_closest_after_alpha_answers_without_progress() -> None:
    """Rule R14: the end of a lookup in one round trip instead of k / alpha."""
    lookup = Lookup(TARGET, nodes(*range(10, 90, 10)), ksize=8, alpha=3)
    for asked in lookup.next()[:2]:
        lookup.answered(asked, nodes(70, 80))
    assert distances(lookup.next()) == [40, 50]
    lookup.answered(node(30), [])
    assert distances(lookup.next()) == [60, 70, 80]


def test_progress_ends_the_burst() -> None:
    """Somebody closer turned up: alpha at a time again."""
    lookup = Lookup(TARGET, nodes(10, 20, 30), ksize=20, alpha=3)
    for asked in lookup.next():
        lookup.answered(asked, [])
    lookup.heard(nodes(9, 8, 7, 6, 5))
    assert distances(lookup.next()) == [5, 6, 7]


def test_it_ends_when_the_k_closest_have_answered() -> None:
    """Rule R15: farther ones need not be asked."""
    lookup = Lookup(TARGET, nodes(10, 20, 30, 40), ksize=2, alpha=1)
    for _ in range(2):
        assert not lookup.finished
        (asked,) = lookup.next()
        lookup.answered(asked, [])
    assert lookup.finished
    assert distances(lookup.closest()) == [10, 20]


def test_a_late_node_is_passed_over_and_readmitted_when_it_answers() -> None:
    """Rule R13: quick, and still exact."""
    lookup = Lookup(TARGET, nodes(10, 20, 30), ksize=2, alpha=2)
    lookup.next()
    lookup.slow(node(10))
    assert distances(lookup.next()) == [30]
    lookup.answered(node(20), [])
    lookup.answered(node(10), nodes(5))
    assert distances(lookup.next()) == [5]
    lookup.answered(node(5), [])
    assert lookup.finished
    assert distances(lookup.closest()) == [5, 10]


def test_late_nodes_are_waited_for_while_nobody_has_answered() -> None:
    """With one neighbour and a slow link, the late answer is the only one."""
    lookup = Lookup(TARGET, nodes(10), ksize=2, alpha=2)
    lookup.next()
    lookup.slow(node(10))
    assert not lookup.finished
    lookup.answered(node(10), [])
    assert lookup.finished


def test_a_failed_node_that_is_heard_of_again_is_not_waited_for() -> None:
    """Dead nodes stand in everybody's tables for a while."""
    lookup = Lookup(TARGET, nodes(10, 20), ksize=3, alpha=3)
    lookup.next()
    lookup.failed(node(10))
    lookup.answered(node(20), nodes(10))
    assert lookup.finished
    assert distances(lookup.closest()) == [20]


def late_one(distance: int = 10) -> Lookup:
    """Return a lookup of the two nearest in which the one at this distance is late and the others have answered."""
    lookup = Lookup(TARGET, nodes(distance, 20, 30), ksize=2, alpha=3)
    lookup.next()
    lookup.slow(node(distance))
    for answering in nodes(20, 30):
        lookup.answered(answering, [])
    return lookup


def test_a_late_node_of_the_k_closest_is_given_a_second_chance() -> None:
    """Its request is sent again; ending at once, 3 % of lookups on the PlanetLab matrix missed one of the k closest."""
    lookup = late_one()
    assert lookup.settled
    assert not lookup.finished
    lookup.answered(node(10), [])
    assert lookup.finished
    assert distances(lookup.closest()) == [10, 20]


def test_who_is_late_a_second_time_is_waited_for_no_more() -> None:
    """A dead node costs a lookup one more soft time-out, not the five seconds of the hard one."""
    lookup = late_one()
    lookup.slow(node(10))
    assert lookup.finished
    assert distances(lookup.closest()) == [20, 30]
    lookup.answered(node(10), [])  # still welcome
    assert distances(lookup.closest()) == [10, 20]


def test_a_late_node_behind_the_k_closest_is_not_waited_for() -> None:
    """It would not be in the result."""
    assert late_one(40).finished


def test_a_late_node_that_failed_is_not_waited_for() -> None:
    """Its address answered as somebody else, say."""
    lookup = late_one()
    lookup.failed(node(10))
    assert lookup.finished
    assert lookup.late == 0


def test_among_nodes_that_cost_the_same_the_nearest_is_asked_first() -> None:
    """Where nothing was measured the order is that of R12."""
    lookup = Lookup(TARGET, nodes(40, 10, 30, 20), ksize=4, alpha=2, price=lambda _distance, _node: 1.0)
    assert distances(lookup.next()) == [10, 20]


def test_the_cheapest_are_asked_first() -> None:
    """Rule R16: a quick answer now may be worth more than a nearer node later."""
    lookup = Lookup(TARGET, nodes(10, 20, 30, 40), ksize=4, alpha=2, price=lambda distance, _node: -distance)
    assert distances(lookup.next()) == [40, 30]


def test_a_node_behind_the_k_closest_is_not_asked_however_cheap_it_is() -> None:
    """A price changes the order only, not whom a lookup asks."""
    lookup = Lookup(TARGET, nodes(10, 20, 30), ksize=2, alpha=1, price=lambda distance, _node: -distance)
    assert distances(lookup.next()) == [20]
    lookup.answered(node(20), [])
    assert distances(lookup.next()) == [10]
    lookup.answered(node(10), [])
    assert lookup.finished


def test_with_nobody_to_ask_it_ends_at_once() -> None:
    """An empty table."""
    lookup = Lookup(TARGET, [], ksize=3, alpha=3)
    assert lookup.next() == []
    assert lookup.finished
    assert lookup.closest() == []


def test_the_own_id_is_never_asked() -> None:
    """Others tell us of ourselves."""
    lookup = Lookup(TARGET, nodes(10, 20), ksize=3, alpha=3, own_id=node(10).id)
    assert distances(lookup.next()) == [20]


def test_liars_with_ever_closer_nodes_do_not_keep_it_going_for_ever() -> None:
    """An attacker can make up twenty closer ids with each answer."""
    lookup = Lookup(TARGET, nodes(2**159), ksize=4, alpha=3)
    asked = 0
    bits = 158
    while not lookup.finished:
        batch = lookup.next()
        asked += len(batch)
        for liar in batch:
            lookup.answered(liar, nodes(*(2**bits + i for i in range(20))))
            bits = max(bits - 1, 10)
    assert asked <= 4 * limits.Limits().lookup_requests
    assert len(lookup.nearest.heap) <= 4 * limits.LOOKUP_NODES_FACTOR


def test_when_its_requests_are_used_up_those_that_answered_are_the_result() -> None:
    """Dead nodes made up nearer than all others must not crowd out whoever is there."""
    honest = nodes(*range(1000, 1004))
    lookup = Lookup(TARGET, honest, ksize=4, alpha=3)
    made_up = 900
    while not lookup.finished:
        for asked in lookup.next():
            if asked in honest:
                made_up -= 20
                lookup.answered(asked, nodes(*range(made_up, made_up + 20)))
            else:
                lookup.failed(asked)
    assert lookup.closest() == honest[:3]  # the alpha that were asked before the lies began


@given(st.data())
def test_whatever_comes_in_whatever_order_it_ends_with_the_closest_that_answered(data: st.DataObject) -> None:
    """Late, duplicate and failing answers in any order; the result is checked against the whole network."""
    ids = data.draw(st.lists(st.integers(1, 500), min_size=1, max_size=40, unique=True))
    dead = set(data.draw(st.lists(st.sampled_from(ids), max_size=10)))
    ksize, alpha = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 4))
    start = data.draw(st.lists(st.sampled_from(ids), min_size=1, max_size=4, unique=True))
    price = data.draw(st.sampled_from([None, lambda distance, _node: distance % 7]))
    lookup = Lookup(TARGET, nodes(*start), ksize, alpha, price=price)
    under_way: list[Node] = []
    answered = set()
    for _ in range(10_000):
        under_way += lookup.next()
        if lookup.finished:
            break
        asked = under_way.pop(data.draw(st.integers(0, len(under_way) - 1)))
        if asked.long_id in dead:
            for _ in range(data.draw(st.integers(0, 2))):
                lookup.slow(asked)
            lookup.failed(asked)
        else:
            told = sorted(ids)[: ksize + 3]
            lookup.answered(asked, nodes(*told))
            lookup.answered(asked, nodes(*told))
            answered.add(asked.long_id)
    assert lookup.finished
    if answered:
        alive = sorted(number for number in ids if number not in dead)
        expected = [number for number in alive if number in sorted(ids)[: ksize + 3] or number in start][:ksize]
        assert distances(lookup.closest())[: len(expected)] == expected or len(alive) < ksize
