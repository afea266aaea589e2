"""Handing values to newcomers (Kademlia, section 2.5; R28).

A node that learns of a new one stores at it the pairs for which the newcomer is among the k closest, but only those
to which the teller is nearer than the others it knows, so that one node sends each pair. A store of any size is
walked in small steps between other work, and few values are on their way at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from kademlia.engine import limits
from kademlia.engine.operation import Operation, finished
from kademlia.engine.records import FOREVER, NEVER
from kademlia.node import ID_BYTES, Node
from kademlia.tree import ID_BITS, level

if TYPE_CHECKING:
    from kademlia.protocol import KademliaProtocol

Results = list[tuple[bool, object]]


class Handoff:
    """The values on their way to the newcomers of one node, one newcomer after the other."""

    def __init__(self, protocol: KademliaProtocol) -> None:
        self._protocol = protocol
        self.newcomers: deque[_Transfer] = deque()

    def to(self, newcomer: Node) -> Operation[Results]:
        """Start to hand over; the operation ends with how each store went, as (answered, answer)."""
        if self._protocol.keeping.is_empty or len(self.newcomers) >= limits.HANDOFF_NEWCOMERS_MAX:
            return finished([])
        transfer = _Transfer(self._protocol, newcomer)
        self.newcomers.append(transfer)
        return transfer.operation

    def tick(self, now: float) -> None:
        """Take one step with the first newcomer."""
        if self.newcomers and self.newcomers[0].step():
            self.newcomers.popleft()

    def deadline(self) -> float:
        """Return a time that has passed if the next step can be taken at once."""
        return NEVER if self.newcomers and self.newcomers[0].may_step() else FOREVER

    def clear(self) -> None:
        """Hand over nothing more."""
        while self.newcomers:
            self.newcomers.popleft().end()


class _Transfer:
    """What one newcomer gets."""

    def __init__(self, protocol: KademliaProtocol, newcomer: Node) -> None:
        self.operation: Operation[Results] = Operation()
        self._protocol = protocol
        self._newcomer = newcomer
        self._keys: Iterator[bytes] | None = None
        self._levels_of_others: set[int] = set()  # in these somebody is nearer than we are to every key
        self._walked = False
        self._in_flight = 0
        self._results: Results = []

    def may_step(self) -> bool:
        return not self._walked and self._in_flight < limits.HANDOFF_STORES_IN_FLIGHT_MAX

    def step(self) -> bool:
        """Look at some pairs; return whether all have been looked at."""
        protocol = self._protocol
        if self._keys is None:
            levels = self._levels()
            self._levels_of_others = set(levels)
            self._keys = iter(()) if self._is_far(levels) else protocol.keeping.shelf.within(self._ranges())
        own = protocol.source_node.long_id
        sent = 0
        for _ in range(limits.HANDOFF_KEYS_PER_STEP):
            if sent == limits.HANDOFF_STORES_PER_STEP or not self.may_step():
                break
            key = next(self._keys, None)
            if key is None:
                self._walked = True
                self._maybe_end()
                break
            if (int.from_bytes(key, "big") ^ own).bit_length() in self._levels_of_others:
                continue
            if self._is_due(Node(key)) and (held := protocol.keeping.held(key)) is not None:
                sent += 1
                self._in_flight += 1
                protocol.asking.store(self._newcomer, key, *held, self)
        return self._walked

    def _levels(self) -> list[int]:
        """Return the distance levels, by the bits of the distance, of our contacts besides the newcomer, in order."""
        own, failing, newcomer = self._protocol.source_node.long_id, self._protocol.contacts.failing, self._newcomer.id
        others = (node for node in self._protocol.router.contacts() if node.id != newcomer and node.id not in failing)
        return sorted((node.long_id ^ own).bit_length() for node in others)

    def _is_far(self, levels: list[int]) -> bool:
        """Return whether no key at all can be one that we are nearest to and that the newcomer is to keep.

        What we are nearest to is near us, unless a whole level is empty. If k others are nearer to us than the
        newcomer's level they are nearer to all these keys, too. So it is for nearly all newcomers.
        """
        ksize = self._protocol.router.ksize
        if len(levels) < ksize:
            return False
        reach = levels[ksize - 1]
        is_beyond = (self._newcomer.long_id ^ self._protocol.source_node.long_id).bit_length() > reach
        return is_beyond and self._levels_of_others.issuperset(range(reach + 1, ID_BITS + 1))

    def _ranges(self) -> list[tuple[bytes, bytes]]:
        """Return the ranges of keys in all other levels: near us, up to the first contact, and where nobody is."""
        own = self._protocol.source_node.long_id
        first = min(self._levels_of_others, default=ID_BITS + 1)
        nearest = own >> (first - 1) << (first - 1)
        bounds = [(nearest, nearest + (1 << (first - 1)) - 1)]
        empty = (bits for bits in range(first + 1, ID_BITS + 1) if bits not in self._levels_of_others)
        bounds += [level(own, ID_BITS - bits) for bits in empty]
        return [(low.to_bytes(ID_BYTES, "big"), high.to_bytes(ID_BYTES, "big")) for low, high in bounds]

    def _is_due(self, key: Node) -> bool:
        protocol = self._protocol
        ksize = protocol.router.ksize
        others = protocol.contacts.to_tell(key, self._newcomer.address)
        if not others:
            return True
        is_near = len(others) < ksize or self._newcomer.distance_to(key) < others[-1].distance_to(key)
        return is_near and protocol.source_node.distance_to(key) < others[0].distance_to(key)

    def settled(self, node: Node, happened: bool, result: object) -> None:
        """Note how one store went."""
        self._in_flight -= 1
        self._results.append((happened, result))
        self._maybe_end()

    def slow(self, node: Node) -> None:
        """Wait: nobody else is to get it."""

    def _maybe_end(self) -> None:
        if self._walked and not self._in_flight:
            self.operation.finish(self._results)

    def end(self) -> None:
        self._walked = True
        self.operation.finish(self._results)
