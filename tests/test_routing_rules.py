"""The table's own rules: what splits, what waits, what is kept in which order."""

from __future__ import annotations

import random

import pytest
from tests.clock import Clock

from kademlia.node import Node
from kademlia.routing import NEIGHBOURHOOD_FACTOR, KBucket, RoutingTable

TOP = 2**160 - 1


def node(number: int, port: int = 8468) -> Node:
    """Return the node with this integer as its id."""
    return Node(number.to_bytes(20, "big"), "192.0.2.1", port)


def test_a_contact_seen_again_moves_to_the_tail() -> None:
    """Rule R4: buckets are sorted by last seen; eviction asks the head."""
    bucket = KBucket(0, TOP, 3)
    for number in (1, 2, 3, 1):
        bucket.add_node(node(number))
    assert [contact.long_id for contact in bucket.get_nodes()] == [2, 3, 1]


def test_a_contact_seen_at_a_new_address_is_kept_there() -> None:
    """The published releases keep the old address until it times out."""
    bucket = KBucket(0, TOP, 3)
    bucket.add_node(node(1, port=1))
    bucket.add_node(node(1, port=2))
    assert [contact.port for contact in bucket.get_nodes()] == [2]


def test_the_newest_replacement_takes_a_leavers_place() -> None:
    """Rule R29: most recently seen is most likely alive."""
    bucket = KBucket(0, TOP, 1)
    assert [bucket.add_node(node(number)) for number in (1, 2, 3)] == [True, False, False]
    bucket.remove_node(node(1))
    assert [contact.long_id for contact in bucket.get_nodes()] == [3]
    assert [contact.long_id for contact in bucket.replacement_nodes.values()] == [2]


def test_the_replacement_cache_is_bounded() -> None:
    """Upstream's grew to ten thousand nodes a bucket."""
    bucket = KBucket(0, TOP, 2, replacementNodeFactor=3)
    for number in range(50):
        bucket.add_node(node(number))
    assert [contact.long_id for contact in bucket.replacement_nodes.values()] == [44, 45, 46, 47, 48, 49]


def test_splitting_keeps_replacements_and_the_time_of_the_last_lookup() -> None:
    """A split is no lookup, and who waited goes on waiting."""
    clock = Clock(0.0)
    bucket = KBucket(0, 15, 2, clock=clock)
    for number in (1, 2, 3, 9):
        bucket.add_node(node(number))
    clock.now = 100.0
    low, high = bucket.split()
    assert [contact.long_id for contact in low.get_nodes()] == [1, 2]
    assert [contact.long_id for contact in low.replacement_nodes.values()] == [3]
    assert [contact.long_id for contact in high.get_nodes()] == [9]
    assert (low.last_updated, high.last_updated) == (0.0, 0.0)


def test_the_own_node_is_never_a_contact() -> None:
    """Others tell us of ourselves all the time."""
    table = RoutingTable(None, 20, node(7))
    assert table.add_contact(node(7)) is False
    assert len(table) == 0


@pytest.mark.parametrize("b", [1, 2, 5])
def test_far_buckets_split_until_their_depth_is_a_multiple_of_b(b: int) -> None:
    """Rule R32, section 4.2 of the paper."""
    chance = random.Random(b)
    table = RoutingTable(None, 4, node(0), b=b)
    for _ in range(100):  # near ones first: as long as there are fewer than k of them, far ones are neighbours (R25)
        table.add_contact(node(chance.getrandbits(159)))
    for _ in range(3000):
        table.add_contact(node(2**159 + chance.getrandbits(159)))
    far = [bucket for bucket in table.buckets if bucket.range[0] >= 2**159]
    assert {bucket.depth() for bucket in far} == {b}
    assert len(far) == 2 ** (b - 1)


def test_somebody_who_chose_the_ids_cannot_make_the_neighbourhood_grow_for_ever() -> None:
    """Rule R25 alone would keep every id that was ground out next to ours."""
    ksize = 4
    table = RoutingTable(None, ksize, node(0), b=1)
    for number in range(2000):
        table.add_contact(node(2**159 + (number << 140)))
    assert len(table) <= ksize * NEIGHBOURHOOD_FACTOR * 3  # what splits once goes on filling


def test_levels_cover_everything_from_far_to_near() -> None:
    """Refreshing does one lookup per distance level, whatever b (R22, R23)."""
    chance = random.Random(1)
    own = node(chance.getrandbits(160))
    table = RoutingTable(None, 4, own)
    for _ in range(500):
        table.add_contact(node(chance.getrandbits(160)))
    levels = list(table.levels())
    assert sum(high - low + 1 for low, high, _ in levels) == 2**160
    assert [bucket for _, _, buckets in levels for bucket in buckets if bucket not in table.buckets] == []
    assert sorted(id(bucket) for *_, buckets in levels for bucket in buckets) == sorted(map(id, table.buckets))
    shared = [160 - (low ^ own.long_id).bit_length() for low, _, _ in levels[:-1]]
    assert shared == list(range(len(levels) - 1))
    assert levels[-1][0] <= own.long_id <= levels[-1][1]
    assert len(levels) < len(table.buckets)


def test_a_bucket_is_lonely_after_an_hour_without_a_lookup() -> None:
    """Rule R22."""
    clock = Clock(0.0)
    table = RoutingTable(None, 4, node(0), clock=clock)
    clock.now = 3600.0
    assert table.lonely_buckets() == []
    clock.now = 3600.5
    assert table.lonely_buckets() == table.buckets
    table.buckets[0].touch_last_updated()
    assert table.lonely_buckets() == []
