"""How storing a value, or the mark that deletes one, went: in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kademlia.cli.quantities import counted

if TYPE_CHECKING:
    from kademlia.engine.publication import PublishResult


def where(result: PublishResult) -> str:
    """Return on how many nodes it is."""
    return f"on {counted(len(result.stored), 'node')}"


def others(result: PublishResult) -> str:
    """Return what became of the nodes that did not take it, in brackets; nothing if all did."""
    counts = ((len(result.refused), "refused it"), (len(result.silent), "did not answer"))
    said = ", ".join(f"{count} {what}" for count, what in counts if count)
    return f" ({said})" if said else ""


def why_nobody(result: PublishResult) -> str:
    """Return why no node took it, and what to do."""
    if result.refused:
        silent = f"; {len(result.silent)} did not answer" if result.silent else ""
        return (
            f"{counted(len(result.refused), 'node')} refused it, having a newer value or no room{silent}; look with "
            "kademlia get --verbose, and see whether the clock of this machine is right"
        )
    silent = f"{counted(len(result.silent), 'node')} did not answer" if result.silent else "nobody was there"
    return f"{silent}; try again, or another --bootstrap"
