"""A scenario under all checkers, as `kademlia sim run --check` runs it."""

from __future__ import annotations

import pytest
from tests.sim import planted

from kademlia.sim.checks import Violation
from kademlia.sim.scenario import Scenario
from kademlia.sim.simulation import Simulation

REPLAY = "replay: kademlia sim run --check --seed 1"

SCENARIO = Scenario(nodes=40, k=4, dead=0.3, loss=0.05, lookups=100, seconds=60.0)


def checked(scenario: Scenario) -> Simulation:
    """Return a simulation that has run under all checkers."""
    simulation = Simulation(scenario)
    simulation.check(REPLAY)
    simulation.build()
    simulation.run()
    return simulation


@pytest.mark.parametrize("workload", ["lookups", "sets+gets"])
def test_the_engine_as_it_is_breaks_no_rule(workload: str) -> None:
    """Values that the scenario sets are known to the checkers: they are no invented ones."""
    simulation = checked(Scenario(nodes=40, k=4, dead=0.3, loss=0.05, lookups=100, seconds=60.0, workload=workload))
    assert simulation.checks is not None
    assert simulation.checks.looks > 10


def test_a_fault_stops_the_run_and_its_last_line_repeats_it() -> None:
    """Whoever meets it can hand it on."""
    with planted.answer_with_contacts_known_dead(), pytest.raises(Violation) as caught:
        checked(SCENARIO)
    assert str(caught.value).endswith(REPLAY)


def test_checking_changes_nothing_in_the_run() -> None:
    """A fault that is only there while nobody looks could not be found."""
    unchecked = Simulation(SCENARIO)
    unchecked.build()
    unchecked.run()
    assert checked(SCENARIO).world.trace == unchecked.world.trace
