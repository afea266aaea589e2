"""What a node does unasked: refresh, republish, hand over to newcomers, and find the network again.

Every period is jittered, and only a few lookups are under way at once, so that a thousand nodes started together do
not act together.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from kademlia.engine import limits
from kademlia.engine.handoff import Handoff
from kademlia.engine.joining import Joining
from kademlia.engine.operation import Operation, finished
from kademlia.engine.records import FOREVER
from kademlia.node import ID_BYTES, Address, Node
from kademlia.tree import level, shared_bits

if TYPE_CHECKING:
    from kademlia.protocol import KademliaProtocol

Job = Callable[[], Operation[Any]]


class Series:
    """Jobs to be done one after the other, a few at once; they are made as their turn comes."""

    __slots__ = ("jobs", "operation", "running")

    def __init__(self, jobs: Iterable[Job]) -> None:
        self.jobs = iter(jobs)
        self.operation: Operation[None] = Operation()
        self.running = 0


class RefreshLoop:
    """The switch of the regular refreshing, as programs know it."""

    def __init__(self, upkeep: Upkeep) -> None:
        self._upkeep = upkeep

    def cancel(self) -> None:
        """Refresh and republish no more by itself; everything else goes on."""
        self._upkeep.refreshes = False

    stop = cancel


class Upkeep:
    """The jobs of one node, and when they are due."""

    def __init__(self, protocol: KademliaProtocol) -> None:
        self.handoff = Handoff(protocol)
        self.bootstrap_addresses: list[Address] = []
        self.refreshes = True  # whether tables and values are refreshed by themselves
        self.adrift = False  # whether the last attempt to join found nobody, or few while somebody was silent
        self._protocol = protocol
        self._waiting: deque[Series] = deque()
        self._running = 0
        self._working = False
        self._period_s = limits.UPKEEP_S
        self._due_at = FOREVER
        self._retry_at = FOREVER
        self._retry_s = limits.BOOTSTRAP_RETRY_MIN_S

    def remember(self, addresses: list[Address]) -> None:
        """Remember where the network can be found again; of too many, the latest."""
        known = dict.fromkeys([*self.bootstrap_addresses, *addresses])
        self.bootstrap_addresses = list(known)[-limits.BOOTSTRAP_ADDRESSES_MAX :]

    # -- time ----------------------------------------------------------------------------------------------------

    def start(self, now: float) -> None:
        """Set the first date."""
        self._due_at = now + self._jittered(self._period_s)

    def repeat_every(self, seconds: float) -> None:
        """Look that often what is due to be refreshed and republished, from now on."""
        self.refreshes = True
        self._period_s = seconds
        self._due_at = self._protocol.now + self._jittered(seconds)

    def tick(self, now: float) -> None:
        """Do what is due."""
        self.handoff.tick(now)
        if now >= self._due_at:
            self._due_at = now + self._jittered(self._period_s)
            if self.refreshes:
                self.refresh()
        self._find_network_again(now)

    def deadline(self) -> float:
        """Return when `tick` has something to do next."""
        return min(self.handoff.deadline(), self._due_at, self._retry_at)

    def stop(self) -> None:
        """Do nothing more."""
        self._due_at = self._retry_at = FOREVER
        self.bootstrap_addresses = []
        self.handoff.clear()
        while self._waiting:
            self._waiting.popleft().operation.finish(None)

    # -- refreshing and republishing -------------------------------------------------------------------------------

    def refresh(self) -> Operation[None]:
        """Look up an id in every level where nothing was for an hour, then republish what is an hour old (R22, R26)."""
        whole: Operation[None] = Operation()
        lookups = self._queue(map(self._lookup_of, self._protocol.get_refresh_ids()))
        lookups.then(lambda _: self._republish().then(whole.finish))
        return whole

    def refresh_levels(self, closest: list[Node]) -> None:
        """Look up an id in every level farther away than the closest neighbours: the second half of joining (R23).

        The lookup of the own id found the k closest: nearer than the k-th of them we know everybody. With fewer than k
        in all there is nobody else.
        """
        router = self._protocol.router
        if len(closest) >= router.ksize:
            own = router.node.long_id
            deepest = shared_bits(closest[-1].long_id, own)
            levels = (level(own, depth) for depth in range(deepest + 1))
            self._queue([self._lookup_of(self._random_id(*bounds)) for bounds in levels])

    def lonely_ids(self) -> list[bytes]:
        """Return a random id from each distance level where nothing was looked up for an hour, farthest first."""
        since = self._protocol.now - limits.REFRESH_S
        return [
            self._random_id(low, high)
            for low, high, buckets in self._protocol.router.levels()
            if all(bucket.last_updated < since for bucket in buckets)
        ]

    def _random_id(self, low: int, high: int) -> bytes:
        return self._protocol.chance.between(low, high).to_bytes(ID_BYTES, "big")

    def _republish(self) -> Operation[None]:
        """Store again what was neither stored here nor republished for an hour.

        A store by another holder makes a value young again, so that of unsynchronised holders one republishes for
        all (R26). One lookup of the own id makes the neighbourhood fresh; keys within it need none of their own (R27).
        """
        due = self._protocol.keeping.due(limits.REFRESH_S)
        first = next(due, None)
        if first is None or not self._protocol.contacts.any_live():
            return finished(None)
        neighbourhood = self._lookup_of(self._protocol.source_node.id)
        return self._queue(chain([neighbourhood], (self._replication_of(key) for key in chain([first], due))))

    def _lookup_of(self, node_id: bytes) -> Job:
        return lambda: self._protocol.lookup(Node(node_id))

    def _replication_of(self, key: bytes) -> Job:
        return lambda: self._protocol.replicate(key)

    def _queue(self, jobs: Iterable[Job]) -> Operation[None]:
        series = Series(jobs)
        self._waiting.append(series)
        self._work()
        return series.operation

    def _work(self) -> None:
        if self._working:  # a job ended at once, inside of the loop below, which goes on by itself
            return
        self._working = True
        while self._waiting and self._running < limits.UPKEEP_LOOKUPS_MAX:
            series = self._waiting[0]
            job = next(series.jobs, None)
            if job is None:
                self._waiting.popleft()
            else:
                self._running += 1
                series.running += 1
                job().then(partial(self._worked, series))
            self._maybe_end(series)
        self._working = False

    def _worked(self, series: Series, _value: object) -> None:
        self._running -= 1
        series.running -= 1
        self._maybe_end(series)
        self._work()

    def _maybe_end(self, series: Series) -> None:
        if not series.running and series not in self._waiting:
            series.operation.finish(None)

    # -- the network lost ------------------------------------------------------------------------------------------

    def _find_network_again(self, now: float) -> None:
        """Try to join again while we are adrift, with no live contact, or our link down: after 1 s, doubling to 5 min.

        That is by the bootstrap addresses and a contact. A node that never looked up its own id, which joining is, may
        be known to somebody by chance and is hidden from its neighbours for hours; and a few that met while the rest
        could not be reached take themselves for the whole network.
        """
        protocol = self._protocol
        lost = self.adrift or protocol.contacts.link.down or not protocol.contacts.any_live()
        if not lost or not (self.bootstrap_addresses or len(protocol.router)):
            self._retry_at, self._retry_s = FOREVER, limits.BOOTSTRAP_RETRY_MIN_S
        elif self._retry_at == FOREVER:
            self._retry_at = now + self._jittered(self._retry_s)
        elif now >= self._retry_at:
            self._retry_s = min(self._retry_s * 2, limits.BOOTSTRAP_RETRY_MAX_S)
            self._retry_at = now + self._jittered(self._retry_s)
            known = [node.address for node in protocol.router.contacts()]
            some = [known[protocol.chance.between(0, len(known) - 1)]] if known else []
            Joining(protocol, [*self.bootstrap_addresses, *some], quiet=True).start()

    def _jittered(self, seconds: float) -> float:
        return self._protocol.chance.jittered(seconds, limits.JITTER)
