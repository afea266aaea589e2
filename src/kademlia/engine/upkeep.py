"""What a node does unasked: refresh, republish, hand over to newcomers, and find the network again.

Every period is jittered, and only a few lookups are under way at once, so that a thousand nodes started together do
not act together.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from kademlia.engine import limits
from kademlia.engine.handoff import Handoff
from kademlia.engine.operation import Operation, gathered
from kademlia.node import ID_BYTES, Address, Node
from kademlia.storage import pairs_older_than

if TYPE_CHECKING:
    from kademlia.protocol import KademliaProtocol

Job = Callable[[], Operation[Any]]


class Upkeep:
    """The jobs of one node, and when they are due."""

    def __init__(self, protocol: KademliaProtocol) -> None:
        self.handoff = Handoff(protocol)
        self.bootstrap_addresses: list[Address] = []
        self.refreshes = True  # whether tables and values are refreshed by themselves
        self._protocol = protocol
        self._jobs: deque[tuple[Job, Operation[Any]]] = deque()
        self._running = 0
        self._working = False
        self._period_s = limits.UPKEEP_S
        self._due_at: float | None = None
        self._retry_at: float | None = None
        self._retry_s = limits.BOOTSTRAP_RETRY_MIN_S

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
        if self._due_at is not None and now >= self._due_at:
            self._due_at = now + self._jittered(self._period_s)
            if self.refreshes:
                self.refresh()
        self._find_network_again(now)

    def deadline(self) -> float | None:
        """Return when `tick` has something to do next, or None."""
        dates = [at for at in (self.handoff.deadline(), self._due_at, self._retry_at) if at is not None]
        return min(dates, default=None)

    def stop(self) -> None:
        """Do nothing more."""
        self._due_at = self._retry_at = None
        self.bootstrap_addresses = []
        self.handoff.clear()
        while self._jobs:
            self._jobs.popleft()[1].finish(None)

    # -- refreshing and republishing -------------------------------------------------------------------------------

    def refresh(self) -> Operation[list[Any]]:
        """Look up an id in every level where nothing was for an hour, then republish what is an hour old (R22, R26)."""
        ids = self._protocol.get_refresh_ids()
        lookups = gathered([self._queue(self._lookup_of(node_id)) for node_id in ids])
        whole: Operation[list[Any]] = Operation()
        lookups.then(lambda _: self._republish().then(whole.finish))
        return whole

    def refresh_levels(self) -> None:
        """Look up an id in every level farther away than the own bucket: the second half of joining (R23)."""
        for node_id in self.level_ids(lonely_only=False)[:-1]:
            self._queue(self._lookup_of(node_id))

    def level_ids(self, lonely_only: bool) -> list[bytes]:
        """Return a random id from each distance level, farthest first; of lonely levels only, or of all."""
        since = self._protocol.now - limits.REFRESH_S
        return [
            self._protocol.chance.between(low, high).to_bytes(ID_BYTES, "big")
            for low, high, buckets in self._protocol.router.levels()
            if not lonely_only or all(bucket.last_updated < since for bucket in buckets)
        ]

    def _republish(self) -> Operation[list[Any]]:
        """Store again what was neither stored here nor republished for an hour.

        A store by another holder makes a value young again, so that of unsynchronised holders one republishes for
        all (R26). One lookup of the own id makes the neighbourhood fresh; keys within it need none of their own (R27).
        """
        due = list(pairs_older_than(self._protocol.storage, limits.REFRESH_S))
        if not due or not self._protocol.contacts.any_live():
            return gathered([])
        whole: Operation[list[Any]] = Operation()

        def republish(_nodes: object) -> None:
            gathered([self._queue(self._replication_of(key)) for key, _value in due]).then(whole.finish)

        self._protocol.lookup(self._protocol.source_node).then(republish)
        return whole

    def _lookup_of(self, node_id: bytes) -> Job:
        return lambda: self._protocol.lookup(Node(node_id))

    def _replication_of(self, key: bytes) -> Job:
        return lambda: self._protocol.replicate(key)

    def _queue(self, job: Job) -> Operation[Any]:
        operation: Operation[Any] = Operation()
        self._jobs.append((job, operation))
        self._work()
        return operation

    def _work(self) -> None:
        if self._working:  # a job ended at once, inside of the loop below, which goes on by itself
            return
        self._working = True
        while self._jobs and self._running < limits.UPKEEP_LOOKUPS_MAX:
            job, operation = self._jobs.popleft()
            self._running += 1
            job().then(partial(self._worked, operation))
        self._working = False

    def _worked(self, operation: Operation[Any], value: object) -> None:
        self._running -= 1
        operation.finish(value)
        self._work()

    # -- the network lost ------------------------------------------------------------------------------------------

    def _find_network_again(self, now: float) -> None:
        """With no live contact, or our link down, try the bootstrap addresses and a contact: 1 s, doubling to 5 min."""
        protocol = self._protocol
        lost = protocol.contacts.link.down or not protocol.contacts.any_live()
        if not lost or not (self.bootstrap_addresses or len(protocol.router)):
            self._retry_at, self._retry_s = None, limits.BOOTSTRAP_RETRY_MIN_S
        elif self._retry_at is None:
            self._retry_at = now + self._jittered(self._retry_s)
        elif now >= self._retry_at:
            self._retry_s = min(self._retry_s * 2, limits.BOOTSTRAP_RETRY_MAX_S)
            self._retry_at = now + self._jittered(self._retry_s)
            known = [node.address for node in protocol.router.contacts()]
            some = [known[protocol.chance.between(0, len(known) - 1)]] if known else []
            protocol.join([*self.bootstrap_addresses, *some])

    def _jittered(self, seconds: float) -> float:
        return self._protocol.chance.jittered(seconds, limits.JITTER)
