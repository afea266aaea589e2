"""Where an engine's random numbers come from: bytes that somebody else draws.

Drivers give `os.urandom`, since message ids must not be guessable (Kademlia, section 2.3; R10): with
`random.Random`, 125 ids seen would predict the next. Simulations and tests give a seeded source.
"""

from __future__ import annotations

from collections.abc import Callable

#: Bytes drawn at once; a message id is a slice of 20.
BLOCK_BYTES = 4000


def no_source(_count: int) -> bytes:
    """Refuse to draw: the protocol is attached to no world yet.

    Raises:
        RuntimeError: Always.
    """
    raise RuntimeError(
        "this protocol has no source of random bytes yet; listen first, or attach it: "
        "kademlia.drivers.aio.attach(protocol) or kademlia.drivers.tx.attach(protocol)"
    )


class Chance:
    """Random numbers from a source of bytes.

    Args:
        source: Called with a number of bytes, returns as many.
    """

    __slots__ = ("_block", "_source", "_used")

    def __init__(self, source: Callable[[int], bytes] = no_source) -> None:
        self._source = source
        self._block = b""
        self._used = 0

    def bytes(self, count: int) -> bytes:
        """Return `count` random bytes, at most a block."""
        end = self._used + count
        if end > len(self._block):
            self._block = self._source(BLOCK_BYTES)
            self._used, end = 0, count
        taken = self._block[self._used : end]
        self._used = end
        return taken

    def between(self, low: int, high: int) -> int:
        """Return an integer from low to high, both included (the bias is below 2**-32)."""
        span = high - low + 1
        return low + int.from_bytes(self.bytes(span.bit_length() // 8 + 5), "big") % span

    def jittered(self, seconds: float, share: float) -> float:
        """Return `seconds`, longer or shorter by up to `share` of it."""
        return seconds * (1 + share * (self.between(-1000, 1000) / 1000))
