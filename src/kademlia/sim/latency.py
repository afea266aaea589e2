"""How long a datagram takes from one place to another, one way.

A place is a number that the world gives each address. What is drawn for a pair of places follows from the model's seed
and the two numbers alone, so that no table of pairs is kept and no order of events changes it. Models and their
numbers: Li et al. (INFOCOM 2005) for King, the NetLatency data for PlanetLab.
"""

from __future__ import annotations

from array import array
from bisect import bisect
from collections import OrderedDict
from itertools import accumulate
from math import exp, hypot
from pathlib import Path
from random import Random
from statistics import NormalDist
from typing import Protocol

#: King: median round trip in seconds, and the sigma of the lognormal fitted to it.
KING_MEDIAN_S = 0.156
KING_SIGMA = 0.513

#: The round trip between two places at one host of a matrix, in seconds.
SAME_HOST_S = 0.001

#: Steps of the table in which a uniform number is looked up as a lognormal one; the top one is percentile 99.994.
QUANTILES = 1 << 13

#: Pairs of places for which a model that draws for each message remembers what their answers take; without a bound
#: those who never answer would stay for ever. 100,000 nodes have about so many requests under way, at 200 bytes each.
PAIRS_OWED_MAX = 1 << 17

#: Answers remembered for one pair: a request and its repetition, of two lookups at once.
ANSWERS_OWED_MAX = 4

#: A matrix file holds tenths of a millisecond, and so many bytes each.
MATRIX_UNIT_S = 0.0001
MATRIX_ITEM_BYTES = 2

#: Half of a round trip given in milliseconds, in seconds.
_ONE_WAY_S_PER_MS = 0.0005

#: Places are dealt to continents by steps of the golden ratio: any run of them has the right shares, nearly exactly.
_GOLDEN = 0.6180339887498949

_MASK = (1 << 64) - 1


class Latency(Protocol):
    """A model of latency."""

    def one_way(self, source: int, target: int) -> float:
        """Return the seconds that a datagram takes from one place to another."""


def mixed(seed: int, one: int, other: int) -> int:
    """Return 64 bits that look random and follow from three numbers (the finalizer of splitmix64)."""
    bits = (seed * 0x9E3779B97F4A7C15 ^ one * 0xBF58476D1CE4E5B9 ^ other * 0x94D049BB133111EB) & _MASK
    bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    bits = (bits ^ bits >> 27) * 0x94D049BB133111EB & _MASK
    return bits ^ bits >> 31


def lognormal_table(median: float, sigma: float) -> list[float]:
    """Return a lognormal law as the values at `QUANTILES` equal steps of probability, lowest first."""
    law = NormalDist()
    return [median * exp(sigma * law.inv_cdf((step + 0.5) / QUANTILES)) for step in range(QUANTILES)]


class Constant:
    """Every datagram takes the same time.

    Args:
        seconds: One way.

    Raises:
        ValueError: It is negative.
    """

    def __init__(self, seconds: float) -> None:
        if not seconds >= 0:
            raise ValueError(f"latency is in seconds, 0 or more, not {seconds!r}")
        self.seconds = seconds

    def one_way(self, source: int, target: int) -> float:
        """Return the seconds that a datagram takes."""
        return self.seconds


class Lognormal:
    """Round trips as measured by King: lognormal, drawn once for each pair of places, or anew for each request.

    Args:
        seed: Every latency follows from it.
        median_s: Half of the round trips are shorter, in seconds.
        sigma: Standard deviation of the logarithm.
        per_message: Draw anew for every request: what the literature's simplest models do. It flatters parallel
            requests and hides who is near, so it is for comparing with them.

    Raises:
        ValueError: The median is not above 0, or sigma is negative.
    """

    def __init__(
        self, seed: int, median_s: float = KING_MEDIAN_S, sigma: float = KING_SIGMA, *, per_message: bool = False
    ) -> None:
        if not median_s > 0:
            raise ValueError(f"median_s is in seconds, above 0, not {median_s!r}")
        if not sigma >= 0:
            raise ValueError(f"sigma is 0 or more, not {sigma!r}")
        self._one_way_s = lognormal_table(median_s / 2, sigma)
        self._seed = seed
        self._per_message = per_message
        self._messages = 0
        self._owed: OrderedDict[tuple[int, int], list[float]] = OrderedDict()  # what answers on their way back take

    def one_way(self, source: int, target: int) -> float:
        """Return the seconds that a datagram takes; both ways of a round trip are alike."""
        if self._per_message:
            return self._of_message(source, target)
        low, high = (source, target) if source < target else (target, source)
        return self._one_way_s[mixed(self._seed, low, high) % QUANTILES]

    def _of_message(self, source: int, target: int) -> float:
        """Return a latency of its own for each round trip: the answer takes as long as its request did."""
        owed = self._owed
        answers = owed.get((source, target))
        if answers is None:
            return self._of_request(source, target)
        seconds = answers.pop()
        if not answers:
            del owed[source, target]
        return seconds

    def _of_request(self, source: int, target: int) -> float:
        self._messages += 1
        seconds = self._one_way_s[mixed(self._seed, self._messages, 0) % QUANTILES]
        answers = self._owed.setdefault((target, source), [])
        answers.append(seconds)
        if len(answers) > ANSWERS_OWED_MAX:
            del answers[0]
        if len(self._owed) > PAIRS_OWED_MAX:
            self._owed.popitem(last=False)  # the pair that has owed for longest
        return seconds


