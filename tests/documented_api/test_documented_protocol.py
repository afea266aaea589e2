"""`kademlia.protocol` as documented, between simulated nodes: the calls, what answers them, and the table's care."""

from __future__ import annotations

from typing import Any

import pytest

from kademlia.node import Node
from kademlia.sim import Resident, World
from kademlia.utils import digest

KSIZE = 4
KEY = digest("a key")
NOWHERE = Node(b"n" * 20, "10.9.9.9", 8468)


@pytest.fixture
def world() -> World:
    return World(seed=2)


@pytest.fixture
def alice(world: World) -> Resident:
    return world.add(digest("alice"), ksize=KSIZE)


@pytest.fixture
def bob(world: World, alice: Resident) -> Resident:
    """Bob, who has joined by alice."""
    bob = world.add(digest("bob"), ksize=KSIZE)
    world.finish(bob.protocol.join([alice.address]))
    world.run(5)
    return bob


def an_hour_later(world: World) -> None:
    """Let an hour pass, and as long as it may take until the node looks at its clock again."""
    world.run(3600 + 720)


class TestACall:
    def test_to_ping_ends_with_the_other_s_id(self, world: World, alice: Resident, bob: Resident) -> None:
        assert world.finish(alice.protocol.callPing(bob.node)) == (True, bob.node.id)

    def test_to_store_ends_with_true_when_it_is_kept(self, world: World, alice: Resident, bob: Resident) -> None:
        assert world.finish(alice.protocol.callStore(bob.node, KEY, "a value")) == (True, True)
        assert bob.protocol.storage[KEY] == "a value"

    def test_to_find_a_node_ends_with_a_list_of_nodes(self, world: World, alice: Resident, bob: Resident) -> None:
        carol = world.add(ksize=KSIZE)
        world.finish(carol.protocol.join([bob.address]))
        happened, nodes = world.finish(alice.protocol.callFindNode(bob.node, Node(KEY)))
        assert happened
        assert [tuple(node) for node in nodes] == [tuple(carol.node)]

    def test_to_find_a_value_ends_with_the_value(self, world: World, alice: Resident, bob: Resident) -> None:
        bob.protocol.storage[KEY] = "a value"
        assert world.finish(alice.protocol.callFindValue(bob.node, Node(KEY))) == (True, {"value": "a value"})

    def test_to_find_a_missing_value_ends_as_finding_a_node_does(
        self, world: World, alice: Resident, bob: Resident
    ) -> None:
        missing = world.finish(alice.protocol.callFindValue(bob.node, Node(KEY)))
        assert missing == world.finish(alice.protocol.callFindNode(bob.node, Node(KEY)))

    @pytest.mark.parametrize(
        ("name", "arguments"),
        [
            ("callPing", ()),
            ("callStore", (KEY, "a value")),
            ("callFindNode", (Node(KEY),)),
            ("callFindValue", (Node(KEY),)),
        ],
    )
    def test_that_nobody_answers_ends_with_false_and_none(
        self, world: World, alice: Resident, name: str, arguments: tuple[Any, ...]
    ) -> None:
        """After five seconds, as in every release; nothing is raised."""
        before = world.now
        assert world.finish(getattr(alice.protocol, name)(NOWHERE, *arguments)) == (False, None)
        assert world.now - before == pytest.approx(5.0)


class TestAnAnswer:
    def test_to_ping_is_the_own_id(self, alice: Resident) -> None:
        assert alice.protocol.rpc_ping(("10.0.0.9", 8468), b"x" * 20) == alice.node.id

    def test_to_stun_is_the_asker_s_address(self, alice: Resident) -> None:
        assert alice.protocol.rpc_stun(("10.0.0.9", 8468)) == ("10.0.0.9", 8468)

    def test_to_store_is_true_and_the_value_is_kept(self, alice: Resident) -> None:
        assert alice.protocol.rpc_store(("10.0.0.9", 8468), b"x" * 20, KEY, "a value") is True
        assert alice.protocol.storage[KEY] == "a value"

    def test_to_find_node_is_the_closest_contacts_as_tuples(self, alice: Resident, bob: Resident) -> None:
        told = alice.protocol.rpc_find_node(("10.0.0.9", 8468), b"x" * 20, KEY)
        assert told == [(bob.node.id, *bob.address)]

    def test_to_find_node_leaves_the_asker_out(self, alice: Resident, bob: Resident) -> None:
        assert alice.protocol.rpc_find_node(bob.address, bob.node.id, KEY) == []

    def test_to_find_value_is_the_value_in_a_dict(self, alice: Resident) -> None:
        alice.protocol.storage[KEY] = 0
        assert alice.protocol.rpc_find_value(("10.0.0.9", 8468), b"x" * 20, KEY) == {"value": 0}

    def test_to_find_value_is_the_closest_contacts_without_one(self, alice: Resident, bob: Resident) -> None:
        told = alice.protocol.rpc_find_value(("10.0.0.9", 8468), b"x" * 20, KEY)
        assert told == [(bob.node.id, *bob.address)]


