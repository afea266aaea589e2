"""How the benchmarks are told: one table, and for each of them a JSON file and a picture in `results/`."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from datetime import datetime
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from comparison import Comparison

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"

#: A note that begins like this says that a figure is not to be believed.
BROKEN = "BROKEN: "

OURS, THEIRS = "#2a6f97", "#b8b8b8"
COLOURS = {"green": "#2b9348", "yellow": "#e09f3e", "red": "#c1121f"}


def machine() -> dict[str, Any]:
    """Return where and when this is."""
    return {
        "date": datetime.now().astimezone().isoformat(timespec="minutes"),
        "commit": commit(),
        "python": platform.python_version(),
        "machine": f"{processor()}, {platform.system()} {platform.release().split('-')[0]}, {platform.machine()}",
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def commit() -> str:
    """Return the commit of this checkout, marked if files differ from it."""
    try:
        said = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--exclude", "*"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return said.stdout.strip()


def processor() -> str:
    """Return the name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())


def title(where: dict[str, Any]) -> str:
    """Return where and when in one line."""
    load = "" if where["load"] is None else f", load before {where['load']}"
    return (
        f"{where['date']}, commit {where['commit']}, Python {where['python']}, "
        f"{where['machine']}, {where['cores']} cores{load}"
    )


def verdict(row: Comparison) -> str:
    """Return green where the aim is reached, yellow where the promise is, red where it is not, nothing without one."""
    if row.must is None and row.aim is None:
        return ""
    if not row.reached(row.must):
        return "red"
    return "green" if row.reached(row.aim) else "yellow"


def number(value: float) -> str:
    """Write a figure with three digits that matter."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def ratio(row: Comparison, value: float | None) -> str:
    """Write a ratio; a small one as "1/40", and what is no ratio as the figure it is."""
    if value is None:
        return ""
    if row.theirs and 0 < value < 0.4:
        return f"1/{1 / value:.1f}" if value > 0.1 else f"1/{1 / value:.0f}"
    return number(value)


def show(rows: list[Comparison], where: dict[str, Any]) -> None:
    """Print the table, and what has to be known about its rows."""
    table = Table(title=title(where), title_justify="left", title_style="", expand=False)
    for column in ("row", "peer"):
        table.add_column(column)
    for column in ("ours", "theirs", "ratio", "must", "aim"):
        table.add_column(column, justify="right", no_wrap=True)
    unit = ""
    for row in rows:
        if row.unit != unit:
            unit = row.unit
            table.add_section()
            table.add_row(f"[italic]{unit}[/]")
        colour = verdict(row)
        value = ratio(row, row.value)
        theirs = number(median(row.theirs)) if row.theirs else ""
        table.add_row(
            row.row,
            row.peer,
            number(median(row.ours)),
            theirs,
            f"[{colour}]{value}[/]" if colour else value,
            ratio(row, row.must),
            ratio(row, row.aim),
        )
    console = Console()
    console.print(table)
    for row in rows:
        if row.note.startswith(BROKEN):
            console.print(f"{row.row}, {row.peer}: {row.note}", style="red", markup=False)


def write(name: str, rows: list[Comparison], where: dict[str, Any]) -> list[Path]:
    """Write a benchmark's JSON file and its picture; return where they are."""
    RESULTS.mkdir(exist_ok=True)
    figures = RESULTS / f"{name}.json"
    figures.write_text(json.dumps(where | {"rows": [row.as_json() for row in rows]}, indent=1) + "\n")
    try:
        picture = plot(name, rows, where)
    except ImportError:
        print("no picture: matplotlib is not installed (`make bench` installs it)")
        return [figures]
    return [figures, picture]


def plot(name: str, rows: list[Comparison], where: dict[str, Any]) -> Path:
    """Draw figures beside one another on the left, and how much of each promise they use on the right."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    blocks = [(unit, list(block)) for unit, block in groupby(rows, key=lambda row: row.unit)]
    heights = [len(block) for _, block in blocks]
    figure, axes = plt.subplots(
        len(blocks),
        2,
        figsize=(14, 1.6 + 0.62 * sum(heights) + 0.5 * len(blocks)),
        gridspec_kw={"height_ratios": heights, "width_ratios": (3, 2)},
        squeeze=False,
        layout="constrained",
    )
    for (unit, block), (left, right) in zip(blocks, axes, strict=True):
        draw_figures(left, unit, block)
        draw_promises(right, block)
    figure.suptitle(f"{name}: medians\n{title(where)}", fontsize=10)
    path = RESULTS / f"{name}.png"
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


def draw_figures(axis: Any, unit: str, rows: list[Comparison]) -> None:
    """Draw ours and theirs, a pair of bars a row, each with its figure at the end."""
    for place, row in enumerate(rows):
        pair = [(place - 0.19, row.ours, OURS)] + ([(place + 0.19, row.theirs, THEIRS)] if row.theirs else [])
        for where, figures, colour in pair:
            middle = median(figures)
            axis.barh(where, middle, 0.36, color=colour)
            axis.plot([min(figures), max(figures)], [where, where], color="black", linewidth=0.8)
            write_at(axis, number(middle), max(figures), where)
    everything = [figure for row in rows for figure in row.ours + row.theirs]
    if min(everything) > 0 and max(everything) > 20 * min(everything):
        unit = f"{unit}, logarithmic"
        axis.set_xscale("log")
        axis.xaxis.set_major_formatter("{x:,g}")
        axis.set_xlim(min(everything) / 2, max(everything) * 2)
    else:
        axis.set_xlim(0, max(everything) * 1.15)
    labels = [f"{row.row}\n{row.peer and 'beside ' + row.peer}".strip() for row in rows]
    axis.set_yticks(range(len(rows)), labels, fontsize=8)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.set_xlabel(f"{unit}: ours blue, peers grey; lines: lowest to highest round", fontsize=8)
    axis.spines[["top", "right"]].set_visible(False)


def draw_promises(axis: Any, rows: list[Comparison]) -> None:
    """Draw how much of what a promise allows is used: at 1 it is just kept, left of the tick the aim is reached."""
    used = [0.0]
    for place, row in enumerate(rows):
        if row.must is None:
            write_at(axis, f"{ratio(row, row.value)} (no promise)", 0.0, place)
            continue
        share = row.must / row.value if row.more_is_better else row.value / row.must
        used.append(share)
        axis.barh(place, share, 0.5, color=COLOURS[verdict(row)])
        if row.aim is not None:
            aim = row.must / row.aim if row.more_is_better else row.aim / row.must
            axis.plot([aim, aim], [place - 0.33, place + 0.33], color="black", linewidth=1.5)
        words = f"{ratio(row, row.value)} (must {ratio(row, row.must)}, aim {ratio(row, row.aim) or '-'})"
        write_at(axis, words, max(share, 1.0), place)
    axis.axvline(1.0, color="black", linewidth=1, linestyle=":")
    axis.set_xlim(0, max(1.0, *used) * 1.65)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.set_yticks([])
    axis.set_xlabel("share of what the promise allows; ticks: the aim; less is better", fontsize=8)
    axis.spines[["top", "right"]].set_visible(False)


def write_at(axis: Any, words: str, x: float, y: float) -> None:
    """Write something small, just right of a point."""
    axis.annotate(words, (x, y), (4, 0), textcoords="offset points", va="center", size=8)
