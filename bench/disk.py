"""Measure a node with a million values on disk, beside one that has them in memory: `python bench/disk.py`.

Both are nodes as they ship, asked over sockets as `answering.py` does it: find_value for uniformly random keys, that
are kept and that are not, and stores of values that are kept; in turns, CPU time of the server. Before, how long the
node on disk takes from the start of its process to its first answer, with nothing of its file in the system's memory;
afterwards, what memory it takes. It takes two minutes, 350 MB in a temporary folder and 900 MB of memory.
"""

from __future__ import annotations

import argparse
import os
import random
import socket
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from answering import QUICK_SHARE, SOCKETS_MAX, Pair, compared
from load import make_room_for
from servers.process import ALL_CORES, LOAD_CORE, Process, pin
from servers.stations import Ask, Ours
from servers.values import Keys, Values, fill

from kademlia.storage import SQLiteStorage
from kademlia.wire import rpcudp, trailer

if TYPE_CHECKING:
    from comparison import Comparison

RECORDS = 1_000_000
VALUE_BYTES = 100
ROUNDS = 5

#: The least of the rate of the memory storage that the one on disk has to reach.
RATE_MIN = 0.4

#: A node has to answer so soon after its process was started, in seconds, and may take so much memory, in MB.
START_S_MAX = 1.0
RESIDENT_MB_MAX = 150.0

#: A node that does not answer for so long has failed, in seconds.
PATIENCE_S = 10.0


class Filled(Ours):
    """Our node with many values: it gets them when its table is filled, so that no newcomer is due a share of them.

    Args:
        number: Which station it is.
        keys: Of the values.
        where: What the node is told of where they are.
    """

    def __init__(self, number: int, keys: Keys, *where: object) -> None:
        super().__init__(number, sys.executable)
        self._keys, self._where = keys, where

    def fill(self) -> None:
        """Fill the table; from then on ask for what is kept, and for what nobody has."""
        super().fill()
        self.process.ask("keep", *self._where)
        self._about |= {"kept": self._keys, "random": Keys(len(self._keys), "unknown")}
        self._values = Values(VALUE_BYTES)


def started(path: Path, key: bytes) -> tuple[float, float]:
    """Return how long a node takes until it answers, in seconds, and what memory it takes then, in MB."""
    forget(path)
    datagram = rpcudp.request(bytes(20), rpcudp.call("find_value", random.Random(1).randbytes(20), key))
    began = time.perf_counter()
    node = Process(sys.executable, "ours.py", "--disk", str(path), "interval")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(PATIENCE_S)
        asker.connect(("127.0.0.1", node.port))
        asker.send(trailer.introduction(datagram, False, 512))  # a stranger pays for the answer
        answer = asker.recv(4096)
    took = time.perf_counter() - began
    assert rpcudp.encode({"value": Values(VALUE_BYTES)[key]}) in answer, answer
    resident: float = node.ask("resident")
    node.end()
    return took, resident


def forget(path: Path) -> None:
    """Have the system forget what it read of a file, where it can be told to."""
    if hasattr(os, "posix_fadvise"):
        with path.open("rb") as file:
            os.fsync(file)
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def rates(path: Path, keys: Keys, rounds: int, share: int) -> tuple[list[Comparison], float]:
    """Let both answer; return how they did, and what memory the one on disk takes afterwards, in MB."""
    kept, unknown, store = Ask("find_value", about="kept"), Ask("find_value"), Ask("store", about="kept")
    pairs = [
        Pair("find_value of a kept key", "in memory", kept, kept, "memory", 1 / RATE_MIN, we="disk"),
        Pair("find_value of an unknown key", "in memory", unknown, unknown, "memory", 1 / RATE_MIN, we="disk"),
        Pair("store of a kept value", "in memory", store, store, "memory", we="disk"),
    ]
    with ExitStack() as stack:
        stations = {
            "disk": Filled(0, keys, str(path)),
            "memory": Filled(1, keys, len(keys), VALUE_BYTES),
        }
        for station in stations.values():
            stack.callback(station.end)
            station.fill()
        rows = compared(pairs, stations, rounds, share)
        return rows, stations["disk"].process.ask("resident")


def show(rows: list[Comparison], start_s: float, opened_mb: float, resident_mb: float) -> bool:
    """Print a table; return whether everything is as it must be."""
    print(f"{'':34}{'disk':>11}{'memory':>11}{'must':>12}{'seen':>12}")
    lines = [
        (
            row.row,
            f"{median(row.ours):.2f} us",
            f"{median(row.theirs):.2f} us",
            f">= {1 / row.must:.2f}" if row.must else "",
            f"{1 / row.value:.2f}",
            row.reached(row.must),
        )
        for row in rows
    ]
    lines += [
        ("first answer after its start", "", "", f"< {START_S_MAX:.0f} s", f"{start_s:.2f} s", start_s < START_S_MAX),
        ("memory of its process then", "", "", "", f"{opened_mb:.0f} MB", True),
        (
            "memory after all that",
            "",
            "",
            f"< {RESIDENT_MB_MAX:.0f} MB",
            f"{resident_mb:.0f} MB",
            resident_mb < RESIDENT_MB_MAX,
        ),
    ]
    for name, disk, memory, must, seen, is_right in lines:
        print(f"{name:34}{disk:>11}{memory:>11}{must:>12}{seen:>12}{'' if is_right else '  MISSED'}")
    for row in rows:
        print(f"  {row.row}: {row.note}")
    return all(is_right for *_, is_right in lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=RECORDS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--quick", action="store_true", help="fewer requests: to see that it works, not to quote")
    options = parser.parse_args()
    make_room_for(SOCKETS_MAX)
    keys = Keys(options.records)
    pin(LOAD_CORE)
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "values.sqlite")
            began = time.perf_counter()
            with SQLiteStorage(path) as storage:
                fill(storage, keys, Values(VALUE_BYTES))
            print(
                f"{len(keys):,} values of {VALUE_BYTES} bytes, {path.stat().st_size / len(keys):.0f} bytes of file for "
                f"each, filled in {time.perf_counter() - began:.0f} s"
            )
            start_s, opened_mb = started(path, keys[len(keys) // 2])
            rows, resident_mb = rates(path, keys, options.rounds, QUICK_SHARE if options.quick else 1)
    finally:
        pin(ALL_CORES)
    return 0 if show(rows, start_s, opened_mb, resident_mb) else 1


if __name__ == "__main__":
    sys.exit(main())
