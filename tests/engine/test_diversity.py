"""How many of one network there may be: in a bucket, in a table, behind full buckets, among the holders of a value."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kademlia.address import prefix
from kademlia.bucket import KBucket
from kademlia.engine.diversity import spread
from kademlia.engine.limits import Limits
from kademlia.node import ID_BYTES, Node
from kademlia.routing import RoutingTable
from kademlia.sim import Resident, World
from kademlia.tree import ID_BITS


def victim(limits: Limits | None = None, ksize: int = 4) -> Resident:
    """Return a node with a public address."""
    node = World(1).add(address=("45.0.0.1", 8468), ksize=ksize)
    if limits is not None:
        node.protocol.limits = limits
    return node


def meet(node: Resident, ips: list[str], seed: int = 7) -> None:
    """Have strangers at some addresses answer a node, with ids all over the place."""
    chance = Random(seed)
    for ip in ips:
        answers_as(node, ip, chance.randbytes(ID_BYTES))


def answers_as(node: Resident, ip: str, node_id: bytes) -> None:
    """Have somebody prove his address, and say who he is."""
    protocol = node.protocol
    protocol.contacts.answered(protocol.records.of((ip, 8468)), node_id, None, protocol.now)


def in_table(node: Resident) -> list[str]:
    """Return the addresses in a table, and of those that wait behind it."""
    buckets = node.protocol.router.buckets
    return [n.ip for bucket in buckets for n in (*bucket.nodes.values(), *bucket.replacement_nodes.values())]


def test_a_bucket_takes_two_of_a_network() -> None:
    """A table has one bucket at first."""
    node = victim(ksize=20)
    meet(node, [f"203.0.113.{host}" for host in range(1, 9)])
    assert len(in_table(node)) == 2


def test_a_table_takes_ten_of_a_network() -> None:
    """However its buckets split, and however many ids there are."""
    node = victim(ksize=2)
    meet(node, [f"203.0.{host}.1" for host in range(64)])
    meet(node, [f"203.0.113.{host}" for host in range(1, 200)], seed=8)
    assert sum(ip.startswith("203.0.113.") for ip in in_table(node)) <= 10
    for bucket in node.protocol.router.buckets:
        assert len(bucket.of_network("203.0.113")) <= 2


def test_a_home_of_ipv6_counts_as_one_network() -> None:
    """A /48 has 65,536 times as many addresses as all of IPv4."""
    node = victim(ksize=20)
    meet(node, [f"2001:db8:7:{net:x}::1" for net in range(8)])
    assert len(in_table(node)) == 2


@pytest.mark.parametrize("network", ["127.0.0", "10.1.2", "192.168.7"])
def test_near_at_hand_nobody_is_counted(network: str) -> None:
    """All the nodes of a laboratory live in one /24."""
    node = victim(ksize=20)
    meet(node, [f"{network}.{host}" for host in range(1, 16)])
    assert len(in_table(node)) == 15


def test_an_operator_may_take_any_number() -> None:
    """A campus has public addresses, all in one network."""
    node = victim(Limits(contacts_per_bucket=None, contacts_per_table=None, nodes_per_lookup=None), ksize=20)
    meet(node, [f"203.0.113.{host}" for host in range(1, 16)])
    assert len(in_table(node)) == 15


def test_one_that_waits_gives_way_to_a_newcomer_of_its_network() -> None:
    """Who was seen last is more likely to be there; a contact gives its place to nobody."""
    diversity = victim().protocol.diversity
    bucket = KBucket(0, 2**ID_BITS - 1, 1)
    for number, ip in enumerate(["203.0.113.1", "198.51.100.1", "203.0.113.2"]):
        bucket.add_node(Node(bytes([number + 1]) * ID_BYTES, ip, 8468))
    assert not diversity.admits(("203.0.113.3", 8468), bucket)
    assert diversity.make_way(("203.0.113.3", 8468), bucket)
    assert [node.ip for node in bucket.of_network("203.0.113")] == ["203.0.113.1"]
    assert len(bucket.replacement_nodes) == 1


def test_a_state_that_was_filled_before_is_brought_within_the_caps() -> None:
    """Of an earlier release, or of an attack before the upgrade."""
    node = victim(ksize=4)
    chance = Random(3)
    contacts = [Node(chance.randbytes(ID_BYTES), f"203.0.113.{host}", 8468) for host in range(1, 200)]
    node.protocol.restore(contacts, [])
    assert 0 < len(in_table(node)) <= 10


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3), st.booleans()), max_size=80), st.integers(1, 4))
def test_a_table_knows_how_many_of_a_network_it_has(steps: list[tuple[int, int, bool]], ksize: int) -> None:
    """Through coming, going, waiting, splitting and taking a place: counted anew it is the same."""
    router = RoutingTable(None, ksize, Node(bytes(ID_BYTES)))
    for number, network, comes in steps:
        node = Node((number << 150 | 1).to_bytes(ID_BYTES, "big"), f"203.0.{network}.{number + 1}", 8468)
        (router.add_contact if comes else router.remove_contact)(node)
    counted: dict[str, int] = {}
    for bucket in router.buckets:
        for node in (*bucket.nodes.values(), *bucket.replacement_nodes.values()):
            counted[prefix(node.ip)] = counted.get(prefix(node.ip), 0) + 1
    assert dict(router.changes.networks) == counted


def test_a_bucket_of_a_program_counts_for_itself() -> None:
    """Programs make buckets as the documentation has it, of nodes without an address."""
    bucket = KBucket(0, 2**160 - 1, 2)
    for number in range(1, 5):
        bucket.add_node(Node(number.to_bytes(ID_BYTES, "big")))
    assert len(bucket) == 2
    assert not bucket.changes.networks


def test_of_one_network_two_are_chosen_and_more_only_for_want_of_others() -> None:
    """The order stays that of distance."""
    nodes = [Node(bytes([i + 1]), f"203.0.{net}.{i + 1}", 1) for i, net in enumerate([113, 113, 113, 1, 113, 2, 3])]
    assert [n.id[0] for n in spread(nodes, 4, 2, lambda node: node)] == [1, 2, 4, 6]
    assert [n.id[0] for n in spread(nodes, 6, 2, lambda node: node)] == [1, 2, 3, 4, 6, 7]
    assert [n.id[0] for n in spread(nodes, 4, None, lambda node: node)] == [1, 2, 3, 4]
