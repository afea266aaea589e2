"""Who told a lookup of whom, and whose word is worth nothing: it told of nobody who answers.

A liar tells of twenty nodes that are nearer than all others and do not exist. Asked one after the other they use up the
requests and the time of a lookup before the honest ones have their turn (the attacks of routing poisoning and of the
endless lookup). So once somebody does not answer, nobody is believed in more than a few whom he told of and who have
not answered yet, and a few more for each who has; beyond that, those that nobody else told of are doubted. In a network
with half of all nodes dead everybody tells of the dead, but of the living as well.

What is told is an id at an address: a right id at a wrong address is a lie, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from kademlia.engine import limits
from kademlia.node import Node
from kademlia.wire import rpcudp

#: An id, an ip and a port: what is told of one node.
Word = tuple[Any, ...]


def word(node: Node) -> Word:
    """Return what is told of a node."""
    return (node.id, *node.address)


class Informants:
    """What the nodes that one lookup asked told it.

    Attributes:
        doubted: What nobody told who is believed.
        silent: What turned out to be wrong, so far: nobody answers there, or not in time.
    """

    def __init__(self) -> None:
        self.doubted: set[Word] = set()
        self.silent: set[Word] = set()
        self._asked: set[Word] = set()
        self._spoke: set[Word] = set()
        self._wary = False  # whether anybody was silent
        self._answers: dict[bytes, Sequence[Any]] = {}  # what each told, as it came
        self._words: dict[bytes, set[Word]] = {}  # the same, once it has to be looked at
        self._disbelieved: set[bytes] = set()
        self._trusted: set[Word] = set()  # that for which nobody's word is needed

    def told(self, informant: bytes, answer: Sequence[Any]) -> None:
        """Learn what a node told: the contacts of an answer, as they came."""
        self._answers[informant] = answer
        if self._wary:
            self._judge([informant])

    def trust(self, words: Iterable[Word]) -> None:
        """Doubt these no more, whoever told them."""
        self._trusted.update(words)
        self.doubted -= self._trusted

    def trusts(self, node: Node) -> bool:
        """Return whether nobody's word is needed for a node."""
        return word(node) in self._trusted

    def credible(self, nodes: list[Node], count: int) -> list[Node]:
        """Return the first of some nodes that may be asked together, at most so many: of no liar too many at once."""
        if not self._wary:
            return nodes[:count]
        credit = {informant: self._credit(informant) for informant in self._answers}
        chosen: list[Node] = []
        for node in nodes:
            tellers = [] if self.trusts(node) else self._who_told(word(node))
            believed = [informant for informant in tellers if credit[informant] > 0]
            if believed or not tellers:
                chosen.append(node)
                for informant in tellers:
                    credit[informant] -= 1
            if len(chosen) == count:
                break
        return chosen

    def asked(self, nodes: list[Node]) -> None:
        """Learn who was asked."""
        words = [word(node) for node in nodes]
        self._asked.update(words)
        if self._wary:
            self._judge({informant for what in words for informant in self._who_told(what)})

    def fell_silent(self, node: Node) -> None:
        """Learn that a node did not answer, or not in time."""
        self.silent.add(word(node))
        self._judge(self._who_told(word(node)) if self._wary else list(self._answers))
        self._wary = True

    def spoke(self, node: Node) -> None:
        """Learn that a node answered: who told of it may be believed again."""
        self._spoke.add(word(node))
        self.silent.discard(word(node))
        if self._disbelieved:
            self._judge(self._who_told(word(node)))

    def _who_told(self, what: Word) -> list[bytes]:
        return [informant for informant in self._answers if what in self._words_of(informant)]

    def _words_of(self, informant: bytes) -> set[Word]:
        words = self._words.get(informant)
        if words is None:
            told = rpcudp.contacts(self._answers[informant], limits.CONTACTS_PER_REPLY_MAX) or []
            words = self._words[informant] = set(map(word, told))  # an address may be spelled in many ways
        return words

    def _judge(self, informants: Iterable[bytes]) -> None:
        for informant in informants:
            if self._credit(informant) <= 0:
                self._disbelieved.add(informant)
            else:
                self._disbelieved.discard(informant)
        if self._disbelieved or self.doubted:
            self._doubt()

    def _credit(self, informant: bytes) -> int:
        """Return in how many more it is believed who have not answered yet."""
        unanswered = len((self._asked - self._spoke) & self._words_of(informant))
        return limits.LOOKUP_LIES_MAX * (1 + self._truths_of(informant)) - unanswered

    def _truths_of(self, informant: bytes) -> int:
        """Return how many answered whom nobody had told of before: to repeat what is known gains no belief."""
        truths = (self._spoke & self._words_of(informant)) - self._trusted
        for other in self._answers:
            if other == informant:
                break
            truths -= self._words_of(other)
        return len(truths)

    def _doubt(self) -> None:
        believed: set[Word] = set()
        lies: set[Word] = set()
        for informant in self._answers:
            (lies if informant in self._disbelieved else believed).update(self._words_of(informant))
        open_to_doubt = lies - believed - self._trusted
        self.doubted = open_to_doubt - (self._asked - self.silent)
