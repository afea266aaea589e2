"""Measure a node with a million values on disk: `python bench/disk.py` (a minute, 350 MB in a temporary folder).

How long its file takes to open and the first answer to come, what memory the process takes then and after 200,000
answers, and how fast it answers find_value for uniformly random keys, that are there and that are not, beside the same
values in the memory storage. Whole requests go through the engine (`KademliaProtocol.receive`), without sockets: both
take turns of a few thousand requests in one process, and the ratio is the median of the turns' ratios. The engine is
that of `bench/instructions.py`, with its table filled. The file is filled in batches of 10,000, so that its pages are
as full as those of a node that has got its values one after the other.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from instructions import NOW, Bench

from kademlia.storage import ForgetfulStorage, IStorage, SQLiteStorage
from kademlia.storage.disk.file import Counts
from kademlia.wire import rpcudp

RECORDS = 1_000_000
VALUE_BYTES = 100

#: Values saved by one batch while the file is filled.
BATCH = 10_000

#: Requests in a turn, and turns of each storage.
REQUESTS, TURNS = 4_000, 30

#: Requests before memory is measured.
ANSWERED = 200_000

#: Seconds between two requests in the engine's time: no asker of the bench is over its budget then.
STEP_S = 0.001

LIFE_S = 86_400.0


def key(number: int) -> bytes:
    return hashlib.sha1(b"%d" % number).digest()


class Clock:
    """The time of the engine and of its storage."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def fill(path: Path, records: int, value_bytes: int) -> dict[str, float]:
    """Fill a file, past the queue; return how long that took and how large it is."""
    began = time.perf_counter()
    with SQLiteStorage(path) as storage:
        chance = random.Random(1)
        now = storage._now()
        for first in range(0, records, BATCH):
            batch = {
                key(number): (1.7e12 + number, now + LIFE_S, now, rpcudp.encode(chance.randbytes(value_bytes)))
                for number in range(first, min(first + BATCH, records))
            }
            value_total = storage._value_bytes + sum(len(held[3]) for held in batch.values())
            storage._records, storage._value_bytes = storage._records + len(batch), value_total
            fault = storage._file.save(batch, storage._time.heartbeat(), Counts(storage._records, value_total))
            assert fault is None, fault
    return {"seconds": time.perf_counter() - began, "bytes_per_record": path.stat().st_size / records}


class Asked:
    """An engine, and requests to it."""

    def __init__(self, storage: Callable[[Clock], IStorage], records: int) -> None:
        self.clock = Clock()
        self.bench = Bench()
        self.records = records
        self.chance = random.Random(2)
        self.bench.protocol.keeping.use(storage(self.clock))

    def requests(self, kept: bool, count: int) -> list[tuple[bytes, Any]]:
        """Return requests for random keys, that are kept or that are not."""
        bench, chance = self.bench, self.chance
        return [
            (
                bench._request(
                    "find_value", bench._ids[address], key(chance.randrange(self.records) if kept else -place)
                ),
                address,
            )
            for place in range(1, count + 1)
            for address in (bench.senders[place % len(bench.senders)],)
        ]

    def microseconds(self, requests: list[tuple[bytes, Any]]) -> float:
        """Return what one takes."""
        receive, clock = self.bench.protocol.receive, self.clock
        began = time.perf_counter()
        for datagram, address in requests:
            clock.now += STEP_S
            answer = receive(datagram, address, clock.now)
            assert answer is not None
        return (time.perf_counter() - began) / len(requests) * 1e6