class TestTheTable:
    def test_takes_in_who_asks_once_it_has_proved_where_it_is(self, alice: Resident, bob: Resident) -> None:
        """Bob only ever asked alice; she asked back, and so knows him."""
        assert alice.protocol.router.findNeighbors(Node(KEY))[0].id == bob.node.id

    def test_takes_in_who_answers(self, world: World, alice: Resident, bob: Resident) -> None:
        carol = world.add(ksize=KSIZE)
        world.finish(alice.protocol.callPing(carol.node))
        assert not alice.protocol.router.isNewNode(carol.node)

    def test_does_not_take_in_who_only_asks_for_its_address(self, world: World, alice: Resident) -> None:
        """A request to stun names no id."""
        carol = world.add(ksize=KSIZE)
        world.finish(carol.protocol.call(alice.address, "stun"))
        world.run(5)
        assert not alice.protocol.router.contacts()

    def test_names_nobody_who_left_a_call_unanswered(self, world: World, alice: Resident, bob: Resident) -> None:
        """It stays for now: one lost datagram is no reason to forget an old contact."""
        bob.die()
        assert world.finish(alice.protocol.callPing(bob.node)) == (False, None)
        assert alice.protocol.rpc_find_node(("10.0.0.9", 8468), b"x" * 20, KEY) == []

    def test_names_it_again_when_it_answers_again(self, world: World, alice: Resident, bob: Resident) -> None:
        bob.connected = False
        world.finish(alice.protocol.callPing(bob.node))
        bob.connected = True
        world.finish(alice.protocol.callPing(bob.node))
        assert alice.protocol.rpc_find_node(("10.0.0.9", 8468), b"x" * 20, KEY) == [(bob.node.id, *bob.address)]


class TestHandlingACallResponse:
    def test_gives_the_result_back(self, alice: Resident, bob: Resident) -> None:
        for result in ((True, [1, 2]), (False, None)):
            assert alice.protocol.handleCallResponse(result, bob.node) == result

    def test_with_an_answer_adds_the_node(self, alice: Resident) -> None:
        """A program that heard of a node by means of its own vouches for it."""
        alice.protocol.handleCallResponse((True, None), NOWHERE)
        assert not alice.protocol.router.isNewNode(NOWHERE)

    def test_without_an_answer_adds_nobody(self, alice: Resident) -> None:
        alice.protocol.handleCallResponse((False, None), NOWHERE)
        assert alice.protocol.router.isNewNode(NOWHERE)


class TestRefreshIds:
    def test_are_none_while_everything_was_just_looked_up(self, alice: Resident, bob: Resident) -> None:
        assert alice.protocol.getRefreshIDs() == []

    def test_are_one_of_20_bytes_for_each_level_that_was_quiet_for_an_hour(self, world: World) -> None:
        """0.x gave integers, which then failed as ids; and one id a bucket, so 16 a level with b=5."""
        alice = world.network(60, ksize=KSIZE)[0].protocol
        alice.upkeep.refreshes = False
        an_hour_later(world)
        ids = alice.getRefreshIDs()
        assert all(type(node_id) is bytes and len(node_id) == 20 for node_id in ids)
        levels = list(alice.router.levels())
        assert len(ids) == len(levels) > 1
        for node_id, (low, high, _) in zip(ids, levels, strict=True):
            assert low <= Node(node_id).long_id <= high

    def test_are_different_ones_each_time(self, world: World, alice: Resident, bob: Resident) -> None:
        alice.protocol.upkeep.refreshes = False
        an_hour_later(world)
        assert alice.protocol.getRefreshIDs() != alice.protocol.getRefreshIDs()


class TestTransferringKeyValues:
    def test_stores_at_the_newcomer_and_says_how_each_went(self, world: World, alice: Resident, bob: Resident) -> None:
        alice.protocol.storage[KEY] = "a value"
        assert world.finish(alice.protocol.transferKeyValues(bob.node)) == [(True, True)]
        assert bob.protocol.storage[KEY] == "a value"

    def test_sends_only_what_the_newcomer_should_keep(self, world: World) -> None:
        """Where it is among the k closest, and this node is closer than every other holder it knows (section 2.5)."""
        alice, *others = world.network(12, ksize=KSIZE)
        world.run(30)
        keys = [Node(digest(number)) for number in range(60)]
        for key in keys:
            alice.protocol.storage[key.id] = 1
        newcomer = others[5]
        before = dict(newcomer.protocol.storage)
        world.finish(alice.protocol.transferKeyValues(newcomer.node))
        due = set()
        for key in keys:
            known = sorted((r.node for r in others if r is not newcomer), key=key.distance_to)[:KSIZE]
            is_near = newcomer.node.distance_to(key) < known[-1].distance_to(key)
            if is_near and alice.node.distance_to(key) < known[0].distance_to(key):
                due.add(key.id)
        assert due
        assert set(dict(newcomer.protocol.storage)) - set(before) == due

    def test_happens_by_itself_when_somebody_joins(self, world: World, alice: Resident) -> None:
        """In 0.4 it never did: the newcomer was in the table before anybody asked whether it was new."""
        alice.protocol.storage[KEY] = "a value"
        bob = world.add(ksize=KSIZE)
        world.finish(bob.protocol.join([alice.address]))
        world.run(5)
        assert bob.protocol.storage[KEY] == "a value"

    def test_of_nothing_ends_with_nothing(self, world: World, alice: Resident, bob: Resident) -> None:
        assert world.finish(alice.protocol.transferKeyValues(bob.node)) == []
