"""How long a datagram takes from one place to another, one way.

A place is a number that the world gives each address. What is drawn for a pair of places follows from the model's seed
and the two numbers alone, so that no table of pairs is kept and no order of events changes it. Models and their
numbers: Li et al. (INFOCOM 2005) for King, the NetLatency data for PlanetLab.
"""

from __future__ import annotations

from array import array
from math import hypot
from pathlib import Path
from random import Random
from statistics import NormalDist
from typing import Protocol

#: King: median round trip in seconds, and the sigma of the lognormal fitted to it.
KING_MEDIAN_S = 0.156
KING_SIGMA = 0.513

#: The round trip between two places at one host of a matrix, in seconds.
SAME_HOST_S = 0.001

#: Steps of the table in which a uniform number is looked up as a lognormal one; the top step is the 99.994th percentile.
QUANTILES = 1 << 13

#: A matrix file holds tenths of a millisecond, and so many bytes each.
MATRIX_UNIT_S = 0.0001
MATRIX_ITEM_BYTES = 2

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


class Constant:
    """Every datagram takes the same time.

    Args:
        seconds: One way.
    """

    def __init__(self, seconds: float) -> None:
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
        per_message: Draw anew for every datagram: what the literature's simplest models do. It flatters parallel
            requests and hides who is near, so it is for comparing with them.
    """

    def __init__(
        self, seed: int, median_s: float = KING_MEDIAN_S, sigma: float = KING_SIGMA, *, per_message: bool = False
    ) -> None:
        law = NormalDist()
        scaled = (sigma * law.inv_cdf((step + 0.5) / QUANTILES) for step in range(QUANTILES))
        self._one_way_s = [0.5 * median_s * 2.718281828459045**z for z in scaled]
        self._seed = seed
        self._per_message = per_message
        self._messages = 0
        self._answer_of: dict[tuple[int, int], list[float]] = {}

    def one_way(self, source: int, target: int) -> float:
        """Return the seconds that a datagram takes; both ways of a pair are alike."""
        if self._per_message:
            return self._of_message(source, target)
        low, high = (source, target) if source < target else (target, source)
        return self._one_way_s[mixed(self._seed, low, high) % QUANTILES]

    def _of_message(self, source: int, target: int) -> float:
        """Return a latency of its own for each round trip: the answer takes as long as its request did."""
        owed = self._answer_of.get((source, target))
        if owed:
            return owed.pop()
        self._messages += 1
        seconds = self._one_way_s[mixed(self._seed, self._messages, 0) % QUANTILES]
        self._answer_of.setdefault((target, source), []).append(seconds)
        return seconds


class Coordinates:
    """Places on a map, each with a line of its own to the nearest exchange: latencies obey the triangle inequality
    but for their noise, so who is near to a near one is near.

    Args:
        seed: Every latency follows from it.
    """

    # Fitted to the percentiles of the PlanetLab matrix (docs/simulator.md): centres of continents on a plane in
    # milliseconds of round trip, with the share of hosts and the spread around each.
    CONTINENTS = ((0.0, 0.0, 0.5, 20.0), (100.0, 0.0, 0.3, 20.0), (230.0, 0.0, 0.2, 20.0))
    #: Round trip over the own line, in milliseconds: the median, and the sigma of its logarithm.
    ACCESS_MS = 5.0
    ACCESS_SIGMA = 0.8
    #: Sigma of the logarithm of what a pair's route is longer or shorter than the map says.
    ROUTE_SIGMA = 0.1

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._places: dict[int, tuple[float, float, float]] = {}
        law = NormalDist()
        self._routes = [
            2.718281828459045 ** (self.ROUTE_SIGMA * law.inv_cdf((step + 0.5) / QUANTILES)) for step in range(QUANTILES)
        ]

    def one_way(self, source: int, target: int) -> float:
        """Return the seconds that a datagram takes; both ways of a pair are alike."""
        x, y, access = self._places.get(source) or self._placed(source)
        u, v, more = self._places.get(target) or self._placed(target)
        low, high = (source, target) if source < target else (target, source)
        route = self._routes[mixed(self._seed, low, high) % QUANTILES]
        return (hypot(x - u, y - v) * route + access + more) * 0.0005

    def _placed(self, place: int) -> tuple[float, float, float]:
        chance = Random(mixed(self._seed, place, 1))
        weights = [share for _, _, share, _ in self.CONTINENTS]
        x, y, _, spread = chance.choices(self.CONTINENTS, weights)[0]
        access = chance.lognormvariate(0.0, self.ACCESS_SIGMA) * self.ACCESS_MS
        where = (chance.gauss(x, spread), chance.gauss(y, spread), access)
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
