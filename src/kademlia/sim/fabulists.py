"""Nodes that answer whatever they are asked with contacts that do not exist, or not there: routing poisoning.

In everything else they are nodes like any other, so that honest ones have them in their tables and ask them.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from kademlia.address import Scope, place
from kademlia.node import ID_BYTES, Address, Node
from kademlia.protocol import KademliaProtocol
from kademlia.sim.grinding import beside

if TYPE_CHECKING:
    from kademlia.sim.census import Census

#: Contacts that one answer tells of.
TOLD = 20

#: Addresses that no contact can have, from anybody on the open Internet.
IMPOSSIBLE: list[Address] = [
    ("127.0.0.1", 8468),
    ("10.0.0.1", 8468),
    ("192.168.1.1", 8468),
    ("169.254.3.4", 8468),
    ("0.0.0.0", 8468),  # noqa: S104  # told, not bound
    ("224.0.0.1", 8468),
    ("255.255.255.255", 8468),
    ("240.0.0.1", 8468),
    ("::1", 8468),
    ("fe80::1", 8468),
    ("ff02::1", 8468),
    ("::ffff:127.0.0.1", 8468),
    ("nowhere.example", 8468),
    ("203.0.113.9", 0),
    ("203.0.113.9", 65536),
    ("203.0.113.9", -1),
]

#: Somebody who is no node, and whom liars would have asked by everybody.
INNOCENT: Address = ("198.51.100.77", 53)

Told = list[tuple[bytes, str, int]]


class Tale:
    """What fabulists tell: all of one world tell the same.

    Args:
        census: Who lives there.
        kind: One of `TALES`, or "all", which takes one after the other.
        seed: What is told follows from it.

    Attributes:
        answers: How many answers were told, by who asked.
        fellows: Those who tell it.
    """

    def __init__(self, census: Census, kind: str, seed: int) -> None:
        self.answers: dict[Address, int] = {}
        self.fellows: list[Node] = []
        self._census = census
        self._chance = Random(f"tale {seed}")
        self._tellers = [TALES[name] for name in TALES] if kind == "all" else [TALES[kind]]
        self._turn = 0

    def told(self, target: bytes, asker: Address) -> Told:
        """Return what somebody is told about a target."""
        self.answers[asker] = self.answers.get(asker, 0) + 1
        self._turn += 1
        return self._tellers[self._turn % len(self._tellers)](self, int.from_bytes(target, "big"))

    def nobody(self, target: int) -> Told:
        """Tell of ids nearer to the target than any, at addresses all over the world where nobody lives."""
        return [(beside(target, self._chance), *self._somewhere()) for _ in range(TOLD)]

    def misplaced(self, target: int) -> Told:
        """Tell of those who are the nearest indeed, but not where they live."""
        return [(node.id, *self._somewhere()) for node in self._census.closest(target, TOLD)]

    def impossible(self, target: int) -> Told:
        """Tell of addresses that cannot be, of the target's very id, and of the same one again."""
        draw, chance = self._chance.choice, self._chance
        told = [(beside(target, chance), *draw(IMPOSSIBLE)) for _ in range(TOLD - 4)]
        return [*told, *2 * [(target.to_bytes(ID_BYTES, "big"), *draw(IMPOSSIBLE))], *2 * told[:1]]

    def crowded(self, target: int) -> Told:
        """Tell of one address under many ids."""
        address = self._somewhere()
        return [(beside(target, self._chance), *address) for _ in range(TOLD)]

    def aimed(self, target: int) -> Told:
        """Tell everybody of one and the same address, under ever new ids: it is to be drowned in requests."""
        return [(beside(target, self._chance), *INNOCENT) for _ in range(TOLD)]

    def half_true(self, target: int) -> Told:
        """Tell of other liars, who do answer, so as to be believed in what else is told: of nobody."""
        some = self._chance.sample(self.fellows, min(len(self.fellows), TOLD // 2))
        return [*((node.id, *node.address) for node in some), *self.nobody(target)[: TOLD - len(some)]]

    def _somewhere(self) -> Address:
        while True:
            ip = ".".join(str(self._chance.randrange(256)) for _ in range(4))
            where = place(ip)
            if where is not None and where.scope is Scope.GLOBAL:
                return ip, self._chance.randrange(1, 65536)


#: Who tells what, by name.
TALES: dict[str, Callable[[Tale, int], Told]] = {
    "nobody there": Tale.nobody,
    "wrong addresses": Tale.misplaced,
    "impossible addresses": Tale.impossible,
    "one address, many ids": Tale.crowded,
    "somebody innocent": Tale.aimed,
    "liars, and nobody": Tale.half_true,
}


class Fabulist(KademliaProtocol):
    """A node that tells tales; without one (`tell` was not called) it is honest."""

    tale: Tale | None = None

    def rpc_find_node(self, sender: Address, nodeid: bytes, key: bytes) -> Any:
        """Tell of contacts that do not exist."""
        if self.tale is None:
            return super().rpc_find_node(sender, nodeid, key)
        return self.tale.told(key, sender)

    def rpc_find_value(self, sender: Address, nodeid: bytes, key: bytes) -> Any:
        """Tell the same, whatever it keeps."""
        return super().rpc_find_value(sender, nodeid, key) if self.tale is None else self.tale.told(key, sender)


def lives(residents: dict[Address, Any], node: Node) -> bool:
    """Return whether a node lives where a contact says."""
    there = residents.get(node.address)
    return there is not None and bool(there.protocol.source_node.id == node.id)
