"""The command line as a user has it: real processes, whose lines are waited for."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

SRC = Path(__file__).resolve().parents[2] / "src"

#: Longest a command may take, in seconds: silence takes five, a lost network fifteen, and the machine may be busy.
COMMAND_S = 60


def environment(**variables: str) -> dict[str, str]:
    """Return the environment of a command: this checkout, and no network unless one is given."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("KADEMLIA_")}
    path = os.pathsep.join([str(SRC), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**own, "PYTHONPATH": path, "COLUMNS": "100", **variables}


def kademlia(*arguments: str | bytes | Path, bootstrap: str = "") -> subprocess.CompletedProcess[bytes]:
    """Run one command to its end."""
    variables = {"KADEMLIA_BOOTSTRAP": bootstrap} if bootstrap else {}
    command = [sys.executable, "-m", "kademlia", *arguments]
    return subprocess.run(command, capture_output=True, timeout=COMMAND_S, env=environment(**variables), check=False)


def started(*arguments: str | Path) -> subprocess.Popen[bytes]:
    """Start a command whose end is not waited for."""
    command = [sys.executable, "-m", "kademlia", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())


def finished(process: subprocess.Popen[bytes]) -> subprocess.CompletedProcess[bytes]:
    """Wait for the end of a command that was started."""
    printed, said = process.communicate(timeout=COMMAND_S)
    return subprocess.CompletedProcess(process.args, process.returncode, printed, said)


def complaint(result: subprocess.CompletedProcess[bytes]) -> str:
    """Return the one line that a failed command wrote to stderr, which is no traceback."""
    lines = result.stderr.decode().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("kademlia: ")
    return lines[0].removeprefix("kademlia: ")


class RunningNode:
    """`kademlia node` on loopback, on a port that the system chose, with all it prints."""

    def __init__(self, *arguments: str, interface: str = "127.0.0.1") -> None:
        command = [sys.executable, "-m", "kademlia", "node", "--port", "0", "--interface", interface, *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment())
        self.printed: list[str] = []

    def __enter__(self) -> Self:
        self.id = self.wait_for(r"^id ([0-9a-f]{40})")
        self.address = self.wait_for(r"^listening on (\S+)")
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process.wait()

    def wait_for(self, pattern: str) -> str:
        """Read what it prints until a line matches; return the first group, or the whole match."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.printed.append(line.decode().rstrip("\n"))
            found = re.search(pattern, self.printed[-1])
            if found:
                return found[1] if found.groups() else found[0]
        raise AssertionError(f"the node ended, and never said {pattern!r}: {self.printed}")

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; return the exit code."""
        self.process.send_signal(number)
        assert self.process.stdout is not None
        self.printed += self.process.stdout.read().decode().splitlines()
        return self.process.wait(COMMAND_S)
