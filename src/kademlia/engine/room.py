"""Making room on a full shelf: who has to give way for a new value.

1. What is dead.
2. The source that has more than the newcomer's would have then (`engine.ledger`): its value that is farthest from the
   own id. So whoever stores more than others displaces itself, wherever its keys lie, and whoever has little gets in.
3. Of the newcomer's own source a value that is farther.
4. What has no source, ours, or from before a restart: only while it takes more than half of the room, and only to the
   first values of a source, 8 KiB in the usual room. So a thousand attackers displace 3 % of it. Which one is left to
   chance: whoever chose keys near ours before the restart, or far ones, does not choose.
5. Of sources that have as much, a value that is farther. Of a key that is far others are the holders: among the k
   closest nodes they are nearer.

Otherwise the new one is refused. To values of our own those of others give way by 1, 2 and distance.

That k contacts are nearer to a key is no reason to refuse it from who has little: an attacker with as many addresses
would be those contacts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kademlia.engine import limits
from kademlia.engine.ledger import Account, Ledger, Source
from kademlia.engine.outermost import Outermost
from kademlia.engine.records import NEVER
from kademlia.storage.shelf import Shelf

#: Of the values next to give way by distance, so many are looked at for one that may.
_LOOKED_AT_MAX = 8

#: Values without a source that are drawn at once.
_DRAWN_MAX = 8

#: Of values that the storage dropped by itself, so many times `GIVE_WAY_MAX` are struck out in one go: it takes 2 ms.
_STRUCK_OUT_MAX = 16


class Newcomer(NamedTuple):
    """A value that needs room."""

    key: bytes
    source: Source | None  #: who brought it; None if nobody is to be charged
    bytes: int  #: by how much its source has more then
    records: int  #: the same, in values


class Room:
    """The room on one node's shelf.

    Args:
        own: The node's id.
        shelf: Where there is room or not.
        place: Draws a number from 0 to 1 that nobody can foresee.

    Attributes:
        ledger: Who stored what is there.
    """

    def __init__(self, own: bytes, shelf: Shelf, place: Callable[[], float]) -> None:
        self.ledger = Ledger(own, by_bytes=shelf.max_bytes is not None)
        self._own = own
        self._shelf = shelf
        own_id = int.from_bytes(own, "big")
        self._of_all = Outermost(own_id)  # next to give way to our own values
        self._of_equals = Outermost(own_id)  # next to give way to others'
        self._at_hand = False  # whether any were ever looked for
        self._place = place
        self._drawn: list[bytes] = []  # what has no source, next to give way; some may have gone
        self._draw_at = NEVER  # when others may be drawn
        self._look_at = NEVER  # when it is looked again for dead ones
        self._look_for_equals_at = NEVER  # when these may be looked for if none is at hand
        self._equals_until_look = 0  # or after so many of them gave way

    def newcomer(self, key: bytes, source: Source | None, size: int, before: int = 0) -> Newcomer:
        """Return a value of some bytes as a newcomer; of so many is the one whose place it takes."""
        account = self.ledger.of(key)
        if account is not None and account is self.ledger.account(source):
            return Newcomer(key, source, size - before, 0)
        return Newcomer(key, source, size, 1)

    def is_within(self, newcomer: Newcomer, quota: limits.Limits) -> bool:
        """Return whether a source may have the newcomer besides what it has."""
        account = self.ledger.account(newcomer.source)
        records, size = (account.records, account.bytes) if account is not None else (0, 0)
        return (newcomer.records <= 0 and newcomer.bytes <= 0) or (
            (quota.records_per_source is None or records + newcomer.records <= quota.records_per_source)
            and (quota.bytes_per_source is None or size + newcomer.bytes <= quota.bytes_per_source)
        )

    def giving_way(self, newcomer: Newcomer, now: float) -> list[bytes]:
        """Return which keys are to give way for a new value; none if it is the one that there is no room for."""
        ended = self.ended(now)
        if ended:
            return ended
        key, source = newcomer.key, newcomer.source
        weight = self._weight_with(newcomer)
        other = self._of_heaviest(key, weight) or self.own_farther(newcomer)
        if other is None and source is not None:
            other = self._of_nobody(newcomer, now) or self._farther_of_equals(key, weight, now)
        elif other is None:
            other = self._farther_of_all(key)
        return [other] if other is not None else []

    def ended(self, now: float) -> list[bytes]:
        """Return some keys of dead values; none if it was looked for them in vain just now."""
        if now < self._look_at:
            return []
        ended = self._shelf.ended(now, limits.GIVE_WAY_MAX)
        if not ended:
            self._look_at = now + limits.ENDED_LOOKED_FOR_S
        return ended

    def own_farther(self, newcomer: Newcomer) -> bytes | None:
        """Return the farthest value of the newcomer's source if it is farther than the newcomer, or None."""
        account = self.ledger.account(newcomer.source)
        other = self._farthest_of(account, newcomer.key) if account is not None else None
        return other if other is not None and self._is_farther(other, newcomer.key) else None

    def kept(self, key: bytes) -> None:
        """Learn of a value that is kept from now on: it may be farther than those that are next to go."""
        if self._at_hand:
            self._of_all.joined(key)
            self._of_equals.joined(key)

    # -- parts -------------------------------------------------------------------------------------------------------

    @property
    def _bound(self) -> int:
        """How much there is room for, in bytes or values."""
        shelf = self._shelf
        bound = shelf.max_bytes if self.ledger.by_bytes else shelf.max_records
        return bound if bound is not None else shelf.records  # a program set the other one later

    @property
    def _slack(self) -> float:
        """By how much more of two sources one has and still is the other's equal."""
        return self._bound * limits.EQUAL_WITHIN

    def _weight_with(self, newcomer: Newcomer) -> int:
        """Return how much the newcomer's source would have with it."""
        ledger = self.ledger
        return ledger.has(ledger.account(newcomer.source)) + (newcomer.bytes if ledger.by_bytes else newcomer.records)

    def _of_heaviest(self, key: bytes, weight: int) -> bytes | None:
        """Return the farthest value of the source with the most, if that is more than so much, or None."""
        ledger, most = self.ledger, weight + self._slack
        for _ in range(_STRUCK_OUT_MAX):
            heaviest = ledger.heaviest()
            has = ledger.has(heaviest)
            if heaviest is None or has <= most:
                break
            other = self._farthest_of(heaviest, key)
            if other is not None or ledger.has(heaviest) == has:
                return other
        return None

    def _farthest_of(self, account: Account, besides: bytes) -> bytes | None:
        """Return the farthest value of an account; what the storage dropped by itself is struck out."""
        for _ in range(limits.GIVE_WAY_MAX):
            other = self.ledger.farthest(account, besides)
            if other is None or self._shelf.read(other) is not None:
                return other
            self.ledger.forget(other)
        return None

    def _of_nobody(self, newcomer: Newcomer, now: float) -> bytes | None:
        """Return a value without a source if one gives way to the newcomer, or None."""
        ledger, shelf = self.ledger, self._shelf
        if ledger.has(ledger.account(newcomer.source)) > self._slack or not self._sourceless_has_most:
            return None
        if not self._drawn and now >= self._draw_at:
            self._drawn = [key for key in shelf.some(self._place(), _DRAWN_MAX) if ledger.of(key) is None]
            self._draw_at = now if self._drawn else now + limits.ENDED_LOOKED_FOR_S
        while self._drawn:
            other = self._drawn.pop()
            if other != newcomer.key and ledger.of(other) is None and shelf.read(other) is not None:
                return other
        return None

    def _farther_of_all(self, key: bytes) -> bytes | None:
        """Return the farthest value of all if it is farther than a key, or None."""
        keys, there = self._of_all.keys, self._shelf.read
        while keys and there(keys[-1]) is None:
            keys.pop()
        if not keys:
            self._at_hand = True
            self._of_all.fill(self._shelf.farthest(self._own, limits.GIVE_WAY_MAX))
            keys = self._of_all.keys
        return keys.pop() if keys and self._is_farther(keys[-1], key) else None

    def _farther_of_equals(self, key: bytes, weight: int, now: float) -> bytes | None:
        """Return the farthest value of a source that has so much if it is farther than a key, or None."""
        keys = self._of_equals.keys
        if not keys and now >= self._look_for_equals_at:
            keys = self._equals_looked_for(now)
        for place in range(len(keys) - 1, max(len(keys) - 1 - _LOOKED_AT_MAX, -1), -1):
            other = keys[place]
            if not self._is_farther(other, key):
                break
            if self._shelf.read(other) is None or not self._may_go(other):
                del keys[place]
            elif self._may_go(other, weight):
                del keys[place]
                self._equals_until_look -= 1
                if self._equals_until_look <= 0:
                    self._look_for_equals_at = NEVER
                return other
        return None

    def _equals_looked_for(self, now: float) -> list[bytes]:
        """Look for values that may give way by distance; in vain, or nearly, not again for a while: it takes 1 ms."""
        self._at_hand = True
        self._look_for_equals_at = now + limits.ENDED_LOOKED_FOR_S
        self._equals_until_look = min(limits.GIVE_WAY_MAX, self._shelf.records // limits.GIVE_WAY_MAX) // 2
        self._of_equals.fill(filter(self._may_go, self._shelf.farthest(self._own, limits.GIVE_WAY_MAX)))
        return self._of_equals.keys

    def _may_go(self, key: bytes, weight: int | None = None) -> bool:
        """Return whether a value may give way by distance to one of a source that has so much then, or the most."""
        ledger = self.ledger
        account = ledger.of(key)
        if weight is None:
            weight = ledger.has(ledger.heaviest()) - int(self._slack)
        return account is not None and ledger.has(account) + self._slack >= weight

    @property
    def _sourceless_has_most(self) -> bool:
        """Whether what has no source takes more than its share of the room."""
        shelf, ledger = self._shelf, self.ledger
        whole = shelf.size if ledger.by_bytes else shelf.records
        return whole - ledger.weight - ledger.disowned > self._bound * limits.SOURCELESS_SHARE

    def _is_farther(self, other: bytes, key: bytes) -> bool:
        return self._of_all.distance(other) > self._of_all.distance(key)
