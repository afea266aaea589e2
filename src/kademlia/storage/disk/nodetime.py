"""The time of a node on disk: seconds that go on from one run to the next, and that no wrong clock turns back.

The rule: while a node runs, its time goes on with the monotonic clock alone, so that a wall clock that is put right, or
wrong, changes no life. Between two runs only the wall clock knows how long it was; where that is behind what it was
when the file was last written, no time has passed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

#: A wall clock this far behind what it was is told; less is what any clock is put right by.
BEHIND_TOLD_S = 60.0

#: A file last written so long ago is told: it may be a clock that is ahead.
AHEAD_TOLD_S = 12 * 3600.0

#: A wall clock that leaves the monotonic one by so much during a run is told; also where the machine slept so long.
JUMP_TOLD_S = 3600.0


class Heartbeat(NamedTuple):
    """When a file was last written."""

    node: float  #: in node time
    wall: float  #: by the wall clock, in seconds since 1970


class NodeTime:
    """The time of one node, from the opening of its file on.

    Args:
        clock: The monotonic clock that the node goes by.
        wall: The wall clock, in seconds since 1970.
        last: When the file was last written; None of a new file: its node time begins with the wall clock.

    Attributes:
        offset: Node time less the monotonic clock.
        news: Lines for the operator.
    """

    def __init__(self, clock: Callable[[], float], wall: Callable[[], float], last: Heartbeat | None) -> None:
        self._clock = clock
        self._wall = wall
        now, wall_now = clock(), wall()
        self.news: list[str] = []
        self._wall_offset = wall_now - now
        if last is None:
            self.offset = self._wall_offset
            return
        passed = wall_now - last.wall
        self.offset = last.node + max(passed, 0.0) - now
        if passed < -BEHIND_TOLD_S:
            self.news.append(
                f"the clock is {_told(-passed)} behind what it was when the values were last written: they keep what "
                "was left of their lives; set the clock right"
            )
        elif passed > AHEAD_TOLD_S:
            self.news.append(
                f"by the clock the values were last written {_told(passed)} ago, and are older by that; nothing is "
                "deleted for it yet: if the clock is wrong, stop the node and set it right"
            )

    def heartbeat(self) -> Heartbeat:
        """Return the present time, to be saved; a jump of the wall clock is news."""
        now, wall_now = self._clock(), self._wall()
        jumped = wall_now - now - self._wall_offset
        if abs(jumped) > JUMP_TOLD_S:
            self._wall_offset += jumped
            way = "ahead" if jumped > 0 else "back"
            self.news.append(f"the clock went {_told(abs(jumped))} {way} while the node ran: no value is older for it")
        return Heartbeat(now + self.offset, wall_now)


def _told(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds:.0f} s"
