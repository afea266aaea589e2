"""Plots of runs, as PNG or SVG: how long lookups took, how far they went, and what became of the tables.

Only here is matplotlib needed (the extra `sim`), and it is imported when the first plot is drawn. What is written
follows from what is drawn alone: no screen, no date.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import cos, log2, pi, sin
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kademlia.sim.health import Health
from kademlia.sim.walks import Walk
from kademlia.tree import ID_BITS, shared_bits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes

    from kademlia.sim.workload import Lookup

FORMATS = ("png", "svg")

#: Inches, and dots for each.
WIDE = (7.2, 4.2)
WIDER = (11.0, 5.4)
DOTS_PER_INCH = 150

INK, GREY, PALE = "#1f2430", "#8a909c", "#d9dce2"
COLOURS = ("#3f51b5", "#e4572e", "#2a9d6f", "#b5179e", "#c98a00", "#3a86c8")

#: Dots on the ring; more would be one line.
RING_DOTS_MAX = 720

#: Lookups drawn on it; with more, none can be followed.
RING_LOOKUPS = 4

#: Terms of E(k) beyond which none changes a digit that is read.
TERMS = 64

STYLE: Any = {
    "font.size": 10,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": PALE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "text.color": INK,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "svg.hashsalt": "kademlia",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The hops of one network, for `hops_against_n`."""

    nodes: int
    k: int
    b: int
    hops: float  #: the mean, to the closest node


