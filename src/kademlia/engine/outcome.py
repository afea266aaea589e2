"""Who is told how a call went, where it is not a crawl or a publication: a program, or nobody in particular."""

from __future__ import annotations

from typing import Any

from kademlia.engine.operation import Operation
from kademlia.engine.records import PINGED, Record
from kademlia.node import Address, Node
from kademlia.wire import rpcudp


class Outcome:
    """A call whose operation ends with what the documentation promises: (True, answer) or (False, None)."""

    def __init__(self) -> None:
        self.operation: Operation[tuple[bool, Any]] = Operation()

    def settled(self, node: Node, happened: bool, result: object) -> None:
        """End; an answer that nests absurdly or holds msgpack extensions is none."""
        if happened and rpcudp.nested_within(result, rpcudp.NESTING_MAX):
            self.operation.finish((True, result))
        else:
            self.operation.finish((False, None))

    def slow(self, node: Node) -> None:
        """Keep waiting: a program asks one node and wants its answer."""


class Who:
    """A ping of ours that asks an address who lives there; the answer itself goes to `Contacts`.

    `strangers` are the addresses whose ping takes a place of its own; this one leaves it once it is answered or late.
    """

    def __init__(self, record: Record, strangers: set[Address]) -> None:
        self._record = record
        self._strangers = strangers
        record.requests = PINGED

    def settled(self, node: Node, happened: bool, result: object) -> None:
        """Allow the next such ping."""
        self._record.requests = 0
        self._strangers.discard(self._record.address)

    def slow(self, node: Node) -> None:
        """Keep waiting, but in nobody's way."""
        self._strangers.discard(self._record.address)


class Whoever:
    """For calls whose outcome interests nobody: a value cached on the path."""

    def settled(self, node: Node, happened: bool, result: object) -> None:
        """Do nothing."""

    def slow(self, node: Node) -> None:
        """Do nothing."""
