"""A scenario at work: its network is built, its time runs, and what came of it is told.

    simulation = Simulation(Scenario(nodes=1_000))
    simulation.build()
    simulation.run()
    print(simulation.report().latency_ms)

`simulate` does all three.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Literal, cast

from kademlia.protocol import KademliaProtocol
from kademlia.sim import collector, report
from kademlia.sim.checks import Checks
from kademlia.sim.churn import Churn, law
from kademlia.sim.filled import fill
from kademlia.sim.health import Health, examine
from kademlia.sim.links import Links, shares_of
from kademlia.sim.report import Cost, Report
from kademlia.sim.resident import Resident
from kademlia.sim.scenario import NONE, Scenario, latency_model
from kademlia.sim.workload import Workload
from kademlia.sim.world import World

#: Told what is being done, how much of it is done, and of how much; in steps of whatever is counted.
Progress = Callable[[str, int, int], None]

#: Parts of the running time, between which progress is told.
STEPS = 100

#: How often tables are looked at, from the first moment to the last, and how many of them: a look takes about 0.2 ms.
LOOKS = 21
EXAMINED = 50

#: Virtual seconds between two looks at all nodes, if rules are checked: a look takes some 20 us a node.
CHECKED_EVERY_S = 5.0

#: Operations that have not ended so many virtual seconds after the last began are given up.
OVERTIME_S = 60.0


def _silence(_what: str, _done: int, _of: int) -> None:
    """Tell nobody."""


class Simulation:
    """One run.

    Args:
        scenario: What is to be run.

    Raises:
        OSError: The file of a matrix of latencies cannot be read.
        ValueError: It is no such file.

    Attributes:
        world: Where it happens.
        workload: The operations, and how they went.
        health: Looks at the tables of some nodes, in the order of time.
        churn: Who comes and goes, if anybody does.
        checks: The rules that are checked while it runs, if `check` was called.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.world = World(scenario.seed, links=_links(scenario))
        self.workload = Workload(self.world, scenario, self._alive)
        self.health: list[Health] = []
        self.churn: Churn | None = None
        self.checks: Checks | None = None
        self._replay: str | None = None
        self._residents: list[Resident] = []
        self._looking = Random(f"health {scenario.seed}")  # of its own: looking changes nothing
        self._began = 0.0
        self._before = self.world.stats()

    def check(self, replay: str = "") -> None:
        """Have all rules of `kademlia.sim.checks` checked from when the network stands; `build` it afterwards.

        Args:
            replay: A line that repeats this run; it ends the message of a violation, which `run` then raises.
        """
        self._replay = replay

    @collector.seldom()
    def build(self, progress: Progress = _silence) -> None:
        """Let the nodes live and know each other; some of them die, if the scenario says so."""
        scenario, world = self.scenario, self.world
        kind = _node_class(scenario)
        residents = [world.add(ksize=scenario.k, b=scenario.b, protocol_class=kind) for _ in range(scenario.nodes)]
        for resident in self._some(residents[1:], scenario.nat):
            world.links.hide(resident.address)
        for resident in self._some(residents, scenario.slow):
            resident.delay = scenario.slow_s
        if scenario.start == "filled":
            progress("filling tables", 0, scenario.nodes)
            fill(residents, world.chance)
            progress("filling tables", scenario.nodes, scenario.nodes)
        else:
            self._join(residents, progress)
        if self._replay is not None:
            self.checks = Checks(world, CHECKED_EVERY_S, self._replay)  # it knows who lived here
            self.workload.values = self.checks.ledger.values
        for resident in self._some(residents, scenario.dead):
            resident.die()
        self._residents = [resident for resident in residents if resident.alive]
        self._begin()

    @collector.seldom()
    def run(self, progress: Progress = _silence) -> None:
        """Let time pass until all operations have ended.

        Raises:
            Violation: A rule that is checked was broken.
        """
        whole = self.scenario.settle + self.scenario.seconds
        for step in range(STEPS):
            self.world.run(self._began + whole * (step + 1) / STEPS - self.world.now)
            progress("running", step + 1, STEPS)
        until = self.world.now + OVERTIME_S
        while self.world.now < until and not self.workload.is_done():
            self.world.run(1.0)
        self._look()

    def report(self, cost: Cost | None = None) -> Report:
        """Return what came of it so far.

        Args:
            cost: What it took of the machine, if somebody measured that.
        """
        scenario, workload = self.scenario, self.workload
        traffic = report.of_traffic(self._before, self.world.stats())
        went = report.of_accesses(workload.sets, workload.gets)
        if scenario.workload == "lookups":
            went = report.of_lookups(workload.lookups)
        return Report(
            **went,
            **traffic,
            **report.of_cost(cost, traffic["events"], scenario.nodes),
            nodes=scenario.nodes,
            seed=scenario.seed,
            k=scenario.k,
            b=self._residents[0].protocol.router.b,
            alpha=scenario.alpha,
            start=scenario.start,
            virtual_seconds=round(self.world.now - self._began, report.DIGITS),
            births=self.churn.births if self.churn else 0,
            deaths=self.churn.deaths if self.churn else 0,
            health=self.health[-1] if self.health else None,
            trace=self.world.trace,
            scenario=scenario,
        )

    # -- building --------------------------------------------------------------------------------------------------

    def _some(self, residents: list[Resident], share: float) -> list[Resident]:
        """Draw a share of some nodes."""
        count = min(round(share * self.scenario.nodes), len(residents))
        return self.world.chance.sample(residents, count) if count else []

    def _join(self, residents: list[Resident], progress: Progress) -> None:
        """Let each join by the first, one after the other."""
        first = residents[0]
        for number, resident in enumerate(residents[1:], 2):
            protocol = resident.protocol
            if self.scenario.start == "joined":
                self.world.finish(protocol.join([first.address]))
            else:
                self.world.finish(protocol.lookup(protocol.source_node, [first.node]))
            progress("joining", number, len(residents))

    def _begin(self) -> None:
        """Start churn, the operations and the looks at tables, each at its time."""
        scenario, world = self.scenario, self.world
        self._began, self._before = world.now, world.stats()
        if self.checks is not None:
            self.checks.start()
        if scenario.churn != NONE:
            off = None if scenario.off == NONE else law(scenario.off)
            rejoin = cast("Literal['new-id', 'same-id']", scenario.rejoin)
            self.churn = Churn(
                world,
                law(scenario.churn),
                rejoin=rejoin,
                off=off,
                ksize=scenario.k,
                b=scenario.b,
                told=self.workload.keep_busy,
            )
            self.churn.start(self._residents)
        world.at(world.now + scenario.settle, self.workload.plan)
        for resident in self._residents:
            self.workload.keep_busy(resident)
        for look in range(LOOKS):
            world.at(world.now + (scenario.settle + scenario.seconds) * look / LOOKS, self._look)

    # -- running ---------------------------------------------------------------------------------------------------

    def _alive(self) -> list[Resident]:
        return self._residents if self.churn is None else self.churn.residents

    def _look(self) -> None:
        alive = self._alive()
        some = self._looking.sample(alive, min(EXAMINED, len(alive)))
        self.health.append(examine(self.world, some, self.world.now - self._began))


def simulate(scenario: Scenario) -> Report:
    """Run a scenario from beginning to end.

    Args:
        scenario: What is to be run.

    Returns:
        What came of it; without the numbers of real time and memory, which nobody measured.

    Raises:
        OSError: The file of a matrix of latencies cannot be read.
        ValueError: It is no such file.
    """
    simulation = Simulation(scenario)
    simulation.build()
    simulation.run()
    return simulation.report()


def _links(scenario: Scenario) -> Links:
    return Links(scenario.seed, latency_model(scenario.latency)(scenario.seed), **shares_of(scenario))


def _node_class(scenario: Scenario) -> type[KademliaProtocol]:
    """Return the class that servers run, with other settings if need be."""
    settings = {"alpha": scenario.alpha, "latency_aware": scenario.latency_aware}
    if all(getattr(KademliaProtocol, name) == value for name, value in settings.items()):
        return KademliaProtocol
    return type("Node", (KademliaProtocol,), settings)
