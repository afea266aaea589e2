"""Five thousand values stored at once: requests queue, and nobody is blamed for our own haste."""

from __future__ import annotations

import asyncio

import pytest
from tests.compat_2x.nodes import network

pytestmark = pytest.mark.slow


async def test_5000_sets_at_once_all_succeed_and_strike_nobody() -> None:
    """2.x lost the answers in the socket's buffer, took its neighbours for dead, and said True all the same."""
    async with network(10, ksize=3) as servers:
        alice = servers[0]
        assert all(await asyncio.gather(*[alice.set(f"key {number}", number) for number in range(5000)]))
        for server in servers:
            stats = server.stats()
            assert (stats.timeouts, stats.failing, stats.internal_errors) == (0, 0, 0)
        found = await asyncio.gather(*[servers[5].get(f"key {number}") for number in range(5000)])
        assert list(found) == list(range(5000))
        assert servers[5].stats().failing == 0
