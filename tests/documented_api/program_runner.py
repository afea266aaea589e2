"""Runs programs as a user would: in processes of their own, with nothing of the test's imported."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import kademlia

#: How long a program may take before it is ended and its test fails, in seconds. They take two or three.
PATIENCE_S = 120

#: What Python prints when something was left behind or went wrong where nobody looked.
COMPLAINTS = re.compile(
    r"Traceback|Exception ignored|never retrieved|never awaited|was destroyed|unclosed|Unhandled", re.IGNORECASE
)


def environment(**more: str) -> dict[str, str]:
    """Return the environment in which a program finds the same kademlia that is tested here."""
    return {**os.environ, "PYTHONPATH": str(Path(kademlia.__file__).parent.parent), "PYTHONUNBUFFERED": "1", **more}


def run_code(code: str) -> str:
    """Run statements; return what they printed."""
    return run("-c", code)


def run(*arguments: str | Path, cwd: Path | None = None) -> str:
    """Run Python with these arguments to its end; return what it printed. It may leave nothing to complain about."""
    finished = subprocess.run(
        [sys.executable, "-W", "default", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        cwd=cwd,
        env=environment(),
        check=False,
    )
    told = f"{finished.stdout}\n{finished.stderr}"
    assert finished.returncode == 0, told
    assert not COMPLAINTS.search(finished.stderr), told
    return finished.stdout


class Program:
    """A program that runs beside the test."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.output = ""

    def wait_for(self, pattern: str) -> str:
        """Read what it prints up to a line that matches; return the pattern's first group."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line
            if match := re.search(pattern, line):
                return match[1]
        raise AssertionError(f"it ended without printing {pattern!r}:\n{self.output}")

    def wait_for_file(self, file: Path) -> None:
        """Wait until it has written a file, which nothing announces."""
        while not file.exists():
            assert self.process.poll() is None, f"it ended without writing {file.name}"
            threading.Event().wait(0.05)

    def stop(self) -> int:
        """Ask it to end, and read the rest of what it prints; return its exit code."""
        self.process.terminate()
        assert self.process.stdout is not None
        self.output += self.process.stdout.read()
        return self.process.wait()


@contextmanager
def running(*arguments: str | Path, cwd: Path | None = None, **more_environment: str) -> Iterator[Program]:
    """Start Python with these arguments; afterwards it is gone."""
    process = subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=cwd,
        env=environment(**more_environment),
    )
    patience = threading.Timer(PATIENCE_S, process.kill)
    patience.start()
    try:
        yield Program(process)
    finally:
        patience.cancel()
        process.kill()
        process.communicate()