class Coordinates:
    """Places on a map, each with a line of its own to the nearest exchange.

    Latencies obey the triangle inequality but for their noise: who is near to a near one is near. The constants are
    fitted to the round trips of the PlanetLab matrix. In milliseconds, with 300 places, means of eight seeds (one seed
    alone: 3 % off in the middle, 6 % at the 25th percentile):

    | percentile | 5 | 25 | 50 | 75 | 90 | 95 | 99 | mean |
    |---|---|---|---|---|---|---|---|---|
    | PlanetLab | 19 | 59 | 135 | 202 | 291 | 325 | 413 | 147 |
    | this map | 19 | 60 | 136 | 207 | 292 | 332 | 418 | 147 |

    0.6 % of the pairs are nearer than 5 ms (PlanetLab: 0.8 %); two machines in one room there are not.

    Args:
        seed: Every latency follows from it.
    """

    #: Centres of continents on a plane in milliseconds of round trip, the share of places there, and their spread.
    CONTINENTS = (
        (0.0, 0.0, 0.487, 21.3),
        (297.0, 0.0, 0.086, 21.0),
        (84.0, -141.0, 0.194, 1.9),
        (45.0, 10.0, 0.233, 67.0),
    )
    #: Round trip over the own line, in milliseconds: the median, and the sigma of its logarithm.
    ACCESS_MS = 2.19
    ACCESS_SIGMA = 1.70
    #: Sigma of the logarithm of what a pair's route is longer or shorter than the map says.
    ROUTE_SIGMA = 0.112

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._first = mixed(seed, 0, 3) / (_MASK + 1)  # where the dealing of places to continents begins
        self._bounds = list(accumulate(share for _, _, share, _ in self.CONTINENTS))[:-1]
        self._places: dict[int, tuple[float, float, float, int]] = {}
        self._routes = lognormal_table(_ONE_WAY_S_PER_MS, self.ROUTE_SIGMA)

    def one_way(self, source: int, target: int) -> float:  # hot
        """Return the seconds that a datagram takes; both ways of a pair are alike."""
        places = self._places
        x, y, access_s, draw = places.get(source) or self._placed(source)
        u, v, other_access_s, other_draw = places.get(target) or self._placed(target)
        route = self._routes[(draw * other_draw >> 32) % QUANTILES]  # the middle of a product is as good as random
        return hypot(x - u, y - v) * route + (access_s + other_access_s)

    def _placed(self, place: int) -> tuple[float, float, float, int]:
        """Return where a place is on the map, its line's part of a latency, and its number for drawing routes."""
        chance = Random(mixed(self._seed, place, 1))  # a simulation must be repeatable
        x, y, _, spread = self.CONTINENTS[bisect(self._bounds, (self._first + place * _GOLDEN) % 1)]
        access_s = chance.lognormvariate(0.0, self.ACCESS_SIGMA) * self.ACCESS_MS * _ONE_WAY_S_PER_MS
        where = (chance.gauss(x, spread), chance.gauss(y, spread), access_s, chance.getrandbits(32) | 1)
        self._places[place] = where
        return where


class Matrix:
    """Measured round trips between hosts; each place is at one of them.

    Args:
        path: A file of little-endian 16-bit numbers, tenths of a millisecond: the strict upper triangle of the
            symmetric matrix, row by row, n(n-1)/2 numbers for n hosts.
        seed: Which place is at which host follows from it.

    Raises:
        OSError: The file cannot be read.
        ValueError: Its length is that of no triangle.
    """

    def __init__(self, path: str | Path, seed: int) -> None:
        triangle = array("H")
        data = Path(path).read_bytes()
        count = len(data) // MATRIX_ITEM_BYTES
        hosts = round((1 + (1 + 8 * count) ** 0.5) / 2)
        if hosts < 2 or hosts * (hosts - 1) // 2 != count or len(data) % MATRIX_ITEM_BYTES:
            raise ValueError(
                f"{path}: {len(data)} bytes are no upper triangle of a matrix; for n hosts it holds n(n-1)/2 "
                f"little-endian 16-bit numbers, {MATRIX_ITEM_BYTES} bytes each, tenths of a millisecond"
            )
        triangle.frombytes(data)
        if array("H", [1]).tobytes() != b"\x01\x00":
            triangle.byteswap()
        self.hosts = hosts
        self._seed = seed
        self._host: dict[int, int] = {}
        self._one_way_s = _square(triangle, hosts)

    def one_way(self, source: int, target: int) -> float:
        """Return the seconds that a datagram takes; both ways of a pair are alike."""
        hosts = self._host
        row = hosts.get(source)
        if row is None:
            row = hosts[source] = mixed(self._seed, source, 2) % self.hosts
        column = hosts.get(target)
        if column is None:
            column = hosts[target] = mixed(self._seed, target, 2) % self.hosts
        return self._one_way_s[row][column]


def _square(triangle: array[int], hosts: int) -> list[list[float]]:
    square = [[SAME_HOST_S / 2] * hosts for _ in range(hosts)]
    values = iter(triangle)
    for row in range(hosts):
        for column in range(row + 1, hosts):
            square[row][column] = square[column][row] = next(values) * MATRIX_UNIT_S / 2
    return square
