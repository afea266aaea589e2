"""What becomes of a datagram between two places: when it arrives, twice, or never.

Everything that goes wrong on the way is here: loss, duplicates, datagrams that overtake each other, pairs that cannot
reach each other, cuts between groups (one way or both), and homes behind NAT. Chance is drawn only for faults that are
switched on.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from kademlia.node import Address
from kademlia.sim.latency import Constant, Latency, mixed

#: Bytes of the headers of IPv4 and UDP, which every datagram carries.
HEADER_BYTES = 28

#: A datagram that is overtaken takes longer by up to so many times its latency.
OVERTAKEN_FACTOR = 4.0

#: A home router forgets whom it sent to after so many seconds (RFC 4787 asks for 120, many keep 30).
NAT_S = 60.0

#: Peers that a home router holds before it looks for some to forget.
NAT_PEERS_MIN = 256


class Nat:
    """A home router: it lets in only whom its home sent to within the last minute."""

    __slots__ = ("_peers_max", "_sent_at")

    def __init__(self) -> None:
        self._sent_at: dict[Address, float] = {}
        self._peers_max = NAT_PEERS_MIN

    def sent(self, target: Address, now: float) -> None:
        """Learn that the home sends somebody a datagram."""
        self._sent_at[target] = now
        if len(self._sent_at) > self._peers_max:
            self._sent_at = {peer: at for peer, at in self._sent_at.items() if now - at < NAT_S}
            self._peers_max = max(2 * len(self._sent_at), NAT_PEERS_MIN)

    def admits(self, source: Address, now: float) -> bool:
        """Return whether a datagram from somebody gets in."""
        sent_at = self._sent_at.get(source)
        return sent_at is not None and now - sent_at < NAT_S


#: The shares of datagrams, or of pairs, that something happens to.
SHARES = ("loss", "duplication", "reordering", "broken_pairs")


def shares_of(description: object) -> dict[str, float]:
    """Return the shares that a description of a run names, as `Links` takes them."""
    return {name: getattr(description, name) for name in SHARES}


class Links:
    """The network between all places.

    Attributes of the arguments' names may be set at any time.

    Args:
        seed: Which pairs are broken follows from it.
        latency: A model of latency, or the seconds that every datagram takes one way.
        loss: The share of datagrams that never arrive, 0 to 1.
        duplication: The share that arrives twice.
        reordering: The share that is overtaken by later ones.
        broken_pairs: The share of pairs that cannot reach each other though both reach others (measured: 0.04).

    Raises:
        ValueError: A share is not between 0 and 1, or a latency is negative.
    """

    def __init__(
        self,
        seed: int,
        latency: Latency | float = 0.02,
        *,
        loss: float = 0.0,
        duplication: float = 0.0,
        reordering: float = 0.0,
        broken_pairs: float = 0.0,
    ) -> None:
        self.latency: Latency = Constant(latency) if isinstance(latency, (int, float)) else latency
        self.loss = loss
        self.duplication = duplication
        self.reordering = reordering
        self.broken_pairs = broken_pairs
        for name, share in shares_of(self).items():
            if not 0 <= share <= 1:
                raise ValueError(f"{name} is a share of all, from 0 to 1, not {share!r}")
        self._seed = seed
        self._cuts: list[tuple[frozenset[Address], frozenset[Address]]] = []
        self._nats: dict[Address, Nat] = {}

    # -- faults --------------------------------------------------------------------------------------------------

    def cut(self, these: Iterable[Address], those: Iterable[Address], *, both_ways: bool = True) -> None:
        """Let nothing pass from one group of addresses to another, or, not `both_ways`, in that direction only."""
        one, other = frozenset(these), frozenset(those)
        self._cuts.append((one, other))
        if both_ways:
            self._cuts.append((other, one))

    def heal(self) -> None:
        """End all cuts, and have nothing lost, doubled, overtaken or unreachable any more. NAT stays."""
        self._cuts.clear()
        self.loss = self.duplication = self.reordering = self.broken_pairs = 0.0

    def hide(self, address: Address) -> None:
        """Put an address behind NAT: only whom it sent to within the last minute can reach it."""
        self._nats[address] = Nat()

    # -- fates ---------------------------------------------------------------------------------------------------

    def delays(
        self, source: Address, target: Address, places: tuple[int, int], now: float, chance: Random
    ) -> tuple[float, ...]:  # hot
        """Return after how many seconds a datagram arrives: once, twice, or, if there are none, never."""
        if self._nats and source in self._nats:
            self._nats[source].sent(target, now)
        seconds = self.latency.one_way(*places)
        if self.loss and chance.random() < self.loss:
            return ()
        if (self._cuts and self._is_cut(source, target)) or (self.broken_pairs and self._is_broken(*places)):
            return ()
        if self.reordering and chance.random() < self.reordering:
            seconds *= 1 + OVERTAKEN_FACTOR * chance.random()
        if self.duplication and chance.random() < self.duplication:
            return seconds, seconds * (1 + chance.random())
        return (seconds,)

    def admits(self, source: Address, target: Address, now: float) -> bool:
        """Return whether a datagram that arrives gets through the target's NAT, if it has one."""
        return not self._nats or target not in self._nats or self._nats[target].admits(source, now)

    def _is_cut(self, source: Address, target: Address) -> bool:
        return any(source in these and target in those for these, those in self._cuts)

    def _is_broken(self, source: int, target: int) -> bool:
        """Return whether a pair is broken; drawn from other bits than a model takes for its latency."""
        upper_half = mixed(self._seed, min(source, target), max(source, target)) >> 32
        return upper_half < self.broken_pairs * (1 << 32)