def need() -> None:
    """Make sure that plots can be drawn.

    Raises:
        ImportError: matplotlib is not installed; the text says how it is.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        raise ImportError("plots need matplotlib; install it: pip install 'kademlia[sim]'") from None


def expected_hops(nodes: int, k: int, b: int) -> float:
    """Return log2(n) / (b - 1 + E(k)), the hops to the closest node; E(k) bits are gained by the best of k contacts."""
    gained = sum(1 - (1 - 0.5**bits) ** k for bits in range(TERMS))
    return log2(nodes) / (b - 1 + gained)


def latencies(walks: Iterable[Walk], path: Path, about: str = "") -> None:
    """Draw which share of lookups had its first holder, and had ended, by which time."""
    walks = list(walks)
    curves = {
        "first of the k closest answers": [walk.first_holder_s for walk in walks],
        "lookup ends": [walk.ended_s for walk in walks],
    }
    cumulated(curves, len(walks), path, _titled("How long lookups take", about))


def cumulated(curves: dict[str, list[float | None]], whole: int, path: Path, title: str) -> None:
    """Draw the cumulative distribution of some times, given in seconds by what they are.

    Args:
        curves: The times; None is what never happened.
        whole: How many are all: what never happened is missing at the top.
        path: The file to write.
        title: What the plot says above.
    """
    with _plot(path) as axes:
        longest = 0.0
        for (name, times), colour in zip(curves.items(), COLOURS, strict=False):
            ranked = sorted(time * 1000 for time in times if time is not None)
            if not ranked:
                continue
            shares = [100 * rank / whole for rank in range(len(ranked) + 1)]
            axes.step([ranked[0], *ranked], shares, where="post", color=colour, linewidth=2, label=name)
            _mark_percentiles(axes, ranked, whole, colour)
            longest = max(longest, ranked[min(len(ranked) - 1, int(0.999 * len(ranked)))])
        axes.set(xlabel="virtual time since the start, ms", ylabel="share of all, %", title=title)
        axes.set(xlim=(0, longest * 1.18 or 1), ylim=(0, 103))
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.legend(loc="lower right")


def _mark_percentiles(axes: Axes, ranked: list[float], whole: int, colour: str) -> None:
    """Mark the median and the 99th percentile on a curve."""
    for share in (0.5, 0.99):
        place = int(share * whole)
        if place < len(ranked):
            axes.plot(ranked[place], 100 * share, "o", color=colour, markersize=5)
            where: Any = {"xytext": (7, -11), "textcoords": "offset points", "color": colour, "fontsize": 9}
            axes.annotate(f"p{100 * share:.0f} {ranked[place]:,.0f} ms", (ranked[place], 100 * share), **where)


def hop_histogram(walks: Iterable[Walk], path: Path, about: str = "") -> None:
    """Draw how many hops lookups took to the closest node."""
    hops = [walk.closest_hops for walk in walks if walk.closest_hops is not None]
    counts = Counter(hops)
    with _plot(path) as axes:
        places = range(1, max(counts, default=1) + 1)
        shares = [100 * counts[place] / max(len(hops), 1) for place in places]
        bars = axes.bar(places, shares, width=0.62, color=COLOURS[0])
        axes.bar_label(bars, [f"{share:.1f} %" for share in shares], padding=3, fontsize=9)
        mean = sum(hops) / max(len(hops), 1)
        axes.axvline(mean, color=COLOURS[1], linestyle="--", linewidth=1.5, label=f"mean {mean:.2f}")
        axes.grid(visible=False, axis="x")
        axes.set(xlabel="hops to the closest node", ylabel="share of lookups, %", title=_titled("Hops", about))
        axes.set(xticks=list(places), xlim=(0.4, len(places) + 0.6), ylim=(0, 1.12 * max(shares, default=1) or 1))
        axes.legend(loc="upper right")


def hops_against_n(points: Iterable[Point], path: Path) -> None:
    """Draw the hops of several networks against their size, each k and b beside the line of `expected_hops`."""
    points = list(points)
    series: dict[tuple[int, int], list[Point]] = {}
    for point in sorted(points, key=lambda point: (point.k, point.b, point.nodes)):
        series.setdefault((point.k, point.b), []).append(point)
    with _plot(path) as axes:
        for number, ((k, b), measured) in enumerate(series.items()):
            colour = COLOURS[number % len(COLOURS)]
            sizes = [point.nodes for point in measured]
            ends = [min(sizes) / 1.5, max(sizes) * 1.5]
            axes.plot(ends, [expected_hops(int(n), k, b) for n in ends], color=colour, linewidth=1.2, alpha=0.6)
            hops = [point.hops for point in measured]
            axes.plot(sizes, hops, "o", color=colour, markersize=7, label=f"k = {k}, b = {b}")
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.set_ylim(0, 1.25 * max((point.hops for point in points), default=1))
        axes.set(xlabel="nodes", ylabel="hops to the closest node, mean", title="Hops against the size of the network")
        axes.plot([], [], color=GREY, linewidth=1.2, label="log2(n) / (b - 1 + E(k))")
        axes.legend(loc="upper left", ncols=2)


def traffic(series: Sequence[float], path: Path, about: str = "") -> None:
    """Draw what a node sent in each second, on average."""
    minutes = [second / 60 for second in range(len(series))]
    with _plot(path) as axes:
        axes.plot(minutes, series, color=COLOURS[0], linewidth=0.8)
        axes.set_yscale("symlog", linthresh=1.0)
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.set_ylim(0, 1.5 * max([1.0, *series]))
        axes.set(xlabel="virtual time, min", ylabel="datagrams a node and second", title=about or "What nodes send")


def table_health(health: Sequence[Health], path: Path, about: str = "") -> None:
    """Draw what nodes knew of their neighbours, and how much of what they knew was gone, over virtual time."""
    unit, seconds = next(
        (pair for pair in (("h", 3600.0), ("min", 60.0)) if health[-1].at_s >= 3 * pair[1]), ("s", 1.0)
    )
    times = [look.at_s / seconds for look in health]
    with _plot(path) as axes:
        curves = {
            "k closest living nodes, known": [look.known for look in health],
            "nodes that know all k": [look.know_all for look in health],
            "contacts that are gone": [look.stale for look in health],
        }
        for (name, shares), colour in zip(curves.items(), (COLOURS[0], COLOURS[5], COLOURS[1]), strict=True):
            axes.plot(times, [100 * share for share in shares], "o-", color=colour, markersize=3.5, label=name)
        axes.set(xlabel=f"virtual time, {unit}", ylabel="share, %", title=_titled("Health of routing tables", about))
        axes.set_ylim(-2, 103)
        axes.figure.legend(loc="outside lower center", ncols=3, columnspacing=1.4, handlelength=1.6)


def ring(lookups: Sequence[Lookup], ids: Sequence[int], path: Path, about: str = "") -> None:
    """Draw some lookups on the ring of ids: whom they asked, and how each answer brought them nearer.

    Args:
        lookups: The first of them are drawn (`RING_LOOKUPS`); each has ended.
        ids: The ids of the living nodes.
        path: The file to write.
        about: What run this is.
    """
    with _figure(path, WIDER) as figure:
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.05))
        _draw_circle(left, ids[:: len(ids) // RING_DOTS_MAX + 1])
        for number, lookup in enumerate(lookups[:RING_LOOKUPS]):
            _draw_path(left, lookup, COLOURS[number])
            _draw_progress(right, lookup, COLOURS[number], 0.12 * (number - RING_LOOKUPS / 2))
        figure.suptitle(_titled("Lookups on the ring of ids", about), fontweight="bold", x=0.01, ha="left")
        left.set_title("Whom they asked")
        right.set(xlabel="answers, in the order they came", ylabel="bits in common with the target")
        right.set_title("How near the answers came")
        right.set_ylim(bottom=-0.3)
        right.locator_params(integer=True)
        for marker, name in (("s", "asks"), ("*", "target")):
            left.plot([], [], marker, color=INK, markersize=8, label=name)
        left.plot([], [], "-", color=INK, linewidth=1.8, label="nearer than all before")
        left.plot([], [], "-", color=INK, linewidth=0.6, alpha=0.5, label="asked, too")
        left.legend(loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=4, columnspacing=1.2, handlelength=1.4)


def _draw_circle(axes: Axes, ids: Sequence[int]) -> None:
    places = [_place(long_id) for long_id in ids]
    axes.plot([x for x, _ in places], [y for _, y in places], ".", color=GREY, markersize=2)
    for eighth in range(0, 8, 2):
        x, y = _place(eighth << (ID_BITS - 3), 1.13)
        axes.text(x, y, f"{eighth * 2:x}000...", ha="center", va="center", color=GREY, fontsize=8)
    axes.set(aspect="equal", xlim=(-1.25, 1.25), ylim=(-1.2, 1.2))
    axes.axis("off")


def _draw_path(axes: Axes, lookup: Lookup, colour: str) -> None:
    """Draw a lookup: thin lines to all it asked, arrows along those that were nearer than all before."""
    assert lookup.walk is not None
    here = _place(lookup.asker.protocol.source_node.long_id)
    for asked in lookup.walk.asked:
        there = _place(asked)
        axes.plot([here[0], there[0]], [here[1], there[1]], color=colour, linewidth=0.5, alpha=0.35)
    axes.plot(*here, "s", color=colour, markersize=8, zorder=4)
    axes.plot(*_place(lookup.target, 1.06), "*", color=colour, markersize=11, zorder=4)
    for asked in _nearer(lookup):
        there = _place(asked)
        arrow = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.8, "shrinkA": 0, "shrinkB": 1}
        axes.annotate("", there, here, arrowprops=arrow, zorder=3)
        here = there


def _draw_progress(axes: Axes, lookup: Lookup, colour: str, aside: float) -> None:
    """Draw how near each answer was, a little to the side of other lookups' answers."""
    assert lookup.walk is not None
    bits = [shared_bits(asked, lookup.target) for asked in lookup.walk.asked]
    best = [max(bits[: number + 1]) for number in range(len(bits))]
    numbers = [1 + number + aside for number in range(len(bits))]
    axes.plot(numbers, bits, ".", color=colour, markersize=6)
    axes.step(numbers, best, where="post", color=colour, linewidth=1.8)


def _nearer(lookup: Lookup) -> Iterator[int]:
    """Yield the ids of those that answered and were nearer to the target than all before."""
    assert lookup.walk is not None
    nearest = lookup.asker.protocol.source_node.long_id ^ lookup.target
    for asked in lookup.walk.asked:
        if asked ^ lookup.target < nearest:
            nearest = asked ^ lookup.target
            yield asked


def _place(long_id: int, radius: float = 1.0) -> tuple[float, float]:
    """Return where an id is on a circle: 0 at the top, then clockwise."""
    angle = 2 * pi * (long_id >> (ID_BITS - 53)) / (1 << 53)
    return radius * sin(angle), radius * cos(angle)


def _titled(title: str, about: str) -> str:
    return f"{title}: {about}" if about else title


@contextmanager
def _figure(path: Path, size: tuple[float, float]) -> Iterator[Any]:
    need()
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        yield figure
        dated = {"Date": None} if path.suffix == ".svg" else {}
        figure.savefig(path, dpi=DOTS_PER_INCH, metadata=dated)


@contextmanager
def _plot(path: Path) -> Iterator[Axes]:
    with _figure(path, WIDE) as figure:
        yield figure.add_subplot()
