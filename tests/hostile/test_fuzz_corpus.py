"""The seeds and the whole corpus of the fuzzers, without a fuzzer: whatever reached something new is borne again."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz import findings, merging, seeds, targets
from fuzz.__main__ import options
from fuzz.session import Session
from fuzz.target import Target, must


@pytest.mark.parametrize("name", targets.KINDS)
def test_every_input_of_the_corpus_is_borne(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Findings are in it, so that what was repaired stays so; several inputs meet one node, as in fuzzing."""
    inputs = [*targets.corpus_of(name), *seeds.of(name)]
    session = Session(targets.make(name), len(inputs))
    for data in inputs:
        session.take(data)
    assert session.finish() == 0, capsys.readouterr()
    assert session.taken == len(inputs) > 10


def test_the_corpus_is_small() -> None:
    """It is in everybody's checkout, and run by every `make test`."""
    for name in targets.KINDS:
        assert len(targets.corpus_of(name)) <= merging.FILES_MAX
        assert sum(map(len, targets.corpus_of(name))) <= merging.BYTES_MAX


class Toy(Target):
    """Falls over a 7 that comes after a 3 in the same round, and over a 9 at once."""

    name = "toy"
    inputs_per_round = 20

    def begin(self) -> None:
        self.seen: list[int] = []

    def take(self, data: bytes) -> None:
        self.seen += data
        must(not (3 in self.seen and data == b"\x07"), "a 7 after a 3")
        must(9 not in data, "a 9")

    def end(self) -> None:
        pass


@pytest.mark.parametrize(
    ("inputs", "needed"),
    [
        ([b"\x01", b"\x03", b"\x05", b"\x07"], [b"\x03", b"\x07"]),
        ([b"\x03", b"\x01\x09"], [b"\x01\x09"]),
        ([b"\x07", b"\x03"] * 30, [b"\x03", b"\x07"]),
    ],
)
def test_a_finding_has_the_inputs_that_it_takes_and_no_others(
    inputs: list[bytes], needed: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node lives through many inputs; which of them are to blame nobody could tell from all."""
    monkeypatch.setattr(findings, "FOLDER", tmp_path)
    session = Session(Toy(), 1000)
    for data in inputs:
        session.take(data)
    assert session.finish() == 1
    (found,) = tmp_path.iterdir()
    assert findings.read(found) == needed
    fault = findings.fault_of(Toy(), findings.read(found))
    assert fault is not None
    assert session.internal_errors == 1


def test_a_corpus_that_is_merged_keeps_what_reaches_something_of_its_own(tmp_path: Path) -> None:
    """Of a thousand inputs that do the same the shortest is enough."""
    target = targets.make("codec")
    inputs = [b"\x08127.0.0.1", b"\x08127.0.0.2", b"\x08127.0.0.33", b"\x08::1", b"\x08nowhere"]
    kept = merging.needed(target, inputs)
    assert b"\x08127.0.0.33" not in kept
    assert {b"\x08::1", b"\x08nowhere"} <= set(kept)


@pytest.mark.processes
def test_without_a_guide_the_command_runs_corpus_and_changes_and_tells_what_it_measured(repo_root: Path) -> None:
    """Where atheris has no wheel fuzzing still does something, and says what."""
    command = [sys.executable, "-m", "fuzz", "state", "--unguided", "--inputs", "400"]
    done = subprocess.run(command, cwd=repo_root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(
        r"state: 400 inputs, [\d,]+/s, internal_errors 0, resident \d+ MiB at 10 %, \d+ MiB at the end\n", done.stdout
    )


def test_a_target_that_is_none_is_refused_with_the_names_of_all(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["fuzz", "everything"])
    with pytest.raises(SystemExit):
        options()
    assert "receive, codec, state, database" in capsys.readouterr().err
