"""Who told a lookup of whom, and whose word is worth nothing: it told of nobody who answers.

A liar tells of twenty nodes that are nearer than all others and do not exist. Asked one after the other they use up the
requests and the time of a lookup before the honest ones have their turn (the attacks of routing poisoning and of the
endless lookup). So whoever told of several that do not answer, and of hardly any that do, is not believed: those that
nobody else told of are doubted. In a network with half of all nodes dead everybody tells of the dead, but of the living
as well.
"""

from __future__ import annotations

from collections.abc import Iterable

from kademlia.engine import limits


class Informants:
    """What the nodes that one lookup asked told it.

    Args:
        answered: The ids of the nodes that answered; whoever has it keeps it up to date.

    Attributes:
        doubted: Ids that nobody told of who is believed.
        silent: Ids of nodes that did not answer, or not yet.
    """

    def __init__(self, answered: set[bytes]) -> None:
        self.doubted: set[bytes] = set()
        self._answered = answered
        self.silent: set[bytes] = set()
        self._told: dict[bytes, list[bytes]] = {}  # the ids that each told of
        self._disbelieved: set[bytes] = set()
        self._trusted: set[bytes] = set()  # ids for which nobody's word is needed

    def told(self, informant: bytes, ids: list[bytes]) -> None:
        """Learn which ids a node told of."""
        self._told[informant] = ids
        if self.silent:
            self._judge([informant])

    def trust(self, ids: Iterable[bytes]) -> None:
        """Doubt these no more, whoever told of them."""
        self._trusted.update(ids)
        self.doubted -= self._trusted

    def fell_silent(self, node_id: bytes) -> None:
        """Learn that a node did not answer, or not in time."""
        self.silent.add(node_id)
        self._judge(self._who_told_of(node_id))

    def spoke(self, node_id: bytes) -> None:
        """Learn that a node answered: who told of it may be believed again."""
        self.silent.discard(node_id)
        if self._disbelieved:
            self._judge(self._who_told_of(node_id))

    def _who_told_of(self, node_id: bytes) -> list[bytes]:
        return [informant for informant, ids in self._told.items() if node_id in ids]

    def _judge(self, informants: Iterable[bytes]) -> None:
        for informant in informants:
            ids = self._told[informant]
            lies = len(self.silent.intersection(ids))
            truths = len(self._answered.intersection(ids))
            if lies >= limits.LOOKUP_LIES_MAX * (1 + truths):
                self._disbelieved.add(informant)
            else:
                self._disbelieved.discard(informant)
        if self._disbelieved or self.doubted:
            self._doubt()

    def _doubt(self) -> None:
        believed: set[bytes] = set()
        lies: set[bytes] = set()
        for informant, ids in self._told.items():
            (lies if informant in self._disbelieved else believed).update(ids)
        self.doubted = lies - believed - self._trusted
