"""A scenario: what may stand in it, that it is run as described, and that its report says what happened."""

from __future__ import annotations

import math
import re
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest

from kademlia.protocol import KademliaProtocol
from kademlia.sim import scenario as scenarios
from kademlia.sim.health import examine
from kademlia.sim.report import Cost, Spread, spread
from kademlia.sim.scenario import Scenario
from kademlia.sim.simulation import Simulation, simulate
from kademlia.sim.world import World

SMALL = Scenario(nodes=60, lookups=40, seconds=10, k=8)


def ran(scenario: Scenario) -> Simulation:
    simulation = Simulation(scenario)
    simulation.build()
    simulation.run()
    return simulation


# -- what may stand in it ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"nodes": "many"}, "nodes has to be a whole number from 2 to 1,000,000, not 'many'"),
        ({"nodes": 1}, "nodes has to be a whole number from 2 to 1,000,000, not 1"),
        ({"nodes": 10.0}, "nodes has to be a whole number from 2 to 1,000,000, not 10.0"),
        ({"lookups": True}, "lookups has to be a whole number from 0 to 10,000,000, not True"),
        ({"b": 0}, "b has to be a whole number from 1 to 8, not 0"),
        ({"loss": 1.5}, "loss has to be a share of all from 0 to 1, not 1.5"),
        ({"dead": math.nan}, "dead has to be a share of all from 0 to 1, not nan"),
        ({"seconds": -1}, "seconds has to be virtual seconds from 0 to"),
        ({"seconds": math.inf}, "seconds has to be virtual seconds from 0 to"),
        ({"start": "full"}, "start has to be one of filled, joined, looked-up, not 'full'"),
        ({"start": ["filled"]}, "start has to be one of filled, joined, looked-up, not ['filled']"),
        ({"workload": "sets"}, "workload has to be one of lookups, sets+gets, not 'sets'"),
        ({"latency": "kings"}, "latency: no model of latency is called 'kings'; take king, king-per-message, map,"),
        ({"latency": "matrix:"}, "latency: no model of latency is called 'matrix:'; take"),
        ({"latency": "constant:soon"}, "latency: 'constant:soon' has no number of seconds, 0 or more; write constant:"),
        ({"latency": "constant:-1"}, "latency: 'constant:-1' has no number of seconds"),
        ({"latency": 0.02}, "latency has to be king, king-per-message, map, constant:SECONDS or matrix:FILE, not 0.02"),
        ({"churn": "exp"}, "churn: no churn law is called 'exp'; take kad, "),
        ({"churn": "exp:0"}, "churn: churn 'exp:0': mean_s has to be a number above 0"),
        ({"off": "never"}, "off: no churn law is called 'never'"),
        ({"rejoin": "same"}, "rejoin has to be one of new-id, same-id, not 'same'"),
        ({"node": 5}, "no field is called 'node'; did you mean nodes?"),
        ({"colour": 5}, "no field is called 'colour'; there are nodes, seed, k, b, "),
        ({"nodes": 10, "dead": 0.9}, "dead = 0.9 of 10 nodes leaves fewer than 2 alive; take less"),
    ],
)
def test_what_is_not_allowed_is_refused_in_one_line_that_names_the_field(values: dict[str, Any], said: str) -> None:
    """Before anything runs: a run of an hour must not end in a misunderstanding."""
    with pytest.raises(ValueError, match=rf"^{re.escape(said)}[^\n]*$"):
        scenarios.of(values)


def test_a_long_wrong_value_is_shown_in_part() -> None:
    with pytest.raises(ValueError, match=r"start has to be .*, not 'x{56}\.\.\.$"):
        scenarios.of({"start": "x" * 1000})


def test_a_file_has_the_fields_of_a_scenario(tmp_path: Path) -> None:
    file = tmp_path / "scenario.toml"
    file.write_text('nodes = 50\nchurn = "kad"\nloss = 0  # a whole number is a number\nlatency = "constant:0.1"\n')
    assert scenarios.of(scenarios.read(file)) == Scenario(nodes=50, churn="kad", latency="constant:0.1")


