"""Who is told how a call went, where it is not a crawl or a publication: a program, or nobody in particular."""

from __future__ import annotations

from typing import Any

from kademlia.engine import limits
from kademlia.engine.operation import Operation
from kademlia.engine.records import Record
from kademlia.node import Node
from kademlia.wire import rpcudp


class Outcome:
    """A call whose operation ends with what the documentation promises: (True, answer) or (False, None)."""

    def __init__(self) -> None:
        self.operation: Operation[tuple[bool, Any]] = Operation()

    def settled(self, node: Node, happened: bool, result: object) -> None:
        """End; an answer that nests absurdly or holds msgpack extensions is none."""
        if happened and rpcudp.nested_within(result, limits.NESTING_MAX):
            self.operation.finish((True, result))
        else:
            self.operation.finish((False, None))

    def slow(self, node: Node) -> None:
        """Keep waiting: a program asks one node and wants its answer."""


class Who:
    """A ping of ours that asks an address who lives there; the answer itself goes to `Contacts`."""

    def __init__(self, record: Record) -> None:
        self._record = record
        record.pinged = True
        record.requests = 0

    def settled(self, node: Node, happened: bool, result: object) -> None:
        """Allow the next such ping."""
        self._record.pinged = False

    def slow(self, node: Node) -> None:
        """Keep waiting."""


class Whoever:
    """For calls whose outcome interests nobody: a value cached on the path."""

    def settled(self, node: Node, happened: bool, result: object) -> None:
        """Do nothing."""

    def slow(self, node: Node) -> None:
        """Do nothing."""
