"""What lies on a node's shelf, by the distance of its key from the node."""

from __future__ import annotations

from collections.abc import Iterable

from kademlia.node import Address
from kademlia.protocol import KademliaProtocol
from kademlia.storage import ForgetfulStorage


def at_distance(node: KademliaProtocol, distance: int) -> bytes:
    """Return the key that is so far from a node."""
    return (node.source_node.long_id ^ distance).to_bytes(20, "big")


def distances(node: KademliaProtocol, keys: list[int]) -> list[int]:
    """Return which of the keys at some distances are kept."""
    return [distance for distance in keys if node.keeping.get(at_distance(node, distance)) is not None]


def store(
    node: KademliaProtocol, keys: Iterable[int], life_s: float = 3600.0, sender: Address | None = None
) -> list[int]:
    """Store values at some distances; return at which they are kept now."""
    keeping = node.keeping
    return [
        number for number in keys if keeping.put(at_distance(node, number), number, keeping.new_life(life_s), sender)
    ]


def fill(node: KademliaProtocol, keys: Iterable[int], life_s: float = 3600.0, sender: Address | None = None) -> None:
    """Store values at some distances, of which none is refused."""
    keys = list(keys)
    assert store(node, keys, life_s, sender) == keys


def evicted(node: KademliaProtocol, number: int, sender: Address | None) -> tuple[bool, set[int]]:
    """Store a value at a distance; return whether it is kept, and what gave way for it."""
    before = held(node)
    kept = bool(store(node, [number], sender=sender))
    return kept, before - held(node)


def held(node: KademliaProtocol) -> set[int]:
    """Return at which distances anything is kept."""
    assert isinstance(node.storage, ForgetfulStorage)
    return {node.source_node.long_id ^ int.from_bytes(key, "big") for key in node.storage.data}
