"""Floods of stores, over the simulator, by attackers with real addresses: nobody else's values give way to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest
from tests.hostile.strangers import Stranger, honest, request

from kademlia.node import Address
from kademlia.sim import World
from kademlia.storage import ForgetfulStorage, SQLiteStorage
from kademlia.utils import digest

#: What there is room for on the victim's shelf.
ROOM = 200

#: Attackers, each with a network of its own, and the stores of each: five times the room.
ATTACKERS = 20
STORES = 50

#: More than there are nodes: the victim is a holder of every value.
K = 64

#: Bits of a key that attackers choose at random: all are nearer to the victim than any honest key will be.
NEAR_BITS = 120


@dataclass
class Scene:
    """A victim with a small shelf, and honest nodes that publish.

    Attributes:
        path: The file of the victim's values; in memory if None.
        world: Where it happens.
        victim: The node that is attacked.
        others: All other nodes.
        values: What they published, by key.
    """

    path: Path | None = None
    world: World = field(default_factory=lambda: World(7, traced=False))
    values: dict[bytes, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.victim = self.world.add(ksize=K, storage=self.shelf())
        self.others = [self.world.add(ksize=K) for _ in range(5)]
        for other in self.others:
            self.world.finish(other.protocol.join([self.victim.address]))
        self.chance = Random(7)
        self.stored = 0

    def shelf(self) -> ForgetfulStorage | SQLiteStorage:
        """Return a storage with little room."""
        world = self.world
        if self.path is None:
            return ForgetfulStorage(clock=lambda: world.now, max_records=ROOM)
        return SQLiteStorage(self.path, clock=lambda: world.now, wall=lambda: world.wall, max_records=ROOM)

    def restart(self) -> None:
        """Have the victim come back with the values that it has on disk."""
        self.victim.die()
        self.victim.protocol.stop()
        node, storage = self.victim.protocol.source_node, self.victim.protocol.storage
        assert isinstance(storage, SQLiteStorage)
        storage.close()
        self.victim = self.world.add(node.id, ksize=K, storage=self.shelf(), address=self.victim.address)

    def close(self) -> None:
        """Let go of the file."""
        if isinstance(storage := self.victim.protocol.storage, SQLiteStorage):
            storage.close()

    def publish(self, count: int) -> None:
        """Have each of the honest nodes publish some values."""
        for number in range(count):
            name = f"value {len(self.values)}"
            self.values[digest(name)] = name
            result = self.others[number % len(self.others)].protocol.publish(digest(name), name)
            assert self.world.finish(result)

    def attack(self, attackers: list[Stranger], stores: int) -> None:
        """Have strangers store values near the victim's id, the first to be known, then the rest at once."""
        for number in range(stores):
            for attacker in attackers:
                self.stored += 1
                key = self.victim.node.long_id ^ self.chance.getrandbits(NEAR_BITS)
                store = request("store", b"m" * 20, key.to_bytes(20, "big"), "flood", number=self.stored)
                attacker.send(store, self.victim)
            if not number:
                self.world.run(1)
        self.world.run(5)

    def strangers(self, addresses: list[Address]) -> list[Stranger]:
        """Return strangers who answer: each has an id of its own."""
        return [Stranger(self.world, address, honest(digest(str(address)))) for address in addresses]

    def kept(self) -> int:
        """Return how many of the honest values the victim keeps."""
        keeping = self.victim.protocol.keeping
        return sum(keeping.get(key) == value for key, value in self.values.items())

    def records(self) -> int:
        """Return how many values the victim keeps in all."""
        return self.victim.protocol.keeping.shelf.records


def networks(count: int) -> list[Address]:
    """Return addresses in so many networks."""
    return [(f"9.{number >> 8}.{number & 255}.1", 8468) for number in range(count)]


@pytest.mark.parametrize("name", [None, "values.db"])
def test_values_of_others_stay_where_they_are(name: str | None, tmp_path: Path) -> None:
    """Twenty networks, a thousand values, each nearer to the victim than any of theirs; in memory, and on disk."""
    scene = Scene(tmp_path / name if name else None)
    scene.publish(40)
    scene.attack(scene.strangers(networks(ATTACKERS)), STORES)
    assert scene.kept() == 40
    assert scene.records() == ROOM
    assert scene.victim.protocol.stats().refused > 0
    scene.close()


