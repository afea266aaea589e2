"""The demo's judgement: it never calls a run good that was not."""

from __future__ import annotations

import pytest

from kademlia.cli.demo.cluster import Place
from kademlia.cli.demo.story import Results, Work
from kademlia.cli.demo.verdict import Verdict, conclude, judge, same

STORED: dict[str, str | int | float | bool | bytes] = {"a": "one", "b": 2, "c": b"three"}

LIVING, DEAD = Place(1, 0), Place(0, 0)


def work(**found: object) -> Work:
    return Work(took=[0.001] * len(found), asked=9, found=found)  # type: ignore[arg-type]


def results(**changes: object) -> Results:
    """Return what a faultless run measures, but for the changes."""
    faultless = {
        "joined": True,
        "sets": Work(took=[0.01] * 3, asked=30),
        "first": work(**STORED),
        "again": work(**STORED),
        "holders": {key: {LIVING, DEAD} for key in STORED},
        "died": [DEAD],
    }
    return Results(**{**faultless, **changes})  # type: ignore[arg-type]


def verdict(bad_lines: int = 0, **changes: object) -> Verdict:
    return conclude(STORED, results(**changes), bad_lines)


def test_a_faultless_run_is_good() -> None:
    assert verdict().failures == []


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, True), (1, 1.0), (0, False), ("1", 1), ("a", b"a"), (0.0, -0.0), ("a", "a "), ("é", "e\u0301"), (b"", "")],
)
def test_values_that_python_or_the_eye_takes_for_equal_are_not(one: str | int, other: str | int) -> None:
    assert not same(one, other)
    assert same(one, one)
    assert same(other, other)


@pytest.mark.parametrize("wrong", ["0ne", "one ", "", b"one", 1, True])
@pytest.mark.parametrize("when", ["first", "again"])
def test_a_corrupted_value_makes_it_fail(wrong: object, when: str) -> None:
    failures = verdict(**{when: work(**{**STORED, "a": wrong})}).failures
    assert len(failures) == 1
    assert "different" in failures[0]
    assert "1 (a)" in failures[0]


def test_two_values_exchanged_make_it_fail() -> None:
    found = judge(STORED, {**STORED, "a": STORED["c"], "c": STORED["a"]}, STORED)
    assert (found.equal, found.different) == (["b"], ["a", "c"])
    assert not found.good


@pytest.mark.parametrize("found", [{"a": "one", "b": 2}, {"a": "one", "b": 2, "c": None}])
def test_a_value_not_found_while_nobody_is_dead_makes_it_fail(found: dict[str, object]) -> None:
    assert verdict(first=work(**found)).failures == ["not found: 1 (c)"]


def test_a_stored_value_that_nobody_holds_makes_it_fail() -> None:
    holders = {"a": {LIVING}, "b": {LIVING}, "c": set()}
    assert verdict(first=work(a="one", b=2), again=work(a="one", b=2), holders=holders).failures == [
        "stored, and held by nobody: 1 (c)"
    ]


def test_a_value_lost_although_a_holder_lives_makes_it_fail() -> None:
    assert verdict(again=work(a="one", b=2)).failures == ["lost although a holder lives: 1 (c)"]


def test_a_value_whose_holders_were_all_killed_is_gone_without_blame() -> None:
    judged = verdict(again=work(a="one", b=2), holders={"a": {LIVING}, "b": {LIVING}, "c": {DEAD}})
    assert judged.failures == []
    assert judged.again.gone == ["c"]


def test_a_value_not_stored_makes_it_fail_and_is_not_looked_for() -> None:
    sets = Work(took=[0.01] * 2, refused={"c": "too large"})
    judged = verdict(sets=sets, first=work(a="one", b=2), again=work(a="one", b=2))
    assert judged.failures == ["not stored: 1 (c)"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"joined": False}, "not every node found others"),
        ({"faults": 2}, "faults in kademlia itself: 2"),
        ({"bad_lines": 3}, "lines of the file that hold no record: 3"),
    ],
)
def test_anything_else_that_went_wrong_makes_it_fail(changes: dict[str, object], said: str) -> None:
    assert verdict(**changes).failures == [said]  # type: ignore[arg-type]


def test_nothing_stored_is_no_success() -> None:
    assert conclude({}, results(first=Work(), again=Work(), holders={}), 0).failures == ["there was nothing to store"]
