"""Where an address lies: its scope, its network, and what is no address of a host at all."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kademlia.address import PLACES_MAX, Scope, is_numeric, place, prefix, scope

GLOBAL = [
    ("8.8.8.8", "8.8.8.8", "8.8.8"),
    ("172.32.0.1", "172.32.0.1", "172.32.0"),
    ("100.128.0.1", "100.128.0.1", "100.128.0"),
    ("198.51.100.7", "198.51.100.7", "198.51.100"),  # for documentation: any other
    ("2001:db8::1", "20010db800000000/64", "20010db80000/48"),
    ("2a01:4f8:1:2::3", "2a0104f800010002/64", "2a0104f80001/48"),
]
PRIVATE = ["10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.3.4", "100.64.0.1", "198.18.0.1"]
PRIVATE_V6 = ["fd00::1", "fe80::1", "fe80::1%eth0", "fec0::1", "64:ff9b:1::1"]
LOOPBACK = ["127.0.0.1", "127.255.255.254", "::1"]
NOBODY = [
    *("0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("::", "::8.8.8.8", "100::1", "ff02::1", "4000::1", "c000::1", "1fff::1"),
    *("", "localhost", "1.2.3", "1.2.3.256", "1.2.3.04", "8.8.8.8 ", "0x8.8.8.8", "1" * 60_000, "::ffff:224.0.0.1"),
]


@pytest.mark.parametrize(("ip", "host", "network"), GLOBAL)
def test_a_public_address_has_a_network(ip: str, host: str, network: str) -> None:
    """A /24, or the /48 that one customer of IPv6 is given; of IPv6 a whole /64 counts as one address."""
    where = place(ip)
    assert where is not None
    assert (where.ip, where.scope, where.host, where.prefix) == (ip, Scope.GLOBAL, host, network)


@pytest.mark.parametrize("ip", [*PRIVATE, *PRIVATE_V6])
def test_a_private_address_has_none(ip: str) -> None:
    """All the nodes of a company or a home are in one: to count them would only hurt."""
    where = place(ip)
    assert where is not None
    assert (where.scope, where.host, where.prefix) == (Scope.PRIVATE, ip, "")


@pytest.mark.parametrize("ip", LOOPBACK)
def test_this_machine_is_the_narrowest_scope(ip: str) -> None:
    assert scope(ip) is Scope.LOOPBACK < Scope.PRIVATE < Scope.GLOBAL
    assert prefix(ip) == ""


@pytest.mark.parametrize("ip", NOBODY)
def test_nobody_lives_at_reserved_and_multicast_addresses_and_in_names(ip: str) -> None:
    assert place(ip) is None
    assert prefix(ip) == ""


@pytest.mark.parametrize("ip", ["::ffff:8.8.8.8", "::FFFF:808:808", "0:0:0:0:0:ffff:0808:0808"])
def test_an_ipv4_address_in_ipv6_is_itself(ip: str) -> None:
    """However it is spelled; else one host would be several, and a mapped 127.0.0.1 none of this machine."""
    where = place(ip)
    assert where is not None
    assert (where.ip, where.prefix) == ("8.8.8.8", "8.8.8")


@pytest.mark.parametrize("ip", ["64:ff9b::808:808", "2002:808:808::1", "2002:808:808:ffff::2"])
def test_an_ipv4_address_behind_a_translator_or_a_tunnel_lies_where_it_lies(ip: str) -> None:
    """Whoever has one IPv4 address has all of a /48 of the latter kind."""
    where = place(ip)
    assert where is not None
    assert (where.host, where.prefix) == ("8.8.8.8", "8.8.8")


@pytest.mark.parametrize("ip", ["::ffff:127.0.0.1", "2002:7f00:1::1", "64:ff9b::127.0.0.1"])
def test_no_spelling_makes_this_machine_a_public_one(ip: str) -> None:
    assert scope(ip) is Scope.LOOPBACK


@given(st.ip_addresses(v=4))
def test_what_python_calls_global_of_ipv4_is_global_here(address: ipaddress.IPv4Address) -> None:
    """Checked against the registries as the standard library has them; it leaves some blocks out of both."""
    where = place(str(address))
    if address.is_multicast or address.is_reserved or address.is_unspecified:
        assert where is None
    elif address.is_global and not str(address).startswith("192."):
        assert where is not None
        assert where.scope is Scope.GLOBAL


@given(st.text(max_size=60))
def test_any_text_is_looked_at(text: str) -> None:
    """It comes from anybody."""
    where = place(text)
    assert where is None or is_numeric(where.ip)


def test_not_more_places_are_remembered_than_said() -> None:
    """A liar can tell of four billion addresses."""
    for number in range(100):
        place(f"45.0.0.{number}")
    assert place.cache_info().maxsize == PLACES_MAX
