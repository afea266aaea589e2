"""A lookup: a pure "whom do I ask next?" machine, without a network and without time.

It is asked `next`, and told `answered`, `slow` or `failed`; late and duplicate answers are harmless. It keeps alpha
requests under way without waiting for whole rounds (Kademlia, section 2.3; R11-R12), drops who does not answer
quickly until it does (R13), asks all of the k closest once alpha answers in a row brought nobody closer (R14), and
ends when the k closest it knows of have answered (R15). Whom it knows of, and who of them counts, is
`engine.shortlist`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from kademlia.engine import limits
from kademlia.engine.informants import Reader, all_of
from kademlia.engine.shortlist import Entry, Shortlist
from kademlia.node import Address, Node, NodeHeap
from kademlia.tree import ID_MAX

#: Without limits for networks and for time.
UNBOUNDED = limits.Limits(nodes_per_lookup=None)


class Lookup:
    """The search for the k nodes closest to a target, as a machine without a network.

    Args:
        target: The node or key looked for.
        peers: The contacts to start from.
        ksize: How many nodes are looked for.
        alpha: How many requests are under way at once.
        own_id: Our own id: others tell us of ourselves.
        price: What it costs to go on by a node, of its distance and itself; the cheapest is asked first (R16). Without
            it the nearest is.
        bounds: How many requests it may make, and how many nodes of one network count.
        read: Reads what a node told: whoever of these may be asked.
    """

    def __init__(
        self,
        target: Node,
        peers: Iterable[Node],
        ksize: int,
        alpha: int,
        own_id: bytes = b"",
        price: Callable[[int, Node], float] | None = None,
        bounds: limits.Limits = UNBOUNDED,
        read: Reader = all_of,
    ) -> None:
        self.target = target
        self.ksize = ksize
        self.alpha = alpha
        self.requests = 0
        self.left_out = False  # whether it was told of nodes that are not to be asked now: they did not answer before
        self._price = price
        self._requests_max = ksize * bounds.lookup_requests
        self._hurried = False
        self._doubted_to_ask = ksize * limits.LOOKUP_DOUBTED_FACTOR
        self._waiting: set[bytes] = set()  # asked, not late
        self._late: dict[bytes, Node] = {}  # asked, late, out of consideration until they answer
        self._expected: set[bytes] = set()  # those of them that are given a second chance
        self._failed: set[bytes] = set()  # will not answer
        self._answered: set[bytes] = set()
        self._fruitless = 0  # answers in a row that brought nobody closer than the closest known
        self._closest: int | None = None  # that distance
        self._shortlist = Shortlist(target, ksize, own_id, bounds.nodes_per_lookup, self._answered, read)
        self.trusts(peers)
        self._fruitless = 0

    @property
    def nearest(self) -> NodeHeap:
        """The nodes in consideration, nearest first."""
        return self._shortlist.nearest

    @property
    def heard_of(self) -> dict[bytes, Address]:
        """The address at which each id is tried that was told of."""
        return self._shortlist.heard_of

    # -- asking ----------------------------------------------------------------------------------------------------

    def next(self) -> list[Node]:
        """Return whom to ask now; they count as asked."""
        width = self.ksize if self._fruitless >= self.alpha else self.alpha
        room = min(width - len(self._waiting), self._requests_max - self.requests)
        if room <= 0 or self._hurried:
            return []
        fresh = self._unasked()
        if self._price is not None and len(fresh) > room:
            price = self._price
            fresh.sort(key=lambda entry: price(*entry))
        chosen = self._shortlist.informants.credible([node for _, node in fresh], room)
        ids = [node.id for node in chosen]
        self.nearest.contacted.update(ids)
        self._waiting.update(ids)
        self._shortlist.informants.asked(chosen)
        self.requests += len(chosen)
        return chosen

    def _unasked(self) -> list[Entry]:
        """Return who of those that count was not asked yet; if there is nobody, the nearest of those in doubt."""
        shortlist, asked = self._shortlist, self._shortlist.nearest.contacted
        if shortlist.informants.doubted:
            shortlist.prefer_the_believed()
        fresh = [entry for entry in shortlist.counting() if entry[1].id not in asked]
        if fresh or not shortlist.informants.doubted or not self._doubted_to_ask or not self.settled:
            return fresh
        self._doubted_to_ask -= shortlist.believe_some(self._doubted_to_ask)
        return [entry for entry in shortlist.counting() if entry[1].id not in asked]

    def hurry(self) -> None:
        """Ask nobody any more: it ends when those that were asked have answered, or are late."""
        self._hurried = True

    # -- being told ------------------------------------------------------------------------------------------------

    def answered(self, node: Node, contacts: Iterable[Node], told: Sequence[Any] = ()) -> None:
        """Learn that a node answered, late or not.

        Args:
            node: Who answered.
            contacts: Those of the contacts it told of that may be asked, and were not heard of at that address.
            told: All that it told of, as it came.
        """
        shortlist = self._shortlist
        self._waiting.discard(node.id)
        late = self._late.pop(node.id, None) is not None
        self._expected.discard(node.id)
        if node.id in self._answered:
            return
        if not shortlist.is_tried(node):  # it was late, and tried elsewhere meanwhile
            shortlist.move(node)
            shortlist.nearest.contacted.add(node.id)  # or it would be asked again, and never be done
        elif late:
            shortlist.nearest.push(node)
        self._answered.add(node.id)
        shortlist.informants.spoke(node)
        shortlist.informants.told(node, told)
        self.heard(contacts)
        if shortlist.informants.wary:
            for other in shortlist.mistaken(node.id):
                self._try_at(other)

    def trusts(self, nodes: Iterable[Node]) -> None:
        """Take nodes into consideration that we know ourselves."""
        nodes = list(nodes)
        self._shortlist.informants.trust(nodes)
        self.heard(nodes)

    def heard(self, contacts: Iterable[Node]) -> None:
        """Take nodes into consideration that were not heard of before, and note whether that was progress (R14)."""
        self._shortlist.hear(contacts)
        heap = self._shortlist.nearest.heap
        closest = heap[0][0] if heap else None
        if closest is not None and (self._closest is None or closest < self._closest):
            self._closest = closest
            self._fruitless = 0
        else:
            self._fruitless += 1

    def slow(self, node: Node) -> None:
        """Learn that a node is late: its place is free, and it is out of consideration until it answers (R13).

        The second time it is not expected to answer any more, either.
        """
        if not self._shortlist.is_tried(node):
            return
        if node.id not in self._waiting:
            self._expected.discard(node.id)
            return
        self._waiting.remove(node.id)
        self._fruitless += 1
        if not self._given_up(node):
            self._late[node.id] = node
            self._expected.add(node.id)

    def failed(self, node: Node) -> None:
        """Learn that a node will not answer, or answered nonsense."""
        if not self._shortlist.is_tried(node):
            return
        if node.id in self._waiting:
            self._fruitless += 1
            self._shortlist.is_another(node)  # or whoever answers there talks nonsense
        self._waiting.discard(node.id)
        self._expected.discard(node.id)
        self._late.pop(node.id, None)
        if node.id not in self._answered and not self._given_up(node):
            self._failed.add(node.id)

    def _given_up(self, node: Node) -> bool:
        """Take a node out of consideration; return whether its id is tried at another address instead."""
        shortlist = self._shortlist
        shortlist.informants.fell_silent(node)
        other = shortlist.informants.elsewhere(node)
        if other is None:
            shortlist.nearest.remove([node.id])
            return False
        shortlist.move(other)
        return True

    def _try_at(self, node: Node) -> None:
        """Try an id at another address than the one where it was silent."""
        self._late.pop(node.id, None)
        self._expected.discard(node.id)
        self._failed.discard(node.id)
        self._shortlist.move(node)

    # -- how far it is ---------------------------------------------------------------------------------------------

    @property
    def late(self) -> int:
        """How many nodes are late and may still answer."""
        return len(self._late)

    @property
    def thinned(self) -> bool:
        """Whether fewer than k nodes have answered while others did not, or were left out."""
        return len(self._answered) < self.ksize and bool(self._late or self._failed or self.left_out)

    @property
    def exhausted(self) -> bool:
        """Whether it may make no more requests."""
        return self._hurried or self.requests >= self._requests_max

    @property
    def finished(self) -> bool:
        """Whether the k closest known nodes have all answered (R15), and nobody nearer is expected to.

        Without the second chance for late ones 3 % of lookups on the PlanetLab matrix miss one of the k closest.
        """
        return self.settled and not (self._expected and self._expects_nearer())

    def _expects_nearer(self) -> bool:
        if self.exhausted:
            return False
        counting, target = self._shortlist.counting(), self.target.long_id
        farthest = counting[-1][0] if len(counting) >= self.ksize else ID_MAX
        return any(self._late[node_id].long_id ^ target < farthest for node_id in self._expected)

    @property
    def settled(self) -> bool:
        """Whether the k closest known nodes have all answered, but for late ones.

        While nobody has answered at all, late answers are waited for: they are all there is.
        """
        if not self._answered and self._late:
            return False
        if self.exhausted and not self._waiting:
            return True
        answered = self._answered
        for _, node in self._shortlist.counting():  # noqa: SIM110  # a generator takes twice the time
            if node.id not in answered:
                return False
        return True

    def closest(self) -> list[Node]:
        """Return the nodes that answered, nearest first, at most k."""
        return self._shortlist.closest()
