"""Run benchmarks and print one table: `python bench/run.py [answering] [operations] [memory] [--rounds N] [--quick]`.

Peers are looked for in `.peers`, where `make bench` puts them; `KADEMLIA_PEER_PYTHON` names another interpreter that
has kademlia 2.2.3, `KADEMLIA_CPP_PEER_PYTHON` one that has libtorrent and opendht. Rows whose peer is missing are left
out. A promise that is missed is printed and gates nothing; the exit code is 1 only if something broke.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import report

if TYPE_CHECKING:
    from comparison import Comparison

BENCHES = ("answering", "operations", "memory")

#: Interpreters of the peers, by the names of their environments: the variable that names another one.
VARIABLES = {"kademlia-2.2.3": "KADEMLIA_PEER_PYTHON", "cpp": "KADEMLIA_CPP_PEER_PYTHON"}


def peers() -> dict[str, str]:
    """Return the interpreters of the peers that are here."""
    found = {}
    for name, variable in VARIABLES.items():
        python = os.environ.get(variable) or str(report.ROOT / ".peers" / name / "bin" / "python")
        if Path(python).exists():
            found[name] = python
        else:
            print(f"left out: {name}, there is no {python} (`make bench` sets it up)")
    return found


def run(name: str, found: dict[str, str], rounds: int, quick: bool) -> list[Comparison] | None:
    """Run one benchmark; None if something broke."""
    if find_spec(name) is None:
        print(f"left out: {name}, there is no bench/{name}.py")
        return []
    print(f"{name} ...", flush=True)
    try:
        rows: list[Comparison] = import_module(name).measure(found, rounds, quick)
    except Exception:  # noqa: BLE001  # the other benchmarks can still be told
        traceback.print_exc()
        return None
    return rows


def main() -> int:
    """Run what the command line names, and tell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bench", nargs="*", choices=[*BENCHES, []], help="which to run; all if none is named")
    parser.add_argument("--rounds", type=int, help="how often each row is measured (default: 5)")
    parser.add_argument("--quick", action="store_true", help="one small round: to see that it works, not to quote")
    chosen = parser.parse_args()
    rounds = chosen.rounds or (1 if chosen.quick else 5)
    where, found = report.machine(), peers()
    everything: list[Comparison] = []
    written, broken = [], False
    for name in chosen.bench or BENCHES:
        rows = run(name, found, rounds, chosen.quick)
        broken |= rows is None or any(row.note.startswith(report.BROKEN) for row in rows)
        if rows:
            everything += rows
            written += report.write(name, rows, where)
    if everything:
        report.show(everything, where)
    for path in written:
        print(f"written: {path.relative_to(report.ROOT)}")
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
