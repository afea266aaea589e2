"""Kademlia: a distributed hash table you import. `set` and `get` over a network of equals, with no server.

    server = kademlia.Server()
    await server.listen(8468)
    await server.bootstrap([("203.0.113.7", 8468)])
    await server.set("key", "value")

Importing it imports no event loop: it serves asyncio and Twisted programs alike. `Server` is loaded when it is first
asked for, so that a program that only looks at the version does not wait for it. So is `Limits`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kademlia.network import Limits, Server

__version__ = "3.0.0"
version_info = (3, 0, 0)
version = __version__

__all__ = ["Limits", "Server", "__version__", "version", "version_info"]


def __getattr__(name: str) -> Any:
    if name not in ("Limits", "Server"):
        raise AttributeError(f"module 'kademlia' has no attribute {name!r}")
    from kademlia.network import Limits, Server

    globals().update(Limits=Limits, Server=Server)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
