"""Whether the demo went well. Pure: what was stored, what was found and who was killed go in, a judgement comes out.

The rule: nothing counts as found that is not equal, byte for byte, to what was stored; and a value is lost without
blame only if every node that held it was killed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import msgspec

from kademlia.cli.demo.story import Results
from kademlia.cli.values import Value

#: Keys named in one line; the rest are counted.
NAMED_MAX = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What became of a number of values that were looked for. The lists hold keys, in the order of storing."""

    equal: list[str] = field(default_factory=list)  #: found, and equal to what was stored
    different: list[str] = field(default_factory=list)  #: found, but not what was stored
    lost: list[str] = field(default_factory=list)  #: not found although a living node holds it
    gone: list[str] = field(default_factory=list)  #: not found, and all nodes that held it were killed

    @property
    def good(self) -> bool:
        """Whether all that could be found was found, and was right."""
        return not self.different and not self.lost


def judge(stored: Mapping[str, Value], found: Mapping[str, Value | None], held: Collection[str]) -> Judgement:
    """Compare what was found with what was stored.

    Args:
        stored: The value of every key that was stored.
        found: The value found for a key; None, or no entry, if none was.
        held: The keys whose values a living node holds.
    """
    judgement = Judgement()
    for key, value in stored.items():
        answer = found.get(key)
        if answer is None:
            (judgement.lost if key in held else judgement.gone).append(key)
        elif same(answer, value):
            judgement.equal.append(key)
        else:
            judgement.different.append(key)
    return judgement


def same(one: Value, other: Value) -> bool:
    """Return whether two values are the same bytes on the wire: 1, 1.0, True and "1" all differ."""
    return msgspec.msgpack.encode(one) == msgspec.msgpack.encode(other)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The demo as a whole."""

    records: int
    joined: bool  #: every node found others
    refused: Mapping[str, str]  #: why a value was not stored, by its key
    bad_lines: int  #: lines of the user's file that hold no record
    first: Judgement  #: of reading everything
    again: Judgement  #: of reading everything after the kill
    faults: int  #: exceptions in kademlia's own code

    @property
    def failures(self) -> list[str]:
        """What went wrong, a line each; none if all is well."""
        checks: list[tuple[Collection[object] | int | bool, str]] = [
            (not self.joined, "not every node found others"),
            (self.bad_lines, f"lines of the file that hold no record: {self.bad_lines}"),
            (not self.records, "there was nothing to store"),
            (self.refused, f"not stored: {named(self.refused)}"),
            (self.first.different, f"different from what was stored: {named(self.first.different)}"),
            (self.first.lost, f"not found: {named(self.first.lost)}"),
            (self.first.gone, f"stored, and held by nobody: {named(self.first.gone)}"),
            (self.again.different, f"different after the kill: {named(self.again.different)}"),
            (self.again.lost, f"lost although a holder lives: {named(self.again.lost)}"),
            (self.faults, f"faults in kademlia itself: {self.faults}"),
        ]
        return [text for failed, text in checks if failed]


def conclude(records: Mapping[str, Value], results: Results, bad_lines: int) -> Verdict:
    """Judge a whole run of the demo."""
    sets = results.sets
    stored = {key: value for key, value in records.items() if key not in sets.refused}
    held_first = {key for key, places in results.holders.items() if places}
    return Verdict(
        records=len(records),
        joined=results.joined,
        refused=sets.refused,
        bad_lines=bad_lines,
        first=judge(stored, results.first.found, held_first),
        again=judge(stored, results.again.found, results.held_by_the_living()),
        faults=results.faults,
    )


def named(keys: Collection[str]) -> str:
    """Return how many keys these are, and the first of them."""
    few = ", ".join(list(keys)[:NAMED_MAX])
    return f"{len(keys):,} ({few}{', ...' if len(keys) > NAMED_MAX else ''})"
