"""Addresses as people write them, and the interface that reaches them."""

from __future__ import annotations

import pytest

from kademlia.cli.addresses import parse, parse_all, route, written
from kademlia.cli.faults import Unreachable, WrongUse


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1:8468", ("192.0.2.1", 8468)),
        ("node.example.org:1", ("node.example.org", 1)),
        ("[::1]:65535", ("::1", 65535)),
        ("[::ffff:192.0.2.1]:80", ("::ffff:192.0.2.1", 80)),
    ],
)
def test_an_address_is_read_and_written_alike(text: str, address: tuple[str, int]) -> None:
    assert parse(text) == address
    assert written(address) == text


@pytest.mark.parametrize(
    "text",
    ["", "host", ":1", "host:", "host:0", "host:65536", "host:x", "::1:8468", "[::1]", "[host]:1", "a b:1", "h:٣"],
)
def test_anything_else_is_wrong_use_and_named(text: str) -> None:
    with pytest.raises(WrongUse, match="is no HOST:PORT") as fault:
        parse(text)
    assert repr(text) in str(fault.value)


def test_several_addresses_are_separated_by_commas_or_spaces() -> None:
    """KADEMLIA_BOOTSTRAP is one text."""
    assert parse_all(["a:1, b:2", "[::1]:3", "a:1"]) == [("a", 1), ("b", 2), ("::1", 3)]
    assert parse_all(["", " , "]) == []


@pytest.mark.parametrize(
    ("hosts", "interface"),
    [
        (["127.0.0.1", "127.0.0.2"], "127.0.0.1"),
        (["::1"], "::1"),
        (["127.0.0.1", "192.0.2.1"], "0.0.0.0"),
        (["2001:db8::1"], "::"),
        (["127.0.0.1", "::1"], "::"),
    ],
)
async def test_the_interface_is_the_narrowest_that_reaches_all(hosts: list[str], interface: str) -> None:
    way = await route([(host, 8468) for host in hosts])
    assert way.interface == interface
    assert way.addresses == [(host, 8468) for host in hosts]


async def test_a_name_with_both_addresses_is_reached_by_ipv4() -> None:
    """Nodes listen on IPv4 unless told otherwise."""
    assert await route([("localhost", 1)]) == await route([("127.0.0.1", 1)])


async def test_unknown_names_are_passed_over_if_others_are_known() -> None:
    way = await route([("nowhere.invalid", 1), ("127.0.0.1", 2)])
    assert way.addresses == [("127.0.0.1", 2)]
    with pytest.raises(Unreachable, match=r"unknown host: nowhere\.invalid"):
        await route([("nowhere.invalid", 1)])