def test_who_comes_after_the_flood_gets_in() -> None:
    """A shelf full of an attacker's values is as good as an empty one, for whoever has less."""
    scene = Scene()
    scene.attack(scene.strangers(networks(ATTACKERS)), STORES)
    assert scene.records() == ROOM
    scene.publish(40)
    assert scene.kept() == 40
    assert scene.records() == ROOM


@pytest.mark.parametrize(("before", "left"), [(90, 90), (180, ROOM // 2)])
def test_what_was_there_before_a_restart_is_not_flooded_away(before: int, left: int, tmp_path: Path) -> None:
    """Who brought it is not known any more; it keeps half of the room, and most shelves are not as full."""
    scene = Scene(tmp_path / "values.db")
    scene.publish(before)
    scene.restart()
    assert scene.kept() == before
    scene.attack(scene.strangers(networks(ATTACKERS)), STORES)
    assert scene.kept() >= left
    assert scene.records() == ROOM
    scene.close()


def test_a_restart_between_two_floods_helps_the_attackers_little(tmp_path: Path) -> None:
    """Then their own values have no source either; each network gets one more in, whosever place that is."""
    scene = Scene(tmp_path / "values.db")
    scene.publish(40)
    scene.attack(scene.strangers(networks(ATTACKERS)), STORES)
    assert scene.records() == ROOM
    scene.restart()
    scene.attack(scene.strangers(networks(ATTACKERS)), STORES)
    assert scene.kept() >= 40 - ATTACKERS // 2
    assert scene.victim.protocol.stats().evicted >= ATTACKERS
    assert scene.records() == ROOM
    scene.close()


def test_honest_nodes_behind_the_attackers_address_are_not_starved() -> None:
    """On one machine all have the address 127.0.0.1; ports tell them apart."""
    scene = Scene()
    others = scene.strangers([("127.0.0.1", 10_000 + number) for number in range(30)])
    keys = [[digest(f"{other.address} {number}") for number in range(3)] for other in others]
    mallory = scene.strangers([("127.0.0.1", 9_999)])
    scene.attack(mallory, 2 * ROOM)
    for number in range(3):
        for other, theirs in zip(others, keys, strict=True):
            scene.stored += 1
            other.send(request("store", b"o" * 20, theirs[number], "honest", number=scene.stored), scene.victim)
        scene.world.run(2)
    scene.attack(mallory, 2 * ROOM)
    keeping = scene.victim.protocol.keeping
    assert all(keeping.get(key) == "honest" for theirs in keys for key in theirs)
    assert all(set(other.answers.values()) == {True} for other in others)
    assert scene.records() == ROOM


def test_stores_from_addresses_that_do_not_answer_have_no_effect() -> None:
    """Anybody can write anybody's address on a datagram; the flood fills what waits for a proof, and no more."""
    scene = Scene()
    scene.publish(10)
    before = scene.records()
    forged = [Stranger(scene.world, address) for address in networks(100)]
    scene.attack(forged, STORES)
    assert scene.records() == before
    assert scene.kept() == 10
    assert scene.victim.protocol.stats().refused == 0


def test_a_flood_of_short_lives_does_not_have_dead_values_forgotten() -> None:
    """A node that forgot what was deleted would take it from the published releases again, as if it were new."""
    scene = Scene()
    keeping = scene.victim.protocol.keeping
    bygone = keeping.bygone
    now = scene.victim.protocol.now
    honest_keys = [digest(number) for number in range(100)]
    for number, key in enumerate(honest_keys):
        bygone.add(key, "deleted", now, f"8.8.{number}")
    for number in range(70_000):
        bygone.add(number.to_bytes(20, "big"), "flood", now, f"9.9.{number % 20}")
    assert all(bygone.has(key, "deleted", now) for key in honest_keys)
    assert len(bygone) == 65_536
