"""Somebody at an address who keeps what arrives and says nothing: the links are tested without an engine."""

from __future__ import annotations

from typing import cast

from kademlia.node import Address
from kademlia.sim import Resident, World


class Ear:
    """An inhabitant that only listens.

    Attributes:
        got: Numbers of the datagrams that arrived, in order.
        times: When each arrived.
    """

    def __init__(self, world: World, host: int) -> None:
        self.world = world
        self.address: Address = (f"192.0.2.{host}", 4000)
        self.got: list[int] = []
        self.times: list[float] = []
        world.residents[self.address] = cast("Resident", self)

    def say(self, other: Ear, number: int = 0) -> None:
        """Send another a number."""
        self.world.carry(number.to_bytes(4, "big"), self.address, other.address)

    def count(self, other: Ear, size: int, every: float = 0.0) -> None:
        """Send another so many numbers, one after the other, and wait until they have arrived."""
        for number in range(size):
            self.say(other, number)
            self.world.run(every)
        self.world.run(10)

    def arrived(self, datagram: bytes, source: Address) -> None:
        """Take a datagram (what a `World` calls)."""
        self.got.append(int.from_bytes(datagram, "big"))
        self.times.append(self.world.now)


def pair(world: World) -> tuple[Ear, Ear]:
    """Return two who listen."""
    return Ear(world, 1), Ear(world, 2)


def reaches(one: Ear, other: Ear) -> bool:
    """Return whether a datagram gets from one to another."""
    before = len(other.got)
    one.say(other)
    one.world.run(1)
    return len(other.got) > before
