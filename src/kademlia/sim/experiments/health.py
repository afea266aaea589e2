"""How true tables stay in a day of IPFS's churn (ProbeLab, RFM 19)."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from kademlia.sim.churn import HOUR_S
from kademlia.sim.experiments.experiment import Experiment, Options, Row, run
from kademlia.sim.health import Health, examine
from kademlia.sim.simulation import Simulation

NODES = 1_000
#: Virtual hours by b. Tables are in balance after a few times the 15 minutes that a contact may be silent; with b = 5
#: they are five times as large, and so is the time that a day takes to simulate.
HOURS = {1: 24, 5: 9}

#: The first of these many looks at the tables are still of the filled ones.
LOOKS_LEFT_OUT = 5


def measure(options: Options) -> Iterator[Row]:
    """Let nodes come and go for hours; then look at all tables."""
    nodes = options.nodes or NODES
    for b, hours in HOURS.items():
        runs = [
            run(
                options,
                nodes=nodes,
                seed=seed,
                b=b,
                latency=options.measured_latency,
                churn="ipfs",
                lookups=0,
                seconds=hours * HOUR_S,
            )
            for seed in options.seeds
        ]
        yield from _rows([_at_the_end(one) for one in runs], runs, f"n={nodes:,} k=20 b={b} filled, IPFS, {hours} h")


def _at_the_end(simulation: Simulation) -> Health:
    world = simulation.world
    return examine(world, list(world.residents.values()), world.now)


def _rows(ends: list[Health], runs: list[Simulation], setting: str) -> Iterator[Row]:
    know_all = median(end.know_all for end in ends)
    stale = median(end.stale for end in ends)
    worst = max(look.stale for one in runs for look in one.health[LOOKS_LEFT_OUT:])
    what, source = "nodes that know all k closest, share", "RFM 19: 61 %"
    yield Row(setting=setting, what=what, ours=know_all, target=0.9, at_most=False, source=source)
    yield Row(setting=setting, what="contacts that are gone, share", ours=stale, target=0.04, source="RFM 19: 4-15 %")
    yield Row(setting=setting, what="the same at the worst of 16 looks", ours=worst, target=None)
    report = runs[0].report()
    sent = report.bytes / runs[0].scenario.nodes / report.virtual_seconds
    yield Row(setting=setting, what="sent by a node, B/s", ours=round(sent, 1), target=None)


EXPERIMENT = Experiment(
    name="table-health",
    question="How true do tables stay in a day of churn as in IPFS?",
    run=measure,
    takes="45 minutes",
    needs_matrix=True,
)
