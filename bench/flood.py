"""Flood a node with strangers' requests while its contacts call it: `python bench/flood.py`.

A node of its own process (`Server` with k = 20 on asyncio) has the last core and a full table. First it is measured how
many requests it answers a second. Then strangers at 1,000 addresses, who answer nothing, offer three times that for a
minute: pings, find_nodes, find_values and stores in equal parts. Meanwhile 512 of its contacts call it, and so do 16
real nodes; it looks for keys itself. Afterwards it is measured how long it takes until all is as before. In the end the
flood is as large as the machine can offer, once for the node and once for a bare echo socket.

    It takes two minutes; `--seconds 10` is quick. The load has the first core: nobody else should use either.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from hose import STRANGERS
from load import make_room_for
from scene import REAL, Scene, Spell, echo_under_flood
from servers.process import ALL_CORES, LOAD_CORE, pin
from servers.stations import OFFERED, SENDERS

if TYPE_CHECKING:
    from callers import Tale

#: Times its answer rate that the node is offered, and what is still near enough to it.
TIMES = 3.0
NEARLY = 0.95

#: How long things are watched before and after, and the machine's highest rate is offered at the most, in seconds.
CALM_S = 3.0
AFTER_S = 10.0
HIGHEST_S = 15.0

#: A part of the time after the flood that is as before has all calls answered at the first sending, and half of them
#: within twice what all but a hundredth took before, and half a millisecond; in seconds.
PART_S = 0.25
SLACK_S = 0.0005

#: What is promised: the share of contacts' calls that are answered, and when all is as before, in seconds.
ANSWERED_MIN = 0.9
RECOVERY_MAX_S = 10.0

#: Under all that can be offered a node has its core nearly all the time, unless somebody else uses it.
BUSY_MIN = 0.8

#: After the flood the node answers at least this share of its former rate, or something broke: what is missing above
#: that may be others' work on the two cores.
RATE_AFTER_MIN = 0.1


@dataclass(frozen=True)
class Row:
    """A line of a table."""

    name: str
    seen: str
    before: str = ""  #: or what must be
    is_right: bool = True


def times(three: tuple[float, float, float] | list[float]) -> str:
    """Write median, 99th percentile and maximum."""
    return " / ".join(f"{one:,.1f}" if one < 100 else f"{one:,.0f}" for one in three)


def of_calls(calm: Spell, flood: Spell, must: float) -> list[Row]:
    """Return the rows about everybody's calls, of which contacts must have some share answered."""
    contacts, real = flood.contacts, flood.real["answered"] / max(flood.real["calls"], 1)
    wanted = f"{must:.0%}" if must else ""
    return [
        Row("calls of contacts answered, with retries", f"{contacts.share:.2%}", wanted, contacts.share >= must),
        Row("  at the first sending", f"{contacts.at_once:.2%}"),
        Row("  ms: median / 99 % / most", times(contacts.ms), times(calm.contacts.ms)),
        Row(f"calls of {REAL} real nodes answered", f"{real:.2%}", wanted, real >= must),
        Row("  ms: median / 99 % / most", times(flood.real["ms"]), times(calm.real["ms"])),
        Row("calls of proved strangers answered", f"{flood.strangers.share:.2%}"),
    ]


def of_node(calm: Spell, flood: Spell) -> list[Row]:
    """Return the rows about what the node saw."""
    seen, before, offered = flood.node, calm.node, max(flood.offered, 1)
    return [
        Row("offered a second", f"{flood.offered / flood.seconds:,.0f}"),
        Row("the node's share of its core", f"{flood.cpu_s / flood.seconds:.0%}", f"{calm.cpu_s / calm.seconds:.0%}"),
        Row("its us of CPU for each datagram it took", f"{flood.cpu_s / max(seen['received'], 1) * 1e6:.2f}"),
        Row("lost in the kernel", f"{flood.lost / offered:.2%}"),
        Row("shed by the node", f"{seen['shed'] / offered:.2%}"),
        Row("over their budgets", f"{seen['limited'] / offered:.2%}"),
        Row(
            "answered a second", f"{seen['answered'] / flood.seconds:,.0f}", f"{before['answered'] / calm.seconds:,.0f}"
        ),
        Row("pressed, share of the time", f"{seen['pressed_share']:.0%}", f"{before['pressed_share']:.0%}"),
        Row("queue in kB: median / 99 % / most", times(seen["queue_kb"]), times(before["queue_kb"])),
        Row("timers late, ms: median / 99 % / most", times(seen["late_ms"]), times(before["late_ms"])),
        Row("its own lookups", f"{seen['gets']}", f"{before['gets']}"),
        Row("  ms: median / 99 % / most", times(seen["gets_ms"]), times(before["gets_ms"])),
        Row("its own calls", f"{seen['asked']:,}", f"{before['asked']:,}"),
        Row("  sent again", f"{seen['resent']:,}", f"{before['resent']:,}"),
        Row("contacts failing in the end", f"{seen['failing']}", f"{before['failing']}"),
    ]


