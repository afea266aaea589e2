"""The ledger: who stored which of the values here, so that nobody has all the room.

A source is a network, a /24 or a /48 of IPv6: whoever has one address there may have them all. Within the loopback and
private scopes it is an address with its port, since many honest nodes live there behind one. The first who stores a
value is its source; others who renew or replicate it change nothing in that, or an attacker would take over what
others stored, and have it give way. A new value under the key is charged to who brought it.

What this node published itself, repaired, or found in its storage at the start has no source. So has, of too many
values for the ledger, the latest of the source with the most.

What is taken from a shelf is to be told (`forget`). A storage that drops values by itself tells nobody: whoever looks
for the farthest value of a source notices that it has gone.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush, heapreplace, nlargest
from itertools import count

from kademlia.address import place
from kademlia.engine import limits
from kademlia.engine.outermost import Outermost
from kademlia.node import Address

#: A network, as `kademlia.address.Place.prefix`, or one address.
Source = str | Address

#: The account that all sources share for which there is none of their own.
OTHERS = ""

#: Where all keys that were looked at have gone, others are looked at, so many times in one go.
_LOOKS_MAX = 3


def source_of(address: Address) -> Source:
    """Return to which source an address belongs."""
    where = place(address[0])
    return (where and where.prefix) or address


class Account:
    """What one source has here.

    Attributes:
        source: Whose it is.
        number: Tells it from others: accounts are numbered in the order in which they were opened.
        records: How many values.
        bytes: How many bytes they take, as `storage.shelf.record_bytes` counts them.
    """

    __slots__ = ("bytes", "keys", "look_from", "number", "outermost", "ranked_at", "records", "source")

    def __init__(self, source: Source, number: int) -> None:
        self.source = source
        self.number = number
        self.records = 0
        self.bytes = 0
        self.keys: list[bytes] = []  # some may have gone, or be there twice
        self.look_from = 0  # where the next look at them begins
        self.outermost: Outermost | None = None  # once it had to give way
        self.ranked_at = 0  # its weight as the ranking has it: no less than it is


class Ledger:
    """The accounts of one node, by source and by key.

    Args:
        own: The node's id.
        by_bytes: Whether bytes are what there is little of, and not the number of values.

    Attributes:
        weight: How much all sources have together: bytes, or values.
        disowned: How much lost its source because the ledger was full; it may be there still, or not.
    """

    def __init__(self, own: bytes, *, by_bytes: bool) -> None:
        self.by_bytes = by_bytes
        self.weight = 0
        self.disowned = 0
        self._own_id = int.from_bytes(own, "big")
        self._of: dict[bytes, Account] = {}
        self._accounts: dict[Source, Account] = {}
        self._numbers = count()
        self._ranking: list[tuple[int, int, Account]] | None = None  # a heap of (-weight, number, account), once needed

    def __len__(self) -> int:
        """How many values have a source."""
        return len(self._of)

    @property
    def sources(self) -> int:
        """How many sources have an account."""
        return len(self._accounts)

    def of(self, key: bytes) -> Account | None:
        """Return to whose account a value is charged, or None."""
        return self._of.get(key)

    def account(self, source: Source | None) -> Account | None:
        """Return the account to which a source's next value would be charged, if it is open already."""
        if source is None:
            return None
        account = self._accounts.get(source)
        if account is None and len(self._accounts) >= limits.SOURCES_MAX:
            return self._accounts.get(OTHERS)
        return account

    def has(self, account: Account | None) -> int:
        """Return how much a source has, in bytes or values."""
        if account is None:
            return 0
        return account.bytes if self.by_bytes else account.records

    # -- what happens on the shelf -----------------------------------------------------------------------------------

    def charge(self, key: bytes, source: Source | None, size: int, before: int = 0) -> None:  # hot
        """Learn of a new value under a key.

        Args:
            key: 20 bytes.
            source: Who brought it; None if nobody is to be charged.
            size: The bytes that it takes.
            before: Those that the value before it took, if there was one.
        """
        account = self._of.get(key)
        if account is not None:
            if account.source == source:
                self._resize(account, size - before)
                return
            self.forget(key, before)
        if source is None:
            return
        account = self._accounts.get(source) or self._open(source)
        self._of[key] = account
        account.keys.append(key)
        account.records += 1
        account.bytes += size
        self.weight += size if self.by_bytes else 1
        if self._ranking is not None:
            self._rank_higher(account, self._ranking)
        if account.outermost is not None:
            account.outermost.joined(key)
        if len(self._of) > limits.SOURCED_VALUES_MAX:
            self._disown()

    def forget(self, key: bytes, size: int | None = None) -> None:
        """Learn that a value is no more.

        Args:
            key: Its key; one that has no source does no harm.
            size: The bytes that it took; those of the mean value of its source if None.
        """
        account = self._of.pop(key, None)
        if account is None:
            return
        if account.records == 1:
            size = account.bytes
        elif size is None:
            size = account.bytes // account.records
        account.records -= 1
        self.weight -= not self.by_bytes
        self._resize(account, -min(size, account.bytes))
        if not account.records:
            del self._accounts[account.source]
        else:
            self._tidy(account)

    # -- who gives way -----------------------------------------------------------------------------------------------

    def heaviest(self) -> Account | None:
        """Return the account of the source with the most, of equal ones the oldest; None if nobody has anything."""
        ranking = self._ranking
        if ranking is None or len(ranking) > 2 * len(self._accounts) + limits.GIVE_WAY_MAX:
            ranking = self._rank_all()
        while ranking:
            at, number, account = ranking[0]
            weight = self.has(account)
            if not account.records or account.ranked_at != -at:
                heappop(ranking)  # closed, or heavier since
            elif weight != -at:
                account.ranked_at = weight
                heapreplace(ranking, (-weight, number, account))
            else:
                return account
        return None

    def farthest(self, account: Account, besides: bytes | None = None) -> bytes | None:
        """Return the key of a source's value that is farthest from the own id, or None if there is none at hand.

        Of a source with very many values it is the farthest of a part, and of another part the next time.
        """
        outermost = account.outermost
        if outermost is None:
            outermost = account.outermost = Outermost(self._own_id)
        for looks_left in range(_LOOKS_MAX, -1, -1):
            keys = outermost.keys
            while keys and self._of.get(keys[-1]) is not account:
                keys.pop()
            for key in reversed(keys):
                if key != besides and self._of.get(key) is account:
                    return key
            if looks_left:
                outermost.fill(self._look(account))
        return None

    # -- parts -------------------------------------------------------------------------------------------------------

    def _open(self, source: Source) -> Account:
        if len(self._accounts) >= limits.SOURCES_MAX:
            others = self._accounts.get(OTHERS)
            if others is not None:
                return others
            source = OTHERS
        account = self._accounts[source] = Account(source, next(self._numbers))
        return account

    def _resize(self, account: Account, more: int) -> None:
        account.bytes += more
        if self.by_bytes:
            self.weight += more
            if more > 0 and self._ranking is not None:
                self._rank_higher(account, self._ranking)

    def _rank_higher(self, account: Account, ranking: list[tuple[int, int, Account]]) -> None:
        weight = self.has(account)
        if weight > account.ranked_at:
            account.ranked_at = weight
            heappush(ranking, (-weight, account.number, account))

    def _rank_all(self) -> list[tuple[int, int, Account]]:
        ranking = []
        for account in self._accounts.values():
            account.ranked_at = self.has(account)
            ranking.append((-account.ranked_at, account.number, account))
        heapify(ranking)
        self._ranking = ranking
        return ranking

    def _disown(self) -> None:
        """Forget whose one value is, the latest of the source with the most: it has the others to give way with."""
        account = self.heaviest()
        assert account is not None  # a full ledger has accounts
        key = account.keys[-1]
        while self._of.get(key) is not account:
            account.keys.pop()
            key = account.keys[-1]
        before = self.weight
        self.forget(key)
        self.disowned += before - self.weight

    def _look(self, account: Account) -> list[bytes]:
        """Return the farthest of those keys of an account that are next to be looked at; leave out what has gone."""
        most = limits.KEYS_OF_SOURCE_PER_LOOK
        start = account.look_from if most < len(account.keys) > account.look_from else 0
        end = start + most
        there = [key for key in dict.fromkeys(account.keys[start:end]) if self._of.get(key) is account]
        account.keys[start:end] = there
        account.look_from = start + len(there)
        return nlargest(limits.GIVE_WAY_MAX, there, key=lambda key: int.from_bytes(key, "big") ^ self._own_id)

    def _tidy(self, account: Account) -> None:
        """Drop what has gone from an account's keys if it is more than what is there."""
        if len(account.keys) > 2 * account.records + limits.GIVE_WAY_MAX:
            account.keys = [key for key in dict.fromkeys(account.keys) if self._of.get(key) is account]
            account.look_from = 0
