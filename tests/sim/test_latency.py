"""Models of latency: they follow from seeds alone, and their round trips are those that were measured."""

from __future__ import annotations

from array import array
from itertools import combinations
from math import log
from pathlib import Path
from statistics import fmean, median, pstdev, quantiles

import pytest

from kademlia.sim import Constant, Coordinates, Latency, Lognormal, Matrix, latency

PLACES = 300

#: The PlanetLab matrix (NetLatency data, 490 hosts): percentiles of its round trips and their mean, in milliseconds.
PLANETLAB_MS = {5: 19, 25: 59, 50: 135, 75: 202, 90: 291, 95: 325, 99: 413}
PLANETLAB_MEAN_MS = 147


def trips_ms(model: Latency) -> list[float]:
    """Return the round trips of all pairs of places, in milliseconds."""
    return [2000 * model.one_way(one, other) for one in range(PLACES) for other in range(one)]


def write_matrix(path: Path, *tenths_ms: int) -> Path:
    """Write a matrix file; return where it is."""
    path.write_bytes(b"".join(number.to_bytes(2, "little") for number in tenths_ms))
    return path


@pytest.mark.parametrize("seed", [1, 2])
def test_the_map_has_the_round_trips_of_planetlab(seed: int) -> None:
    """A user without the matrix gets close; a single seed's percentiles lie around those that were fitted."""
    trips = trips_ms(Coordinates(seed))
    percentiles = quantiles(trips, n=100)
    ours = {percent: percentiles[percent - 1] for percent in PLANETLAB_MS}
    for percent, published in PLANETLAB_MS.items():
        assert ours[percent] == pytest.approx(published, rel=0.11), f"percentile {percent}"
    assert fmean(trips) == pytest.approx(PLANETLAB_MEAN_MS, rel=0.03)


def test_on_the_map_who_is_near_to_a_near_one_is_near() -> None:
    """What a lookup gains from near contacts hangs on it; independent pairs do not have it."""
    longer = {}
    for model in (Coordinates(3), Lognormal(3)):
        legs = []
        for place in range(20):
            near = [other for other in range(PLACES) if other != place and model.one_way(place, other) < 0.025]
            legs += [model.one_way(one, other) for one, other in combinations(near, 2)]
        longer[type(model)] = sum(leg > 0.05 for leg in legs) / len(legs)
    assert longer[Coordinates] < 0.02
    assert longer[Lognormal] > 0.5


@pytest.mark.parametrize("seed", [1, 2])
def test_lognormal_round_trips_are_those_of_king(seed: int) -> None:
    """Li et al. (INFOCOM 2005): median 156 ms, mean 178 ms."""
    trips = trips_ms(Lognormal(seed))
    assert median(trips) == pytest.approx(156, rel=0.02)
    assert fmean(trips) == pytest.approx(178, rel=0.02)
    assert pstdev(map(log, trips)) == pytest.approx(0.513, rel=0.02)


def test_a_latency_drawn_for_each_request_is_its_answers_too() -> None:
    """A round trip of two independent halves would vary less than those that were measured."""
    model = Lognormal(4, per_message=True)
    trips = []
    for number in range(5000):
        there = model.one_way(1, 2 + number % 3)
        assert model.one_way(2 + number % 3, 1) == there
        trips.append(2000 * there)
    assert len(set(trips)) > 2000
    assert median(trips) == pytest.approx(156, rel=0.03)
    assert fmean(trips) == pytest.approx(178, rel=0.03)
    assert pstdev(map(log, trips)) == pytest.approx(0.513, rel=0.03)


