"""Ids that somebody chose: nothing binds a node to its id, so an attacker takes those that suit him.

Grinding costs hashes where ids are hashes of keys; here it costs nothing, which is the attacker's best case.
"""

from __future__ import annotations

from random import Random

from kademlia.node import ID_BYTES
from kademlia.tree import ID_BITS, mirrored

#: Bits that an id shares with a target beside which it was put: no honest one shares so many.
BESIDE_BITS = 120


def sharing(target: int, bits: int, chance: Random) -> bytes:
    """Return an id that shares so many bits with another, and differs from it in the next."""
    return (mirrored(target, bits) ^ chance.getrandbits(ID_BITS - 1 - bits)).to_bytes(ID_BYTES, "big")


def beside(target: int, chance: Random) -> bytes:
    """Return an id nearer to a target than any honest one."""
    return sharing(target, BESIDE_BITS + chance.randrange(ID_BITS - BESIDE_BITS - 8), chance)
