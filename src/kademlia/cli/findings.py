"""What a search found besides the value, as a block for people: who has it, since when, until when, at what cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from kademlia.cli.addresses import written
from kademlia.cli.quantities import counted, exact_moment

if TYPE_CHECKING:
    from kademlia.node import Node
    from kademlia.searching import FetchResult

#: Hexadecimal digits of an id that tell nodes apart at a glance.
SHORT_ID_DIGITS = 8


def block(found: FetchResult) -> Text:
    """Return the block; a node stands in a line of its own."""
    lines = _lines(found)
    width = max(len(name) for name, _ in lines)
    return Text("\n").join(Text.assemble((name.ljust(width + 2), "dim"), text) for name, text in lines)


def _lines(found: FetchResult) -> list[tuple[str, str]]:
    """Return what there is to say, each with its name."""
    lines = [
        *_nodes("holders", [_node(node) for node in found.holders]),
        *_nodes("stale", [f"{_node(node)}, and was sent the newest" for node in found.stale]),
    ]
    if found.stamp is not None:
        lines.append(("deleted" if found.deleted else "set", exact_moment(found.stamp)))
    elif found.holders:
        lines.append(("set", "not known: by a node before 3.0"))
    if found.expires_at is not None:
        lines.append(("mark kept until" if found.deleted else "expires", exact_moment(found.expires_at)))
    hops = f"{counted(found.hops, 'hop')}, " if found.holders else ""
    asked = f"{counted(found.asked, 'node')} asked, {found.duration * 1000:.1f} ms"
    return [*lines, ("search", hops + asked)]


def _nodes(name: str, nodes: list[str]) -> list[tuple[str, str]]:
    return list(zip([name, *[""] * len(nodes)], nodes, strict=False))


def _node(node: Node) -> str:
    return f"{written(node.address)}  {node.id.hex()[:SHORT_ID_DIGITS]}"
