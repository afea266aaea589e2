"""A network of 20 nodes in ten processes, half of them kademlia 2.2.3 as published, half of them ours, with k = 4.

Values of every type are set on nodes of either kind and read from the other kind, over the network: with 4 holders in
20 nodes most readers do not hold what they read, and those that do are passed over. `pytest -s` shows the share.

Ids are spread evenly. With ids at random an old node now and then (in 2 of 254 such networks) finds nobody to ask about
a part of the id space: it knows nobody there, and the search of its own table stops at two empty buckets in a row.
"""

from __future__ import annotations

import hashlib
import itertools
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from tests.interop.mixed import OLD, OURS, Peer, Process, add, our_python

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

K = 4
PROCESSES_OF_EACH_KIND = 5
NODES = 20

#: Readers that have to ask the network, for each value.
READERS = 3

VALUES: dict[str, object] = {
    "zero": 0,
    "an int": 5,
    "a negative int": -1,
    "the smallest int": -(2**63),
    "2**63": 2**63,
    "the largest int": 2**64 - 1,
    "a float": 1.5,
    "a float that is zero": 0.0,
    "a tiny float": -5e-324,
    "infinity": float("inf"),
    "true": True,
    "false": False,
    "empty text": "",
    "text": "hello",
    "text of the world": "naïve ☃ 東京 🦆",
    "empty bytes": b"",
    "bytes": b"hello",
    "bytes that are no text": bytes(range(256)),
    "text of 200 bytes": "t" * 200,
    "bytes of 200 bytes": b"\xc1" * 200,
    "text of 7 kB": "€" * 2333,
    "bytes of 7 kB": bytes(range(250)) * 28,
    "bytes that end like a trailer": b"\xc1\x80\x00\x02\xc1",
    "the largest text": "v" * 8137,
    "the largest bytes": b"\xff" * 8137,
}


def nth_id(number: int, of: int = NODES) -> bytes:
    """Return the n-th of so many ids that are spread evenly over the id space."""
    jitter = int.from_bytes(hashlib.sha1(str(number).encode()).digest()[:18], "big")
    return (2**160 * number // of + jitter).to_bytes(20, "big")


@dataclass
class Network:
    """The nodes, by the order in which they joined; kinds alternate."""

    processes: list[Process]
    peers: list[Peer]
    found: list[list[str]]
    keys: dict[str, object] = field(default_factory=dict)
    accepted: dict[str, bool] = field(default_factory=dict)

    def of(self, kind: str) -> list[Peer]:
        """Return the nodes of a kind."""
        return [peer for peer in self.peers if peer.kind == kind]

    async def explain(self, reader: Peer, key: str, got: object) -> str:
        """Return all there is to know about a value that was not found."""
        digest = hashlib.sha1(key.encode()).hexdigest()
        nearest = sorted(self.peers, key=lambda peer: int(peer.id, 16) ^ int(digest, 16))[:K]
        holders = [str(peer) for peer in self.peers if await peer.holds(key)]
        asked_first = [str(peer) for peer in self.peers if peer.id in await reader.neighbours(key)]
        return (
            f"{reader} got {got!r:.60} for {key!r} ({digest[:6]}); held by {holders}, "
            f"nearest are {[str(peer) for peer in nearest]}, the reader starts from {asked_first}"
        )


def key_of(kind: str, name: str) -> str:
    """Return the key of the value of this name that a node of this kind sets."""
    return f"{name}, set by {kind}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def network(peer_python: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Network]:
    """Return the network, joined, with every value set once on each kind."""
    logs = tmp_path_factory.mktemp("processes")
    async with AsyncExitStack() as stack:
        processes = []
        for number in range(PROCESSES_OF_EACH_KIND):
            for kind, python in ((OLD, peer_python), (OURS, our_python())):
                process = Process(kind, python, logs / f"{kind}-{number}.log")
                processes.append(await stack.enter_async_context(process))
        places = zip(range(NODES), itertools.cycle(processes), strict=False)
        # 7 and 20 have no common divisor: who joins next lives somewhere else in the id space
        peers = [await add(process, K, nth_id(number * 7 % NODES)) for number, process in places]
        # whoever comes next joins by the last one, which is of the other kind
        found = [await newcomer.bootstrap(known) for known, newcomer in itertools.pairwise(peers)]
        whole = Network(processes, peers, found)
        for kind in (OLD, OURS):
            for (name, value), setter in zip(VALUES.items(), itertools.cycle(whole.of(kind)), strict=False):
                whole.keys[key_of(kind, name)] = value
                whole.accepted[key_of(kind, name)] = await setter.store(key_of(kind, name), value)
        yield whole


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 20.0) -> bool:
    """Ask again and again, each time over a process boundary, until a condition holds; return whether it does."""
    deadline = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > deadline:
            return False
    return True


@dataclass
class Reading:
    """How it went to read values from nodes that do not hold them."""

    times_ms: list[float] = field(default_factory=list)
    held: int = 0

    async def read(self, network: Network, reader: Peer, key: str) -> bool:
        """Read a value, unless the reader holds it; return whether the network was asked."""
        if await reader.holds(key):
            self.held += 1
            return False
        start = time.perf_counter()
        got, value = await reader.find(key), network.keys[key]
        self.times_ms.append((time.perf_counter() - start) * 1000)
        same = type(got) is type(value) and got == value
        assert same, await network.explain(reader, key, got)
        return True

    def report(self, what: str, record_property: Callable[[str, object], None]) -> None:
        """Print the share answered by the network, and note it in the test report."""
        asked = len(self.times_ms)
        share = f"{asked} of {asked + self.held} reads answered by the network"
        times = f"median {statistics.median(self.times_ms):.1f} ms, slowest {max(self.times_ms):.1f} ms"
        print(f"\n{what}: {share}; {times}")
        record_property(what, f"{share}; {times}")
        assert asked > self.held


