"""What a node does unasked: refresh, replicate, renew, hand over to newcomers, and find the network again.

Every period is jittered, and only a few lookups are under way at once, so that a thousand nodes started together do
not act together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kademlia.engine import limits
from kademlia.engine.handoff import Handoff
from kademlia.engine.jobs import Job, Jobs
from kademlia.engine.joining import Joining
from kademlia.engine.leaving import Leaving
from kademlia.engine.operation import Operation
from kademlia.engine.pace import Pace
from kademlia.engine.published import Published
from kademlia.engine.records import FOREVER, NEVER
from kademlia.engine.replication import Replication
from kademlia.node import ID_BYTES, Address, Node
from kademlia.tree import level, shared_bits

if TYPE_CHECKING:
    from kademlia.protocol import KademliaProtocol


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
        self.lookups = Jobs(limits.UPKEEP_LOOKUPS_MAX, lambda: protocol.now)
        pace = Pace(limits.VALUES_PER_S, limits.VALUES_PAUSE_MIN_S, limits.VALUES_PAUSE_MAX_S)
        self.values = Jobs(limits.VALUES_AT_ONCE, lambda: protocol.now, pace)
        self.handoff = Handoff(protocol)
        self.replication = Replication(protocol, self.lookups, self.values)
        self.published = Published(protocol, self.values)
        self.leaving = Leaving(protocol)
        self.bootstrap_addresses: list[Address] = []
        self.refreshes = True  # whether tables and values are refreshed by themselves
        self.adrift = False  # whether the last attempt to join found nobody, or few while somebody was silent
        self._protocol = protocol
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
        self.published.start()

    def repeat_every(self, seconds: float) -> None:
        """Look that often what is due to be refreshed and republished, from now on."""
        self.refreshes = True
        self._period_s = seconds
        self._due_at = self._protocol.now + self._jittered(seconds)

    def tick(self, now: float) -> None:
        """Do what is due."""
        self.handoff.tick(now)
        self.published.tick(now)
        self.values.work()
        self.leaving.tick(now)
        if now >= self._due_at:
            self._due_at = now + self._jittered(self._period_s)
            if self.refreshes:
                self.refresh()
        self._find_network_again(now)

    @property
    def pressing(self) -> bool:
        """Whether values are to be sent at once, as many as there are."""
        waiting = bool(self.handoff.newcomers) and self.handoff.deadline() == NEVER
        return waiting or self.leaving.deadline() == NEVER

    def deadline(self) -> float:
        """Return when `tick` has something to do next."""
        return min(
            self.handoff.deadline(),
            self.published.deadline(),
            self.values.deadline(),
            self.leaving.deadline(),
            self._due_at,
            self._retry_at,
        )

    def stop(self) -> None:
        """Do nothing more."""
        self._due_at = self._retry_at = FOREVER
        self.bootstrap_addresses = []
        self.handoff.clear()
        self.lookups.clear()
        self.values.clear()
        self.leaving.end()

    # -- refreshing and republishing -------------------------------------------------------------------------------

    def refresh(self) -> Operation[None]:
        """Look up an id in every level where nothing was for an hour, then republish what is an hour old (R22, R26)."""
        whole: Operation[None] = Operation()
        lookups = self.lookups.add(map(self._lookup_of, self._protocol.get_refresh_ids()))
        lookups.then(lambda _: self.replication.of_all().then(whole.finish))
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
            self.lookups.add([self._lookup_of(self._random_id(*bounds)) for bounds in levels])

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

    def _lookup_of(self, node_id: bytes) -> Job:
        return lambda: self._protocol.lookup(Node(node_id))

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
