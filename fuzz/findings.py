"""Findings: inputs that showed a fault, made as few as can be, in a file from which they are tried again.

A finding of one input is that input. One that needs several inputs of a round is a file that begins with `STORY`, with
each input as `Cursor.piece` reads it.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path

from fuzz.cursor import Cursor, piece
from fuzz.target import Target

FOLDER = Path(__file__).parent / "findings"

STORY = b"kademlia fuzz: inputs of one round\n"

#: Leaving out inputs of a finding that are not needed is given up after so long.
SHRINKING_S = 60.0


def fault_of(target: Target, inputs: Sequence[bytes]) -> Exception | None:
    """Return what some inputs of one round raise in a world of their own, if they do."""
    try:
        target.begin()
        for data in inputs:
            target.take(data)
        target.end()
    except Exception as fault:  # noqa: BLE001  # any is a finding
        return fault
    return None


def shrunk(target: Target, inputs: list[bytes]) -> list[bytes]:
    """Return those of some inputs that show a fault on their own; all of them if they do not show it again."""
    if fault_of(target, inputs) is None:
        return inputs
    until = time.monotonic() + SHRINKING_S
    if len(inputs) > 1 and fault_of(target, inputs[-1:]) is not None:
        return inputs[-1:]
    for index in range(len(inputs) - 2, -1, -1):
        if time.monotonic() > until:
            break
        without = inputs[:index] + inputs[index + 1 :]
        if fault_of(target, without) is not None:
            inputs = without
    return inputs


def write(target: Target, inputs: list[bytes]) -> Path:
    """Write a finding; return where it is."""
    data = inputs[0] if len(inputs) == 1 else STORY + b"".join(map(piece, inputs))
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{target.name}-{hashlib.sha1(data).hexdigest()[:12]}"
    path.write_bytes(data)
    return path


def read(path: Path) -> list[bytes]:
    """Return the inputs of a finding, or the one that a file of a corpus is."""
    data = path.read_bytes()
    if not data.startswith(STORY):
        return [data]
    cursor, inputs = Cursor(data[len(STORY) :]), []
    while cursor:
        inputs.append(cursor.piece())
    return inputs
