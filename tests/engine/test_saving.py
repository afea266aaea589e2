"""Commits: off the loop, in time, and what is said to be kept is kept if that was promised."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.engine.holders import KEY
from tests.hostile.strangers import Stranger, honest, request

from kademlia.engine.operation import Operation
from kademlia.sim import Resident, World
from kademlia.storage import ForgetfulStorage
from kademlia.storage.shelf import Saved
from kademlia.utils import digest

ID = b"i" * 20


class Disk(ForgetfulStorage, Saved):
    """A storage whose disk is a dict, and may be full: what was committed is there after a crash.

    Attributes:
        saved: What is on the disk.
        full: Whether nothing more fits on it.
        commits: How often it was written to.
    """

    def __init__(self, clock: Callable[[], float], *, always: bool = False) -> None:
        super().__init__(clock=clock)
        self.always = always
        self.saved: dict[bytes, Any] = {}
        self.full = False
        self.commits = 0
        self.waited: list[float] = []  # of each value that was committed: for how long
        self._dirty: dict[bytes, float] = {}
        self._taken: dict[bytes, float] = {}
        self._failing = False

    def write(self, key: bytes, value: Any, life: complex) -> None:
        """Keep it in memory until it is committed."""
        super().write(key, value, life)
        self._dirty.setdefault(key, self.clock())

    def drop(self, key: bytes) -> None:
        """As `write`."""
        super().drop(key)
        self._dirty.setdefault(key, self.clock())

    @property
    def unsaved(self) -> bool:
        """Whether anything waits."""
        return bool(self._dirty)

    def commit(self) -> Callable[[], Exception | None]:
        """Take what waits."""
        assert not self._taken, "one at a time"
        self._taken, self._dirty = self._dirty, {}
        records = {key: self.data.get(key) for key in self._taken}

        def work() -> Exception | None:
            if self.full:
                return OSError("no space left")
            self.commits += 1
            self.waited += [self.clock() - since for since in self._taken.values()]
            self.saved.update({key: held[1] for key, held in records.items() if held is not None})
            for key in [key for key, held in records.items() if held is None]:
                self.saved.pop(key, None)
            return None

        return work

    def committed(self, fault: Exception | None) -> str | None:
        """Take the outcome; say it once when it begins to fail, and once when that is over."""
        taken, self._taken = self._taken, {}
        news = None
        if bool(fault) is not self._failing:
            self._failing = bool(fault)
            news = f"the disk fails: {fault}" if fault else "the disk works again"
        if fault:
            self._dirty = taken | self._dirty
        return news


def slow_disk(node: Resident, seconds: float) -> None:
    """Let a node's disk take so long; one commit at a time, as a driver's thread does."""

    def work(function: Callable[[], Any]) -> Operation[Any]:
        operation: Operation[Any] = Operation()
        node.world.at(node.world.now + seconds, lambda: operation.finish(function()))
        return operation

    host: Any = node.protocol.host
    node.protocol.host = Host(host, work)


class Host:
    """A resident with a disk of its own."""

    def __init__(self, resident: Any, work: Callable[[Callable[[], Any]], Operation[Any]]) -> None:
        self._resident = resident
        self.work = work

    def __getattr__(self, name: str) -> Any:
        return getattr(self._resident, name)


def node_with_disk(*, always: bool = False, seconds: float = 0.0) -> tuple[World, Resident, Disk, Stranger]:
    """Return a node that does nothing unasked, its disk, and who asks it to store."""
    world = World(1)
    disk = Disk(lambda: world.now, always=always)
    node = world.add(storage=disk)
    node.protocol.probing.stop()
    node.protocol.upkeep.stop()
    if seconds:
        slow_disk(node, seconds)
    stranger = Stranger(world, ("192.0.2.1", 8468), honest(ID))
    stranger.send(request("store", ID, digest("first"), 1, number=999), node)  # it proves its address meanwhile
    world.run(3)
    assert disk.saved == {digest("first"): 1}
    stranger.got.clear()
    return world, node, disk, stranger


def store(stranger: Stranger, node: Resident, number: int, value: object = "value", key: bytes | None = None) -> None:
    """Have a value stored."""
    stranger.send(request("store", ID, key or digest(number), value, number=number), node)


def answer(stranger: Stranger, number: int) -> object:
    """Return what was answered, or "nothing"."""
    return stranger.answers.get(number.to_bytes(20, "big"), "nothing")


def test_what_is_written_is_committed_within_the_interval_and_together() -> None:
    """50 ms, and not a commit for each value."""
    world, node, disk, stranger = node_with_disk()
    commits = disk.commits
    for number in range(100):
        store(stranger, node, number)
    world.run(0.021)
    assert answer(stranger, 99) == "nothing"
    world.run(0.021)
    assert answer(stranger, 99) is True
    assert len(disk.saved) == 1
    world.run(0.05)
    assert len(disk.saved) == 101
    assert disk.commits == commits + 1


@pytest.mark.parametrize("takes", [0.0, 0.001, 0.01, 0.025])
def test_what_comes_while_a_commit_goes_on_is_committed_within_the_interval_too(takes: float) -> None:
    """It waits for the end of that commit and then for its own: both have to fit into the 50 ms."""
    world, node, disk, _ = node_with_disk(seconds=takes)
    keeping = node.protocol.keeping
    commits = disk.commits
    disk.waited.clear()
    for number in range(2000):
        node.protocol.look_at_clock()
        keeping.put(digest(number), number, keeping.new_life())
        node.wake()
        world.run(0.001)
    world.run(0.1)
    assert len(disk.waited) == 2000
    assert max(disk.waited) < 0.0501
    assert disk.commits - commits <= 2.1 / 0.025


def test_a_quiet_node_commits_nothing() -> None:
    world, node, disk, _ = node_with_disk()
    commits = disk.commits
    world.run(3600)
    assert disk.commits == commits
    assert node.protocol.deadline() is None


def test_an_answer_waits_for_the_commit_where_that_is_promised() -> None:
    """True means: there after a crash."""
    world, node, disk, stranger = node_with_disk(always=True, seconds=0.5)
    store(stranger, node, 1)
    world.run(0.4)
    assert (answer(stranger, 1), len(disk.saved)) == ("nothing", 1)
    assert node.protocol.keeping.get(digest(1)) == "value"
    world.run(0.2)
    assert (answer(stranger, 1), disk.saved[digest(1)]) == (True, "value")


def test_those_that_come_during_a_commit_share_the_next_one() -> None:
    """Group commit: the disk's pace bounds how long an answer takes, and not how many there are."""
    world, node, disk, stranger = node_with_disk(always=True, seconds=0.5)
    commits = disk.commits
    store(stranger, node, 0)
    world.run(0.1)
    for number in range(1, 50):
        store(stranger, node, number)
    world.run(0.9)
    assert answer(stranger, 0) is True
    assert answer(stranger, 49) == "nothing"
    world.run(0.3)
    assert all(answer(stranger, number) is True for number in range(50))
    assert disk.commits == commits + 2


