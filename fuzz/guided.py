"""Fuzzing that is guided by what code an input reaches: atheris, which drives libFuzzer.

Only `kademlia` is instrumented. It has to be imported here and nowhere before, so this module imports no target itself.
"""

from __future__ import annotations

import os
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

#: An input that takes longer is a finding, in seconds.
INPUT_S_MAX = 20

#: So is one that takes more memory, in MiB.
MEMORY_MIB_MAX = 2048


def available() -> bool:
    """Return whether atheris is installed."""
    return find_spec("atheris") is not None


def run(name: str, inputs: int, corpus: Path, seed: int, kept: Path | None) -> NoReturn:
    """Fuzz a target with so many inputs, and exit.

    Args:
        name: The target's.
        inputs: How many.
        corpus: The folder of inputs to begin with, besides the seeds; nothing is written there.
        seed: Of the changes to inputs.
        kept: A folder for inputs that reach something new; none are kept if it is None.
    """
    import atheris

    with atheris.instrument_imports(include=["kademlia"], enable_loader_override=False):
        from fuzz import seeds, targets
    from fuzz.findings import FOLDER
    from fuzz.session import Session

    session = Session(targets.make(name), inputs)
    FOLDER.mkdir(exist_ok=True)

    def take(data: bytes) -> None:
        session.take(data)
        if session.done:  # libFuzzer would end without a word of ours
            code = session.finish()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    with tempfile.TemporaryDirectory(prefix="kademlia-fuzz-") as folder:
        found = kept or Path(folder, "found")
        found.mkdir(parents=True, exist_ok=True)
        begun = Path(folder, "seeds")
        seeds.write(name, begun)
        flags = [
            f"-max_len={session.target.input_bytes_max}",
            f"-timeout={INPUT_S_MAX}",
            f"-rss_limit_mb={MEMORY_MIB_MAX}",
            f"-seed={seed}",
            f"-artifact_prefix={FOLDER}/{name}-",
            "-verbosity=0",
            "-len_control=20",
        ]
        atheris.Setup(["fuzz", *flags, str(found), str(corpus), str(begun)], take)
        atheris.Fuzz()
    sys.exit(session.finish())