def resident_mb() -> float:
    """Return what memory the process takes now, or the most that it took where the system does not say."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def started(path: Path, records: int) -> dict[str, float]:
    """Measure a node that starts on a filled file."""
    asked = Asked(lambda clock: ForgetfulStorage(clock=clock), 1)
    before = resident_mb()
    began = time.perf_counter()
    storage = SQLiteStorage(path, clock=asked.clock)
    asked.bench.protocol.keeping.use(storage)
    asked.records = records
    opened = time.perf_counter() - began
    first = asked.microseconds(asked.requests(kept=True, count=1))
    figures = {
        "opened_ms": opened * 1000,
        "first_answer_ms": first / 1000,
        "before_mb": before,
        "opened_mb": resident_mb(),
    }
    for _ in range(ANSWERED // REQUESTS):
        asked.microseconds(asked.requests(kept=True, count=REQUESTS))
    figures["answered_mb"] = resident_mb()
    asked.clock.now += 1
    for number in range(ANSWERED // 4):  # and writing
        storage.write(key(number * 17 % records), b"x" * VALUE_BYTES, complex(1.8e12, asked.clock.now + LIFE_S))
        if number % 2_000 == 0:
            storage.flush()
    figures["written_mb"] = resident_mb()
    storage.close()
    return figures


def memory(records: int, value_bytes: int, clock: Clock) -> ForgetfulStorage:
    storage = ForgetfulStorage(clock=clock)
    chance = random.Random(1)
    for number in range(records):
        storage.write(key(number), chance.randbytes(value_bytes), complex(1.7e12 + number, NOW + LIFE_S))
    return storage


def rates(path: Path, records: int, value_bytes: int) -> dict[str, Any]:
    """Let both answer, in turns."""
    on_disk = Asked(lambda clock: SQLiteStorage(path, clock=clock), records)
    in_memory = Asked(lambda clock: memory(records, value_bytes, clock), records)
    figures: dict[str, Any] = {}
    for kept in (True, False):
        pairs = []
        for turn in range(TURNS + 2):
            both = [on_disk, in_memory] if turn % 2 else [in_memory, on_disk]
            took = {asked: asked.microseconds(asked.requests(kept, REQUESTS)) for asked in both}
            pairs.append((took[on_disk], took[in_memory]))
        disk, mem = zip(*pairs[2:], strict=True)  # the first warm up
        name = "kept" if kept else "unknown"
        figures[name] = [median(disk), median(mem), median(m / d for d, m in zip(disk, mem, strict=True))]
    figures["read"] = [reads(asked.bench.protocol.keeping.shelf, records) for asked in (on_disk, in_memory)]
    on_disk.bench.protocol.keeping.shelf.close()
    return figures


def reads(shelf: Any, records: int) -> float:
    """Return what `read` alone takes, in microseconds."""
    chance = random.Random(3)
    keys = [key(chance.randrange(records)) for _ in range(10 * REQUESTS)]
    began = time.perf_counter()
    for name in keys:
        assert shelf.read(name) is not None
    return (time.perf_counter() - began) / len(keys) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=RECORDS)
    parser.add_argument("--value-bytes", type=int, default=VALUE_BYTES)
    parser.add_argument("--part", choices=("fill", "started", "rates"), help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    records, value_bytes = options.records, options.value_bytes
    if options.part:
        parts: dict[str, Callable[[], Any]] = {
            "fill": lambda: fill(options.path, records, value_bytes),
            "started": lambda: started(options.path, records),
            "rates": lambda: rates(options.path, records, value_bytes),
        }
        print(json.dumps(parts[options.part]()))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "values.sqlite")
        sizes = ["--records", str(records), "--value-bytes", str(value_bytes), "--path", str(path)]
        told = {}
        for part in ("fill", "rates", "started"):
            command = [sys.executable, __file__, "--part", part, *sizes]
            told[part] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    print(f"{records:,} values of {value_bytes} bytes, {told['fill']['bytes_per_record']:.0f} bytes of file for each")
    print("filled in {seconds:.0f} s".format(**told["fill"]))
    print(
        "opened in {opened_ms:.1f} ms, and the first find_value answered in {first_answer_ms:.1f} ms".format(
            **told["started"]
        )
    )
    print(
        "memory of the process: {before_mb:.0f} MB before, {opened_mb:.0f} MB opened, {answered_mb:.0f} MB after "
        "200,000 answers, {written_mb:.0f} MB after 50,000 writes".format(**told["started"])
    )
    for name in ("kept", "unknown"):
        disk, mem, ratio = told["rates"][name]
        print(
            f"find_value, {name:7}: disk {disk:.1f} us, memory {mem:.1f} us: {ratio:.2f} times the rate of the memory"
        )
    disk, mem = told["rates"]["read"]
    print(f"read alone: disk {disk:.2f} us, memory {mem:.2f} us")


if __name__ == "__main__":
    main()