@pytest.mark.parametrize("always", [False, True])
def test_a_full_disk_is_said_once_and_the_node_goes_on_serving(always: bool) -> None:
    """Where an answer waits for the disk it is False: nothing acknowledged is missing after a crash."""
    world, node, disk, stranger = node_with_disk(always=always, seconds=0.01)
    disk.full = True
    for number in range(10):
        store(stranger, node, number)
        world.run(1)
        assert answer(stranger, number) is not always
    assert [report for report in node.reports if "disk" in report] == ["the disk fails: no space left"]
    stranger.send(request("find_value", ID, digest("first"), number=50), node)
    world.run(1)
    assert answer(stranger, 50) == {"value": 1}
    disk.full = False
    store(stranger, node, 20)
    world.run(1)
    assert answer(stranger, 20) is True
    assert set(disk.saved) == {digest("first"), *map(digest, range(10)), digest(20)}
    assert node.reports[-1] == "the disk works again"
    assert node.protocol.stats().internal_errors == 0


def test_a_disk_that_fails_at_once_does_not_hold_up_the_world() -> None:
    """It is tried again after a while, and not again and again at the same moment."""
    world, node, disk, stranger = node_with_disk()
    disk.full = True
    before = world.stats().events
    store(stranger, node, 1)
    world.run(2)
    assert answer(stranger, 1) is True
    assert world.stats().events - before < 200


def test_an_answer_that_needs_no_commit_does_not_wait_for_one() -> None:
    """What an old node stores once more though it is no longer: True, and there is nothing to be written."""
    world, node, disk, stranger = node_with_disk(always=True, seconds=0.1)
    keeping = node.protocol.keeping
    store(stranger, node, 1, "old", KEY)
    world.run(1)
    store(stranger, node, 2, "new", KEY)
    world.run(1)
    commits = disk.commits
    store(stranger, node, 3, "old", KEY)
    world.run(1)
    assert answer(stranger, 3) is True
    assert keeping.get(KEY) == "new"
    assert disk.commits == commits
    store(stranger, node, 4)
    world.run(0.05)
    store(stranger, node, 5, "old", KEY)
    world.run(1)
    assert (answer(stranger, 4), answer(stranger, 5)) == (True, True)


def test_stopping_commits_what_waits_and_answers() -> None:
    world, node, disk, stranger = node_with_disk(always=True)
    node.protocol.look_at_clock()
    keeping = node.protocol.keeping
    assert keeping.put(KEY, "last", keeping.new_life())
    saved = node.protocol.saving.saved()
    assert not saved.done
    node.protocol.stop()
    assert saved.value is True
    assert disk.saved[KEY] == "last"
    assert world.now > 0
    assert stranger.got == []


def test_a_value_that_died_is_gone_from_the_disk_too() -> None:
    world, node, disk, _ = node_with_disk()
    node.protocol.look_at_clock()
    keeping = node.protocol.keeping
    keeping.put(KEY, "short", keeping.new_life(10.0))
    node.wake()
    world.run(1)
    assert disk.saved[KEY] == "short"
    world.run(10)
    node.protocol.look_at_clock()
    assert keeping.get(KEY) is None
    node.wake()
    world.run(1)
    assert KEY not in disk.saved


def test_a_publisher_that_keeps_a_copy_itself_has_it_committed() -> None:
    world = World(2)
    disk = Disk(lambda: world.now)
    alice = world.add(storage=disk)
    assert world.finish(alice.protocol.publish(KEY, "value", renew=True)) is False
    world.run(0.1)
    assert disk.saved == {KEY: "value"}
