"""Kill a process that writes values, at random moments, and look at what its file holds: `python bench/kill_nine.py`.

A child sets and deletes values of its `SQLiteStorage` as fast as it can, and saves them as a node does: every 50 ms on
a second thread, or, with `commit="always"`, before it says that it keeps them. It notes beside it what it did. After a
random time it gets SIGKILL; then its file is opened, checked, and compared with the notes. The next child goes on with
the same file.

    100 kills for each of both takes three minutes; `--kills 5` is quick.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from kademlia.storage import SQLiteStorage

MODES: tuple[Literal["interval", "always"], ...] = ("interval", "always")

#: Different keys: all are written again and again.
KEYS = 3_000

#: Longest value.
VALUE_BYTES_MAX = 900

#: One of so many writes is a deletion.
DELETES = 8

#: With "always" so many writes are acknowledged together at most, as those of one burst of requests.
BURST_MAX = 16

#: The child is killed so long after it opened its file.
KILLED_AFTER_S = (0.02, 0.6)

#: A write that waits is late if it is older than the interval by more than this: the system's own delays.
SLACK_S = 0.005


def key(number: int) -> bytes:
    return hashlib.sha1(b"%d" % number).digest()


def value(sequence: int) -> bytes:
    """Return the value of the n-th write; it says which it is, and every byte can be checked."""
    chance = random.Random(sequence)
    return b"%d:" % sequence + chance.randbytes(chance.randrange(VALUE_BYTES_MAX))


# -- the child ---------------------------------------------------------------------------------------------------------


class Writer:
    """What the child does.

    Its notes: `w key sequence time` was written (a deletion: `d`), `c sequence` the batch up to there is being saved,
    `a sequence` it is saved.
    """

    def __init__(self, path: str, mode: Literal["interval", "always"], sequence: int) -> None:
        self.notes = os.open(path + ".notes", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        self.storage = SQLiteStorage(path, commit=mode)
        self.sequence = sequence
        self.chance = random.Random(sequence)
        self.note("open")

    def note(self, *words: object) -> None:
        os.write(self.notes, " ".join(map(str, words)).encode() + b"\n")

    def write(self) -> None:
        number = self.chance.randrange(KEYS)
        self.sequence += 1
        now = time.monotonic()
        if self.chance.randrange(DELETES) == 0:
            self.storage.drop(key(number))
            self.note("d", number, self.sequence, now)
        else:
            self.storage.write(key(number), value(self.sequence), complex(self.sequence, now + 1e6))
            self.note("w", number, self.sequence, now)

    def run_always(self) -> None:
        """Acknowledge what is saved."""
        while True:
            for _ in range(self.chance.randrange(1, BURST_MAX)):
                self.write()
            taken = self.sequence
            fault = self.storage.commit()()
            assert fault is None, fault
            self.storage.committed(fault)
            self.note("a", taken)

    def run_interval(self) -> None:
        """Save on another thread, as a node does: what is written waits for 50 ms at most until its turn comes."""
        saving: Future[Any] | None = None
        taken, last = 0, time.monotonic()
        with ThreadPoolExecutor(1) as worker:
            while True:
                self.write()
                if saving is not None and saving.done():
                    fault = saving.result()
                    assert fault is None, fault
                    self.storage.committed(fault)
                    self.note("a", taken)
                    saving = None
                if saving is None and time.monotonic() >= last + self.storage.commit_every_s:
                    taken, last = self.sequence, time.monotonic()
                    self.note("c", taken)
                    saving = worker.submit(self.storage.commit())


# -- the parent --------------------------------------------------------------------------------------------------------


@dataclass
class Tally:
    """What all kills of one mode came to."""

    kills: int = 0
    opened: int = 0
    sound: int = 0  #: by SQLite's own check
    written: int = 0
    acknowledged: int = 0
    lost: int = 0  #: acknowledged, or said to be saved, and not there
    waited: int = 0  #: not there, of those that waited
    late: int = 0  #: of these such as had waited for longer than the interval, and no batch was being saved
    torn: int = 0  #: values of which a byte was wrong
    oldest_ms: list[float] = field(default_factory=list)  #: of each kill the oldest write that is not there


@dataclass
class Notes:
    """What the child noted."""

    writes: dict[int, list[tuple[int, bool, float]]]  #: by key: sequence, whether it was a deletion, when
    last: int
    acknowledged: int
    taken: int
    is_saving: bool


def read_notes(path: Path) -> Notes:
    writes: dict[int, list[tuple[int, bool, float]]] = {}
    last = acknowledged = taken = 0
    is_saving = False
    for line in path.read_text().splitlines(keepends=True):
        word, *rest = line.split() if line.endswith("\n") else ["cut off"]
        if word in {"w", "d"}:
            last = int(rest[1])
            writes.setdefault(int(rest[0]), []).append((last, word == "d", float(rest[2])))
        elif word == "a":
            acknowledged, is_saving = int(rest[0]), False
        elif word == "c":
            taken, is_saving = int(rest[0]), True
    return Notes(writes, last, acknowledged, max(taken, acknowledged), is_saving)


def kill_one(path: Path, mode: str, sequence: int, chance: random.Random) -> tuple[Notes, float]:
    """Run a child and kill it; return its notes, and when."""
    child = subprocess.Popen([sys.executable, __file__, "--child", str(path), "--mode", mode, "--from", str(sequence)])
    notes = path.with_name(path.name + ".notes")
    try:
        while not (notes.exists() and notes.stat().st_size):
            assert child.poll() is None, "the child ended by itself"
        time.sleep(chance.uniform(*KILLED_AFTER_S))
        killed_at = time.monotonic()
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    return read_notes(notes), killed_at


def compare(path: Path, notes: Notes, before: dict[int, int], killed_at: float, tally: Tally) -> dict[int, int]:
    """Open the file, compare it with the notes; return the sequence of each value that it holds."""
    with SQLiteStorage(path) as storage:
        tally.opened += 1
        held = {number: storage.get(key(number)) for number in range(KEYS)}
        interval = storage.commit_every_s
    with contextlib.closing(sqlite3.connect(path)) as connection:
        tally.sound += connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    there = {number: int(found.partition(b":")[0]) for number, found in held.items() if found is not None}
    tally.torn += sum(held[number] != value(sequence) for number, sequence in there.items())
    oldest = 0.0
    for number in range(KEYS):
        writes = notes.writes.get(number, [])
        for sequence, written_at in missing(writes, there.get(number), before.get(number)):
            oldest = max(oldest, killed_at - written_at)
            tally.lost += sequence <= notes.acknowledged
            tally.waited += sequence > notes.acknowledged
            waits = sequence > notes.taken and not notes.is_saving
            tally.late += waits and killed_at - written_at > interval + SLACK_S
    tally.kills += 1
    tally.written += sum(map(len, notes.writes.values()))
    tally.acknowledged += sum(write[0] <= notes.acknowledged for writes in notes.writes.values() for write in writes)
    tally.oldest_ms.append(oldest * 1000)
    return there


def missing(writes: list[tuple[int, bool, float]], found: int | None, before: int | None) -> list[tuple[int, float]]:
    """Return which writes of a key are not in effect: those after the last that what is there can come from."""
    if found is None:
        states = [index for index, write in enumerate(writes) if write[1]]
        as_before = before is None
    else:
        states = [index for index, write in enumerate(writes) if write[0] == found and not write[1]]
        if not states and found != before:  # it was written just before the kill, and not noted any more
            return []
        as_before = found == before
    assert states or as_before or not writes or found is None, "a value from nowhere"
    last = states[-1] if states else -1
    return [(sequence, at) for sequence, _, at in writes[last + 1 :]]


def kill_often(folder: Path, mode: str, kills: int, seed: int) -> Tally:
    """Kill so many children one after the other, all of which use one file."""
    path = folder / f"{mode}.sqlite"
    chance = random.Random(seed)
    tally, there, sequence = Tally(), {}, 0
    for _ in range(kills):
        notes, killed_at = kill_one(path, mode, sequence, chance)
        there = compare(path, notes, there, killed_at, tally)
        sequence = max(notes.last, sequence) + 1_000  # some writes may not have been noted
        path.with_name(path.name + ".notes").unlink()
    return tally


def show(mode: str, tally: Tally) -> None:
    oldest = sorted(tally.oldest_ms)
    print(f'commit="{mode}": {tally.kills} kills, opened {tally.opened}, sound {tally.sound}')
    print(f"  written {tally.written:,}, said to be saved {tally.acknowledged:,}")
    print(f"  said to be saved but missing {tally.lost}; wrong bytes in a value {tally.torn}")
    print(f"  missing of what waited {tally.waited:,}; of these for longer than the interval {tally.late}")
    print(f"  oldest that is missing: median {oldest[len(oldest) // 2]:.1f} ms, most {oldest[-1]:.1f} ms")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100, help="for each mode")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mode", choices=MODES)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--from", dest="sequence", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        writer = Writer(options.child, options.mode, options.sequence)
        writer.run_always() if options.mode == "always" else writer.run_interval()
    failed = False
    for mode in [options.mode] if options.mode else MODES:
        with tempfile.TemporaryDirectory() as folder:
            tally = kill_often(Path(folder), mode, options.kills, options.seed)
        show(mode, tally)
        bad = tally.lost + tally.late + tally.torn
        failed = failed or bad > 0 or tally.opened != tally.kills or tally.sound != tally.kills
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
