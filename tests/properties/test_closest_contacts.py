"""The k closest contacts are exactly those, whatever the table went through: compared with sorting them all."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kademlia.node import Node
from kademlia.routing import KBucket, RoutingTable

TOP = 2**160 - 1


def node(number: int, port: int | None = None) -> Node:
    """Return the node with this integer as its id."""
    return Node(number.to_bytes(20, "big"), "192.0.2.1", port or number % 65535 + 1)


#: Ids anywhere, ids close together, and the ends of the ranges that buckets split at.
BOUNDS = [0, 1, TOP, TOP - 1, *(TOP >> bits for bits in range(1, 24)), *((TOP >> bits) + 1 for bits in range(1, 24))]
numbers = st.one_of(st.integers(0, TOP), st.integers(0, 63), st.sampled_from(BOUNDS))


@st.composite
def tables(draw: st.DrawFn) -> RoutingTable:
    """Return a table that contacts joined and left."""
    table = RoutingTable(None, draw(st.integers(1, 6)), node(draw(numbers)), b=draw(st.integers(1, 5)))
    for number in draw(st.lists(numbers, max_size=60)):
        table.add_contact(node(number))
    for number in draw(st.lists(numbers, max_size=5)):
        table.remove_contact(node(number))
    return table


def brute_force(table: RoutingTable, target: Node, k: int, exclude: Node | None) -> list[Node]:
    """Sort every contact by its distance."""
    fit = [
        contact
        for contact in table.contacts()
        if contact.id != target.id and (exclude is None or not contact.same_home_as(exclude))
    ]
    return sorted(fit, key=lambda contact: contact.long_id ^ target.long_id)[:k]


@settings(max_examples=10_000, deadline=None)
@given(tables(), numbers, st.integers(0, 30), st.one_of(st.none(), numbers))
def test_find_neighbors_equals_brute_force(table: RoutingTable, target: int, k: int, excluded: int | None) -> None:
    """The published releases return the right k-set in 1 % of queries over 100 contacts."""
    exclude = None if excluded is None else node(excluded)
    found = table.find_neighbors(node(target), k, exclude)
    assert found == brute_force(table, node(target), k or table.ksize, exclude)


@settings(max_examples=500, deadline=None)
@given(tables(), numbers)
def test_every_id_falls_into_the_one_bucket_whose_range_holds_it(table: RoutingTable, number: int) -> None:
    """An id at the upper end of a range belongs to that bucket, not to the next."""
    holding = [bucket for bucket in table.buckets if bucket.has_in_range(node(number))]
    assert holding == [table.buckets[table.get_bucket_for(node(number))]]


@settings(max_examples=500, deadline=None)
@given(tables())
def test_buckets_cover_the_whole_space_without_overlap(table: RoutingTable) -> None:
    """Rule R24: the buckets are the leaves of one binary tree."""
    bounds = [bucket.range for bucket in table.buckets]
    assert bounds[0][0] == 0
    assert bounds[-1][1] == TOP
    assert all(left[1] + 1 == right[0] for left, right in pairwise(bounds))
    assert all(bucket.has_in_range(contact) for bucket in table.buckets for contact in bucket.get_nodes())


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(0, 40), unique=True, max_size=30), st.integers(0, 40))
def test_buckets_put_together_by_hand_are_searched_exactly_too(ids: list[int], target: int) -> None:
    """Programs and upstream's own tests set `table.buckets` to ranges that are no halves."""
    table = RoutingTable(None, 4, node(TOP))
    table.buckets = [KBucket(3 * index, 3 * index + 2, 20) for index in range(14)]
    for number in ids:
        table.buckets[number // 3].add_node(node(number))
    assert table.find_neighbors(node(target)) == brute_force(table, node(target), 4, None)


@pytest.mark.parametrize("joined", [50, 400])
@pytest.mark.parametrize("seed", range(10))
def test_the_smallest_subtree_with_k_contacts_is_kept_whole(joined: int, seed: int) -> None:
    """Rule R25: without it, 5 to 13 % of lookups miss some of the k closest."""
    chance = random.Random(seed)
    own = node(chance.getrandbits(160))
    table = RoutingTable(None, 8, own, b=1)
    offered = [node(chance.getrandbits(160)) for _ in range(joined)]
    for contact in offered:
        table.add_contact(contact)
    shared = sorted((160 - (contact.long_id ^ own.long_id).bit_length() for contact in offered), reverse=True)
    depth = shared[7]  # the smallest subtree around the own id with k nodes shares that many bits
    inside = {contact.id for contact in offered if (contact.long_id ^ own.long_id).bit_length() <= 160 - depth}
    assert inside <= {contact.id for contact in table.contacts()}
