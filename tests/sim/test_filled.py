"""Tables that are full before the clock is read: as after everybody had been offered to them."""

from __future__ import annotations

import random
from itertools import pairwise
from statistics import fmean

import pytest

from kademlia.bucket import KBucket
from kademlia.engine.limits import REFRESH_S
from kademlia.node import Node
from kademlia.routing import NEIGHBOURHOOD_FACTOR, RoutingTable
from kademlia.sim import Resident, World
from kademlia.sim.filled import RECENTLY_S
from kademlia.sim.walks import observe
from kademlia.tree import ID_BITS, ID_MAX, shared_bits

SIZE = 400

Range = tuple[int, int]


class Filled:
    """A filled network, and what a plain count of all its nodes says of any range."""

    def __init__(self, ksize: int, b: int) -> None:
        self.world = World(ksize + b)
        self.residents = self.world.filled(SIZE, ksize=ksize, b=b)
        self.nodes = [resident.protocol.source_node for resident in self.residents]
        self.ksize = ksize
        self.b = b

    def others_in(self, ids: Range, own: Node) -> list[Node]:
        """Return all nodes of a range but the own one."""
        return [node for node in self.nodes if ids[0] <= node.long_id <= ids[1] and node is not own]

    def would_split(self, ids: Range, own: Node) -> bool:
        """Return whether a full bucket of this range splits, by R24, R25 and R32, in a table with everybody in it."""
        if ids[0] <= own.long_id <= ids[1] or depth_of(ids) % self.b:
            return True
        shared = shared_bits(ids[0], own.long_id)
        nearer = self.others_in(around(own.long_id, shared + 1), own)
        whole = self.others_in(around(own.long_id, shared), own)
        return len(nearer) < self.ksize and len(whole) < self.ksize * NEIGHBOURHOOD_FACTOR


def depth_of(ids: Range) -> int:
    """Return how many bits the ids of a range share."""
    return ID_BITS - (ids[1] - ids[0]).bit_length()


def around(long_id: int, depth: int) -> Range:
    """Return the range of ids that share so many bits with one."""
    low = long_id >> (ID_BITS - depth) << (ID_BITS - depth)
    return low, low + (1 << (ID_BITS - depth)) - 1


def ranges_above(buckets: list[KBucket]) -> set[Range]:
    """Return all ranges that were split for these buckets to be."""
    return {around(bucket.range[0], depth) for bucket in buckets for depth in range(bucket.depth())}


@pytest.fixture(scope="module", params=[(8, 1), (8, 2), (8, 5), (20, 1), (20, 2), (20, 5)], ids=str)
def filled(request: pytest.FixtureRequest) -> Filled:
    """A network for each k and b."""
    return Filled(*request.param)


def some(filled: Filled) -> list[Resident]:
    """Return every tenth node."""
    return filled.residents[::10]


def test_the_buckets_of_every_node_cover_all_ids_without_overlap(filled: Filled) -> None:
    for resident in filled.residents:
        ranges = [bucket.range for bucket in resident.protocol.router.buckets]
        assert (ranges[0][0], ranges[-1][1]) == (0, ID_MAX)
        assert all(one[1] + 1 == other[0] for one, other in pairwise(ranges))
        assert all(around(low, depth_of((low, high))) == (low, high) for low, high in ranges)


def test_every_contact_lies_in_its_buckets_range_once_and_is_never_the_node_itself(filled: Filled) -> None:
    for resident in filled.residents:
        contacts = resident.protocol.router.contacts()
        assert len({node.id for node in contacts}) == len(contacts)
        for bucket in resident.protocol.router.buckets:
            assert len(bucket) <= filled.ksize
            assert all(bucket.has_in_range(node) for node in bucket.get_nodes())
            assert resident.node.id not in bucket.nodes
            assert [node.id for node in bucket.get_nodes()] == list(bucket.nodes)


def test_the_tree_is_the_one_that_splitting_makes(filled: Filled) -> None:
    """A range was split only where it holds more than k and the rules split it, and left whole only where not."""
    for resident in some(filled):
        own, buckets = resident.protocol.source_node, resident.protocol.router.buckets
        for ids in ranges_above(buckets):
            assert len(filled.others_in(ids, own)) > filled.ksize
            assert filled.would_split(ids, own)
        for bucket in buckets:
            others = filled.others_in(bucket.range, own)
            assert len(others) <= filled.ksize or not filled.would_split(bucket.range, own)
            assert len(bucket) == min(filled.ksize, len(others))


def test_offering_everybody_again_changes_nothing(filled: Filled) -> None:
    """The table's own rules agree: there is nobody it would still take, and no bucket it would still split."""
    for resident in some(filled):
        router = resident.protocol.router
        before = [(bucket.range, bucket.nodes.copy()) for bucket in router.buckets]
        for node in filled.nodes:
            if router.is_new_node(node):
                assert not router.add_contact(node)
        assert [(bucket.range, bucket.nodes) for bucket in router.buckets] == before


