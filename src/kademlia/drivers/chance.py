"""Where real nodes get their randomness: the operating system's, which nobody can predict."""

from __future__ import annotations

import os

from kademlia.node import ID_BYTES


def random_bytes(count: int) -> bytes:
    """Return bytes that nobody can guess."""
    return os.urandom(count)


def random_id() -> bytes:
    """Return a node id that nobody chose (R1)."""
    return random_bytes(ID_BYTES)
