"""The experiments at a size that takes seconds: every row is there, and says what it is compared with."""

from __future__ import annotations

from itertools import count
from math import isfinite

import pytest

from kademlia.sim.experiments import (
    EXPERIMENTS,
    Options,
    Row,
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
    hostile_stores,
    replication,
    speed,
    storm,
)
from kademlia.sim.experiments.experiment import milliseconds, percentile

SMALL = 40


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten what takes hours of virtual time."""
    monkeypatch.setattr(dead, "HOUR_S", 60.0)
    monkeypatch.setattr(health, "HOURS", {1: 0.1, 5: 0.1})
    monkeypatch.setattr(bamboo, "SETTLE_S", 30.0)
    monkeypatch.setattr(bamboo, "SECONDS", 30.0)
    monkeypatch.setattr(bamboo, "MEASURED_SHARE", 1.0)
    monkeypatch.setattr(aware, "LEARNING_S", 60.0)
    monkeypatch.setattr(exact, "SIZES", {SMALL: "king"})
    monkeypatch.setattr(speed, "SIZES", (SMALL,))
    monkeypatch.setattr(durability, "HOURS", 2)
    monkeypatch.setattr(holders, "HOURS", 1)
    monkeypatch.setattr(replication, "HOURS", 1)
    monkeypatch.setattr(forgotten, "DAYS", 3)
    monkeypatch.setattr(forgotten, "DAY_S", 1_800.0)
    monkeypatch.setattr(half, "KS", (3,))
    monkeypatch.setattr(storm, "LOOKS_MIN", (1, 5))
    monkeypatch.setattr(storm, "SPANS_MIN", ((0, 1), (1, 5)))
    monkeypatch.setattr(flood, "MINUTES", 1)
    monkeypatch.setattr(flood, "MINUTES_AFTER", 1)
    monkeypatch.setattr(flood, "FIERCER", 2.0)
    monkeypatch.setattr(fake_contacts, "ANSWERS", 100)
    monkeypatch.setattr(hostile_stores, "ATTACKERS", 50)


@pytest.mark.slow
@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_row_has_a_number(name: str) -> None:
    """Hours of simulation are not to end in a division by zero."""
    ticks = count(1)
    options = Options(nodes=SMALL, keys=10, lookups=50, clock=lambda: float(next(ticks)), memory=lambda: next(ticks))
    rows = list(EXPERIMENTS[name].run(options))
    assert rows
    assert all(isfinite(row.ours) for row in rows)
    assert all(str(SMALL) in row.setting for row in rows)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_each_goes_by_its_name_and_asks_a_question(name: str) -> None:
    experiment = EXPERIMENTS[name]
    assert experiment.name == name
    assert experiment.question.endswith("?")
    assert experiment.takes


@pytest.mark.parametrize(
    ("row", "met"),
    [
        (Row(setting="", what="", ours=2, target=None), None),
        (Row(setting="", what="", ours=2, target=2), True),
        (Row(setting="", what="", ours=3, target=2), False),
        (Row(setting="", what="", ours=3, target=2, at_most=False), True),
        (Row(setting="", what="", ours=1, target=2, within=1), True),
        (Row(setting="", what="", ours=3.1, target=2, within=1), False),
    ],
)
def test_a_row_knows_whether_its_target_is_met(row: Row, met: bool | None) -> None:
    assert row.met is met


def test_what_never_happened_counts_as_for_ever() -> None:
    """Left out, a network in which half of the lookups fail would look quick."""
    assert percentile([1.0, None, 2.0, 3.0], 0.5) == 2.0
    assert not isfinite(percentile([1.0, None], 0.99))
    assert milliseconds([0.1234567], 0.5) == 123.5
