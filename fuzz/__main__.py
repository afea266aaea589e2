"""Fuzz: `python -m fuzz [receive] [codec] [state] [database] [--inputs N]`. See fuzz/README.md.

Each target runs in a process of its own, one after the other: the memory that is told is its own. The exit code is 1 if
something was found.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

NAMES = ("receive", "codec", "state", "database")

#: Inputs that take about a minute on one core of 2023, with atheris.
INPUTS = {"receive": 40_000, "codec": 400_000, "state": 300_000, "database": 15_000}

#: How lines of the fuzzer begin that tell nothing: what is instrumented, and which sanitizers there are not.
CHATTER = ("INFO: ", "WARNING: Failed to find function ")

CORPUS = Path(__file__).parent / "corpus"


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("target", nargs="*", help=f"what to fuzz, of {', '.join(NAMES)}; all four if none is named")
    parser.add_argument("--inputs", type=int, help="how many for each target (default: a minute's)")
    parser.add_argument("--share", type=float, default=1.0, help="of the default number of inputs, e.g. 0.1")
    parser.add_argument("--seed", type=int, default=1, help="of the changes to inputs (default: 1)")
    parser.add_argument("--replay", type=Path, help="try one finding, or one file of a corpus, again")
    parser.add_argument("--keep", type=Path, help="a folder for inputs that reach something new")
    parser.add_argument("--merge", type=Path, help="a folder of inputs: bring what is needed of them into the corpus")
    parser.add_argument("--unguided", action="store_true", help="without atheris: the corpus and random changes to it")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)  # in this very process
    chosen = parser.parse_args()
    for name in chosen.target:
        if name not in NAMES:
            parser.error(f"there is no target {name}: name some of {', '.join(NAMES)}, or none for all")
    if chosen.inputs is not None and chosen.inputs < 1:
        parser.error(f"--inputs is a number from 1, not {chosen.inputs}")
    if not 0 < chosen.share <= 1000:
        parser.error(f"--share is above 0 and at most 1000, not {chosen.share}")
    if (chosen.replay or chosen.keep or chosen.merge or chosen.one) and len(chosen.target) != 1:
        parser.error("--replay, --keep and --merge are for one target: name it first, as in: receive --replay FILE")
    for path, is_there in ((chosen.replay, Path.is_file), (chosen.merge, Path.is_dir)):
        if path and not is_there(path):
            parser.error(f"there is no {path}")
    return chosen


def replay(name: str, path: Path) -> int:
    """Try a finding again; what it raises is raised."""
    import faulthandler

    from fuzz import findings, guided, targets

    faulthandler.dump_traceback_later(guided.INPUT_S_MAX, exit=True)  # where it hangs
    inputs = findings.read(path)
    fault = findings.fault_of(targets.make(name), inputs)
    if fault is not None:
        raise fault
    print(f"{name}: nothing is wrong with {path}, {len(inputs)} inputs")
    return 0


def merge(name: str, folder: Path) -> int:
    """Bring the inputs of a folder into the corpus."""
    from fuzz import merging, seeds, targets

    merging.merge(targets.make(name), CORPUS / name, folder, seeds.of(name))
    return 0


def run_here(chosen: argparse.Namespace, name: str, inputs: int) -> int:
    """Fuzz one target in this process."""
    from fuzz import guided, mutating

    if not chosen.unguided:
        guided.run(name, inputs, CORPUS / name, chosen.seed, chosen.keep)
    from fuzz import seeds, targets
    from fuzz.session import Session

    session = Session(targets.make(name), inputs)
    mutating.run(session, [*targets.corpus_of(name), *seeds.of(name)], chosen.seed)
    return session.finish()


def run(chosen: argparse.Namespace, name: str) -> int:
    """Fuzz one target in a process of its own."""
    inputs = chosen.inputs or max(int(INPUTS[name] * chosen.share), 10)
    command: Sequence[str] = [sys.executable, "-m", "fuzz", name, "--one", "--inputs", str(inputs)]
    more = ["--seed", str(chosen.seed), *(["--unguided"] if chosen.unguided else [])]
    more += ["--keep", str(chosen.keep)] if chosen.keep else []
    with subprocess.Popen([*command, *more], stderr=subprocess.PIPE, text=True, errors="replace") as process:
        assert process.stderr is not None
        for line in process.stderr:
            if not line.startswith(CHATTER):
                print(line, end="", file=sys.stderr, flush=True)
    code = process.returncode
    if code not in {0, 1}:  # the fuzzer itself ended it: an input took too long, or too much memory
        print(f'{name}: ended with code {code}; the input is the newest in fuzz/findings, try it again: '
              f'make fuzz ARGS="{name} --replay FILE"')  # fmt: skip
    return code


def main() -> int:
    """Do what the command line says."""
    chosen = options()
    if chosen.replay:
        return replay(chosen.target[0], chosen.replay)
    if chosen.merge:
        return merge(chosen.target[0], chosen.merge)
    if not chosen.unguided and find_spec("atheris") is None:
        print("atheris is not installed (it has wheels for CPython on Linux x86_64 only): the corpus and random "
              "changes to it are run, without a guide")  # fmt: skip
        chosen.unguided = True
    if chosen.one:
        name = chosen.target[0]
        return run_here(chosen, name, chosen.inputs or INPUTS[name])
    codes = [run(chosen, name) for name in chosen.target or NAMES]
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main())
