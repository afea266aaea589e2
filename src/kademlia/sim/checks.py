"""Checkers that run during a simulation and stop it at the first violation of a rule.

The rules themselves stand in `table_rules` (of one node at one moment), `traffic_rules` (in the light of all
datagrams), `ledger` (operations and values) and `recovery` (after the faults). A violation says what, when and where,
and how to see it again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kademlia.sim.ledger import Ledger
from kademlia.sim.table_rules import NODE_RULES, TABLE_RULES
from kademlia.sim.traffic_rules import Evictions, HeldAnswers, Inhabited, Tellings

if TYPE_CHECKING:
    from kademlia.node import Address
    from kademlia.sim.resident import Resident
    from kademlia.sim.world import World

#: Virtual seconds between two looks: what comes and goes in between is seen only by rules that listen.
EVERY_S = 1.0

#: Of nodes that died, something is kept until so many looks have passed.
LOOKS_UNTIL_FORGOTTEN = 256


class Violation(Exception):  # noqa: N818  # it is the world that is wrong, not the program
    """A rule was broken.

    Args:
        what: Which, and how.
        at: The virtual time, in seconds.
        where: The node, in words.
        replay: One line by which the run is repeated.
    """

    def __init__(self, what: str, at: float = 0.0, where: str = "", replay: str = "") -> None:
        self.what = what
        self.at = at
        self.where = where
        self.replay = replay
        super().__init__("\n".join(filter(None, [f"{at:.3f} s: {where} {what}", replay])))


class Checks:
    """All checkers of one world.

    Args:
        world: The world.
        every_s: Virtual seconds between two looks at all nodes; it may be changed at any time.
        replay: A line that repeats this run; it ends every violation's message.

    Raises:
        ValueError: `every_s` is not above 0.

    Attributes:
        ledger: Where programs of the simulation have nodes set, get and look up, to have that checked too.
        looks: How often all nodes were looked at.
    """

    def __init__(self, world: World, every_s: float = EVERY_S, replay: str = "") -> None:
        if not every_s > 0:
            raise ValueError(f"every_s is the seconds between two looks, above 0, not {every_s!r}")
        self.world = world
        self.every_s = every_s
        self.replay = replay
        self.ledger = Ledger(world, self.fail)
        self.looks = 0
        self._evictions = Evictions(world, self.fail)
        self._inhabited = Inhabited(world, self.fail)
        self._tellings = Tellings(world, self.fail)
        self._held_answers = HeldAnswers(world, self.fail)
        self._changes: dict[Resident, int] = {}  # of the tables, as of the last look
        self._looked_at = world.now
        self._running = False

    def start(self) -> None:
        """Look regularly from now on, and listen."""
        self._running = True
        self.world.listeners.append(self._heard)
        self._next()

    def stop(self) -> None:
        """Look and listen no more."""
        self._running = False
        self.world.listeners.remove(self._heard)

    def look(self) -> None:
        """Look at all nodes now.

        Raises:
            Violation: A rule is broken.
        """
        self.looks += 1
        for resident in list(self.world.residents.values()):
            for rule in NODE_RULES:
                for fault in rule(resident):
                    self.fail(resident, fault)
            self._held_answers.look(resident)
            self.ledger.look(resident)
            self._look_at_table(resident)
        self._looked_at = self.world.now
        if self.looks % LOOKS_UNTIL_FORGOTTEN == 0:
            self._forget_the_dead()

    def fail(self, resident: Resident | None, what: str) -> None:
        """Stop the run.

        Raises:
            Violation: In any case.
        """
        where = "the network" if resident is None else _name(resident)
        raise Violation(what, self.world.now, where, self.replay)

    def _look_at_table(self, resident: Resident) -> None:
        changes = resident.protocol.router.changes.count
        if self._changes.get(resident) == changes:
            return
        self._changes[resident] = changes
        for rule in TABLE_RULES:
            for fault in rule(resident):
                self.fail(resident, fault)
        self._evictions.look(resident, self._looked_at)
        self._inhabited.look(resident)

    def _heard(self, what: bytes, datagram: bytes, source: Address, target: Address) -> None:
        self._evictions.heard(what, datagram, source, target)
        self._inhabited.heard(what, datagram, source, target)
        self._tellings.heard(what, datagram, source, target)
        self._held_answers.heard(what, datagram, source, target)

    def _next(self) -> None:
        if self._running:
            self.look()
            self.world.at(self.world.now + self.every_s, self._next)

    def _forget_the_dead(self) -> None:
        self._changes = {resident: count for resident, count in self._changes.items() if resident.alive}
        self._evictions.forget_the_dead()
        self._held_answers.forget_the_dead()


def _name(resident: Resident) -> str:
    ip, port = resident.address
    return f"node {resident.protocol.source_node.id.hex()[:8]} at {ip}:{port}"
