"""Jobs that a node does by itself, one after the other, a few at once, at a pace.

They come in series, are made as their turn comes, and may end at once. A job ends with anything; False says that nobody
answered, after which the rest waits for a while.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from kademlia.engine.operation import Operation
from kademlia.engine.pace import Pace
from kademlia.engine.records import FOREVER

#: Begins what is to be done; None if there is nothing to be done any more.
Job = Callable[[], "Operation[Any] | None"]


class Series:
    """Jobs that belong together; `operation` ends when the last one has."""

    __slots__ = ("jobs", "operation", "running")

    def __init__(self, jobs: Iterable[Job]) -> None:
        self.jobs = iter(jobs)
        self.operation: Operation[None] = Operation()
        self.running = 0


class Jobs:
    """A queue of series.

    Args:
        at_once: Jobs under way together.
        clock: Returns the present time.
        pace: How many there may be a second; as many as there are without one.
    """

    def __init__(self, at_once: int, clock: Callable[[], float], pace: Pace | None = None) -> None:
        self._at_once = at_once
        self._clock = clock
        self._pace = pace
        self._waiting: deque[Series] = deque()
        self._running = 0
        self._working = False

    @property
    def busy(self) -> bool:
        """Whether any job waits or is under way."""
        return bool(self._waiting or self._running)

    def add(self, jobs: Iterable[Job]) -> Operation[None]:
        """Do some jobs, after those that wait; the operation ends when all are done."""
        series = Series(jobs)
        self._waiting.append(series)
        self.work()
        return series.operation

    def deadline(self) -> float:
        """Return when `work` has something to do that is not begun by the end of another job."""
        idle = self._pace is None or not self._waiting or self._running >= self._at_once
        return FOREVER if idle or self._pace is None else self._pace.next_at

    def work(self) -> None:
        """Begin what may be under way now."""
        if self._working:  # a job ended at once, inside of the loop below, which goes on by itself
            return
        self._working = True
        pace = self._pace
        while self._waiting and self._running < self._at_once and (pace is None or pace.next_at <= self._clock()):
            series = self._waiting[0]
            job = next(series.jobs, None)
            operation = job() if job is not None else None
            if job is None:
                self._waiting.popleft()
            elif operation is not None:
                if pace is not None:
                    pace.take(self._clock())
                self._running += 1
                series.running += 1
                operation.then(partial(self._worked, series))
            self._maybe_end(series)
        self._working = False

    def clear(self) -> None:
        """Begin nothing more."""
        while self._waiting:
            self._waiting.popleft().operation.finish(None)

    def _worked(self, series: Series, result: object) -> None:
        self._running -= 1
        series.running -= 1
        if self._pace is not None and result is False:
            self._pace.silent(self._clock())
        elif self._pace is not None:
            self._pace.answered()
        self._maybe_end(series)
        self.work()

    def _maybe_end(self, series: Series) -> None:
        if not series.running and series not in self._waiting:
            series.operation.finish(None)
