"""How many requests others may make: so many a second for each address, and for each network.

A budget is a token bucket: it fills with time up to a few seconds' worth, and each request takes one token. Tokens are
granted to an address in blocks, so that a request costs no more than counting down (`Record.tokens`). A contact has a
budget of its own: whoever floods from behind the same address, or from next door, takes nothing from it.

Within the loopback and private scopes live a program's own processes, and many nodes behind one address: there budgets
are in force only while datagrams come faster than they can be answered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kademlia.address import Scope, place
from kademlia.engine import limits
from kademlia.engine.records import Record
from kademlia.node import Address

if TYPE_CHECKING:
    from kademlia.protocol import KademliaProtocol


class Purse:
    """The tokens of one address, one network or one contact."""

    __slots__ = ("at", "tokens")

    def __init__(self, tokens: float, now: float) -> None:
        self.tokens = tokens
        self.at = now  # when it was last filled

    def fill(self, rate: float, now: float) -> float:
        """Add what has come in since the last time, at so many tokens a second; return what there is."""
        self.tokens = min(self.tokens + (now - self.at) * rate, rate * limits.BURST_S)
        self.at = now
        return self.tokens


class Budgets:
    """The budgets of all addresses, as one node keeps them."""

    def __init__(self, protocol: KademliaProtocol) -> None:
        self._protocol = protocol
        self._purses: dict[Address | str, Purse] = {}  # the longest not used first

    def grant(self, record: Record, now: float) -> bool:
        """Give an address that has used up its tokens some more, one of which is spent now; False if it gets none."""
        where = place(record.address[0])
        if where is None:
            return False
        block = limits.TOKENS_A_BLOCK
        bounds = self._protocol.limits
        rate = bounds.requests_per_s
        if self._protocol.pressed or where.scope is Scope.GLOBAL:
            if record.bucket is not None:
                purses = [self._filled(record.address, rate, now)]
            else:
                block = block if record.verified(now) else 1  # anybody's address can be forged, once
                purses = [self._filled(where.host, rate, now)]
                if where.prefix:
                    purses.append(self._filled(where.prefix, bounds.network_requests_per_s, now))
            block = min(block, *(int(purse.tokens) for purse in purses))
            if block < 1:
                record.tokens = 0
                return False
            for purse in purses:
                purse.tokens -= block
        record.tokens = block - 1
        return True

    def _filled(self, whose: Address | str, rate: float, now: float) -> Purse:
        purse = self._purses.pop(whose, None)
        if purse is None:
            if len(self._purses) >= limits.PURSES_MAX:
                del self._purses[next(iter(self._purses))]
            purse = Purse(rate * limits.BURST_S, now)
        self._purses[whose] = purse
        purse.fill(rate, now)
        return purse

    def __len__(self) -> int:
        return len(self._purses)
