"""Processes of the servers under measurement: on a core of their own, with the CPU time they took.

The load has the first core that we may use, every server the last. Where cores cannot be chosen, the system does it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SERVERS = Path(__file__).parent

#: How long a server may take to end by itself, in seconds.
END_S = 10.0


def _allowed() -> set[int]:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()


#: The cores that were ours at the beginning; none where they cannot be chosen, as on macOS.
ALL_CORES = _allowed()
LOAD_CORE = set(sorted(ALL_CORES)[:1])
SERVERS_CORE = set(sorted(ALL_CORES)[-1:])


def pin(cores: set[int]) -> None:
    """Stay on these cores; processes started from now on do too."""
    if cores:
        os.sched_setaffinity(0, cores)


def has(interpreter: str, module: str) -> bool:
    """Return whether an interpreter has a module; say so if not."""
    if subprocess.run([interpreter, "-c", f"import {module}"], stderr=subprocess.DEVNULL, check=False).returncode == 0:
        return True
    print(f"left out: {module}, which {interpreter} does not have")
    return False


class Process:
    """One server.

    Args:
        interpreter: The Python that runs it.
        script: Its file in this folder.
        arguments: Of its command line.
        cores: Where it runs.
    """

    def __init__(self, interpreter: str, script: str, *arguments: str, cores: set[int] = SERVERS_CORE) -> None:
        environment = dict(os.environ)
        if interpreter != sys.executable:
            environment.pop("PYTHONPATH", None)  # where ours may be found is nothing to a peer
        command = [interpreter, str(SERVERS / script), *arguments]
        pipe = subprocess.PIPE
        pin(cores)
        try:
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)
        finally:
            pin(LOAD_CORE)
        self.port: int = self._heard()

    def ask(self, *command: Any) -> Any:
        """Have something done, and return what came of it."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return self._heard()

    def _heard(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{' '.join(map(str, self._process.args))} ended; run it by hand to see why")  # type: ignore[arg-type]
        return json.loads(line)

    def cpu_ns(self) -> int:
        """Return the nanoseconds of CPU all its threads took so far; as the kernel counts them where it tells."""
        threads = Path(f"/proc/{self._process.pid}/task")
        try:
            return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads.iterdir())
        except OSError:
            return int(self.ask("cpu"))

    def kill(self) -> None:
        """End it at once, in the middle of whatever it does."""
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """End it, and wait until it has ended."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.kill()


def rest(seconds: float = 0.02) -> None:
    """Let a server come to rest: only of one that sleeps does the kernel tell all of its time."""
    time.sleep(seconds)
