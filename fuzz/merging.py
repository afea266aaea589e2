"""Making a corpus small: of many inputs those that reach something that no shorter one does.

What is reached are steps from one line of `kademlia` to the next, each once, twice, four times or oftener, seen by
`sys.settrace`: about what guides fuzzing, and the same everywhere.
"""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Self

from fuzz.target import Target

import kademlia

#: Files of one target, and their bytes, at the most.
FILES_MAX, BYTES_MAX = 300, 400_000

_HOME = str(Path(kademlia.__file__).parent)

Step = tuple[CodeType, int, int]


class Steps:
    """The steps that were taken while it is on."""

    def __init__(self) -> None:
        self.taken: Counter[Step] = Counter()
        self._last: dict[int, int] = {}

    def __enter__(self) -> Self:
        """Look from now on."""
        sys.settrace(self._call)
        return self

    def __exit__(self, *_: object) -> None:
        """Look no more."""
        sys.settrace(None)

    def _call(self, frame: FrameType, _event: str, _argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(_HOME):
            return None
        self._last[id(frame)] = 0
        return self._line

    def _line(self, frame: FrameType, event: str, _argument: object) -> Any:
        if event == "line":
            self.taken[frame.f_code, self._last.get(id(frame), 0), frame.f_lineno] += 1
            self._last[id(frame)] = frame.f_lineno
        elif event == "return":
            self._last.pop(id(frame), None)
        return self._line


def steps_of(target: Target, data: bytes) -> set[tuple[Step, int]]:
    """Return the steps of one input in a world of its own, without those of making that, and how often, roughly."""
    target.begin()
    with Steps() as steps:
        target.take(data)
    target.end()
    return {(step, times.bit_length()) for step, times in steps.taken.items()}


def needed(target: Target, inputs: Iterable[bytes], seeds: Iterable[bytes] = ()) -> list[bytes]:
    """Return those of some inputs that reach what no seed and no shorter one reaches, the shortest first."""
    reached: set[tuple[Step, int]] = set()
    for data in seeds:
        reached |= steps_of(target, data)
    kept: list[bytes] = []
    size = 0
    for data in sorted(set(inputs), key=lambda data: (len(data), data)):
        new = steps_of(target, data) - reached
        if new and len(kept) < FILES_MAX and size + len(data) <= BYTES_MAX:
            reached |= new
            kept.append(data)
            size += len(data)
    return kept


def merge(target: Target, corpus: Path, folder: Path, seeds: Iterable[bytes]) -> None:
    """Bring the inputs of a folder into a corpus, and take what is not needed out of it."""
    files = [path for place in (corpus, folder) for path in place.iterdir() if path.is_file()]
    inputs = [data for path in files if len(data := path.read_bytes()) <= target.input_bytes_max]
    kept = needed(target, inputs, seeds)
    for path in corpus.iterdir():
        path.unlink()
    for data in kept:
        (corpus / hashlib.sha1(data).hexdigest()[:12]).write_bytes(data)
    print(f"{target.name}: {len(kept)} of {len(files)} inputs, {sum(map(len, kept)):,} bytes")
