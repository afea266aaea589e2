"""Kill a node that writes values, at random moments, and look at what its file holds: `python bench/kill_nine.py`.

A node of its own process (`Server(storage=SQLiteStorage(...))` on asyncio) is sent stores over UDP by a contact, as
fast as it answers: 32 of them are under way at once. When each `True` came is noted. At a random moment the node gets
SIGKILL; then its file is opened, checked, and compared with what was acknowledged. The next node goes on with the same
file. The same 3,000 keys are written again and again, so that a file holds old values and new ones.

    100 kills for each of both ways to commit take three minutes; `--kills 5` is quick, `--rate 20` sends so many stores
    a second.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import random
import select
import socket
import sqlite3
import sys
import tempfile
import time
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Literal

from servers.process import ALL_CORES, Process, pin

from kademlia.storage import SQLiteStorage
from kademlia.wire import life, rpcudp, trailer

MODES: tuple[Literal["interval", "always"], ...] = ("interval", "always")

#: Different keys: all are written again and again.
KEYS = 3_000

#: Longest value, without the number that it begins with.
VALUE_BYTES_MAX = 900

#: Stores that are not answered yet, at most.
WINDOW = 32

#: The node is killed so long after it answered first, in seconds.
KILLED_AFTER_S = (0.02, 0.6)

#: What is written waits for so long at most, in milliseconds: `commit_every` of the storage.
INTERVAL_MS = 50.0

#: The stamp of the first value: each is newer than those before, in all runs with one file.
FIRST_STAMP = 1_700_000_000_000

#: How long a value lives, in seconds.
LIFE_S = 86_400

#: A node that answers nothing for so long has failed, in seconds.
PATIENCE_S = 10.0


def key(number: int) -> bytes:
    return hashlib.sha1(b"%d" % number).digest()


def number_of(sequence: int) -> int:
    """Return which key the n-th store writes."""
    return zlib.crc32(b"%d" % sequence) % KEYS


def value(sequence: int) -> bytes:
    """Return the value of the n-th store; it says which it is, and every byte can be checked."""
    return b"%d:" % sequence + hashlib.shake_128(b"%d" % sequence).digest(sequence * 7919 % VALUE_BYTES_MAX)


class Publisher:
    """Who sends values to a node.

    Args:
        port: The node's, on 127.0.0.1.
        sequence: The number of the store before the first.
        rate: Stores a second; as many as the node answers if None.

    Attributes:
        acknowledged: When each store was answered with True.
    """

    def __init__(self, port: int, sequence: int, rate: float | None) -> None:
        self.sequence = sequence
        self.acknowledged: dict[int, float] = {}
        self._id = hashlib.sha1(b"publisher").digest()
        self._step_s = 1 / rate if rate else 0.0
        self._next_at = 0.0
        self._waiting: set[int] = set()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.connect(("127.0.0.1", port))

    def meet(self) -> None:
        """Become a contact: ping until the node has sent as much as a ping of its own, and answer that."""
        ping = rpcudp.request(bytes(20), rpcudp.call("ping", self._id))
        give_up = time.monotonic() + PATIENCE_S
        while not self._take(0.01):
            assert time.monotonic() < give_up, "the node does not ask who we are"
            self._socket.send(ping)

    def publish_for(self, seconds: float) -> None:
        """Send stores and take answers."""
        begin = heard = time.monotonic()
        while (now := time.monotonic()) < begin + seconds:
            while len(self._waiting) < WINDOW and now >= self._next_at:
                self._store()
                self._next_at = max(self._next_at, now - self._step_s) + self._step_s
            before = len(self.acknowledged)
            self._take(min(max(self._next_at - now, 0.0), 0.001) if self._step_s else 0.001)
            heard = now if len(self.acknowledged) > before or not self._waiting else heard
            assert now < heard + PATIENCE_S, "the node answers no more"

    def close(self) -> None:
        """Take what was answered before the node died; no more can come."""
        with contextlib.suppress(ConnectionError):
            self._take(0.0)
        self._socket.close()

    def _store(self) -> None:
        self.sequence += 1
        sequence = self.sequence
        body = rpcudp.call("store", self._id, key(number_of(sequence)), value(sequence))
        told = trailer.of_life(life.encode(FIRST_STAMP + sequence, 0, LIFE_S))
        self._socket.send(rpcudp.request(sequence.to_bytes(20, "big"), body) + told)
        self._waiting.add(sequence)

    def _take(self, seconds: float) -> bool:
        """Take what comes; return whether the node asked who we are."""
        asked = False
        select.select([self._socket], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            while True:
                datagram = self._socket.recv(65_536)
                if datagram[0] == rpcudp.REQUEST:
                    self._socket.send(rpcudp.response(datagram[1:21], rpcudp.encode(self._id)))
                    asked = True
                elif (sequence := int.from_bytes(datagram[1:21], "big")) in self._waiting:
                    assert datagram[21:] == rpcudp.encode(True), "the node refused a value"
                    self._waiting.remove(sequence)
                    self.acknowledged[sequence] = time.monotonic()
        return asked


@dataclass
class Tally:
    """What all kills of one way to commit came to."""

    kills: int = 0
    opened: int = 0
    sound: int = 0  #: by SQLite's own check
    wrong: int = 0  #: values that are not what was sent
    acknowledged: int = 0
    seconds: float = 0.0  #: in which that was so
    missing: int = 0  #: of what was acknowledged
    late: int = 0  #: of these such as were acknowledged longer ago than the interval
    oldest_ms: list[float] = field(default_factory=list)  #: of each kill how old the oldest was that is missing


def kill_one(path: Path, mode: str, sequence: int, rate: float | None, seconds: float) -> tuple[Publisher, float]:
    """Let a node live for so long and kill it; return what its publisher knows, and when that was."""
    node = Process(sys.executable, "ours.py", "--disk", str(path), mode)
    try:
        publisher = Publisher(node.port, sequence, rate)
        publisher.meet()
        publisher.publish_for(seconds)
        killed_at = time.monotonic()
    finally:
        node.kill()
    publisher.close()
    return publisher, killed_at


def compare(path: Path, acknowledged: dict[int, float], killed_at: float, tally: Tally) -> None:
    """Open the file and compare it with what was acknowledged."""
    with SQLiteStorage(path) as storage:
        tally.opened += 1
        held = {number: storage.get(key(number), b"") for number in range(KEYS)}
    with contextlib.closing(sqlite3.connect(path)) as connection:
        tally.sound += connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    there = {number: int(found.partition(b":")[0] or 0) for number, found in held.items()}
    tally.wrong += sum(
        sequence > 0 and (held[number] != value(sequence) or number_of(sequence) != number)
        for number, sequence in there.items()
    )
    ages = [(killed_at - at) * 1000 for sequence, at in acknowledged.items() if there[number_of(sequence)] < sequence]
    tally.kills += 1
    tally.acknowledged += len(acknowledged)
    tally.missing += len(ages)
    tally.late += sum(age > INTERVAL_MS for age in ages)
    tally.oldest_ms.append(max(ages, default=0.0))


def kill_often(folder: Path, mode: str, kills: int, rate: float | None, chance: random.Random) -> Tally:
    """Kill so many nodes one after the other, all of which use one file."""
    path = folder / f"{mode}.sqlite"
    tally, sequence = Tally(), 0
    for _ in range(kills):
        seconds = chance.uniform(*KILLED_AFTER_S)
        publisher, killed_at = kill_one(path, mode, sequence, rate, seconds)
        compare(path, publisher.acknowledged, killed_at, tally)
        tally.seconds += seconds
        sequence = publisher.sequence
    return tally


def show(mode: str, tally: Tally) -> bool:
    """Print a table; return whether everything is as it must be."""
    oldest = tally.oldest_ms
    over = sum(age > INTERVAL_MS for age in oldest)
    rows: list[tuple[str, str, str, bool]] = [
        ("opened again", f"{tally.kills}", f"{tally.opened}", tally.opened == tally.kills),
        ("sound by SQLite's check", f"{tally.kills}", f"{tally.sound}", tally.sound == tally.kills),
        ("values that are not what was sent", "0", f"{tally.wrong}", tally.wrong == 0),
    ]
    if mode == "always":
        rows.append(("acknowledged, but missing", "0", f"{tally.missing}", tally.missing == 0))
    else:
        rows += [
            (f"missing, acknowledged over {INTERVAL_MS:.0f} ms before", "0", f"{tally.late:,}", tally.late == 0),
            ("kills with such a value", "0", f"{over}", over == 0),
            ("missing, acknowledged later", "", f"{tally.missing - tally.late:,}", True),
            ("oldest that is missing: median, most", "", f"{median(oldest):.1f}, {max(oldest):.1f} ms", True),
        ]
    a_second = tally.acknowledged / tally.seconds
    print(f'commit="{mode}": {tally.kills} kills, {tally.acknowledged:,} acknowledged, {a_second:,.0f} a second')
    print(f"  {'':44}{'must':>8}{'seen':>16}")
    for name, must, seen, is_right in rows:
        print(f"  {name:44}{must:>8}{seen:>16}{'' if is_right else '  MISSED'}")
    return all(is_right for *_, is_right in rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100, help="for each mode")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, help="stores a second; as many as the node answers if not given")
    parser.add_argument("--mode", choices=MODES)
    options = parser.parse_args()
    is_right = True
    try:
        for mode in [options.mode] if options.mode else MODES:
            with tempfile.TemporaryDirectory() as folder:
                tally = kill_often(Path(folder), mode, options.kills, options.rate, random.Random(options.seed))
            is_right &= show(mode, tally)
    finally:
        pin(ALL_CORES)
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
