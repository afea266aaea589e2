"""What the nodes of a scenario are asked to do, and how each of these operations went.

Operations begin at times drawn over the scenario's seconds, so that many are under way at once. Who asks for what is
drawn from a source of its own: two scenarios that differ in their tables only ask the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from kademlia.node import ID_BYTES, Node
from kademlia.sim.walks import Walk, observe

if TYPE_CHECKING:
    from kademlia.engine.operation import Operation
    from kademlia.sim.resident import Resident
    from kademlia.sim.scenario import Scenario
    from kademlia.sim.world import World

#: Draws of a node that knows somebody, or does not keep the value it is to read, before any will do.
DRAWS_MAX = 8

#: The share of the scenario's seconds in which values are set; in the rest they are read.
SETTING_SHARE = 0.5


@dataclass(slots=True, kw_only=True)
class Lookup:
    """One lookup of a random id."""

    asker: Resident
    target: int  #: the id, as an integer
    walk: Walk | None = None  #: how it went; None until it has ended


@dataclass(slots=True, kw_only=True)
class Access:
    """One set, or one get."""

    asker: Resident
    took_s: float | None = None  #: virtual seconds; None until it has ended
    found: bool = False  #: whether a node took the value, or a value came
    wrong: bool = False  #: whether what came is not what was set


class Workload:
    """The operations of one scenario.

    Args:
        world: Where they happen.
        scenario: What is to be done.
        living: Returns the nodes that are alive.

    Attributes:
        lookups: Those begun so far.
        sets: As `lookups`.
        gets: As `lookups`.
        values: Where what is set under which key is noted, if somebody wants to know.
    """

    def __init__(self, world: World, scenario: Scenario, living: Callable[[], list[Resident]]) -> None:
        self.lookups: list[Lookup] = []
        self.sets: list[Access] = []
        self.gets: list[Access] = []
        self.values: dict[bytes, list[object]] | None = None
        self._world = world
        self._scenario = scenario
        self._living = living
        self._chance = Random(f"workload {scenario.seed}")

    def plan(self) -> None:
        """Have everything happen at its time, from now on."""
        seconds, now = self._scenario.seconds, self._world.now
        if self._scenario.workload == "lookups":
            self._spread(self._look_up, now, seconds)
        else:
            self._spread(self._set, now, seconds * SETTING_SHARE)
            self._spread(self._get, now + seconds * SETTING_SHARE, seconds * (1 - SETTING_SHARE))

    def keep_busy(self, resident: Resident) -> None:
        """Have a node look up a random id again and again, at times of its own, as long as it lives, if one is to."""
        if self._scenario.every:
            self._world.at(self._world.now + self._scenario.every * self._chance.random(), self._look_again, resident)

    def _look_again(self, resident: Resident) -> None:
        if resident.alive:
            resident.protocol.look_at_clock()
            resident.protocol.lookup(Node(self._chance.randbytes(ID_BYTES)))
            self._world.at(self._world.now + self._scenario.every, self._look_again, resident)

    def is_done(self) -> bool:
        """Return whether all that was begun has ended, or died with the node that asked."""
        return all(lookup.walk is not None or not lookup.asker.alive for lookup in self.lookups) and all(
            access.took_s is not None or not access.asker.alive for access in self.sets + self.gets
        )

    def _spread(self, begin: Callable[[int], None], start: float, seconds: float) -> None:
        times = sorted(start + seconds * self._chance.random() for _ in range(self._scenario.lookups))
        for number, time in enumerate(times):
            self._world.at(time, begin, number)

    # -- operations ------------------------------------------------------------------------------------------------

    def _look_up(self, _number: int) -> None:
        target = Node(self._chance.randbytes(ID_BYTES))
        asker = self._draw(_knows_somebody)
        lookup = Lookup(asker=asker, target=target.long_id)
        self.lookups.append(lookup)
        observe(asker, target).then(partial(setattr, lookup, "walk"))

    def _set(self, number: int) -> None:
        asker = self._draw(_knows_somebody)
        access = Access(asker=asker)
        self.sets.append(access)
        key, value = self._pair(number)
        if self.values is not None:
            self.values.setdefault(key, []).append(value)
        asker.protocol.look_at_clock()
        self._follow(access, asker.protocol.publish(key, value), True)

    def _get(self, number: int) -> None:
        key, value = self._pair(number)
        asker = self._draw(lambda resident: resident.protocol.storage.get(key, None) is None)
        access = Access(asker=asker)
        self.gets.append(access)
        asker.protocol.look_at_clock()
        self._follow(access, asker.protocol.fetch(key), value)

    def _follow(self, access: Access, operation: Operation[Any], wanted: object) -> None:
        begun = self._world.now

        def ended(result: object) -> None:
            access.took_s = self._world.now - begun
            access.found = result == wanted
            access.wrong = not access.found and result is not None and result is not False

        operation.then(ended)

    def _pair(self, number: int) -> tuple[bytes, str]:
        """Return the key and the value of one number."""
        return Random(f"key {self._scenario.seed} {number}").randbytes(ID_BYTES), f"value {number}"

    def _draw(self, fits: Callable[[Resident], bool]) -> Resident:
        """Draw a living node, one that fits if there is any at hand."""
        living = self._living()
        drawn = self._chance.choice(living)
        for _ in range(DRAWS_MAX):
            if fits(drawn):
                break
            drawn = self._chance.choice(living)
        return drawn


def _knows_somebody(resident: Resident) -> bool:
    return any(bucket.nodes for bucket in resident.protocol.router.buckets)
