"""How long a value lives, who has it, and how it is deleted: what `set`, `get` and `delete` say of it."""

from __future__ import annotations

import asyncio
import re
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.cli.cli_processes import complaint, kademlia

from kademlia import Server
from kademlia.utils import digest

pytestmark = pytest.mark.processes

MOMENT = r"\d{4}-\d\d-\d\d \d\d:\d\d"

#: Publisher to holder, holder to whoever asks: each rounds what is left of a life down to whole seconds (`wire.life`).
ROUNDED_S = 2


@asynccontextmanager
async def two_nodes() -> AsyncIterator[tuple[Server, Server]]:
    """Run two nodes of this process that know each other, so that a test can reach into their stores."""
    nodes = Server(), Server()
    async with AsyncExitStack() as stack:
        for node in nodes:
            await node.listen(0, "127.0.0.1")
            stack.callback(node.stop)
        await nodes[1].bootstrap([nodes[0].address])
        yield nodes


async def command(node: Server, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command against a node of this process."""
    return await asyncio.to_thread(kademlia, *arguments, bootstrap="{}:{}".format(*node.address))


def put(node: Server, key: str, value: str, set_in_s: float) -> None:
    """Put a value into a node's store that was set so many seconds from now, and lives for an hour more."""
    stamp = int((time.time() + set_in_s) * 1000)
    node.storage.write(digest(key), value, complex(stamp, time.monotonic() + 3600))


def holds(node: Server, key: str) -> Any:
    """Return what a node has under a key."""
    held = node.storage.read(digest(key))
    return None if held is None else held[0]


def seconds_of(block: str) -> float:
    """Return the seconds from the setting of a value to its end, as `get --verbose` tells them."""
    moments = [re.search(rf"^{name} +({MOMENT}:\d\d) UTC$", block, re.MULTILINE) for name in ("set", "expires")]
    begin, end = (datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S") for found in moments if found)  # noqa: DTZ007
    return (end - begin).total_seconds()


# -- lives -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("arguments", "seconds"), [([], 86_400), (["--ttl", "90m"], 5400), (["--ttl", "7d"], 604_800)])
def test_set_says_until_when_a_value_lives(network_address: str, arguments: list[str], seconds: int) -> None:
    """A day is what the paper says; who sets by a command must know when to come back."""
    result = kademlia("set", "motto", "fiat lux", *arguments, bootstrap=network_address)
    assert result.returncode == 0
    assert re.fullmatch(rf"stored motto on 2 nodes until {MOMENT} UTC\n", result.stdout.decode())
    told = kademlia("get", "motto", "--verbose", bootstrap=network_address)
    assert told.stdout == b"fiat lux"
    assert abs(seconds_of(told.stderr.decode()) - seconds) <= ROUNDED_S


def test_imported_records_live_as_long_as_said(network_address: str, tmp_path: Path) -> None:
    path = tmp_path / "short.csv"
    path.write_text("import-short,x\n")
    assert kademlia("import", path, "--ttl", "12h", bootstrap=network_address).returncode == 0
    told = kademlia("get", "import-short", "-v", bootstrap=network_address)
    assert abs(seconds_of(told.stderr.decode()) - 43_200) <= ROUNDED_S


async def test_a_value_that_all_refuse_for_a_newer_one_is_said_so() -> None:
    """The network is there and answers: that is another fault than silence, with another exit code."""
    async with two_nodes() as (one, two):
        for node in (one, two):  # whoever set it has a clock that is two minutes fast
            put(node, "clock", "of the future", 120)
        result = await command(two, "set", "clock", "of today")
    assert (result.returncode, result.stdout) == (1, b"")
    assert complaint(result).startswith("no node took the value of 'clock': 2 nodes refused it, having a newer value")


# -- who has it --------------------------------------------------------------------------------------------------------


def test_get_tells_holders_and_costs_on_stderr(network_address: str) -> None:
    """Stdout holds the value and nothing else, as ever."""
    kademlia("set", "shared", "x", bootstrap=network_address)
    result = kademlia("get", "shared", "-v", "--quorum", "2", bootstrap=network_address)
    assert (result.returncode, result.stdout) == (0, b"x")
    lines = [line.strip() for line in result.stderr.decode().splitlines()]
    assert [line.split()[0] for line in lines[2:]] == ["set", "expires", "search"]
    holders = [line.removeprefix("holders").split() for line in lines[:2]]
    assert all(re.fullmatch("[0-9a-f]{8}", short_id) for _, short_id in holders)
    assert network_address in [address for address, _ in holders]
    assert re.fullmatch(r"search +1 hop, 2 nodes asked, \d+\.\d ms", lines[4])


async def test_with_a_quorum_the_newest_wins_and_who_missed_it_is_told() -> None:
    async with two_nodes() as (one, two):
        put(one, "news", "of yesterday", -86_400)
        put(two, "news", "of today", -1)
        result = await command(one, "get", "news", "--quorum", "2", "-v")
        assert (result.returncode, result.stdout) == (0, b"of today")
        stale = re.search(r"^stale +(\S+) .*, and was sent the newest$", result.stderr.decode(), re.MULTILINE)
        assert stale is not None
        assert stale[1] == "{}:{}".format(*one.address)
        assert holds(one, "news") == "of today"


def test_fewer_holders_than_asked_for_are_told_and_the_value_is_printed(network_address: str) -> None:
    kademlia("set", "few", "x", bootstrap=network_address)
    result = kademlia("get", "few", "--quorum", "3", bootstrap=network_address)
    assert (result.returncode, result.stdout) == (0, b"x")
    assert complaint(result) == "2 nodes told a value of 'few', not 3"


def test_a_quorum_above_k_is_one_line(network_address: str) -> None:
    result = kademlia("get", "few", "--quorum", "21", bootstrap=network_address)
    assert (result.returncode, result.stdout) == (2, b"")
    assert complaint(result) == "quorum is from 1 to 20, the k of this node, not 21"


def test_nobody_s_value_has_costs_and_no_holders(network_address: str) -> None:
    result = kademlia("get", "nobody's", "-v", bootstrap=network_address)
    assert (result.returncode, result.stdout) == (1, b"")
    costs, missing = result.stderr.decode().splitlines()
    assert re.fullmatch(r"search +2 nodes asked, \d+\.\d ms", costs)
    assert missing == "kademlia: not found: nobody's"


# -- deleting ----------------------------------------------------------------------------------------------------------


def test_what_is_deleted_is_not_found_and_may_be_set_again(network_address: str) -> None:
    kademlia("set", "secret", "x", bootstrap=network_address)
    result = kademlia("delete", "secret", bootstrap=network_address)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"deleted secret on 2 nodes\n", b"")
    result = kademlia("get", "secret", bootstrap=network_address)
    assert (result.returncode, result.stdout) == (1, b"")
    assert re.fullmatch(rf"not found: secret \(deleted {MOMENT} UTC\)", complaint(result))
    kademlia("set", "secret", "again", bootstrap=network_address)
    assert kademlia("get", "secret", bootstrap=network_address).stdout == b"again"


async def test_a_deletion_that_nobody_takes_is_a_failure() -> None:
    async with two_nodes() as (one, two):
        for node in (one, two):
            put(node, "clock", "of the future", 120)
        result = await command(two, "delete", "clock")
    assert (result.returncode, result.stdout) == (1, b"")
    assert complaint(result).startswith("'clock' is not deleted: 2 nodes refused it, having a newer value")
