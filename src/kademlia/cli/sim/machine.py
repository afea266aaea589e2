"""What a run takes of this machine: the simulator reads no clock, so its caller does."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kademlia.sim.report import Cost

#: Where Linux tells, as the second of some numbers, how many pages of memory a process has.
RESIDENT_PAGES = Path("/proc/self/statm")


class Meter:
    """A stopwatch that also looks at the processor and at memory; it runs from its making on."""

    def __init__(self) -> None:
        self._begun = self._built = time.perf_counter()
        self._cpu = time.process_time()
        self._memory = memory()

    def built(self) -> None:
        """Note that the network stands."""
        self._built = time.perf_counter()

    def cost(self) -> Cost:
        """Return what it took until now."""
        from kademlia.sim.report import Cost

        before, after = self._memory, memory()
        return Cost(
            build_seconds=self._built - self._begun,
            run_seconds=time.perf_counter() - self._built,
            cpu_seconds=time.process_time() - self._cpu,
            memory_bytes=None if before is None or after is None else max(after - before, 0),
        )


def memory() -> int | None:
    """Return the memory that this process has, in bytes; on macOS the most it ever had, None where nobody tells."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    with suppress(OSError):  # Linux
        return int(RESIDENT_PAGES.read_text().split()[1]) * resource.getpagesize()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
