"""A world: one seed is one run, to the byte, in every process; and what it does to its inhabitants."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.sim.listening import Ear, pair

from kademlia.sim import Coordinates, Links, Lognormal, World
from kademlia.sim.world import HEADER_BYTES, WALL_START
from kademlia.utils import digest

KEYS = 5


def plain(seed: int) -> World:
    """Return a world after a few nodes joined, stored and fetched."""
    world = World(seed, latency=Lognormal(seed))
    residents = world.network(10, ksize=4)
    for number in range(KEYS):
        world.finish(residents[number].protocol.publish(digest(number), number))
    for number in range(KEYS):
        assert world.finish(residents[-number].protocol.fetch(digest(number))) == number
    world.run(100)
    return world


def faulty(seed: int) -> World:
    """Return a world in which everything went wrong that can, and time passed."""
    links = Links(seed, Coordinates(seed), loss=0.05, duplication=0.1, reordering=0.2, broken_pairs=0.04)
    world = World(seed, links=links)
    residents = world.filled(20, ksize=4)
    addresses = [resident.address for resident in residents]
    links.hide(addresses[1])
    residents[2].delay = 0.3
    residents[3].set_clock(20.0)
    world.at(30.0, links.cut, addresses[:8], addresses[8:])
    world.at(90.0, residents[5].die)
    world.at(150.0, links.heal)
    for number in range(KEYS):
        residents[number].protocol.publish(digest(number), number)
        world.run(20)
    for number in range(KEYS):
        residents[-1 - number].protocol.fetch(digest(number))
        world.run(20)
    world.run(4000)
    return world


def told(seed: int) -> str:
    """Return all that two runs tell of themselves."""
    return "\n".join(f"{world.trace} {world.stats()} {world.now}" for world in (plain(seed), faulty(seed)))


def told_by_a_process(seed: int, hash_seed: str, root: Path) -> str:
    """Return the same of a process of its own, in which sets of bytes are ordered by another seed."""
    finished = subprocess.run(
        [sys.executable, "-c", f"from tests.sim.test_world import told; print(told({seed}))"],
        cwd=root,
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return finished.stdout.strip()


def test_the_same_seed_gives_the_same_run_in_every_process(repo_root: Path) -> None:
    """A failing seed is worth something only if it fails again, for whoever runs it; with faults, too."""
    here = told(5)
    assert told_by_a_process(5, "1", repo_root) == here
    assert told_by_a_process(5, "4711", repo_root) == here


@pytest.mark.parametrize("run", [plain, faulty])
def test_another_seed_gives_another_run(run: type[World]) -> None:
    """Otherwise two hundred seeds would try the same thing two hundred times."""
    traces = {run(seed).trace for seed in (6, 7, 8)}
    assert len(traces) == 3


def test_a_world_without_a_trace_does_the_same() -> None:
    """Large runs leave it away; what they measure has to be what a traced run would."""

    def stats(*, traced: bool) -> object:
        world = World(9, loss=0.1, traced=traced)
        world.network(8)
        assert bool(world.trace) == traced
        return world.stats()

    assert stats(traced=True) == stats(traced=False)


def test_headers_count_as_bytes_sent() -> None:
    """Published figures of bandwidth count them: 28 bytes for UDP over IPv4."""
    world = World(10)
    alice, bob = pair(world)
    alice.count(bob, 3)
    assert world.stats().bytes == 3 * (4 + HEADER_BYTES)


def test_every_datagram_is_delivered_or_dropped() -> None:
    """Nothing vanishes from the books: what came twice was delivered twice."""
    world = World(11, loss=0.1)
    residents = world.network(10)
    residents[3].die()
    world.run(4000)
    stats = world.stats()
    assert stats.datagrams == stats.delivered + stats.dropped
    assert stats.datagrams == sum(resident.sent for resident in residents)
    assert stats.bytes == sum(resident.sent_bytes for resident in residents)


def test_what_comes_to_nobody_is_dropped() -> None:
    world = World(12)
    alice, bob = pair(world)
    del world.residents[bob.address]
    alice.say(bob)
    world.run(1)
    assert (world.stats().delivered, world.stats().dropped) == (0, 1)


def test_events_of_one_time_happen_in_the_order_in_which_they_were_planned() -> None:
    """A heap alone does not promise that."""
    world = World(13)
    happened: list[int] = []
    for number in range(50):
        world.at(1.0, happened.append, number)
    world.at(0.5, happened.append, -1)
    world.run(1)
    assert happened == [-1, *range(50)]
    assert world.now == 1.0


def test_time_passes_where_nothing_happens() -> None:
    world = World(14)
    world.run(3600)
    assert (world.now, world.wall) == (3600.0, WALL_START + 3600)


def test_an_operation_that_does_not_end_in_time_is_an_error() -> None:
    world = World(15)
    alice, bob = world.network(2)
    bob.die()
    with pytest.raises(TimeoutError, match=r"did not end within 2\.0 virtual seconds"):
        world.finish(alice.protocol.call_ping(bob.node), within=2.0)


# -- inhabitants ---------------------------------------------------------------------------------------------------


def test_a_slow_node_answers_later_by_its_delay() -> None:
    """An overloaded machine: its round-trip time is not its network's."""
    world = World(16, latency=0.02)
    alice, bob = world.filled(2)
    bob.delay = 0.1
    began = world.now
    assert world.finish(alice.protocol.call_ping(bob.node)) == (True, bob.node.id)
    assert world.now - began == pytest.approx(0.14)


def test_a_clock_that_is_fast_changes_time_stamps_and_nothing_else() -> None:
    """The engine lives by its monotonic clock; only expiries that others read are in wall-clock time."""
    world = World(17)
    right, fast = world.add(), world.add(skew=3600.0)
    assert right.protocol.wall_offset == WALL_START
    assert fast.protocol.wall_offset == WALL_START + 3600
    world.run(100)
    assert 0 <= right.protocol.now <= 100
    assert 0 <= fast.protocol.now <= 100
    fast.set_clock(-5.0)
    assert fast.protocol.wall_offset == pytest.approx(WALL_START - 5)


def test_who_pulls_its_cable_is_deaf_and_dumb_and_its_own_clock_runs_on() -> None:
    """Not dead: what it asks in vain it learns to be unanswered."""
    world = World(18)
    alice, bob = world.filled(2)
    alice.connected = False
    assert world.finish(alice.protocol.call_ping(bob.node)) == (False, None)
    assert world.finish(bob.protocol.call_ping(alice.node)) == (False, None)
    alice.connected = True
    assert world.finish(bob.protocol.call_ping(alice.node)) == (True, alice.node.id)


def test_the_closest_are_counted_without_the_dead() -> None:
    world = World(19)
    residents = world.filled(30)
    nearest = world.closest(residents[0].node, 3)
    assert nearest[0].id == residents[0].node.id
    assert nearest[1:] == world.closest(residents[0].node, 2, besides=residents[0].node)
    residents[0].die()
    assert world.closest(residents[0].node, 2) == nearest[1:]


def test_a_listener_hears_of_every_datagram_and_what_became_of_it() -> None:
    """Checkers and plots are fed by it."""
    world = World(20)
    heard: list[tuple[bytes, bytes]] = []
    world.listeners.append(lambda what, datagram, source, target: heard.append((what, datagram)))
    alice, bob = pair(world)
    alice.say(bob, 7)
    world.run(1)
    alice.say(Ear(World(0), 99), 8)
    world.run(1)
    seven, eight = (7).to_bytes(4, "big"), (8).to_bytes(4, "big")
    assert heard == [(b"s", seven), (b"d", seven), (b"s", eight), (b"x", eight)]
