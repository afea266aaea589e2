"""The binary tree of ids whose leaves are buckets (Kademlia, section 2.4; R24), kept as the sorted list of its leaves.

A leaf is an aligned range of ids, and so is every subtree: what shares its first bits lies side by side. Distance is
XOR, so all of a subtree around an id is nearer to it than anything outside, and the nearest of a sibling subtree are
those around the id's mirror image in it. The k closest contacts, the neighbourhood of the own id and the levels of
refreshing all follow from these two sentences.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

#: Bits of an id.
ID_BITS = 160

#: The largest id, as an integer.
ID_MAX = 2**ID_BITS - 1


def shared_bits(one: int, other: int) -> int:
    """Return how many leading bits two ids have in common."""
    return ID_BITS - (one ^ other).bit_length()


def mirrored(long_id: int, depth: int) -> int:
    """Return an id with the bit after the first `depth` ones flipped."""
    return long_id ^ (1 << (ID_BITS - 1 - depth))


def level(long_id: int, depth: int) -> tuple[int, int]:
    """Return the lowest and the highest id that share exactly `depth` bits with this one.

    That is a distance level, a k-bucket of the paper's section 2.2.
    """
    low_bits = ID_BITS - 1 - depth
    low = mirrored(long_id, depth) >> low_bits << low_bits
    return low, low + (1 << low_bits) - 1


class Leaf(Protocol):
    """A range of ids, both ends included."""

    range: tuple[int, int]

    def depth(self) -> int:
        """Return how many leading bits its ids share."""


L = TypeVar("L", bound=Leaf)


class Tree(Generic[L]):
    """Leaves that cover all ids without overlap, in the order of their ranges."""

    __slots__ = ("_starts", "leaves")

    def __init__(self, leaves: list[L]) -> None:
        self.leaves = leaves
        self._starts = [leaf.range[0] for leaf in leaves]

    def index(self, long_id: int) -> int:
        """Return the index of the leaf that holds an id; both ends of a range belong to it."""
        return max(bisect_right(self._starts, long_id) - 1, 0)

    def leaf(self, long_id: int) -> L:
        """Return the leaf that holds an id."""
        return self.leaves[bisect_right(self._starts, long_id) - 1]

    def replace(self, index: int, halves: tuple[L, L]) -> None:
        """Put two halves in a leaf's place."""
        self.leaves[index : index + 1] = halves
        self._starts.insert(index + 1, halves[1].range[0])

    def around(self, long_id: int, depth: int = 0) -> Iterator[L]:
        """Yield the leaves that share `depth` bits with an id: none holds an id nearer than one of an earlier leaf.

        A leaf's ids are at distances that lie side by side, too: the next leaf is the one at the next distance.
        """
        distance, end = 0, 1 << (ID_BITS - depth)
        while distance < end:
            leaf = self.leaf(long_id ^ distance)
            yield leaf
            low, high = leaf.range
            distance += high - low + 1
