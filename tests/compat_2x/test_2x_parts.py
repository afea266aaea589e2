"""The small parts under their 2.x names: nodes, buckets, the table, the traverser, the helpers.

The ideas are those of the published release's own tests, and its ids are as short as there: geometry needs no 20 bytes.
"""

from __future__ import annotations

import asyncio
import random
from struct import pack
from typing import Any

import pytest

from kademlia.node import Node, NodeHeap
from kademlia.routing import KBucket, RoutingTable, TableTraverser
from kademlia.utils import bytes_to_bit_string, digest, gather_dict, shared_prefix


def numbered(number: int) -> Node:
    return Node(pack(">l", number))


def some(count: int) -> list[Node]:
    return [Node(digest(number)) for number in range(count)]


class TestANode:
    def test_takes_its_id_by_position_or_as_node_id(self) -> None:
        one, two = Node(b"id", "192.0.2.1", 8468), Node(node_id=b"id", ip="192.0.2.1", port=8468)
        assert tuple(one) == tuple(two) == (b"id", "192.0.2.1", 8468)

    def test_has_its_2x_methods(self) -> None:
        one, two = Node(b"\x05", "192.0.2.1", 8468), Node(b"\x06", "192.0.2.1", 8468)
        assert one.distance_to(two) == 3
        assert one.same_home_as(two)
        assert one.long_id == 5


class TestANodeHeap:
    def test_has_its_2x_methods(self) -> None:
        heap = NodeHeap(numbered(0), 2)
        heap.push([numbered(number) for number in (3, 1, 2)])
        assert heap.get_ids() == [numbered(1).id, numbered(2).id]
        nearest = heap.get_node(numbered(1).id)
        assert nearest is not None
        heap.mark_contacted(nearest)
        assert [node.long_id for node in heap.get_uncontacted()] == [2]
        assert not heap.have_contacted_all()

    def test_never_shows_more_than_its_size(self) -> None:
        heap = NodeHeap(numbered(0), 3)
        assert not heap
        for number in range(10):
            heap.push(numbered(number))
        assert len(heap) == len(list(heap)) == 3

    def test_shows_the_next_nearest_in_place_of_the_removed(self) -> None:
        heap = NodeHeap(numbered(0), 5)
        heap.push([numbered(number) for number in range(10)])
        heap.remove([numbered(0).id, numbered(1).id])
        assert [node.long_id for node in heap] == [2, 3, 4, 5, 6]


class TestABucket:
    def test_takes_its_arguments_by_position(self) -> None:
        bucket = KBucket(0, 10, 3, 2)
        assert (bucket.range, bucket.ksize, bucket.max_replacement_nodes) == ((0, 10), 3, 6)

    def test_takes_its_replacement_factor_by_its_published_name(self) -> None:
        assert KBucket(0, 10, 3).max_replacement_nodes == 15
        assert KBucket(0, 10, 3, replacementNodeFactor=2).max_replacement_nodes == 6

    def test_keeps_only_the_newest_replacements(self) -> None:
        bucket = KBucket(0, 10, 3, replacementNodeFactor=2)
        nodes = some(10)
        for node in nodes:
            bucket.add_node(node)
        assert list(bucket.nodes.values()) == nodes[:3]
        assert list(bucket.replacement_nodes.values()) == nodes[4:]

    def test_hands_its_replacement_factor_on_when_it_splits(self) -> None:
        for half in KBucket(0, 10, 3, 2).split():
            assert half.max_replacement_nodes == 6

    def test_splits_without_gap_or_overlap(self) -> None:
        left, right = KBucket(0, 2**160, 20).split()
        assert right.range[0] - left.range[1] == 1

    def test_promotes_the_newest_replacement(self) -> None:
        bucket = KBucket(0, 10, 3)
        nodes = some(10)
        for node in nodes:
            bucket.add_node(node)
        bucket.remove_node(nodes.pop())
        assert list(bucket.replacement_nodes.values()) == nodes[3:]
        bucket.remove_node(nodes.pop(0))
        assert list(bucket.nodes.values()) == [*nodes[:2], nodes[-1]]
        assert list(bucket.replacement_nodes.values()) == nodes[2:-1]

    def test_is_empty_when_everybody_was_removed_in_any_order(self) -> None:
        bucket = KBucket(0, 10, 3)
        nodes = some(10)
        for node in nodes:
            bucket.add_node(node)
        random.Random(5).shuffle(nodes)
        for node in nodes:
            bucket.remove_node(node)
        assert not bucket
        assert not bucket.replacement_nodes

    def test_has_its_2x_names(self) -> None:
        bucket = KBucket(0, 10, 3)
        bucket.touch_last_updated()
        assert bucket.last_updated > 0
        assert bucket.get_nodes() == []
        assert bucket.has_in_range(numbered(10))
        assert bucket.is_new_node(numbered(10))


