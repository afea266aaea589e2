"""How large and how quick: the simulator itself."""

from __future__ import annotations

import gc
from collections.abc import Iterator

from kademlia.sim.experiments.experiment import Experiment, Options, Row
from kademlia.sim.scenario import Scenario
from kademlia.sim.simulation import Simulation

SIZES = (1_000, 10_000, 100_000)

#: Seconds to build: nodes, how they start. The closest rival, py-dht, takes 175-200 s for 10,000 filled tables.
TARGETS = {
    (10_000, "filled"): 5.0,
    (100_000, "filled"): 60.0,
    (10_000, "looked-up"): 30.0,
    (10_000, "joined"): 240.0,
}

#: Bytes that 100,000 nodes may take.
BYTES_MAX = 12e9

GIGA = 1e9

SOURCE = "py-dht: 175-200 s for 10,000 tables"


def measure(options: Options) -> Iterator[Row]:
    """Build networks and run some lookups on each; needs the real clock of who runs it."""
    standing: list[Simulation] = []  # until all are measured: memory that one leaves would be the next one's
    for nodes in SIZES if options.nodes is None else (options.nodes,):
        for b in (1, 5) if nodes < SIZES[-1] else (1,):
            yield from _built(options, nodes, b, "filled", standing)
    standing.clear()
    for start in ("looked-up", "joined"):
        yield from _built(options, options.nodes or 10_000, 1, start, [])


def _built(options: Options, nodes: int, b: int, start: str, standing: list[Simulation]) -> Iterator[Row]:
    gc.collect()
    setting = f"n={nodes:,} k=20 b={b} {start}"
    options.progress(setting)
    before, began = options.memory(), options.clock()
    latency = "king" if start == "filled" else "constant:0.0001"
    seed, lookups = options.seeds[0], options.lookups
    simulation = Simulation(Scenario(nodes=nodes, seed=seed, b=b, start=start, latency=latency, lookups=lookups))
    simulation.build()
    standing.append(simulation)
    built, held = options.clock() - began, options.memory() - before
    target = TARGETS.get((nodes, start)) if b == 1 else None
    yield Row(
        setting=setting,
        what="to build, s",
        ours=round(built, 2),
        target=target,
        source=SOURCE,
    )
    if start == "filled":
        yield from _lookups_run(options, simulation, setting, held)
    else:
        stats = simulation.world.stats()
        yield Row(setting=setting, what="events/s", ours=round(stats.events / built) if built else 0, target=None)


def _lookups_run(options: Options, simulation: Simulation, setting: str, held: int) -> Iterator[Row]:
    nodes = simulation.scenario.nodes
    began, before = options.clock(), simulation.world.stats().events
    simulation.run()
    took = options.clock() - began
    events = simulation.world.stats().events - before
    yield Row(setting=setting, what=f"{options.lookups:,} lookups, s", ours=round(took, 2), target=None)
    yield Row(setting=setting, what="events/s", ours=round(events / took) if took else 0, target=None)
    yield Row(setting=setting, what="bytes/node, tables filled", ours=round(held / nodes), target=None)
    if nodes == SIZES[-1]:
        peak = (options.memory()) / GIGA
        yield Row(
            setting=setting,
            what="memory, GB",
            ours=round(peak, 2),
            target=BYTES_MAX / GIGA,
            source=SOURCE,
        )


EXPERIMENT = Experiment(
    name="speed",
    question="How long do networks take to build and to run, and how much memory?",
    run=measure,
    takes="6 minutes",
)
