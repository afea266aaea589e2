"""Who told a lookup of whom, and whose word is worth nothing: it told of nobody who answers.

A liar tells of twenty nodes that are nearer than all others and do not exist. Asked one after the other they use up the
requests and the time of a lookup before the honest ones have their turn (the attacks of routing poisoning and of the
endless lookup). So once somebody does not answer, nobody is believed in more than a few whom he told of and who have
not answered yet, and a few more for each who has; beyond that, those that nobody else told of are doubted. In a network
with half of all nodes dead everybody tells of the dead, but of the living as well.

What is told is an id at an address: a right id at a wrong address is a lie, too. Until somebody does not answer, which
in most lookups never happens, all is only kept as it comes: no answer is looked at twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from kademlia.engine import limits
from kademlia.node import Node
from kademlia.wire import rpcudp

#: An id, an ip and a port: what is told of one node.
Word = tuple[Any, ...]

#: Returns the nodes of an answer that may be asked; it is given who answered, and the answer.
Reader = Callable[[Node, Sequence[Any]], list[Node]]


def word(node: Node) -> Word:
    """Return what is told of a node."""
    return (node.id, *node.address)


def all_of(_teller: Node, answer: Sequence[Any]) -> list[Node]:
    """Return all the nodes of an answer."""
    return rpcudp.contacts(answer, limits.CONTACTS_PER_REPLY_MAX) or []


class _Noted:
    """Some nodes, and their words, which are made when they are first asked for."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []  # of which no words were made yet
        self._words: set[Word] = set()

    @property
    def words(self) -> set[Word]:
        self._words.update(map(word, self.nodes))
        self.nodes.clear()
        return self._words


class Informants:
    """What the nodes that one lookup asked told it.

    Args:
        read: Reads an answer.

    Attributes:
        wary: Whether anybody was silent: from then on words are weighed.
        doubted: What nobody told who is believed.
        silent: What turned out to be wrong, so far: nobody answers there, or not in time.
    """

    def __init__(self, read: Reader) -> None:
        self.wary = False
        self.doubted: set[Word] = set()
        self.silent: set[Word] = set()
        self._read = read
        self._answers: dict[bytes, tuple[Node, Sequence[Any]]] = {}  # who told, and what, as it came
        self._nodes: dict[bytes, dict[Word, Node]] = {}  # the same, read
        self._at: dict[bytes, dict[Word, Node]] = {}  # where each id was said to live
        self._asked = _Noted()
        self._spoke = _Noted()
        self._trusted = _Noted()  # those for whom nobody's word is needed
        self._disbelieved: set[bytes] = set()

    # -- news ------------------------------------------------------------------------------------------------------

    def told(self, teller: Node, answer: Sequence[Any]) -> None:
        """Learn what a node told: the contacts of an answer, as they came."""
        self._answers[teller.id] = (teller, answer)
        if self.wary:
            self._judge([teller.id])

    def trust(self, nodes: list[Node]) -> None:
        """Doubt these no more, whoever told them."""
        self._trusted.nodes += nodes
        if self.doubted:
            self.doubted -= self._trusted.words

    def asked(self, nodes: list[Node]) -> None:
        """Learn who was asked."""
        self._asked.nodes += nodes
        if self.wary:
            self._judge({informant for node in nodes for informant in self._who_told(word(node))})

    def spoke(self, node: Node) -> None:
        """Learn that a node answered: who told of it may be believed again."""
        self._spoke.nodes.append(node)
        if self.wary:
            self.silent.discard(word(node))
            if self._disbelieved:
                self._judge(self._who_told(word(node)))

    def fell_silent(self, node: Node) -> None:
        """Learn that a node did not answer, or not in time."""
        self.silent.add(word(node))
        self._judge(self._who_told(word(node)) if self.wary else list(self._answers))
        self.wary = True

    # -- whom to ask, and where ------------------------------------------------------------------------------------

    def trusts(self, node: Node) -> bool:
        """Return whether nobody's word is needed for a node."""
        return word(node) in self._trusted.words

    def credible(self, nodes: list[Node], count: int) -> list[Node]:
        """Return the first of some nodes that may be asked together, at most so many: of no liar too many at once."""
        if not self.wary:
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

    def elsewhere(self, node: Node) -> Node | None:
        """Return a node's id at another address, where it was not silent yet; a believed one if there is any."""
        others = [other for what, other in self._at.get(node.id, {}).items() if what not in self.silent]
        others = [other for other in others if other.address != node.address]
        return next((other for other in others if word(other) not in self.doubted), others[0] if others else None)

    def told_by(self, informant: bytes) -> list[Node]:
        """Return whom a node told of."""
        return list(self._words_of(informant).values())

    # -- parts -----------------------------------------------------------------------------------------------------

    def _who_told(self, what: Word) -> list[bytes]:
        return [informant for informant in self._answers if what in self._words_of(informant)]

    def _words_of(self, informant: bytes) -> dict[Word, Node]:
        words = self._nodes.get(informant)
        if words is None:
            words = self._nodes[informant] = {word(node): node for node in self._read(*self._answers[informant])}
            for what, node in words.items():
                self._at.setdefault(node.id, {})[what] = node
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
        unanswered = len((self._asked.words - self._spoke.words) & self._words_of(informant).keys())
        return limits.LOOKUP_LIES_MAX * (1 + self._truths_of(informant)) - unanswered

    def _truths_of(self, informant: bytes) -> int:
        """Return how many answered whom nobody had told of before: to repeat what is known gains no belief."""
        truths = (self._spoke.words & self._words_of(informant).keys()) - self._trusted.words
        for other in self._answers:
            if other == informant:
                break
            truths -= self._words_of(other).keys()
        return len(truths)

    def _doubt(self) -> None:
        believed: set[Word] = set()
        lies: set[Word] = set()
        for informant in self._answers:
            (lies if informant in self._disbelieved else believed).update(self._words_of(informant))
        open_to_doubt = lies - believed - self._trusted.words
        self.doubted = open_to_doubt - (self._asked.words - self.silent)
