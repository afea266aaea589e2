"""Lists and maps in a network with the published release: its nodes carry them as the bytes they travel as."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.interop.mixed import OLD, OURS, Peer, Process, add, our_python

from kademlia.wire.packed import pack

pytestmark = [pytest.mark.interop, pytest.mark.asyncio(loop_scope="module")]

VALUES: dict[str, Any] = {
    "a list": [1, 2.5, True, None, "text"],
    "an empty list": [],
    "an empty map": {},
    "lists and maps": {"born": 1815, "fields": [["mathematics", {"since": None}], []]},
    "a large list": list(range(2500)),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def old_and_ours(
    peer_python: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[list[Peer], list[Peer]]]:
    """Return two nodes of either kind that know one another; with k = 20 each holds everything."""
    logs = tmp_path_factory.mktemp("processes")
    async with AsyncExitStack() as stack:
        old = await stack.enter_async_context(Process(OLD, peer_python, logs / "old.log"))
        ours = await stack.enter_async_context(Process(OURS, our_python(), logs / "ours.log"))
        peers = [await add(process, 20) for process in (old, ours, old, ours)]
        for peer in peers[1:]:
            assert await peer.bootstrap(peers[0])
        yield peers[::2], peers[1::2]


@pytest.mark.parametrize("name", VALUES)
async def test_old_nodes_read_ours_as_bytes(old_and_ours: tuple[list[Peer], list[Peer]], name: str) -> None:
    """2.2.3 crashed on a list as such; on bytes it does not, and hands them on as they are."""
    old, ours = old_and_ours
    assert await ours[0].store(name, VALUES[name]) is True
    for peer in old:
        assert await peer.find(name) == pack(VALUES[name])
    for peer in ours:
        assert await peer.find(name) == VALUES[name]


@pytest.mark.parametrize("name", VALUES)
async def test_a_value_that_an_old_node_copies_is_still_a_list_to_ours(
    old_and_ours: tuple[list[Peer], list[Peer]], name: str
) -> None:
    """It republishes the bytes that it holds; a program on it may also pack a list as we do."""
    old, ours = old_and_ours
    assert await old[1].store(f"copy of {name}", pack(VALUES[name])) is True
    for peer in ours:
        assert await peer.find(f"copy of {name}") == VALUES[name]


async def test_bytes_that_begin_like_ours_are_kept_apart(old_and_ours: tuple[list[Peer], list[Peer]]) -> None:
    """Set by ours they come back to ours as they were; set by an old node, unless they are a list of ours, too."""
    old, ours = old_and_ours
    assert await ours[0].store("looks like ours", pack([1])) is True
    assert await ours[1].find("looks like ours") == pack([1])
    assert await old[0].find("looks like ours") == pack(pack([1]))
    assert await old[0].store("old bytes", b"\xc1kept") is True
    assert await ours[1].find("old bytes") == b"\xc1kept"


async def test_a_newcomer_finds_by_old_nodes_alone_what_they_hold(
    old_and_ours: tuple[list[Peer], list[Peer]], tmp_path: Path
) -> None:
    """The value came to them from a node of ours that is gone."""
    old, _ = old_and_ours
    async with Process(OURS, our_python(), tmp_path / "passing.log") as process:
        passing = await add(process, 20)
        assert await passing.bootstrap(old[0])
        assert await passing.store("left behind", [{"by": "ours"}]) is True
        assert all([await peer.holds("left behind") for peer in old])
    async with Process(OURS, our_python(), tmp_path / "newcomer.log") as process:
        newcomer = await add(process, 20)
        assert await newcomer.bootstrap(old[1])
        assert await newcomer.find("left behind") == [{"by": "ours"}]


async def test_none_of_our_nodes_noticed_anything_wrong(old_and_ours: tuple[list[Peer], list[Peer]]) -> None:
    for peer in old_and_ours[1]:
        assert set((await peer.stats()).values()) == {0}
