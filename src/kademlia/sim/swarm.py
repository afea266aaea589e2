"""Swarm testing: from each seed a network, its faults and its work are drawn; it runs under all checkers and must heal.

    python -m kademlia.sim.swarm --seeds 1-200

The first violation ends it, with the one line that repeats that run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from kademlia.engine import limits
from kademlia.node import ID_BYTES, Address, Node
from kademlia.protocol import KademliaProtocol
from kademlia.sim import churn
from kademlia.sim.checks import Checks, Violation
from kademlia.sim.drawn import Drawn, draw, edge_id
from kademlia.sim.liar import Liar
from kademlia.sim.links import Links, shares_of
from kademlia.sim.recovery import recovers
from kademlia.sim.resident import Resident
from kademlia.sim.world import World

#: The nodes come within so many virtual seconds.
ARRIVAL_S = 30.0

#: A slow machine takes up to so many seconds to look at a datagram.
SLOW_MAX_S = 0.4

#: A wall clock is wrong by up to so many seconds: a day.
SKEW_MAX_S = 86_400.0

#: Operations for each name that values are set under.
OPERATIONS_PER_NAME = 4

#: How long values live, in turn: some end before the network has recovered.
LIVES_S = (limits.LIFE_S, 1_800.0, 6 * limits.REFRESH_S)

#: A line of progress is printed after so many seeds.
SEEDS_PER_LINE = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A run that broke no rule."""

    drawn: Drawn
    seconds: float  #: virtual
    datagrams: int
    trace: str  #: the hash over all of them


class _Run:
    """One run: everything that happens is laid into the world's heap of events, then time passes."""

    def __init__(self, drawn: Drawn) -> None:
        self.drawn = drawn
        self.chance = Random(drawn.seed)
        self.world = World(drawn.seed, links=Links(drawn.seed, drawn.model(), **shares_of(drawn)))
        replay = f"replay: python -m kademlia.sim.swarm --seed {drawn.seed}"
        self.checks = Checks(self.world, replay=replay)
        self.hidden: set[Address] = set()  # only ever asked for membership
        self._kind: type[KademliaProtocol] = type("Drawn", (KademliaProtocol,), {"alpha": drawn.alpha})
        self._born: list[Resident] = []
        self._ends_at = ARRIVAL_S + drawn.seconds

    def run(self) -> Outcome:
        drawn, world = self.drawn, self.world
        self.checks.start()
        liar = Liar(world, drawn.overheard, drawn.seed)
        if drawn.overheard:
            liar.start()
        for number in range(drawn.nodes):
            world.at(self.chance.uniform(0, ARRIVAL_S) if number else 0.0, self._arrive)
        world.run(ARRIVAL_S)
        population = self._population()
        self._lay_out_faults()
        self._lay_out_work()
        world.run(drawn.seconds)
        if population is not None:
            population.stop()
        if drawn.overheard:
            liar.stop()
        recovers(self.checks, hidden=self.hidden, nobody_died=not drawn.mortal)
        return Outcome(drawn=drawn, seconds=world.now, datagrams=world.stats().datagrams, trace=world.trace)

    # -- nodes -----------------------------------------------------------------------------------------------------

    def _arrive(self) -> None:
        """Let a node come and join by one that is there, and by the first, which never goes: else it may be alone."""
        drawn, chance = self.drawn, self.chance
        node_id = edge_id(chance) if chance.random() < drawn.edges else chance.randbytes(ID_BYTES)
        if any(resident.protocol.source_node.id == node_id for resident in self._born):
            node_id = chance.randbytes(ID_BYTES)
        skew = chance.uniform(-SKEW_MAX_S, SKEW_MAX_S) if chance.random() < drawn.leaps else 0.0
        resident = self.world.add(node_id, ksize=drawn.ksize, b=drawn.b, protocol_class=self._kind, skew=skew)
        if self._born:
            if chance.random() < drawn.nat:
                self.hidden.add(resident.address)
                self.world.links.hide(resident.address)
            if chance.random() < drawn.slow:
                resident.delay = chance.uniform(0, SLOW_MAX_S)
            reachable = [other for other in self._born if other.address not in self.hidden]
            resident.protocol.join([chance.choice(reachable).address, self._born[0].address])
        self._born.append(resident)

    def _population(self) -> churn.Churn | None:
        drawn = self.drawn
        if not drawn.churn:
            return None
        population = churn.Churn(
            self.world, churn.law(drawn.churn), rejoin=drawn.rejoin, ksize=drawn.ksize, b=drawn.b, keep=self._born[:1]
        )
        population.start(self._born)
        return population

    # -- faults ----------------------------------------------------------------------------------------------------

    def _lay_out_faults(self) -> None:
        drawn, chance = self.drawn, self.chance
        for _ in range(drawn.cuts):
            self.world.at(self._some_time(), self._cut)
        if drawn.cuts or drawn.unplugged:
            self.world.at(self._some_time(), self._mend)
        for resident in self._born[1:]:
            if chance.random() < drawn.killed:
                self.world.at(self._some_time(), self._if_alive, resident, resident.die)
            if chance.random() < drawn.unplugged:
                self.world.at(self._some_time(), self._unplug, resident.address)
            if chance.random() < drawn.leaps:
                skew = chance.uniform(-SKEW_MAX_S, SKEW_MAX_S)
                self.world.at(self._some_time(), self._if_alive, resident, resident.set_clock, skew)

    @staticmethod
    def _if_alive(resident: Resident, event: Callable[..., object], *arguments: Any) -> None:
        if resident.alive:
            event(*arguments)

    def _cut(self) -> None:
        """Let the network fall into two parts."""
        sides: tuple[list[Address], list[Address]] = ([], [])
        for address in self.world.residents:
            sides[self.chance.random() < 0.5].append(address)
        self.world.links.cut(*sides, both_ways=not self.drawn.one_way)

    def _unplug(self, address: Address) -> None:
        """Pull a cable, until the next time that cuts are mended; what is sent into it is seen by the checkers."""
        self.world.links.cut([address], [other for other in self.world.residents if other != address])

    def _mend(self) -> None:
        """End all cuts, and nothing else."""
        self.world.links.heal()
        for name, share in shares_of(self.drawn).items():
            setattr(self.world.links, name, share)

    # -- work ------------------------------------------------------------------------------------------------------

    def _lay_out_work(self) -> None:
        for number in range(self.drawn.operations):
            self.world.at(self._some_time(), self._work, number)

    def _work(self, number: int) -> None:
        """Have a node that lives do one thing."""
        chance, ledger = self.chance, self.checks.ledger
        resident = chance.choice(list(self.world.residents.values()))
        name = f"name {chance.randrange(self.drawn.operations // OPERATIONS_PER_NAME + 1)}"
        what = chance.random()
        if what < 0.4:
            value = chance.choice((number, f"value {number}", b"%d" % number, number / 7))
            ledger.set(resident, name, value, LIVES_S[number % len(LIVES_S)])
        elif what < 0.8:
            ledger.get(resident, name)
        else:
            ledger.lookup(resident, Node(chance.randbytes(ID_BYTES)))

    def _some_time(self) -> float:
        return self.chance.uniform(self.world.now, self._ends_at)