async def test_nodes_of_either_kind_join_by_nodes_of_the_other(network: Network) -> None:
    """Each joined by one of the other kind alone; `bootstrap` returns whom it found, never itself."""
    for newcomer, found in zip(network.peers[1:], network.found, strict=True):
        assert found, f"{newcomer} found nobody"
        assert newcomer.id not in found
    kinds = {peer.id: peer.kind for peer in network.peers}
    for newcomer, found in zip(network.peers[4:], network.found[3:], strict=True):
        assert {kinds[node_id] for node_id in found} == {OLD, OURS}, f"{newcomer} found one kind only"


@pytest.mark.parametrize("kind", [OLD, OURS])
async def test_nodes_of_either_kind_are_in_the_tables_of_the_other(network: Network, kind: str) -> None:
    """Every node knows several of the other kind; the two kinds are one network, not two."""
    others = {peer.id for peer in network.peers if peer.kind != kind}
    for peer in network.of(kind):

        async def knows_others(peer: Peer = peer) -> bool:
            return len(others & await peer.contacts()) >= K

        assert await until(knows_others), f"{peer} knows only {len(others & await peer.contacts())}"


@pytest.mark.parametrize("kind", [OLD, OURS])
async def test_every_value_is_accepted(network: Network, kind: str) -> None:
    """On our nodes True means that another node took it; the old ones say True whatever happens."""
    assert {name: network.accepted[key_of(kind, name)] for name in VALUES} == dict.fromkeys(VALUES, True)


@pytest.mark.parametrize(("setter", "reader"), [(OLD, OURS), (OURS, OLD), (OURS, OURS)])
async def test_values_set_on_one_kind_are_found_from_the_other(
    network: Network, setter: str, reader: str, record_property: Callable[[str, object], None]
) -> None:
    """In their own type, byte for byte, by three readers each that have to ask the network."""
    reading = Reading()
    for number, name in enumerate(VALUES):
        readers = network.of(reader)
        asked = 0
        for peer in (readers * 2)[number % len(readers) :][: len(readers)]:
            asked += await reading.read(network, peer, key_of(setter, name))
            if asked == READERS:
                break
        assert asked, f"all {reader} nodes hold {name!r}"
    reading.report(f"set on {setter}, read from {reader}", record_property)


@pytest.mark.parametrize("kind", [OLD, OURS])
async def test_a_fresh_node_of_either_kind_that_joins_last_finds_everything(
    network: Network, kind: str, record_property: Callable[[str, object], None]
) -> None:
    """It was not there when the values were set, and joins by one node of the other kind."""
    process = next(process for process in network.processes if process.kind == kind)
    known = next(peer for peer in reversed(network.peers) if peer.kind != kind)
    fresh = await add(process, K, hashlib.sha1(f"fresh {kind}".encode()).digest())
    assert await fresh.bootstrap(known)
    reading = Reading()
    for key in network.keys:
        await reading.read(network, fresh, key)
    reading.report(f"read from a fresh {kind} node", record_property)


async def test_what_nobody_set_is_not_found(network: Network) -> None:
    """`None` from either kind, without an error."""
    for peer in network.peers[:4]:
        assert await peer.find("nobody set this") is None


async def test_an_ephemeral_node_of_ours_sets_and_finds_values(network: Network) -> None:
    """A one-shot command's node is as good a guest as any."""
    visitor = await visit(network, 1)
    assert await visitor.store("by a visitor", "kept") is True
    reading = Reading()
    for key in network.keys:
        await reading.read(network, visitor, key)
    assert reading.times_ms
    for peer in network.peers:
        assert await peer.find("by a visitor") == "kept"


async def test_an_ephemeral_node_of_ours_is_in_no_table_of_ours(network: Network) -> None:
    """It says so in the trailer, which old nodes do not see: they keep it, and tell our nodes of it."""
    visitor = await visit(network, 21)
    assert await visitor.store("by another visitor", "kept") is True
    for peer in network.of(OURS):  # who is told of the visitor by old nodes, and asks it
        assert not await peer.search(visitor.id[:-2] + "00")
    for peer in network.of(OURS):
        assert visitor.id not in await peer.contacts(), f"{peer} keeps a visitor in its table"


async def visit(network: Network, number: int) -> Peer:
    """Let an ephemeral node of ours join by a node of either kind."""
    process = next(process for process in network.processes if process.kind == OURS)
    visitor = await add(process, K, nth_id(number, 40), ephemeral=True)
    assert await visitor.bootstrap(network.of(OLD)[0], network.of(OURS)[0])
    return visitor


async def test_none_of_our_nodes_noticed_anything_wrong(network: Network) -> None:
    """What nodes of 2.2.3 send in earnest is understood without exception."""
    for peer in network.of(OURS):
        assert await peer.stats() == {"internal_errors": 0, "malformed": 0, "wrong_replies": 0, "rpc_errors": 0}
