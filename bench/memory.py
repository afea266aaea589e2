"""Measure what is kept in memory, by tracemalloc: run it with `python bench/memory.py`.

What an entry of `ForgetfulStorage` takes, and what a contact of the routing table takes together with all that an
engine knows of its address. Each is measured in a process of its own; the programs that run there are in `networks/`.
The figures are the same each time, so one round is enough.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from comparison import Comparison
from operations import NETWORKS, PUBLISHED, interpreters, show

from kademlia.node import NODES_REMEMBERED_MAX

ENTRIES = 1_000_000
ENTRIES_QUICK = 100_000

#: Nodes offered to one routing table; what finds no room in it is remembered all the same.
OFFERED = 2_000

#: How many of the lines of code that allocate most are named.
LINES = 8


def told(python: str, program: str, argument: int) -> dict[str, Any]:
    """Run a program of `networks/` and return what it printed."""
    environment = dict(os.environ)
    if python != sys.executable:
        environment.pop("PYTHONPATH", None)  # where our package lies is nothing to a peer
    command = [python, str(NETWORKS / program), str(argument)]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    answer: dict[str, Any] = json.loads(run.stdout)
    return answer


def entries(published: str | None, quick: bool) -> list[Comparison]:
    """Measure the storage; of the published release for information."""
    count = ENTRIES_QUICK if quick else ENTRIES
    ours = told(sys.executable, "storage_memory.py", count)
    row = f"an entry of ForgetfulStorage, of {count:,}; a key of 20 bytes, a value of 100"
    note = f"{ours['key_and_value']} of them are the two bytes objects themselves"
    rows = [Comparison(row, "", "bytes", [ours["bytes_per_entry"]], must=400, aim=320, note=note)]
    if published:
        theirs = told(published, "storage_memory.py", count)
        both = [ours["bytes_per_entry"]], [theirs["bytes_per_entry"]]
        rows.append(Comparison(row, "kademlia 2.2.3", "bytes", *both, note="for information"))
    return rows


def contacts() -> list[Comparison]:
    """Measure the routing table together with the records, and the record of a stranger."""
    took = told(sys.executable, "contact_memory.py", OFFERED)
    parts = list(took["lines"].items())
    most = "; ".join(f"{size:.0f} {line}" for line, size in parts[:LINES])
    rest = sum(size for _, size in parts[LINES:])
    return [
        Comparison(
            "a contact: node, ids, address, record, its places in table and records",
            "",
            "bytes",
            [took["bytes_per_contact"]],
            must=600,
            aim=450,
            note=f"{took['contacts']} contacts of {OFFERED:,} that pinged; allocated by: {most}; {rest:.0f} others",
        ),
        Comparison(
            "a stranger: the record of an address that found no room",
            "",
            "bytes",
            [took["bytes_per_stranger"]],
            note=f"{took['strangers']} addresses, {took['replacements']} of them in replacement caches",
        ),
        Comparison(
            "a node remembered so that all who know it share it",
            "",
            "bytes",
            [took["bytes_per_remembered"]],
            note=f"without the node itself; at most {NODES_REMEMBERED_MAX:,} in a process, for all tables together",
        ),
    ]


def measure(peers: Mapping[str, str | None], rounds: int, quick: bool = False) -> list[Comparison]:
    """Measure memory.

    Args:
        peers: The interpreter of each peer, by name; only "kademlia-2.2.3" is looked at.
        rounds: Not looked at: each round would say the same.
        quick: Fewer entries.
    """
    del rounds
    return entries(peers.get(PUBLISHED), quick) + contacts()


if __name__ == "__main__":
    show(measure(interpreters(), rounds=1, quick="--quick" in sys.argv))
