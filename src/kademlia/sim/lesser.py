"""Nodes that leave out one of the duties of a holder, to show what that duty is good for."""

from __future__ import annotations

from typing import Any

from kademlia.engine.handoff import Handoff
from kademlia.engine.operation import Operation, finished
from kademlia.node import Node
from kademlia.protocol import KademliaProtocol


class NoHandoff(Handoff):
    """Gives newcomers nothing."""

    def to(self, newcomer: Node) -> Operation[Any]:
        """Hand over nothing."""
        return finished([])


class WithoutHandoff(KademliaProtocol):
    """A node that hands nothing over to newcomers (no R28)."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.upkeep.handoff = NoHandoff(self)


class WithoutReplication(KademliaProtocol):
    """A node that stores nothing again, and refreshes nothing, by itself (no R22, no R26)."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.upkeep.refreshes = False
