"""Before a run whose plots are wanted: whether they can be drawn at all."""

from __future__ import annotations

from pathlib import Path

from kademlia.cli.faults import WrongUse
from kademlia.sim import figures


def prepare(folder: Path) -> None:
    """Find out before the run whether its plots can be drawn."""
    try:
        figures.need()
        folder.mkdir(parents=True, exist_ok=True)
    except ImportError as fault:
        raise WrongUse(str(fault)) from None
    except OSError as fault:
        raise WrongUse(f"cannot make the folder {folder}: {fault.strerror}") from None
