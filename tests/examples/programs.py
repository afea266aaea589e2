"""Running the programs of examples/ as a newcomer does: as processes, watched by the lines they print."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

#: Longest wait for a line or an end, in seconds: far more than any needs, so that a test fails rather than hangs.
PATIENCE_S = 60.0

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


class Program:
    """A program that is running, and what it has printed so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._printed: list[str] = []

    async def prints(self, pattern: str) -> re.Match[str]:
        """Wait until a line is printed that a pattern fits."""
        assert self._process.stdout is not None
        while line := (await asyncio.wait_for(self._process.stdout.readline(), PATIENCE_S)).decode():
            self._printed.append(line)
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f"it ended without printing {pattern!r}:\n{''.join(self._printed)}")

    async def output(self) -> str:
        """Wait until it ends by itself, with success; return all that it printed."""
        code, printed = await self.outcome()
        assert code == 0, printed
        return printed

    async def outcome(self) -> tuple[int, str]:
        """Wait until it ends by itself; return its exit code and all that it printed."""
        assert self._process.stdout is not None
        self._printed.append((await asyncio.wait_for(self._process.stdout.read(), PATIENCE_S)).decode())
        return await asyncio.wait_for(self._process.wait(), PATIENCE_S), "".join(self._printed)

    async def interrupt(self) -> tuple[int, str]:
        """Press Ctrl-C; return its exit code and all that it printed."""
        self._process.send_signal(signal.SIGINT)
        return await self.outcome()


@asynccontextmanager
async def running(*command: object, cwd: Path | None = None, **variables: object) -> AsyncIterator[Program]:
    """Run a command with further environment variables; it is killed at the end if it still runs."""
    source = str(EXAMPLES.parent / "src")
    path = os.pathsep.join(part for part in (source, os.environ.get("PYTHONPATH")) if part)
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**environment, **{name: str(value) for name, value in variables.items()}},
        cwd=cwd,
    )
    try:
        yield Program(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


def example(name: str, *arguments: object) -> tuple[object, ...]:
    """Return the command that runs an example."""
    return (sys.executable, EXAMPLES / name, *arguments)


async def output_of(name: str, *arguments: object) -> str:
    """Run an example to its end, which is a success; return what it printed."""
    async with running(*example(name, *arguments)) as program:
        return await program.output()


@asynccontextmanager
async def first_node() -> AsyncIterator[tuple[Program, int]]:
    """Run first_node.py on a port that the system chose."""
    async with running(*example("first_node.py", "--port", 0)) as program:
        yield program, int((await program.prints(r"listens on port (\d+)"))[1])
