"""The command line: what people see. It uses `Server` like any other program.

One file per command; `app` puts them together, `faults` says how a command fails: one line and an exit code.
"""

from __future__ import annotations


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    import sys

    from kademlia.cli.app import run

    sys.exit(run())