def test_a_table_to_which_all_were_offered_one_by_one_has_all_these_ranges(filled: Filled) -> None:
    """It has more, a third with b=1: while few were known, the neighbourhood (R25) reached farther, and splits stay.

    So a filled table is the leanest one that splitting makes, as in published models; b=5 has splits enough anyway.
    """
    chance = random.Random(1)
    for resident in some(filled):
        own, router = resident.protocol.source_node, resident.protocol.router
        offered = RoutingTable(None, filled.ksize, own, filled.b)
        for node in chance.sample(filled.nodes, SIZE):
            offered.add_contact(node)
        assert ranges_above(router.buckets) <= ranges_above(offered.buckets)
        assert len(router) <= len(offered) <= 2 * len(router)


def test_every_node_knows_all_of_its_k_closest(filled: Filled) -> None:
    """Rule R25: without it 5 to 13 % of lookups miss one of the k closest."""
    for resident in filled.residents:
        own, router = resident.protocol.source_node, resident.protocol.router
        closest = filled.world.closest(own, filled.ksize, besides=own)
        assert router.find_neighbors(own) == closest


def test_nothing_was_sent_and_no_time_has_passed(filled: Filled) -> None:
    assert filled.world.stats().datagrams == 0
    assert filled.world.now == 0.0


# -- contacts count as met -------------------------------------------------------------------------------------------


def knows(one: Resident, other: Resident) -> bool:
    """Return whether a node has another in its table."""
    return not one.protocol.router.is_new_node(other.node)


def acquainted(residents: list[Resident]) -> tuple[Resident, Resident]:
    """Return two of whom each is a contact of the other."""
    for one in residents:
        for other in residents:
            if knows(one, other) and knows(other, one):
                return one, other
    raise AssertionError("nobody knows one who knows it")


def test_a_contact_is_answered_at_once_and_in_full_and_not_asked_who_it_is() -> None:
    """Return routability: a stranger's answer would wait for its pong, a round trip longer and two datagrams more."""
    world = World(21, latency=0.1)
    alice, bob = acquainted(world.filled(SIZE))
    began = world.now
    happened, told = world.finish(bob.protocol.call_find_node(alice.node, Node(bytes(20))))
    assert (happened, len(told)) == (True, 20)
    assert world.now - began == pytest.approx(0.2)
    world.run(3)
    assert (alice.sent, bob.sent) == (1, 1)


def test_a_contact_stays_verified_as_long_as_it_is_one() -> None:
    """What an address proved lasts ten minutes, being a contact lasts: an old network is not one of strangers."""
    world = World(26)
    resident = world.filled(SIZE)[0]
    for bucket in resident.protocol.router.buckets:
        for node in bucket.get_nodes():
            record = resident.protocol.records.of(node.address)
            assert (record.node, record.bucket) == (node, bucket)
            assert -RECENTLY_S <= record.heard_at <= 0
            assert record.verified(world.now + 1e6)


def test_buckets_were_looked_up_at_times_of_the_last_hour() -> None:
    """Else all nodes would refresh all buckets in the same minute, which no real network does."""
    world = World(27)
    times = [bucket.last_updated for resident in world.filled(SIZE) for bucket in resident.protocol.router.buckets]
    assert all(-REFRESH_S <= at <= 0 for at in times)
    assert fmean(times) == pytest.approx(-REFRESH_S / 2, rel=0.1)


def test_who_is_no_contact_has_to_prove_its_address() -> None:
    """The other side of the same coin: filling does not switch the protection off."""
    world = World(22)
    residents = world.filled(SIZE, b=1)
    alice = residents[0]
    strangers = [other for other in residents if other is not alice and not knows(alice, other)]
    record = alice.protocol.records.of(strangers[-1].address)
    assert not record.verified(world.now)
    assert record.node is None


@pytest.mark.parametrize("b", [1, 5])
def test_lookups_find_exactly_the_k_closest(b: int) -> None:
    """Nobody is dead and nothing is lost, so there is no excuse."""
    world = World(23)
    residents = world.filled(SIZE, b=b)
    for _ in range(25):
        walk = world.finish(observe(world.chance.choice(residents), Node(world.chance.randbytes(20))))
        assert walk.exact
        assert walk.found


@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_smallest_networks_can_be_filled_too(size: int) -> None:
    world = World(24)
    residents = world.filled(size)
    assert [len(resident.protocol.router) for resident in residents] == [size - 1] * size


def test_who_knows_whom_follows_from_the_seed() -> None:
    def tables(seed: int) -> list[list[bytes]]:
        return [
            [node.id for node in resident.protocol.router.contacts()]
            for resident in World(seed).filled(100, ksize=8, b=1)
        ]

    assert tables(25) == tables(25) != tables(26)
