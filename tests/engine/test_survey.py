"""What lookups found and what it spares the next ones: a node's survey, by itself and on a virtual clock."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.batches import closest, holders, network
from tests.properties.twin_engines import TOP, Cluster, ids_of

from kademlia.engine import limits
from kademlia.engine.survey import Survey
from kademlia.node import Node
from kademlia.sim import World
from kademlia.utils import digest


def nearest(nodes: list[Node], target: Node, ksize: int) -> list[Node]:
    """Return the k nodes closest to a target, nearest first, by sorting all."""
    return sorted(nodes, key=lambda node: node.long_id ^ target.long_id)[:ksize]


shapes = st.lists(
    st.builds(
        Cluster,
        count=st.integers(0, 40),
        center=st.sampled_from(["zeros", "ones", "last"]),
        shared_bits=st.sampled_from([0, 0, 1, 3, 8, 31, 150]),
        adjacent=st.booleans(),
    ),
    min_size=1,
    max_size=3,
)
targets = st.one_of(st.integers(0, TOP), st.integers(0, 63), st.integers(TOP - 63, TOP), st.none())


@settings(max_examples=300)
@given(
    ksize=st.sampled_from([1, 2, 4, 8, 20]),
    drawn=shapes,
    seed=st.integers(0, 2**32),
    learnt=st.lists(st.tuples(st.sampled_from(["found", "found", "found", "heard"]), targets), max_size=40),
    keys=st.lists(targets, min_size=1, max_size=20),
)
def test_holders_are_exactly_the_k_closest_or_unknown(
    ksize: int, drawn: list[Cluster], seed: int, learnt: list[tuple[str, int | None]], keys: list[int | None]
) -> None:
    """As long as every lookup told the truth, whatever was looked up and whoever was heard besides."""
    chance = random.Random(seed)
    nodes = [Node(node_id, "192.0.2.1", 1) for node_id in ids_of(drawn, 0, seed)]

    def node_at(number: int | None) -> Node:
        if number is None and nodes:
            number = chance.choice(nodes).long_id ^ chance.getrandbits(chance.choice([0, 1, 8, 155]))
        return Node((number or 0).to_bytes(20, "big"))

    survey = Survey(ksize)
    for what, number in learnt:
        target = node_at(number)
        if what == "found":
            survey.found(target, nearest(nodes, target, ksize), 100.0)
        else:
            survey.heard(chance.sample(nodes, min(len(nodes), chance.randint(0, 5))), 100.0)
    for number in keys:
        key = node_at(number)
        told = survey.holders(key, 100.0)
        if told is not None:
            assert [node.id for node in told] == [node.id for node in nearest(nodes, key, ksize)]
        near = survey.near(key, ksize, 100.0)
        assert len(near) <= ksize
        assert {node.id for node in near} <= {node.id for node in nodes}


@pytest.mark.parametrize("ksize", [2, 4, 8])
def test_who_looked_everywhere_knows_the_holders_of_nearly_any_key(ksize: int) -> None:
    """Otherwise knowledge would never be enough, and every key be looked up."""
    chance = random.Random(ksize)
    nodes = [Node(chance.randbytes(20), "192.0.2.1", 1) for _ in range(10 * ksize)]
    survey = Survey(ksize)
    for number in range(256):
        target = Node((number << 152).to_bytes(20, "big"))
        survey.found(target, nearest(nodes, target, ksize), 1.0)
    keys = [Node(chance.randbytes(20)) for _ in range(200)]
    assert sum(survey.holders(key, 1.0) is None for key in keys) <= len(keys) / 20


def test_fewer_than_k_are_all_there_are() -> None:
    survey = Survey(20)
    nodes = [Node(digest(number), "192.0.2.1", number + 1) for number in range(19)]
    target = Node(digest("target"))
    survey.found(target, nearest(nodes, target, 20), 1.0)
    key = Node(digest("another"))
    assert survey.holders(key, 1.0) == nearest(nodes, key, 20)


def test_who_found_nobody_knows_nothing() -> None:
    survey = Survey(20)
    survey.found(Node(digest("target")), [], 1.0)
    assert survey.holders(Node(digest("target")), 1.0) is None
    assert survey.near(Node(digest("target")), 20, 1.0) == []


def test_who_is_not_found_any_more_is_forgotten() -> None:
    survey = Survey(4)
    nodes = [Node(digest(number), "192.0.2.1", number + 1) for number in range(4)]
    target = Node(digest("target"))
    survey.found(target, nearest(nodes, target, 4), 1.0)
    gone = nearest(nodes, target, 4)[0]
    nodes.remove(gone)
    survey.found(target, nearest(nodes, target, 4), 2.0)
    assert survey.holders(target, 2.0) == nearest(nodes, target, 4)


def test_what_was_learnt_is_forgotten_after_a_minute() -> None:
    """Counted from when it began, whatever was learnt since."""
    survey = Survey(20)
    nodes = [Node(digest(number), "192.0.2.1", number + 1) for number in range(5)]
    key = Node(digest("key"))
    survey.found(key, nearest(nodes, key, 20), 1000.0)
    survey.found(key, nearest(nodes, key, 20), 1000.0 + limits.SURVEY_S)
    assert survey.holders(key, 1000.0 + limits.SURVEY_S) is not None
    assert survey.holders(key, 1000.1 + limits.SURVEY_S) is None
    assert survey.near(key, 20, 1000.1 + limits.SURVEY_S) == []
    survey.found(key, nearest(nodes, key, 20), 1000.2 + limits.SURVEY_S)
    assert survey.holders(key, 1000.3 + limits.SURVEY_S) is not None


def test_with_too_many_nodes_all_is_forgotten() -> None:
    """A table's size does not bound how many nodes lookups find."""
    chance = random.Random(1)
    survey = Survey(20)
    for _ in range(limits.SURVEY_NODES_MAX // 20 + 50):
        nodes = [Node(chance.randbytes(20), "192.0.2.1", 1) for _ in range(20)]
        survey.found(nodes[0], nearest(nodes, nodes[0], 20), 1.0)
        assert len(survey._ids) == len(survey._nodes) <= limits.SURVEY_NODES_MAX + 20


# -- on a network ----------------------------------------------------------------------------------------------------


def test_values_in_a_place_just_looked_up_need_no_lookup() -> None:
    """Whoever stores often asks for the holders once, and not for every value."""
    world, residents = network(60, 8)
    node = residents[30]
    world.run(limits.SURVEY_S)
    for number in range(100):
        world.finish(node.protocol.publish(digest(f"before {number}"), number))
    before = world.finds(node)
    for number in range(100):
        assert world.finish(node.protocol.publish(digest(f"after {number}"), number)) is True
        assert holders(residents, f"after {number}") == closest(residents, f"after {number}", 8)
    assert world.finds(node) - before <= 100 * 8 / 4


def test_nodes_that_come_by_themselves_keep_their_share_at_once() -> None:
    """A network of three, of which all was known, grows to forty within a few seconds."""
    world, residents = network(3, 8)
    node = residents[1]
    assert world.finish(node.protocol.publish(digest("early"), 1)) is True
    residents += [world.add(ksize=8) for _ in range(37)]
    for resident in residents[3:]:
        world.finish(resident.protocol.join([residents[0].address]))
    assert world.now < limits.SURVEY_S
    for number in range(50):
        assert world.finish(node.protocol.publish(digest(f"late {number}"), number)) is True
        assert holders(residents, f"late {number}") == closest(residents, f"late {number}", 8)


def test_a_lookup_that_few_answered_does_not_tell_that_there_are_no_more() -> None:
    """While the link is bad, two nodes answer; they are not the network."""
    world, residents = network(40, 8)
    node = residents[20]
    world.run(2 * limits.SURVEY_S)
    world.links.loss = 0.9
    found = world.finish(node.protocol.lookup(Node(digest("anything"))))
    assert len(found) < 8
    world.links.loss = 0.0
    assert node.protocol.survey.holders(Node(digest("anything")), world.now) is None


def test_what_was_known_before_a_sleep_is_forgotten() -> None:
    """The monotonic clock may stand still while a machine sleeps."""
    world = World(1)
    residents = world.network(10)
    node = residents[5]
    world.finish(node.protocol.publish(digest("key"), 1))
    assert node.protocol.survey.holders(Node(digest("key")), world.now) is not None
    node.protocol.wall_clock(world.now, world.now + node.protocol.wall_offset + 3600)
    assert node.protocol.survey.holders(Node(digest("key")), world.now) is None
