"""A lookup: a pure "whom do I ask next?" machine, without a network and without time.

It is asked `next`, and told `answered`, `slow` or `failed`; late and duplicate answers are harmless. It keeps alpha
requests under way without waiting for whole rounds (Kademlia, section 2.3; R11-R12), drops who does not answer
quickly until it does (R13), asks all of the k closest once alpha answers in a row brought nobody closer (R14), and
ends when the k closest it knows of have answered (R15).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

from kademlia.engine import limits
from kademlia.node import Address, Node, NodeHeap
from kademlia.tree import ID_MAX


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
    """

    def __init__(
        self,
        target: Node,
        peers: Iterable[Node],
        ksize: int,
        alpha: int,
        own_id: bytes = b"",
        price: Callable[[int, Node], float] | None = None,
    ) -> None:
        self.target = target
        self.ksize = ksize
        self.alpha = alpha
        self._price = price
        self.nearest = NodeHeap(target, ksize)  # the nodes in consideration
        self.requests = 0
        self.left_out = False  # whether it was told of nodes that are not to be asked now: they did not answer before
        self.heard_of = {own_id}  # ids in consideration, and those that are out of it
        self._id_at: dict[Address, bytes] = {}  # under which id an address was first told of
        self._more_ids_at: dict[Address, list[bytes]] = {}  # and others, which few addresses have
        self._waiting: set[bytes] = set()  # asked, not late
        self._late: dict[bytes, Node] = {}  # asked, late, out of consideration until they answer
        self._expected: set[bytes] = set()  # those of them that are given a second chance
        self._failed: set[bytes] = set()  # will not answer
        self._answered: set[bytes] = set()
        self._fruitless = 0  # answers in a row that brought nobody closer than the closest known
        self._closest: int | None = None  # that distance
        self.heard(peers)
        self._fruitless = 0

    def next(self) -> list[Node]:
        """Return whom to ask now; they count as asked."""
        width = self.ksize if self._fruitless >= self.alpha else self.alpha
        room = min(width - len(self._waiting), self.ksize * limits.LOOKUP_REQUESTS_FACTOR - self.requests)
        if room <= 0:
            return []
        asked = self.nearest.contacted
        fresh = [entry for entry in self.nearest.heap[: self.ksize] if entry[1].id not in asked]
        if self._price is not None and len(fresh) > room:
            price = self._price
            fresh.sort(key=lambda entry: price(*entry))
        chosen = [node for _, node in fresh[:room]]
        ids = [node.id for node in chosen]
        asked.update(ids)
        self._waiting.update(ids)
        self.requests += len(chosen)
        return chosen

    def answered(self, node: Node, contacts: Iterable[Node]) -> None:
        """Learn that a node answered, late or not, and of the contacts it told."""
        if node.id in self._answered:
            return
        self._waiting.discard(node.id)
        if self._late.pop(node.id, None) is not None:
            self._expected.discard(node.id)
            self.nearest.push(node)
        self._answered.add(node.id)
        self.heard(contacts)

    def heard(self, contacts: Iterable[Node]) -> None:
        """Take nodes into consideration that were not heard of before, and note whether that was progress (R14)."""
        nearest = self.nearest
        heard_of = self.heard_of
        fresh = self._alone([node for node in contacts if node.id not in heard_of])
        if fresh:
            nearest.push(fresh)
            heard_of.update([node.id for node in fresh])
            heard_of.difference_update(nearest.trim(self.ksize * limits.LOOKUP_NODES_FACTOR))
        closest = nearest.heap[0][0] if nearest.heap else None
        if closest is not None and (self._closest is None or closest < self._closest):
            self._closest = closest
            self._fruitless = 0
        else:
            self._fruitless += 1

    def _alone(self, nodes: list[Node]) -> list[Node]:
        """Leave out nodes at addresses that were told of under too many ids: nobody lives there twice."""
        ids = {node.address: node.id for node in nodes}
        if len(ids) == len(nodes) and ids.keys().isdisjoint(self._id_at):  # as nearly always
            self._id_at.update(ids)
            return nodes
        return [node for node in nodes if self._lives_alone(node)]

    def _lives_alone(self, node: Node) -> bool:
        if self._id_at.setdefault(node.address, node.id) == node.id:
            return True
        ids = self._more_ids_at.setdefault(node.address, [])
        if node.id not in ids and len(ids) + 1 < limits.LOOKUP_IDS_PER_ADDRESS:
            ids.append(node.id)
        return node.id in ids

    def slow(self, node: Node) -> None:
        """Learn that a node is late: its place is free, and it is out of consideration until it answers (R13).

        The second time it is not expected to answer any more, either.
        """
        if node.id in self._waiting:
            self._waiting.remove(node.id)
            self._late[node.id] = node
            self._expected.add(node.id)
            self.nearest.remove([node.id])
            self._fruitless += 1
        else:
            self._expected.discard(node.id)

    def failed(self, node: Node) -> None:
        """Learn that a node will not answer, or answered nonsense."""
        if node.id in self._waiting:
            self._fruitless += 1
        self._waiting.discard(node.id)
        self._expected.discard(node.id)
        self._late.pop(node.id, None)
        if node.id not in self._answered:
            self._failed.add(node.id)
            self.nearest.remove([node.id])

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
        """Whether it has made all the requests it may."""
        return self.requests >= self.ksize * limits.LOOKUP_REQUESTS_FACTOR

    @property
    def finished(self) -> bool:
        """Whether the k closest known nodes have all answered (R15), and nobody nearer is expected to.

        Without the second chance for late ones 3 % of lookups on the PlanetLab matrix miss one of the k closest.
        """
        return self.settled and not (self._expected and self._expects_nearer())

    def _expects_nearer(self) -> bool:
        if self.exhausted:
            return False
        heap, target = self.nearest.heap, self.target.long_id
        farthest = heap[self.ksize - 1][0] if len(heap) >= self.ksize else ID_MAX
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
        for _, node in self.nearest.heap[: self.ksize]:  # noqa: SIM110  # a generator takes twice the time
            if node.id not in answered:
                return False
        return True

    def closest(self) -> list[Node]:
        """Return the nodes that answered, nearest first, at most k."""
        answered = (node for _, node in self.nearest.heap if node.id in self._answered)
        return list(islice(answered, self.ksize))
