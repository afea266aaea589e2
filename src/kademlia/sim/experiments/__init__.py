"""The published numbers, and what the shipped engine does in the same settings: one module an experiment.

`kademlia sim reproduce NAME` runs one and prints its rows; docs/simulator.md keeps the results.
"""

from kademlia.sim.experiments import (
    aware,
    bamboo,
    dead,
    durability,
    exact,
    fake_contacts,
    flood,
    forgotten,
    half,
    health,
    holders,
    hops,
    hostile_stores,
    latency,
    replication,
    speed,
    storm,
)
from kademlia.sim.experiments.experiment import Experiment, Options, Row

__all__ = ["EXPERIMENTS", "Experiment", "Options", "Row"]

#: All experiments by name, in the order in which they are listed.
EXPERIMENTS: dict[str, Experiment] = {
    module.EXPERIMENT.name: module.EXPERIMENT
    for module in (
        speed,
        exact,
        hops,
        latency,
        dead,
        health,
        bamboo,
        aware,
        durability,
        holders,
        replication,
        forgotten,
        half,
        storm,
        flood,
        fake_contacts,
        hostile_stores,
    )
}
