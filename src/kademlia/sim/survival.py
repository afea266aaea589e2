"""What the formula says of values that are kept by k nodes, and how sure a measured share is.

A value is lost in an interval T between two replications if all its k holders go: L = (1 - S(T))^k. It survives M
intervals with (1 - L)^M. Values with neighbouring keys have the same holders, and so the same fate: chance is judged
by resampling nodes, k neighbours at a time, each with all the keys that are nearest to them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Sequence
from random import Random
from statistics import fmean

#: Resamples; the ends of the interval are known to about a fortieth of its width.
RESAMPLES = 1_000

#: The share of resamples between the two ends.
CONFIDENCE = 0.95


def survives(intervals: Sequence[float], over_s: float, ksize: int, stays: Callable[[float], float]) -> float:
    """Return the chance that a value lives on for some time.

    Args:
        intervals: Seconds between two replications, as measured.
        over_s: That time, in seconds.
        ksize: How many hold it.
        stays: The chance that a holder is still there after so many seconds, the S of the formula.

    Raises:
        ValueError: There are no intervals.
    """
    if not intervals:
        raise ValueError("no interval between two replications was measured; let the network run for two hours or more")
    loss = fmean((1 - stays(seconds)) ** ksize for seconds in intervals)
    return float((1 - loss) ** (over_s / fmean(intervals)))


def neighbourhoods(node_ids: Collection[int], keys: Collection[bytes], ksize: int) -> list[list[bytes]]:
    """Return the keys by runs of k nodes that are neighbours, in the order of ids; every key is in one."""
    ordered = sorted(node_ids)
    parts: list[list[bytes]] = [[] for _ in range(-(-len(ordered) // ksize))]
    for key in sorted(keys):
        place = min(bisect_left(ordered, int.from_bytes(key, "big")), len(ordered) - 1)
        parts[place // ksize].append(key)
    return [part for part in parts if part]


def interval_of_share(parts: Sequence[Sequence[bytes]], hit: Collection[bytes], chance: Random) -> tuple[float, float]:
    """Return between which bounds the share of the keys that are hit lies, in 95 % of the resamples.

    Args:
        parts: Keys that share their fate, as `neighbourhoods` returns them.
        hit: Those that are hit.
        chance: Draws the resamples.
    """
    counts = [(sum(key in hit for key in part), len(part)) for part in parts]
    shares = []
    for _ in range(RESAMPLES):
        drawn = chance.choices(counts, k=len(counts))
        shares.append(sum(hits for hits, _ in drawn) / sum(of for _, of in drawn))
    shares.sort()
    tail = round(RESAMPLES * (1 - CONFIDENCE) / 2)
    return shares[tail], shares[-1 - tail]
