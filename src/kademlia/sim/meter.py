"""How many datagrams are sent, second by second: in all, and by and to the busiest node."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from kademlia.node import Address
from kademlia.sim.trace import SENT

if TYPE_CHECKING:
    from kademlia.sim.world import World


class Meter:
    """Counts from when it begins.

    Args:
        world: Whose datagrams are counted.

    Attributes:
        series: Datagrams sent in each virtual second.
        sender_peak: The most that one node sent in a second.
        target_peak: The most that were sent to one node in a second.
    """

    def __init__(self, world: World) -> None:
        self.series: list[int] = []
        self.sender_peak = 0
        self.target_peak = 0
        self._world = world
        self._began = world.now
        self._by: Counter[Address] = Counter()
        self._to: Counter[Address] = Counter()
        world.listeners.append(self._heard)

    def between(self, start_s: float, end_s: float) -> float:
        """Return how many datagrams were sent a second, from one second to another, the mean."""
        self._turn_to(int(self._world.now - self._began))
        part = self.series[int(start_s) : int(end_s)]
        return sum(part) / len(part) if part else 0.0

    def _heard(self, what: bytes, _datagram: bytes, source: Address, target: Address) -> None:  # hot
        if what == SENT:
            second = int(self._world.now - self._began)
            if second >= len(self.series):
                self._turn_to(second)
            self.series[second] += 1
            self._by[source] += 1
            self._to[target] += 1

    def _turn_to(self, second: int) -> None:
        """Begin a new second."""
        self.sender_peak = max(self.sender_peak, *self._by.values(), 0)
        self.target_peak = max(self.target_peak, *self._to.values(), 0)
        self._by.clear()
        self._to.clear()
        self.series += [0] * (second + 1 - len(self.series))
