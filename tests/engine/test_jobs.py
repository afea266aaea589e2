"""A node's own work: in order, a few jobs at once, at a pace, with pauses where nobody answers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kademlia.engine.jobs import Jobs
from kademlia.engine.operation import Operation, finished
from kademlia.engine.pace import Pace
from kademlia.engine.records import FOREVER


class Work:
    """Jobs that end when they are told to, and a clock."""

    def __init__(self, at_once: int, pace: Pace | None = None) -> None:
        self.now = 0.0
        self.begun: list[int] = []
        self.under_way: dict[int, Operation[object]] = {}
        self.jobs = Jobs(at_once, lambda: self.now, pace)

    def job(self, number: int) -> Callable[[], Operation[object]]:
        """Return a job that goes on until it is told to end."""

        def begin() -> Operation[object]:
            self.begun.append(number)
            self.under_way[number] = Operation()
            return self.under_way[number]

        return begin

    def end(self, number: int, result: object = True) -> None:
        self.under_way.pop(number).finish(result)


def test_a_few_are_under_way_at_once_in_their_order() -> None:
    work = Work(2)
    first = work.jobs.add(map(work.job, range(3)))
    second = work.jobs.add([work.job(3)])
    assert work.begun == [0, 1]
    work.end(1)
    assert work.begun == [0, 1, 2]
    work.end(2)
    assert (work.begun, first.done) == ([0, 1, 2, 3], False)
    work.end(0)
    assert (first.done, second.done, work.jobs.busy) == (True, False, True)
    work.end(3)
    assert (second.done, work.jobs.busy) == (True, False)


def test_a_series_of_nothing_has_ended() -> None:
    assert Work(2).jobs.add([]).done


@pytest.mark.parametrize("paced", [False, True])
def test_ten_thousand_jobs_that_end_at_once_are_done_without_recursion(paced: bool) -> None:
    """Each ends inside of the call that began it; Python bears a thousand calls inside of each other."""
    jobs = Jobs(3, lambda: 1e9, Pace(1e9, 1.0, 300.0) if paced else None)
    done: list[int] = []

    def job(number: int) -> Callable[[], Operation[object]]:
        return lambda: done.append(number) or finished(None)  # type: ignore[func-returns-value]

    assert jobs.add(map(job, range(10_000))).done
    assert done == list(range(10_000))
    assert not jobs.busy


def test_ten_thousand_jobs_with_nothing_to_do_take_nothing_of_the_budget() -> None:
    """Of what another holder replicated meanwhile nothing is left to be done."""
    pace = Pace(20.0, 1.0, 300.0)
    jobs = Jobs(3, lambda: 0.0, pace)
    assert jobs.add(lambda: None for _ in range(10_000)).done
    assert pace.take(0.0)


def test_ten_thousand_series_one_after_the_other_are_done_without_recursion() -> None:
    work = Work(1)
    held = work.jobs.add([work.job(0)])
    others = [work.jobs.add([lambda: finished(None)]) for _ in range(10_000)]
    assert not any(other.done for other in others)
    work.end(0)
    assert held.done
    assert all(other.done for other in others)


def test_jobs_are_made_as_their_turn_comes() -> None:
    """The keys of a million records are not made into closures all at once."""
    made = 0
    work = Work(2)

    def jobs() -> object:
        nonlocal made
        for number in range(100):
            made += 1
            yield work.job(number)

    work.jobs.add(jobs())  # type: ignore[arg-type]
    assert made == 2


def test_what_is_cleared_is_not_begun_and_who_waits_is_told() -> None:
    work = Work(1)
    series = [work.jobs.add(map(work.job, range(3))), work.jobs.add([work.job(9)])]
    work.jobs.clear()
    assert all(operation.done for operation in series)
    work.end(0)
    assert (work.begun, work.jobs.busy) == ([0], False)


# -- pace ------------------------------------------------------------------------------------------------------------


def test_so_many_begin_in_a_second_and_no_more() -> None:
    """A thousand nodes that start again together send what their links bear."""
    work = Work(1000, Pace(20.0, 1.0, 300.0))
    work.jobs.add(map(work.job, range(1000)))
    begun_at: list[float] = []
    while len(work.begun) < 1000:
        begun_at += [work.now] * (len(work.begun) - len(begun_at))
        assert work.jobs.deadline() > work.now
        work.now = work.jobs.deadline()
        work.jobs.work()
    begun_at += [work.now] * (len(work.begun) - len(begun_at))
    for second in range(48):
        assert sum(second <= at < second + 1 for at in begun_at) <= 41
    assert work.now == pytest.approx(1000 / 20, abs=1.1)
    assert work.jobs.deadline() == FOREVER


def test_what_a_second_did_not_use_is_lost() -> None:
    """After a quiet hour there is no storm of an hour's budget."""
    pace = Pace(20.0, 1.0, 300.0)
    assert pace.take(0.0)
    taken = 0
    while pace.take(3600.0):
        taken += 1
    assert taken <= 21


@settings(max_examples=60)
@given(st.lists(st.floats(0, 3), max_size=80), st.sampled_from([1.0, 5.0, 20.0]))
def test_in_no_span_of_time_more_go_than_the_budget_and_one_second(waits: list[float], per_s: float) -> None:
    pace, now, taken = Pace(per_s, 1.0, 300.0), 0.0, []
    for wait in waits:
        now += wait
        while pace.take(now):
            taken.append(now)
    for place, begin in enumerate(taken):
        for end_place in range(place, len(taken)):
            assert end_place - place + 1 <= per_s * (taken[end_place] - begin + 1) + 1.001


def test_where_nobody_answers_the_rest_waits_twice_as_long_each_time_up_to_a_bound() -> None:
    """A node whose neighbours are all gone does not shout into the void."""
    work = Work(1, Pace(20.0, 1.0, 60.0))
    work.jobs.add(map(work.job, range(12)))
    pauses = []
    for number in range(11):
        before = work.now
        work.end(number, False)
        assert work.jobs.deadline() > work.now
        work.now = work.jobs.deadline()
        work.jobs.work()
        pauses.append(work.now - before)
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0, 60.0, 60.0]


def test_one_answer_ends_the_pauses() -> None:
    work = Work(1, Pace(20.0, 1.0, 60.0))
    work.jobs.add(map(work.job, range(6)))
    for number in range(4):
        work.end(number, number == 3)
        work.now = work.jobs.deadline() if work.jobs.deadline() < FOREVER else work.now
        work.jobs.work()
    before = work.now
    work.end(4, False)
    assert work.jobs.deadline() == before + 1.0


def test_those_that_were_under_way_together_make_one_pause() -> None:
    """Three at once that nobody answers are one silence, not three."""
    work = Work(3, Pace(1e6, 1.0, 60.0))
    work.jobs.add(map(work.job, range(9)))
    work.now = 1e-5
    work.jobs.work()
    work.now = 1.0
    work.jobs.work()
    under_way = list(work.under_way)
    assert len(under_way) == 3
    for number in under_way:
        work.end(number, False)
    assert work.jobs.deadline() == 2.0
    work.now = 2.0
    work.jobs.work()
    work.end(next(iter(work.under_way)), False)
    assert work.jobs.deadline() == 4.0
