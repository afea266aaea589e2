"""Leaving: handing each value to the node that becomes a holder when we are gone.

The k closest nodes hold a value. Without us the k-th closest of the others is one of them, and has it not yet. All at
once, but within a time: who was told to stop is not to be kept waiting.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from kademlia.engine import limits
from kademlia.engine.operation import Operation
from kademlia.engine.records import FOREVER, NEVER
from kademlia.node import ID_BYTES, Node

if TYPE_CHECKING:
    from kademlia.engine.keeping import Life
    from kademlia.protocol import KademliaProtocol


#: Nodes that a value is offered to, one after the other, until one answers: of a table few contacts are dead.
HEIRS = 2


class Leaving:
    """The last work of one node; nothing until `start`."""

    def __init__(self, protocol: KademliaProtocol) -> None:
        self.operation: Operation[int] = Operation()
        self._protocol = protocol
        self._keys: Iterator[bytes] | None = None
        self._walked = False
        self._in_flight = 0
        self._handed_over = 0
        self._until = FOREVER

    def start(self, seconds: float) -> Operation[int]:
        """Begin; the operation ends with how many values somebody took."""
        if self._keys is None:
            self._keys = self._protocol.keeping.shelf.within([(bytes(ID_BYTES), b"\xff" * ID_BYTES)])
            self._until = self._protocol.now + seconds
            self.tick(self._protocol.now)
        return self.operation

    def tick(self, now: float) -> None:
        """Look at some more keys, or end if it took too long."""
        if now >= self._until:
            self.end()
        elif self._may_step():
            self._step()

    def deadline(self) -> float:
        """Return a time that has passed if the next step can be taken at once."""
        return NEVER if self._may_step() else self._until

    def _may_step(self) -> bool:
        ready = self._keys is not None and not self._walked and not self.operation.done
        return ready and self._in_flight < limits.LEAVE_STORES_IN_FLIGHT_MAX

    def _step(self) -> None:
        protocol = self._protocol
        assert self._keys is not None
        for _ in range(limits.HANDOFF_KEYS_PER_STEP):
            if not self._may_step():
                return
            key = next(self._keys, None)
            if key is None:
                self._walked = True
                self._maybe_end()
            elif (heirs := self._heirs(Node(key))) and (held := protocol.keeping.held(key)) is not None:
                self._in_flight += 1
                _Bequest(self, protocol, heirs, key, *held).offer()

    def _heirs(self, key: Node) -> list[Node]:
        """Return who becomes a holder, and who if that one is gone, too.

        It is nobody if there are so few nodes that all are holders, or if we are none ourselves.
        """
        protocol = self._protocol
        ksize = protocol.router.ksize
        heirs = protocol.contacts.to_ask(key, ksize - 1 + HEIRS)[ksize - 1 :]
        is_holder = bool(heirs) and protocol.source_node.distance_to(key) < heirs[0].distance_to(key)
        return heirs if is_holder else []

    def settled(self, took_it: bool) -> None:
        """Count whether a value found somebody who took it."""
        self._in_flight -= 1
        self._handed_over += took_it
        self._maybe_end()

    def _maybe_end(self) -> None:
        if self._walked and not self._in_flight:
            self.end()

    def end(self) -> None:
        """Hand over nothing more."""
        self._until = FOREVER
        self.operation.finish(self._handed_over)


class _Bequest:
    """One value on its way to the first of its heirs that takes it (engine.calls.Asker)."""

    def __init__(
        self, leaving: Leaving, protocol: KademliaProtocol, heirs: list[Node], key: bytes, value: Any, life: Life
    ) -> None:
        self._leaving = leaving
        self._protocol = protocol
        self._heirs = heirs
        self._key = key
        self._value = value
        self._life = life

    def offer(self) -> None:
        self._protocol.asking.store(self._heirs.pop(0), self._key, self._value, self._life, self)

    def settled(self, node: Node, happened: bool, result: object) -> None:
        if not happened and self._heirs and not self._protocol.stopped:
            self.offer()
        else:
            self._leaving.settled(happened and result is True)

    def slow(self, node: Node) -> None:
        """Wait: there is a time for all together."""
