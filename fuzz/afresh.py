"""What a process remembers of earlier worlds, forgotten: an input does the same whatever was before it."""

from __future__ import annotations

from kademlia import address, node
from kademlia.wire import trailer


def forget() -> None:
    """Empty the caches of addresses, nodes and trailers."""
    node.forget_shared()
    for module in (address, trailer):
        for function in vars(module).values():
            if hasattr(function, "cache_clear"):
                function.cache_clear()
