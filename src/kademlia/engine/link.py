"""Is it them or us? Whether silence means that a peer is gone or that our own link is down.

Ten calls in a row without an answer, to nodes that used to answer, and nothing heard since they were sent, mean that
it is our link (pymdht's rule): strikes are suspended, and those of that run forgiven, or an hour without a cable would
make every contact a dead one.
"""

from __future__ import annotations

from kademlia.engine import limits
from kademlia.engine.records import Record


class Link:
    """Our own link to the network, judged by what comes back."""

    __slots__ = ("_blamed", "_silences", "down", "heard_at", "in_doubt")

    def __init__(self) -> None:
        self.down = False
        self.in_doubt = False  # it is down, or a call got no answer since we last heard anybody
        self.heard_at = float("-inf")  # when a peer was last heard for certain
        self._silences = 0
        self._blamed: list[Record] = []

    def heard(self, now: float) -> None:
        """Learn that somebody got through: the link is up, and the strikes since are deserved."""
        self.heard_at = now
        self.down = self.in_doubt = False
        self._silences = 0
        self._blamed.clear()

    def silent(self, record: Record, sent_at: float) -> bool:
        """Learn that a call got no answer; return whether that was the one too many."""
        if sent_at < self.heard_at:
            return False
        self._silences += 1
        self.in_doubt = True
        if not self.down:
            self._blamed.append(record)
        return self._silences >= limits.TIMEOUTS_UNTIL_LINK_DOWN and not self.down

    def suspect(self) -> list[Record]:
        """Take the link for down until somebody is heard; return whom we blamed since we last heard anybody."""
        self.down = self.in_doubt = True
        blamed, self._blamed = self._blamed, []
        return blamed