def run(seed: int) -> Outcome:
    """Run what a seed stands for.

    Raises:
        Violation: A rule is broken, or the engine raised an exception.
    """
    running = _Run(draw(seed))
    try:
        return running.run()
    except Violation:
        raise
    except Exception as fault:
        checks = running.checks
        what = f"{type(fault).__name__}: {fault}"
        raise Violation(what, checks.world.now, "the engine raised", checks.replay) from fault


def main(arguments: list[str] | None = None) -> int:
    """Run some seeds; return 1 if one of them breaks a rule."""
    first, last = _range(arguments)
    datagrams = 0
    for seed in range(first, last + 1):
        try:
            outcome = run(seed)
        except Violation as violation:
            sys.stdout.write(f"seed {seed}: {draw(seed)}\n{violation}\n")
            return 1
        datagrams += outcome.datagrams
        if first == last or (seed - first + 1) % SEEDS_PER_LINE == 0:
            sys.stdout.write(f"seed {seed}: {outcome.drawn}; {outcome.datagrams} datagrams, trace {outcome.trace}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{last - first + 1} seeds, {datagrams} datagrams, no violation\n")
    return 0


def _range(arguments: list[str] | None) -> tuple[int, int]:
    parser = argparse.ArgumentParser(prog="python -m kademlia.sim.swarm", description=__doc__)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--seed", type=int, help="one seed")
    which.add_argument("--seeds", metavar="FIRST-LAST", help="all seeds of a range, as in 1-200")
    chosen = parser.parse_args(arguments)
    if chosen.seed is not None:
        return chosen.seed, chosen.seed
    first, dash, last = chosen.seeds.partition("-")
    if not (dash and first.isdigit() and last.isdigit() and int(first) <= int(last)):
        parser.error(f"--seeds {chosen.seeds!r} is no range; write the first and the last seed, as in 1-200")
    return int(first), int(last)


if __name__ == "__main__":
    sys.exit(main())