def test_a_matrix_lies_beside_the_file_that_names_it(tmp_path: Path) -> None:
    """So that a folder with both can be handed on, and run from anywhere."""
    file = tmp_path / "scenario.toml"
    file.write_text('nodes = 20\nlookups = 5\nlatency = "matrix:two.u16"\n')
    (tmp_path / "two.u16").write_bytes((400).to_bytes(2, "little"))
    report = simulate(scenarios.of(scenarios.read(file)))
    assert report.latency_ms is not None
    assert report.latency_ms.p99 <= 400
    (tmp_path / "two.u16").write_bytes(b"four bytes and more")
    with pytest.raises(ValueError, match=r"two\.u16: 19 bytes are no upper triangle"):
        Simulation(scenarios.of(scenarios.read(file)))


@pytest.mark.parametrize("text", [b"nodes = \n", b"nodes 50", b"\xff\xfe"])
def test_what_is_no_toml_is_said_in_one_line(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "scenario.toml"
    file.write_bytes(text)
    with pytest.raises(ValueError, match=r"^this is no TOML: [^\n]+$"):
        scenarios.read(file)


# -- the run is the one described --------------------------------------------------------------------------------------


def test_the_network_is_as_described() -> None:
    simulation = Simulation(
        replace(SMALL, b=2, alpha=5, nat=0.2, slow=0.1, slow_s=0.3, dead=0.25, loss=0.01, latency="constant:0.03")
    )
    simulation.build()
    residents = list(simulation.world.residents.values())
    assert len(residents) == 45
    assert {resident.protocol.router.b for resident in residents} == {2}
    assert {resident.protocol.router.ksize for resident in residents} == {8}
    assert {resident.protocol.alpha for resident in residents} == {5}
    assert {resident.delay for resident in residents} == {0.0, 0.3}
    links = simulation.world.links
    behind = [node for node in residents if not links.admits(("192.0.2.1", 1), node.address, 0.0)]
    assert 12 - 15 <= len(behind) <= 12
    assert behind
    assert links.loss == 0.01
    assert links.latency.one_way(1, 2) == 0.03


def test_nodes_are_those_that_servers_run() -> None:
    simulation = Simulation(SMALL)
    simulation.build()
    assert {type(resident.protocol) for resident in simulation.world.residents.values()} == {KademliaProtocol}


@pytest.mark.parametrize("start", ["filled", "joined"])
def test_lookups_find_what_is_there(start: str) -> None:
    """Nothing is wrong in this network: every lookup finds exactly the k closest, in few hops."""
    report = simulate(replace(SMALL, start=start, latency="constant:0.02"))
    assert (report.lookups, report.ended, report.found, report.exact_share) == (40, 40, 40, 1.0)
    assert report.hops is not None
    assert 1 <= report.hops.mean < 2
    assert report.latency_ms is not None
    assert report.ended_ms is not None
    assert 40 <= report.latency_ms.p50 <= report.ended_ms.p50
    assert report.rpcs_per_lookup is not None
    assert report.rpcs_per_lookup >= 8
    assert report.health is not None
    assert (report.health.know_all, report.health.stale) == (1.0, 0.0)
    assert 10 <= report.virtual_seconds < 20
    assert report.b == 5


def test_lookups_are_under_way_at_once() -> None:
    """One after the other, the upkeep in between would cost more than the lookups."""
    simulation = Simulation(replace(SMALL, seconds=0))
    simulation.build()
    simulation.run()
    started = {lookup.walk.started for lookup in simulation.workload.lookups if lookup.walk is not None}
    assert len(started) == 1
    assert simulation.world.now < 10


def test_values_that_are_set_are_read_by_others() -> None:
    report = simulate(replace(SMALL, workload="sets+gets", dead=0.1))
    assert report.sets is not None
    assert report.gets is not None
    assert (report.sets.begun, report.sets.done, report.sets.wrong) == (40, 40, 0)
    assert (report.gets.begun, report.gets.done, report.gets.wrong) == (40, 40, 0)
    assert report.gets.ms is not None
    assert report.gets.ms.p50 > 0
    assert (report.lookups, report.found, report.hops, report.first_holder_ms) == (40, 40, None, None)


def test_with_churn_nodes_come_and_go_and_tables_have_some_that_are_gone() -> None:
    simulation = ran(replace(SMALL, churn="exp:60", settle=60, lookups=20))
    report = simulation.report()
    assert report.deaths > 20
    assert report.births == report.deaths
    assert len(simulation.world.residents) == 60
    assert simulation.health[0].stale == 0.0
    assert simulation.health[-1].stale > 0.0
    assert [look.at_s for look in simulation.health] == sorted(look.at_s for look in simulation.health)
    assert report.virtual_seconds >= 70


def test_whoever_comes_is_as_busy_as_those_who_went() -> None:
    """Else a network under churn falls silent, while its scenario says how often each node looks something up."""
    calm = Scenario(nodes=8, k=8, lookups=0, every=0.5, seconds=100)
    assert simulate(replace(calm, churn="exp:20")).messages > 0.7 * simulate(calm).messages


def test_what_is_reported_is_counted_since_the_network_stood() -> None:
    """Joining sends a hundred times what a lookup does; it would hide it."""
    simulation = Simulation(replace(SMALL, nodes=30, start="joined", lookups=0, seconds=0))
    simulation.build()
    joining = simulation.world.stats().datagrams
    simulation.run()
    assert joining > 1000
    assert simulation.report().messages < joining / 10


def test_progress_is_told_from_nothing_to_all() -> None:
    told: list[tuple[str, int, int]] = []
    simulation = Simulation(replace(SMALL, nodes=10, start="joined"))
    simulation.build(lambda *step: told.append(step))
    simulation.run(lambda *step: told.append(step))
    assert told[0] == ("joining", 2, 10)
    assert told[8] == ("joining", 10, 10)
    assert told[-1] == ("running", 100, 100)


# -- the same run again ------------------------------------------------------------------------------------------------


def test_the_same_scenario_is_the_same_run() -> None:
    """Every number of the report, and every byte of every datagram."""
    scenario = replace(SMALL, churn="exp:100", loss=0.05, dead=0.1, nat=0.1, slow=0.1)
    assert simulate(scenario) == simulate(scenario)
    assert simulate(replace(scenario, seed=2)).trace != simulate(scenario).trace


def test_looking_at_tables_changes_nothing() -> None:
    """Otherwise whoever draws a plot would see another run than who does not."""
    one, two = World(1), World(1)
    residents, _ = one.filled(30, ksize=8), two.filled(30, ksize=8)
    health = examine(one, residents, 0.0)
    assert (health.known, health.know_all, health.stale) == (1.0, 1.0, 0.0)
    one.run(4000)
    two.run(4000)
    assert one.trace == two.trace


def test_scenarios_that_differ_in_their_tables_only_ask_the_same() -> None:
    """What b or a full start changes is then seen in few lookups."""
    asked = [
        [(lookup.asker.address, lookup.target) for lookup in ran(scenario).workload.lookups]
        for scenario in (SMALL, replace(SMALL, b=1), replace(SMALL, k=4))
    ]
    assert asked[0] == asked[1] == asked[2]


# -- reports -----------------------------------------------------------------------------------------------------------


def test_percentiles_are_values_that_were_measured() -> None:
    assert spread([0.1, None, 0.3, 0.2], 0.001) == Spread(mean=200.0, p50=200.0, p90=300.0, p99=300.0)
    assert spread(float(number) for number in range(1, 101)) == Spread(mean=50.5, p50=50.0, p90=90.0, p99=99.0)
    assert spread([None]) is None


def test_a_report_without_measurements_says_so_and_with_them_divides() -> None:
    """The simulator reads no clock; who ran it may tell it what its own said."""
    simulation = ran(SMALL)
    report = simulation.report()
    assert (report.seconds, report.events_per_s, report.bytes_per_node) == (None, None, None)
    cost = Cost(build_seconds=1.0, run_seconds=2.0, cpu_seconds=2.5, memory_bytes=6_000_000)
    measured = simulation.report(cost)
    assert (measured.seconds, measured.build_seconds, measured.bytes_per_node) == (3.0, 1.0, 100_000)
    assert measured.events_per_s == report.events / 2
    told = measured.as_dict()
    assert told["first_holder_ms"] == told["latency_ms"] == asdict(measured)["latency_ms"]
    assert scenarios.of(told["scenario"]) == SMALL


def test_nothing_asked_is_nothing_measured() -> None:
    report = simulate(replace(SMALL, lookups=0))
    assert (report.lookups, report.found, report.exact_share, report.hops, report.latency_ms) == (
        0,
        0,
        None,
        None,
        None,
    )


def test_every_field_has_a_rule() -> None:
    assert all("rule" in each.metadata for each in fields(Scenario))
