"""The pace of a node's own work: so many values a second, and a pause where nobody answers."""

from __future__ import annotations

from kademlia.engine.records import NEVER


class Pace:
    """A budget of values; what is not used up in a second is lost.

    Args:
        per_s: Values a second.
        pause_min_s: The first pause.
        pause_max_s: What it doubles up to, while nobody answers.
    """

    def __init__(self, per_s: float, pause_min_s: float, pause_max_s: float) -> None:
        self._every_s = 1 / per_s
        self._burst_s = 1.0
        self._pause_min_s = pause_min_s
        self._pause_max_s = pause_max_s
        self._pause_s = pause_min_s
        self._paused_until = NEVER
        self.next_at = NEVER  #: when the next value may go

    def take(self, now: float) -> bool:
        """Return whether one more value may go now; if so, it has."""
        if now < self.next_at:
            return False
        self.next_at = max(self.next_at, now - self._burst_s) + self._every_s
        return True

    def answered(self) -> None:
        """Forget the pauses: somebody is there."""
        self._pause_s = self._pause_min_s

    def silent(self, now: float) -> None:
        """Pause: nobody answered; twice as long each time."""
        if now >= self._paused_until:  # else it is one of those that were under way before the pause
            self._paused_until = self.next_at = now + self._pause_s
            self._pause_s = min(2 * self._pause_s, self._pause_max_s)
