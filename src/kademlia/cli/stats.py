"""What a node counted, as a table for people."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table

if TYPE_CHECKING:
    from kademlia.engine.stats import Stats

#: Every count with its meaning, in groups. What a later release counts besides is shown under "also".
GROUPS = {
    "now": {
        "contacts": "contacts in the routing table",
        "failing": "contacts that left our last request unanswered",
        "replacements": "replacements waiting for a contact to fail",
        "buckets": "buckets of the table",
        "records": "addresses remembered",
        "in_flight": "requests of ours under way",
        "queued": "requests of ours waiting for their turn",
        "holding": "held until strangers prove their address",
        "values": "values kept",
        "published": "values of ours that are kept alive",
        "link_down": "whether our own link seems to be down",
    },
    "datagrams": {
        "received": "datagrams received",
        "received_bytes": "bytes received",
        "sent": "datagrams sent",
        "sent_bytes": "bytes sent",
        "unsent": "datagrams that the socket did not take",
    },
    "requests of others": {
        "requests": "well-formed requests",
        "answered": "answered",
        "held": "held until a stranger proved its address",
        "held_dropped": "of those, given up",
        "uncredited": "answers withheld from strangers as too large",
    },
    "requests of ours": {
        "asked": "requests",
        "resent": "sent a second time",
        "replies": "answers",
        "timeouts": "left without an answer",
    },
    "dropped": {
        "malformed": "datagrams that are not of this protocol",
        "unroutable": "datagrams from where nobody can live",
        "limited": "requests over their sender's budget",
        "shed": "datagrams of strangers, under load",
        "unattended": "requests while too many answers took their time",
        "unknown_methods": "requests for what we do not have",
        "unmatched": "answers to nothing we asked",
        "wrong_replies": "answers of the wrong shape",
    },
    "room": {
        "refused": "values refused: there was no room",
        "evicted": "values dropped to make room",
    },
    "faults": {
        "rpc_errors": "exceptions in a program's own rpc_* methods",
        "internal_errors": "exceptions in kademlia itself: please report",
    },
}


def table(stats: Stats) -> Table:
    """Return the table of all counts since the start and of what is held now."""
    counts = asdict(stats)
    shown = Table(box=SIMPLE_HEAD, title="what this node counted since its start", title_justify="left")
    shown.add_column("")
    shown.add_column("count", justify="right", style="bold")
    shown.add_column("of")
    groups = {
        name: [(field, meaning) for field, meaning in group.items() if field in counts]
        for name, group in GROUPS.items()
    }
    listed = {field for group in groups.values() for field, _ in group}
    groups["also"] = [(field, field.replace("_", " ")) for field in counts if field not in listed]
    for name, group in groups.items():
        for number, (field, meaning) in enumerate(group):
            shown.add_row(
                name if not number else "", _written(counts[field]), meaning, end_section=field == group[-1][0]
            )
    return shown


def _written(count: int | bool) -> str:
    if isinstance(count, bool):
        return "yes" if count else "no"
    return f"{count:,}"
