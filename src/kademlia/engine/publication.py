"""Storing one value: find the k closest nodes and store it at each (Kademlia, section 2.3; R17)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kademlia.engine.operation import Operation
from kademlia.node import Node

if TYPE_CHECKING:
    from kademlia.engine.keeping import Life
    from kademlia.protocol import KademliaProtocol


@dataclass(slots=True)
class PublishResult:
    """Where a value went.

    Attributes:
        stored: The nodes that said they keep it.
        refused: Those that said they do not: they have a newer value, or no room.
        silent: Those that did not answer.
        kept_here: Whether the own node keeps it.
        expires_at: When its life ends, in seconds since 1970 by the clock of this machine.
        stamp: Its time stamp, in the same seconds: of two values the later one wins.
    """

    stored: list[Node] = field(default_factory=list)
    refused: list[Node] = field(default_factory=list)
    silent: list[Node] = field(default_factory=list)
    kept_here: bool = False
    expires_at: float = 0.0
    stamp: float = 0.0

    def __bool__(self) -> bool:
        """Whether at least one other node keeps it."""
        return bool(self.stored)


class Publication:
    """One value on its way to its holders.

    `operation` ends with True if at least one other node accepted the value, once every holder has answered or is late;
    `whole` with a `PublishResult`, once every holder has answered or never will. The own node counts as one of the k:
    the value is kept here too if we are nearer than the farthest holder, and if there are fewer than k.
    """

    def __init__(self, protocol: KademliaProtocol, key: Node, value: object, life: Life) -> None:
        self.life = life
        self.operation: Operation[bool] = Operation()
        self.whole: Operation[PublishResult] = Operation()
        self.result = PublishResult(expires_at=life.ends_at + protocol.wall_offset, stamp=life.stamp / 1000)
        self._protocol = protocol
        self._key = key
        self._value = value
        self._body = protocol.asking.store_body(key.id, value)
        self._asked: set[bytes] = set()
        self._undecided: set[bytes] = set()
        self._late: set[bytes] = set()
        self._guessing = False  # the holders are our table's, and no lookup has shown them alive
        self._looking = False

    def give_up(self) -> None:
        """End without having asked anybody."""
        self.operation.finish(False)
        self.whole.finish(self.result)

    @property
    def anybody_answered(self) -> bool:
        """Whether anybody said yes or no so far."""
        return bool(self.result.stored or self.result.refused)

    def start(self, holders: list[Node] | None = None) -> Publication:
        """Start with a lookup, or with the holders that the own table (R27) or the survey tells.

        If one of the latter does not answer, a lookup finds who is there instead.
        """
        if holders:
            self._guessing = True
            self._store_at(holders)
        else:
            self._look()
        return self

    def _look(self) -> None:
        self._guessing = False
        self._looking = True
        self._protocol.lookup(self._key).then(self._store_at)

    def _store_at(self, holders: list[Node]) -> None:
        self._looking = False
        protocol = self._protocol
        if self._is_holder(holders):
            if not protocol.stopped:
                self.result.kept_here = protocol.keeping.put(self._key.id, self._value, self.life)
            holders = holders[: protocol.router.ksize - 1] or holders
        fresh = [node for node in holders if node.id not in self._asked]
        self._asked.update(node.id for node in fresh)
        self._undecided.update(node.id for node in fresh)
        for node in fresh:
            protocol.asking.store(node, self._key.id, self._value, self.life, self, self._body)
        self._maybe_end()

    def _is_holder(self, holders: list[Node]) -> bool:
        """Return whether the own node is one of the k closest; one that will be gone in a moment is none."""
        protocol = self._protocol
        if len(holders) < protocol.router.ksize:
            return not holders or not protocol.ephemeral
        own = protocol.source_node.distance_to(self._key)
        return own < holders[-1].distance_to(self._key) and not protocol.ephemeral

    # -- what the calls tell (engine.calls.Asker) ------------------------------------------------------------------

    def settled(self, node: Node, happened: bool, result: object) -> None:
        """Count an answer; a node accepts with True."""
        answers = self.result
        went = (answers.stored if result is True else answers.refused) if happened else answers.silent
        went.append(node)
        self._undecided.discard(node.id)
        self._heard_from(happened)

    def slow(self, node: Node) -> None:
        """Do not wait for a late node, once somebody has accepted."""
        self._late.add(node.id)
        self._heard_from(False)

    def _heard_from(self, in_time: bool) -> None:
        if self._guessing and not in_time:
            self._look()
        self._maybe_end()

    def _maybe_end(self) -> None:
        if self._looking:
            return
        accepted = bool(self.result.stored)
        if not (self._undecided - self._late if accepted else self._undecided):
            self.operation.finish(accepted)
        if not self._undecided:
            self.whole.finish(self.result)
