"""Budgets: how many requests an address, a network and a contact may make, and who is spared."""

from __future__ import annotations

import pytest
from tests.hostile.strangers import Stranger, honest, request

from kademlia.engine import limits
from kademlia.engine.limits import Limits
from kademlia.node import Address
from kademlia.sim import Resident, World

ID, KEY = b"i" * 20, b"k" * 20
RATE, NETWORK_RATE = 10.0, 20.0
SAVED_UP = int(RATE * limits.BURST_S)
OF_NETWORK = int(NETWORK_RATE * limits.BURST_S)


def node_with_budgets() -> tuple[World, Resident]:
    """Return a node that answers ten requests a second to an address, twenty to a network."""
    world = World(1)
    node = world.add(address=("45.0.0.1", 8468))
    node.protocol.limits = Limits(requests_per_s=RATE, network_requests_per_s=NETWORK_RATE)
    return world, node


def asked(node: Resident, address: Address, times: int, now: float = 0.0) -> int:
    """Send pings from an address; return how many were taken."""
    protocol = node.protocol
    before = protocol.counts.limited
    for number in range(times):
        protocol.receive(request("ping", ID, number=number), address, now)
    return times - (protocol.counts.limited - before)


def test_an_address_has_what_it_saved_up_and_then_its_rate() -> None:
    """A burst is welcome, a flood is not."""
    _, node = node_with_budgets()
    address = ("203.0.113.5", 4000)
    assert asked(node, address, 1000) == SAVED_UP
    assert asked(node, address, 1000, now=1.0) == RATE
    assert asked(node, address, 1000, now=1000.0) == SAVED_UP


def test_all_the_ports_of_an_address_share_its_budget() -> None:
    """There are 65,535 of them."""
    _, node = node_with_budgets()
    assert sum(asked(node, ("203.0.113.5", port), 1) for port in range(1, 1000)) == SAVED_UP


def test_all_the_addresses_of_a_network_share_its_budget() -> None:
    """A /24 costs hardly more than an address."""
    _, node = node_with_budgets()
    assert sum(asked(node, (f"203.0.113.{host}", 4000), 10) for host in range(1, 255)) == OF_NETWORK
    assert asked(node, ("203.0.114.1", 4000), 10) == 10


def test_all_the_addresses_of_an_ipv6_network_do_so_too() -> None:
    """A /64 is one address, a /48 one network."""
    _, node = node_with_budgets()
    assert sum(asked(node, (f"2001:db8:1:2::{host:x}", 4000), 1) for host in range(1, 500)) == SAVED_UP
    assert sum(asked(node, (f"2001:db8:1:{net:x}::1", 4000), 1) for net in range(3, 500)) == OF_NETWORK - SAVED_UP


def test_a_contact_does_not_pay_for_its_neighbours() -> None:
    """Who floods from behind the same address, or from next door, takes nothing from it."""
    world, node = node_with_budgets()
    contact = Stranger(world, ("203.0.113.5", 8468), honest(ID))
    world.finish(node.protocol.join([contact.address]))
    assert node.protocol.records.of(contact.address).bucket is not None
    now = node.protocol.now
    assert asked(node, ("203.0.113.5", 4000), 1000, now) == SAVED_UP
    assert asked(node, contact.address, 1000, now) == SAVED_UP


@pytest.mark.parametrize("ip", ["127.0.0.1", "10.0.0.5", "192.168.1.1", "::1", "fd00::5"])
def test_near_at_hand_nobody_is_limited_unless_there_is_need(ip: str) -> None:
    """Forty nodes on one machine are one address; only while it cannot be borne are they limited."""
    _, node = node_with_budgets()
    assert asked(node, (ip, 4000), 5000) == 5000
    node.protocol.pressed = True
    assert asked(node, (ip, 4001), 5000) == SAVED_UP
    node.protocol.pressed = False
    assert asked(node, (ip, 4001), 5000) == 5000


def test_what_is_remembered_of_budgets_is_bounded() -> None:
    """Sources can be forged: there are as many as the attacker likes."""
    _, node = node_with_budgets()
    budgets = node.protocol.budgets
    for number in range(limits.PURSES_MAX):
        asked(node, (f"45.{number >> 8}.{number & 255}.7", 4000), 1)
    assert len(budgets) == limits.PURSES_MAX


@pytest.mark.parametrize("address", [("0.0.0.0", 4000), ("255.255.255.255", 1), ("224.0.0.1", 9), ("8.8.8.8", 0)])
def test_nobody_is_answered_where_nobody_can_live(address: Address) -> None:
    """What is sent there reaches many, or this machine; no record is made of it."""
    _, node = node_with_budgets()
    assert node.protocol.receive(request("ping", ID), address, 0.0) is None
    assert node.protocol.stats().unroutable == 1
    assert node.protocol.stats().records == 0