class OldProtocol:
    """What a program of 2.x may hand to a table."""


class TestATable:
    def test_takes_any_object_as_its_protocol(self) -> None:
        protocol = OldProtocol()
        router = RoutingTable(protocol, 20, Node(digest("own")))
        router.add_contact(Node(digest("other")))
        assert router.protocol is protocol
        assert [len(bucket.nodes) for bucket in router.buckets] == [1]

    def test_has_its_2x_names(self) -> None:
        router = RoutingTable(OldProtocol(), 20, Node(digest("own")))
        one, two = Node(digest("one"), "192.0.2.1", 1), Node(digest("two"), "192.0.2.2", 2)
        assert router.is_new_node(one)
        router.add_contact(one)
        router.add_contact(two)
        assert router.get_bucket_for(one) == 0
        assert router.lonely_buckets() == []
        assert router.find_neighbors(one) == [two]
        assert router.find_neighbors(Node(digest("key")), k=5, exclude=two) == [one]
        router.remove_contact(one)
        router.split_bucket(0)
        assert len(router.buckets) == 2
        router.flush()
        assert len(router.buckets) == 1

    def test_calls_a_bucket_lonely_after_an_hour(self) -> None:
        router = RoutingTable(OldProtocol(), 20, Node(digest("own")))
        router.buckets[0].last_updated -= 3601
        assert router.lonely_buckets() == router.buckets


class TestATraverser:
    @pytest.fixture
    def router(self) -> RoutingTable:
        """Five buckets of two nodes each, put in place of the table's own by the program."""
        router = RoutingTable(OldProtocol(), 20, Node(digest("own")))
        router.buckets = [KBucket(low, low + 1, 2) for low in range(0, 10, 2)]
        for bucket in router.buckets:
            for number in bucket.range:
                bucket.add_node(numbered(number))
        return router

    def test_walks_in_the_published_order(self, router: RoutingTable) -> None:
        assert [node.long_id for node in TableTraverser(router, numbered(4))] == [5, 4, 3, 2, 7, 6, 1, 0, 9, 8]

    def test_has_its_2x_attributes(self, router: RoutingTable) -> None:
        traverser = TableTraverser(router, numbered(4))
        assert [node.long_id for node in traverser.current_nodes] == [4, 5]
        assert [bucket.range for bucket in traverser.left_buckets] == [(0, 1), (2, 3)]
        assert [bucket.range for bucket in traverser.right_buckets] == [(6, 7), (8, 9)]

    def test_does_not_disturb_finding_the_closest(self, router: RoutingTable) -> None:
        """A table whose buckets a program made itself is searched exactly all the same."""
        assert [node.long_id for node in router.find_neighbors(numbered(4), k=4)] == [5, 6, 7, 0]


class TestHelpers:
    @pytest.mark.parametrize(
        ("words", "prefix"),
        [
            (["prefix", "prefixasdf", "prefix", "prefixxxx"], "prefix"),
            (["p", "prefixasdf", "prefix", "prefixxxx"], "p"),
            (["one", "two"], ""),
            (["hi"], "hi"),
        ],
    )
    def test_a_shared_prefix_is_what_all_begin_with(self, words: list[str], prefix: str) -> None:
        assert shared_prefix(words) == prefix

    def test_bits_are_shown_eight_to_the_byte(self) -> None:
        assert bytes_to_bit_string(b"\x00\x01\xff") == "000000000000000111111111"

    async def test_a_dict_of_awaitables_is_awaited_as_one(self) -> None:
        async def later(value: Any) -> Any:
            await asyncio.sleep(0)
            return value

        assert await gather_dict({"one": later(1), "two": later(2)}) == {"one": 1, "two": 2}
        assert await gather_dict({}) == {}