def of_after(calm: Spell, after: Spell, rates: tuple[float, float], tables: tuple[set[bytes], set[bytes]]) -> list[Row]:
    """Return the rows about the time after the flood."""
    (was, there), (rate, rate_after) = tables, rates
    late = max(recovery_s(after, calm.contacts, after.contacts), recovery_s(after, calm.strangers, after.strangers))
    left = len(was - there)
    return [
        Row("seconds until all is as before", f"{late:.2f}", f"{RECOVERY_MAX_S:.0f}", late < RECOVERY_MAX_S),
        Row("contacts' calls answered at once", f"{after.contacts.at_once:.2%}", f"{calm.contacts.at_once:.2%}"),
        Row("  ms: median / 99 % / most", times(after.contacts.ms), times(calm.contacts.ms)),
        Row("strangers' calls answered at once", f"{after.strangers.at_once:.2%}", f"{calm.strangers.at_once:.2%}"),
        Row("  ms: median / 99 % / most", times(after.strangers.ms), times(calm.strangers.ms)),
        Row("pressed", f"{after.node['pressed']}", "False", not after.node["pressed"]),
        Row("find_nodes answered a second", f"{rate_after:,.0f}", f"{rate:,.0f}"),
        Row("contacts that left the table", f"{left}", "0", not left),
        Row("contacts that came into it", f"{len(there - was)}"),
    ]


def recovery_s(spell: Spell, calm: Tale, calls: Tale) -> float:
    """Return after how many seconds all parts of a spell were as before."""
    bound = 2 * calm.ms[1] / 1000 + SLACK_S
    parts: dict[int, list[float]] = {}
    for call in calls.calls:
        took_s = float("inf") if call.took_s is None or call.sendings > 1 else call.took_s
        parts.setdefault(int((call.begun_at - spell.begun_at) / PART_S), []).append(took_s)
    bad = [part for part, took in parts.items() if max(took) == float("inf") or median(took) > bound]
    return (max(bad) + 1) * PART_S if bad else 0.0


def show(title: str, columns: tuple[str, str], rows: list[Row]) -> None:
    """Print a table."""
    print(f"\n{title}\n  {'':42}{columns[0]:>24}{columns[1]:>24}")
    for row in rows:
        print(f"  {row.name:42}{row.before:>24}{row.seen:>24}{'' if row.is_right else '  MISSED'}")


def run(seconds: float, stack: ExitStack) -> bool:
    """Do it all; return whether nothing broke."""
    scene = Scene(stack)
    rate, table = scene.rate(), scene.table()
    print(f"the node has {len(table)} contacts and answers {rate:,.0f} find_nodes a second, 64 of them on their way")
    calm = Spell(scene, CALM_S)
    flood = Spell(scene, seconds, TIMES * rate)
    after = Spell(scene, AFTER_S)
    rate_after, times_offered = scene.rate(), flood.offered / flood.seconds / rate
    title = f"{seconds:.0f} s of {times_offered:.1f} times that from {STRANGERS:,} addresses"
    if times_offered < NEARLY * TIMES:
        title += f"; {TIMES:.0f} times were wanted, and this machine could not offer them"
    show(title, ("before, or must", "in the flood"), of_calls(calm, flood, ANSWERED_MIN) + of_node(calm, flood))
    rows = of_after(calm, after, (rate, rate_after), (table, scene.table()))
    show("afterwards", ("before, or must", "afterwards"), rows)
    highest, busy = show_highest(scene, calm, min(seconds, HIGHEST_S), rate)
    if busy < BUSY_MIN:
        print(f"not to be quoted: the node had its core only {busy:.0%} of the time, others were at work here as well")
    broke = {
        "internal errors": highest.node["internal_errors"] > 0,
        "it does not answer as it did": rate_after < RATE_AFTER_MIN * rate,
    }
    for what in [what for what, happened in broke.items() if happened]:
        print(f"BROKEN: {what}")
    return not any(broke.values())


def show_highest(scene: Scene, calm: Spell, seconds: float, rate: float) -> tuple[Spell, float]:
    """Offer all there can be; return what was seen, and how much of the time the node had its core."""
    highest = Spell(scene, seconds, None)
    echo_rate, echo_lost = echo_under_flood(seconds)
    rows = of_calls(calm, highest, 0.0) + of_node(calm, highest)
    rows += [
        Row("bare echo: offered a second", f"{echo_rate:,.0f}"),
        Row("  lost, whoever sent it", f"{echo_lost:.2%}"),
    ]
    title = f"{seconds:.0f} s of all that the machine can offer: {highest.offered / highest.seconds / rate:.1f} times"
    show(title, ("before", "in the flood"), rows)
    return highest, highest.cpu_s / highest.seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="of the flood (default: 60)")
    options = parser.parse_args()
    make_room_for(2 * STRANGERS + OFFERED + SENDERS)
    pin(LOAD_CORE)
    try:
        with ExitStack() as stack:
            return 0 if run(options.seconds, stack) else 1
    finally:
        pin(ALL_CORES)


if __name__ == "__main__":
    sys.exit(main())
