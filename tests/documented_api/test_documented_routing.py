"""`kademlia.routing` as documented: buckets, the table and the traverser, in the spelling of the documentation.

That `findNeighbors` is exact is proved elsewhere, by brute force; here stands what a program sees.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.clock import Clock

from kademlia.node import Node
from kademlia.routing import KBucket, RoutingTable, TableTraverser


def numbered(number: int) -> Node:
    return Node(number.to_bytes(20, "big"), "127.0.0.1", 1000 + number % 60000)


def numbers(nodes: list[Node]) -> list[int]:
    return [node.long_id for node in nodes]


def full_bucket(ksize: int = 3) -> KBucket:
    bucket = KBucket(0, 100, ksize)
    for number in range(1, ksize + 1):
        assert bucket.addNode(numbered(number)) is True
    return bucket


class TestABucket:
    def test_keeps_its_contacts_oldest_first(self) -> None:
        bucket = full_bucket()
        assert numbers(bucket.getNodes()) == [1, 2, 3]
        assert bucket.head().long_id == 1

    def test_moves_a_contact_that_is_seen_again_to_the_tail(self) -> None:
        bucket = full_bucket()
        assert bucket.addNode(numbered(1)) is True
        assert numbers(bucket.getNodes()) == [2, 3, 1]

    def test_says_false_and_remembers_the_newcomer_when_it_is_full(self) -> None:
        """Section 4.1: the replacement list."""
        bucket = full_bucket()
        assert bucket.addNode(numbered(4)) is False
        assert numbers(bucket.getNodes()) == [1, 2, 3]
        assert list(bucket.replacementNodes) == [numbered(4).id]

    def test_fills_a_gap_with_the_newest_replacement(self) -> None:
        bucket = full_bucket()
        bucket.addNode(numbered(4))
        bucket.addNode(numbered(5))
        bucket.removeNode(numbered(2))
        assert numbers(bucket.getNodes()) == [1, 3, 5]

    def test_passes_over_a_stranger_s_removal(self) -> None:
        bucket = full_bucket()
        bucket.removeNode(numbered(9))
        assert len(bucket) == 3

    def test_calls_only_its_contacts_known(self) -> None:
        """A replacement is still new: that it waits is no reason not to welcome it."""
        bucket = full_bucket()
        bucket.addNode(numbered(4))
        assert not bucket.isNewNode(numbered(1))
        assert bucket.isNewNode(numbered(4))
        assert bucket.isNewNode(numbered(5))

    @pytest.mark.parametrize(("number", "inside"), [(9, False), (10, True), (15, True), (20, True), (21, False)])
    def test_holds_both_ends_of_its_range(self, number: int, inside: bool) -> None:
        assert KBucket(10, 20, 3).hasInRange(numbered(number)) is inside

    @pytest.mark.parametrize(
        ("low", "high", "halves"),
        [(0, 10, [(0, 5), (6, 10)]), (0, 3, [(0, 1), (2, 3)]), (0, 1, [(0, 0), (1, 1)])],
    )
    def test_splits_at_the_midpoint(self, low: int, high: int, halves: list[tuple[int, int]]) -> None:
        """0.4 put it one higher, 1.0 to 2.2 made it a float: ids then fell between two buckets."""
        assert [half.range for half in KBucket(low, high, 3).split()] == halves

    def test_splits_its_contacts_and_its_replacements(self) -> None:
        """0.x lost the replacements."""
        bucket = KBucket(0, 10, 2)
        for number in (1, 9, 2, 8, 7):
            bucket.addNode(numbered(number))
        low, high = bucket.split()
        assert numbers(low.getNodes()) == [1, 2]
        assert numbers(high.getNodes()) == [9, 8]
        assert list(high.replacementNodes) == [numbered(7).id]

    @pytest.mark.parametrize(
        ("low", "high", "depth"),
        [(0, 2**160 - 1, 0), (0, 2**159 - 1, 1), (2**159, 2**159 + 2**158 - 1, 2), (6, 7, 159), (7, 7, 160)],
    )
    def test_has_a_depth_in_bits_even_when_it_is_empty(self, low: int, high: int, depth: int) -> None:
        """0.x counted bytes of what happened to lie in it, and raised ValueError if nothing did."""
        assert KBucket(low, high, 3).depth() == depth

    def test_has_no_head_while_it_is_empty(self) -> None:
        with pytest.raises(IndexError):
            KBucket(0, 10, 3).head()

    def test_is_looked_into_by_id(self) -> None:
        bucket = full_bucket()
        found = bucket[numbered(1).id]
        assert found is not None
        assert found.long_id == 1
        assert bucket[numbered(9).id] is None

    def test_knows_when_it_was_touched(self) -> None:
        clock = Clock(0.0)
        bucket = KBucket(0, 10, 3, clock=clock)
        clock.now = 42.0
        bucket.touchLastUpdated()
        assert bucket.lastUpdated == 42.0


def table(own: int = 0, ksize: int = 20, clock: Callable[[], float] | None = None) -> RoutingTable:
    return RoutingTable(None, ksize, numbered(own), clock=clock or Clock(0.0))


class TestATable:
    def test_starts_as_one_bucket_for_everything(self) -> None:
        router = table()
        assert [bucket.range for bucket in router.buckets] == [(0, 2**160 - 1)]

    def test_is_empty_again_after_a_flush(self) -> None:
        router = table()
        router.addContact(numbered(1))
        router.flush()
        assert router.findNeighbors(numbered(5)) == []
        assert len(router.buckets) == 1

    def test_never_holds_its_own_node(self) -> None:
        router = table(own=5)
        router.addContact(numbered(5))
        assert router.findNeighbors(numbered(6)) == []

    def test_knows_who_is_new(self) -> None:
        router = table()
        assert router.isNewNode(numbered(1))
        router.addContact(numbered(1))
        assert not router.isNewNode(numbered(1))
        router.removeContact(numbered(1))
        assert router.isNewNode(numbered(1))

    def test_splits_the_bucket_around_itself_when_it_is_full(self) -> None:
        """So the neighbourhood of the own id is known ever more finely (section 2.4)."""
        router = table(own=1, ksize=2)
        for number in (2, 3, 2**159, 2**159 + 1):
            router.addContact(numbered(number))
        assert len(router.buckets) > 1
        assert {node.long_id for node in router.findNeighbors(numbered(1), k=9)} == {2, 3, 2**159, 2**159 + 1}

    def test_splits_a_bucket_by_its_index(self) -> None:
        router = table()
        router.splitBucket(0)
        assert [bucket.range for bucket in router.buckets] == [(0, 2**159 - 1), (2**159, 2**160 - 1)]

    @pytest.mark.parametrize(("number", "index"), [(0, 0), (2**159 - 1, 0), (2**159, 1), (2**160 - 1, 1)])
    def test_finds_the_bucket_of_every_id(self, number: int, index: int) -> None:
        """The ends too: published releases looked the upper one up in the next bucket."""
        router = table()
        router.splitBucket(0)
        assert router.getBucketFor(numbered(number)) == index
        assert router.buckets[index].hasInRange(numbered(number))

    def test_calls_a_bucket_lonely_after_an_hour_without_a_lookup(self) -> None:
        clock = Clock(0.0)
        router = table(clock=clock)
        router.splitBucket(0)
        clock.now = 3500.0
        assert router.getLonelyBuckets() == []
        router.buckets[1].touchLastUpdated()
        clock.now = 3601.0
        assert router.getLonelyBuckets() == [router.buckets[0]]


class TestFindingNeighbors:
    @pytest.fixture
    def router(self) -> RoutingTable:
        router = table(own=0)
        for number in range(1, 10):
            router.addContact(numbered(number))
        return router

    def test_gives_the_closest_in_order(self, router: RoutingTable) -> None:
        """For this very case 0.4 gave 7, 8 and 9."""
        assert numbers(router.findNeighbors(numbered(4), k=3)) == [5, 6, 7]

    def test_leaves_out_the_node_asked_for(self, router: RoutingTable) -> None:
        assert 4 not in numbers(router.findNeighbors(numbered(4)))

    def test_leaves_out_whoever_lives_at_the_excluded_address(self, router: RoutingTable) -> None:
        """The asker is not told of itself, whatever id it goes by today."""
        asker = Node(b"z" * 20, numbered(5).ip, numbered(5).port)
        assert 5 not in numbers(router.findNeighbors(numbered(4), exclude=asker))

    @pytest.mark.parametrize("k", [None, 0])
    def test_gives_the_table_s_k_unless_told_otherwise(self, k: int | None) -> None:
        router = table(own=0, ksize=2)
        for number in range(1, 6):
            router.addContact(numbered(number))
        assert len(router.findNeighbors(numbered(4), k)) == 2

    def test_of_an_empty_table_gives_nobody(self) -> None:
        assert table().findNeighbors(numbered(4)) == []


class TestATraverser:
    @pytest.fixture
    def router(self) -> RoutingTable:
        """Five buckets of two contacts each: 0 and 1, 2 and 3, up to 8 and 9."""
        router = table(own=0, ksize=2)
        router.buckets = [KBucket(low, low + 1, 2, clock=router.clock) for low in range(0, 10, 2)]
        for bucket in router.buckets:
            bucket.addNode(numbered(bucket.range[0]))
            bucket.addNode(numbered(bucket.range[1]))
        return router

    def test_walks_left_and_right_in_turn_from_its_start(self, router: RoutingTable) -> None:
        """The order since 1.1; 0.4 to 1.0 began on the right with the farthest bucket."""
        assert numbers(list(TableTraverser(router, numbered(4)))) == [5, 4, 3, 2, 7, 6, 1, 0, 9, 8]

    @pytest.mark.parametrize(
        ("start", "order"),
        [(0, [1, 0, 3, 2, 5, 4, 7, 6, 9, 8]), (9, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]), (2, [3, 2, 1, 0, 5, 4, 7, 6, 9, 8])],
    )
    def test_walks_over_everybody_from_anywhere(self, router: RoutingTable, start: int, order: list[int]) -> None:
        """Published releases stopped early when one side ran out first."""
        assert numbers(list(TableTraverser(router, numbered(start)))) == order

    def test_goes_on_by_its_documented_method(self, router: RoutingTable) -> None:
        traverser = TableTraverser(router, numbered(4))
        assert traverser.next().long_id == 5
        assert next(traverser).long_id == 4

    def test_ends_like_any_iterator(self, router: RoutingTable) -> None:
        traverser = TableTraverser(router, numbered(4))
        assert len(list(traverser)) == 10
        with pytest.raises(StopIteration):
            traverser.next()

    def test_counts_as_a_lookup_in_the_bucket_it_starts_from(self) -> None:
        clock = Clock(0.0)
        router = table(clock=clock)
        clock.now = 4000.0
        TableTraverser(router, numbered(4))
        assert router.getLonelyBuckets() == []
