"""Nodes on IPv6, and on both families at once."""

from __future__ import annotations

import logging

import pytest
from tests.compat_2x.nodes import LOCALHOST, address_of, network, silence


@pytest.fixture(autouse=True)
def needs_ipv6() -> None:
    """Skip where this machine has no IPv6 loopback."""
    try:
        with silence("::1"):
            pass
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")


async def test_nodes_on_ipv6_store_and_find() -> None:
    async with network(3, interface="::1") as [alice, bob, carol]:
        assert alice.transport.get_extra_info("sockname")[0] == "::1"
        assert await bob.set("a key", "a value") is True
        assert await carol.get("a key") == "a value"
        assert await bob.inet_visible_ip() == ["::1", "::1"]
        assert sorted(bob.bootstrappable_neighbors()) == sorted([address_of(alice), address_of(carol)])


async def test_a_node_on_both_families_talks_to_either() -> None:
    """Published releases knew IPv4 nodes as ::ffff:127.0.0.1 there, and could not bootstrap from them."""
    async with network(1, interface="::") as [both], network(1, interface="::1") as [six], network(1) as [four]:
        port = both.transport.get_extra_info("sockname")[1]
        assert [node.ip for node in await both.bootstrap([address_of(four)])] == [LOCALHOST]
        assert [node.ip for node in await four.bootstrap([(LOCALHOST, port)])] == [LOCALHOST]
        assert [node.ip for node in await six.bootstrap([("::1", port)])] == ["::1"]
        assert await four.set("a key", "four's") is True
        assert await both.get("a key") == "four's"
        assert await both.set("another key", "both's") is True
        assert await four.get("another key") == "both's"
        assert await six.set("a third key", "six's") is True
        assert await both.get("a third key") == "six's"
        for server in (both, six, four):
            assert server.stats().timeouts == 0


@pytest.mark.parametrize(("ours", "theirs"), [(LOCALHOST, "::1"), ("::1", LOCALHOST)])
async def test_a_node_on_one_family_does_not_wait_for_the_other(
    ours: str, theirs: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with network(1, interface=ours) as [alice]:
        with silence(theirs) as unreachable, caplog.at_level(logging.WARNING, logger="kademlia"):
            assert await alice.bootstrap([unreachable]) == []
        assert "family" in caplog.text
        assert alice.stats().asked == 0
