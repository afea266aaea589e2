"""One session: a target takes inputs, all are counted, and a fault ends it.

The measure is `internal_errors` at 0. A fault is written to `fuzz/findings`, with those inputs of its round that it
needs.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path

from fuzz import findings
from fuzz.target import Target

#: Growth of the resident memory from a tenth of the inputs to the end that is taken for flat: the fuzzer itself keeps
#: what it found, caches fill, and the heap is torn a little.
GROWTH_BYTES_MAX = 48 * 2**20

#: Seconds between two lines about how far it is.
TOLD_EVERY_S = 60.0


class Session:
    """What one target took so far.

    Args:
        target: What is fuzzed.
        inputs: How many inputs it is to take.
    """

    def __init__(self, target: Target, inputs: int) -> None:
        self.target = target
        self.inputs = inputs
        self.taken = 0
        self.internal_errors = 0
        self._round: list[bytes] = []
        self._began = self._told = time.monotonic()
        self._resident_early = 0

    @property
    def done(self) -> bool:
        """Whether it took all its inputs, or met a fault."""
        return self.taken >= self.inputs or self.internal_errors > 0

    def take(self, data: bytes) -> None:
        """Take one input; a fault is counted, told and written."""
        if self.done:
            return
        try:
            if not self._round:
                self.target.begin()
            self._round.append(data)
            self.target.take(data)
            if len(self._round) >= self.target.inputs_per_round:
                self.target.end()
                self._round = []
        except Exception:  # noqa: BLE001  # any is a finding
            self.internal_errors += 1
            traceback.print_exc()
            self._found()
        self.taken += 1
        if self.taken == self.inputs // 10:
            self._resident_early = resident_bytes()
        self._tell_progress()

    def finish(self) -> int:
        """End the last round, and tell how it went; return the exit code."""
        if self._round and not self.internal_errors:
            try:
                self.target.end()
            except Exception:  # noqa: BLE001  # any is a finding
                self.internal_errors += 1
                traceback.print_exc()
                self._found()
        seconds = time.monotonic() - self._began
        early, late = self._resident_early or resident_bytes(), resident_bytes()
        grew = late - early > GROWTH_BYTES_MAX
        print(
            f"{self.target.name}: {self.taken:,} inputs, {self.taken / max(seconds, 1e-9):,.0f}/s, "
            f"internal_errors {self.internal_errors}, resident {early >> 20} MiB at 10 %, {late >> 20} MiB at the end"
            f"{': it GREW' if grew else ''}",
            flush=True,
        )
        return int(grew or self.internal_errors > 0)

    def _found(self) -> None:
        inputs, self._round = self._round, []
        print(f"{self.target.name}: a fault; looking for the inputs that it takes ...", file=sys.stderr, flush=True)
        path = findings.write(self.target, findings.shrunk(self.target, inputs))
        with suppress(ValueError):
            path = path.relative_to(Path.cwd())
        print(f'try it again: make fuzz ARGS="{self.target.name} --replay {path}"', flush=True)

    def _tell_progress(self) -> None:
        now = time.monotonic()
        if now > self._told + TOLD_EVERY_S:
            self._told = now
            rate = self.taken / (now - self._began)
            print(
                f"  {self.target.name}: {self.taken:,} inputs, {rate:,.0f}/s, {resident_bytes() >> 20} MiB", flush=True
            )


def resident_bytes() -> int:
    """Return how much memory this process has, in bytes; 0 where the system does not tell it."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
