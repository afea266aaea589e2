"""Admission: whether a new value may come in, who is charged for it, and the dropping of those that give way for it.

Quotas (`Limits.records_per_source`, `Limits.bytes_per_source`) hold whether the shelf is full or not; where an operator
set none, a source may have whatever room there is, and gives way when others come (`engine.room`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kademlia.engine import limits
from kademlia.engine.ledger import source_of
from kademlia.engine.room import Newcomer, Room
from kademlia.node import Address
from kademlia.storage.shelf import Shelf, record_bytes

if TYPE_CHECKING:
    from kademlia.protocol import KademliaProtocol


class Admission:
    """The door of one node's shelf.

    Args:
        protocol: Whose shelf it is.
        shelf: Where values are kept.
        leave_behind: Is told of each value that is dropped because it is dead, or there is a newer one.

    Attributes:
        room: Who has to give way.
        ledger: Who stored what.
    """

    def __init__(self, protocol: KademliaProtocol, shelf: Shelf, leave_behind: Callable[[bytes, Any], None]) -> None:
        self.room = Room(protocol.source_node.id, shelf, lambda: protocol.chance.between(0, 1 << 20) / (1 << 20))
        self.ledger = self.room.ledger
        self._protocol = protocol
        self._shelf = shelf
        self._leave_behind = leave_behind
        self._charge = self.ledger.charge

    def admit(self, key: bytes, value: Any, kept: Any, sender: Address | None) -> bool:  # hot
        """Charge its sender for a value and return True, or count it as refused and return False.

        Args:
            key: 20 bytes.
            value: The new value.
            kept: The value that it takes the place of, or None.
            sender: Who is to be charged; None if nobody is.
        """
        shelf, bounds = self._shelf, self._protocol.limits
        size, before = record_bytes(value), record_bytes(kept) if kept is not None else 0
        source = source_of(sender) if sender is not None else None
        has_quota = bounds.records_per_source is not None or bounds.bytes_per_source is not None
        if has_quota or not shelf.has_room_for(size, before):
            newcomer = self.room.newcomer(key, source, size, before)
            if not (self._is_within_quota(newcomer) and self._made_room(newcomer, size, before)):
                self._protocol.counts.refused += 1
                return False
        if kept is not None:
            self._leave_behind(key, kept)
        self._charge(key, source, size, before)
        return True

    def renew(self) -> bool:
        """Return True for a value that is kept already; count it as refused if the shelf takes nothing at present."""
        if not self._shelf.stuck:
            return True
        self._protocol.counts.refused += 1
        return False

    def _is_within_quota(self, newcomer: Newcomer) -> bool:
        """Return whether a source may have one value more; its farther ones give way for that."""
        room, bounds = self.room, self._protocol.limits
        if newcomer.source is None or room.is_within(newcomer, bounds):
            return True
        self._all_give_way(room.ended(self._protocol.now))
        for _ in range(limits.GIVE_WAY_MAX):
            if room.is_within(newcomer, bounds):
                return True
            other = room.own_farther(newcomer)
            if other is None or not self._all_give_way([other]):
                break
        return False

    def _made_room(self, newcomer: Newcomer, size: int, before: int) -> bool:
        """Make room for a value if there is none; return whether there is now."""
        shelf = self._shelf
        for _ in range(limits.GIVE_WAY_MAX):  # a shelf far over its bound shrinks bit by bit
            if shelf.has_room_for(size, before):
                return True
            if shelf.stuck:  # whatever gave way would be lost for nothing
                return False
            if not self._all_give_way(self.room.giving_way(newcomer, self._protocol.now)):
                return False
        return shelf.has_room_for(size, before)

    def _all_give_way(self, keys: list[bytes]) -> bool:
        """Drop some values; return whether any went. One that is alive is not remembered: it may come again."""
        shelf, now, gone = self._shelf, self._protocol.now, 0
        for key in keys:
            held = shelf.read(key)
            if held is not None and held[1] is not None and held[1].imag <= now:
                self._leave_behind(key, held[0])
            shelf.drop(key)
            if shelf.read(key) is None:  # a program's own storage may be unable to drop it
                self.ledger.forget(key, record_bytes(held[0]) if held is not None else None)
                gone += 1
        self._protocol.counts.evicted += gone
        return bool(gone)
