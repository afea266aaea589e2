"""How a benchmark commands a network in another process: a line of JSON in, a line of JSON out."""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Iterator
from typing import Any

#: How many operations are under way at once.
AT_ONCE = 8

#: Bytes of each value.
VALUE_BYTES = 100


def read() -> dict[str, Any] | None:
    """Wait for the next command; None when the input has ended."""
    line = sys.stdin.readline()
    return json.loads(line) if line else None


def answer(**what: Any) -> None:
    """Answer a command."""
    print(json.dumps(what), flush=True)


def pairs(seed: int, count: int) -> list[tuple[str, bytes]]:
    """Return keys and values, the same ones for the same seed in every process."""
    chance = random.Random(seed)
    return [(f"{seed}: {number}, {chance.random()}", chance.randbytes(VALUE_BYTES)) for number in range(count)]


def chosen(seed: int, nodes: list[Any]) -> Iterator[Any]:
    """Yield nodes at random, for ever; the same places for the same seed in every process."""
    chance = random.Random(seed)
    while True:
        yield chance.choice(nodes)


class Stopwatch:
    """CPU seconds of this process, threads included, and seconds by the clock on the wall."""

    def __init__(self) -> None:
        self._started = time.process_time(), time.perf_counter()

    def seconds(self) -> dict[str, float]:
        """Return how much of both went by."""
        cpu, wall = self._started
        return {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
