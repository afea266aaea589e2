"""What every benchmark returns: our figure beside a peer's, round by round, and what we promised of their ratio."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Comparison:
    """One row of the report.

    Rounds alternate between us and the peer, so that a slow minute of the machine hits both; the ratio is the median
    of the rounds' ratios, ours divided by theirs. A row without a peer compares our figure itself with the promise.
    """

    row: str  #: what is measured: "find_node answered, random target"
    peer: str  #: against whom: "bare echo", "kademlia 2.2.3 (sender not in its table)"; "" if against nobody
    unit: str  #: of the figures: "us CPU per request", "operations per CPU second", "bytes"
    ours: list[float] = field(default_factory=list)  #: one figure a round
    theirs: list[float] = field(default_factory=list)  #: the same rounds'; empty without a peer
    must: float | None = None  #: the promise: the ratio (without a peer: our figure) that must be reached, or better
    aim: float | None = None  #: the one that is aimed at
    more_is_better: bool = False
    wall: dict[str, float] = field(default_factory=dict)  #: rates by wall clock, for information: {"ours": 140_000.0}
    note: str = ""  #: what a reader has to know: table sizes, shares answered

    @property
    def value(self) -> float:
        """The figure that is compared with the promise."""
        if not self.theirs:
            return statistics.median(self.ours)
        return statistics.median(one / other for one, other in zip(self.ours, self.theirs, strict=True))

    def reached(self, promise: float | None) -> bool:
        """Return whether a promise is kept; True if there is none."""
        return promise is None or (self.value >= promise if self.more_is_better else self.value <= promise)

    def as_json(self) -> dict[str, Any]:
        """Return what the JSON file holds."""
        medians = {"ours_median": statistics.median(self.ours)}
        if self.theirs:
            medians["theirs_median"] = statistics.median(self.theirs)
        judged = {"value": self.value, "must_reached": self.reached(self.must), "aim_reached": self.reached(self.aim)}
        return asdict(self) | medians | judged