def test_requests_that_are_never_answered_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run with dead contacts asks thousands who never answer: what they would take must not stay for ever."""
    monkeypatch.setattr(latency, "PAIRS_OWED_MAX", 100)
    model = Lognormal(5, per_message=True)
    for place in range(1, 1001):
        for _ in range(10):
            last = model.one_way(0, place)
    assert len(model._owed) == 100
    assert sum(map(len, model._owed.values())) == 100 * latency.ANSWERS_OWED_MAX
    assert model.one_way(1000, 0) == last


@pytest.mark.parametrize("make", [Coordinates, Lognormal])
def test_latencies_follow_from_the_seed_and_the_pair_whatever_was_asked_before(
    make: type[Coordinates | Lognormal],
) -> None:
    """Otherwise one more datagram would change a whole world; and both ways of a pair are alike."""
    one, other = make(6), make(6)
    forwards = [one.one_way(a, b) for a in range(20) for b in range(a)]
    backwards = [other.one_way(b, a) for a in reversed(range(20)) for b in reversed(range(a))]
    assert forwards == backwards[::-1]
    assert forwards != [make(7).one_way(a, b) for a in range(20) for b in range(a)]


def test_a_constant_latency_is_the_same_for_all() -> None:
    model = Constant(0.03)
    assert {model.one_way(one, other) for one in range(5) for other in range(5)} == {0.03}


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Constant(-1.0), "0 or more, not -1.0"),
        (lambda: Constant(float("nan")), "not nan"),
        (lambda: Lognormal(1, median_s=0.0), "median_s is in seconds, above 0, not 0.0"),
        (lambda: Lognormal(1, sigma=-0.1), "sigma is 0 or more, not -0.1"),
    ],
)
def test_impossible_numbers_are_refused(make: type[Latency], says: str) -> None:
    """A negative latency would let answers come before their requests."""
    with pytest.raises(ValueError, match=says):
        make()


# -- matrices ------------------------------------------------------------------------------------------------------


def test_a_matrix_file_is_read_as_the_upper_triangle_row_by_row(tmp_path: Path) -> None:
    """Pairs (0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3); 1,000 tenths of a millisecond are 50 ms one way."""
    model = Matrix(write_matrix(tmp_path / "four.u16", 10, 20, 30, 1000, 40, 65535), 1)
    assert model.hosts == 4
    same = 0.0005
    assert model._one_way_s == [
        pytest.approx([same, 0.0005, 0.001, 0.0015]),
        pytest.approx([0.0005, same, 0.05, 0.002]),
        pytest.approx([0.001, 0.05, same, 3.27675]),
        pytest.approx([0.0015, 0.002, 3.27675, same]),
    ]


def test_every_place_is_at_one_host_of_the_matrix(tmp_path: Path) -> None:
    """More nodes than hosts share them: at one host they are a millisecond apart, and as far from others as it is."""
    model = Matrix(write_matrix(tmp_path / "two.u16", 1000), 1)
    rows = {tuple(model.one_way(place, other) for other in range(100)) for place in range(100)}
    assert len(rows) == 2
    assert {seconds for row in rows for seconds in row} == {0.0005, 0.05}
    assert model.one_way(3, 8) == model.one_way(8, 3) == Matrix(tmp_path / "two.u16", 1).one_way(3, 8)


@pytest.mark.parametrize("size", [0, 1, 3, 4, 8, 13])
def test_a_file_that_is_no_triangle_is_refused_by_name_and_format(tmp_path: Path, size: int) -> None:
    """Whoever passes the wrong file has to learn which one, and what was expected."""
    path = tmp_path / "wrong.u16"
    path.write_bytes(bytes(size))
    with pytest.raises(ValueError, match=rf"wrong\.u16: {size} bytes .*n\(n-1\)/2 little-endian 16-bit numbers"):
        Matrix(path, 1)


def test_a_matrix_of_another_byte_order_is_no_other_matrix(tmp_path: Path) -> None:
    """The file is little-endian on every machine."""
    numbers = array("H", [1, 256, 513])
    path = write_matrix(tmp_path / "three.u16", *numbers)
    assert Matrix(path, 1)._one_way_s[0][1:] == pytest.approx([0.00005, 0.0128])
