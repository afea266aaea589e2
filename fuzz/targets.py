"""The targets by name, and their corpora."""

from __future__ import annotations

from pathlib import Path

from fuzz.codec import Codec
from fuzz.database import Database
from fuzz.receive import Receive
from fuzz.state import StateFile
from fuzz.target import Target

KINDS: dict[str, type[Target]] = {kind.name: kind for kind in (Receive, Codec, StateFile, Database)}

CORPUS = Path(__file__).parent / "corpus"


def make(name: str) -> Target:
    """Return a target by its name."""
    return KINDS[name]()


def corpus_of(name: str) -> list[bytes]:
    """Return the inputs of a target's corpus, in the order of their names."""
    return [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]
