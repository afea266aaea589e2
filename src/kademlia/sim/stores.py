"""Which store requests are sent in a world, and why: by whom a value is kept alive, and what that costs.

Datagrams are watched, and the sender's own list of calls tells on whose behalf one was sent. Nothing in the engine is
replaced for it.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from kademlia.node import ID_BYTES, Address
from kademlia.sim.trace import SENT
from kademlia.wire import rpcudp

if TYPE_CHECKING:
    from kademlia.sim.world import World

#: The kinds of store, by the module of who asked for it. A copy on the way is what who searched left there (R20).
REPLICATION, HANDOFF, COPY = "replication", "handoff", "copy"
KINDS = {"publication": REPLICATION, "replication": REPLICATION, "handoff": HANDOFF, "outcome": COPY}

#: Stores and lookups of one node for one key belong together if they are so few seconds apart.
TOGETHER_S = 120.0

#: Where name, sender and key stand in a request: `[method, [id, key, ...]]`, as our nodes encode it.
_NAME_AT = rpcudp.HEADER_BYTES + 1
_STORE = rpcudp.encode("store")
_FIND = rpcudp.encode("find_node")
_ASK = rpcudp.encode("find_value")


def _key_at(name: bytes) -> int:
    return _NAME_AT + len(name) + 1 + 2 + ID_BYTES + 2


_STORED_AT, _SOUGHT_AT, _ASKED_AT = _key_at(_STORE), _key_at(_FIND), _key_at(_ASK)


class Stores:
    """All stores and lookups for some keys, counted from when it begins.

    Args:
        world: Whose datagrams are watched.

    Attributes:
        count: Store requests by kind; a repetition of one that is late counts as "again".
        replications: When each key was replicated, or published: virtual seconds, in order.
        lookups: Lookups of keys.
        asks: Requests by which a holder that is not among the k closest asks them first.
    """

    def __init__(self, world: World) -> None:
        self.count: Counter[str] = Counter()
        self.replications: dict[bytes, list[float]] = {}
        self.lookups = 0
        self.asks = 0
        self._world = world
        self._keys: set[bytes] = set()  # only ever asked for membership
        self._seen: dict[tuple[bytes, Address, str], float] = {}

    def watch(self, keys: list[bytes]) -> None:
        """Count from now on what is sent for these keys."""
        if not self._keys:
            self._world.listeners.append(self._heard)
        self._keys.update(keys)

    def reset(self) -> None:
        """Begin to count anew."""
        self.count.clear()
        self.replications.clear()
        self.lookups = self.asks = 0

    def intervals(self) -> list[float]:
        """Return the seconds between two replications of a key, of all keys together."""
        return [later - earlier for times in self.replications.values() for earlier, later in pairwise(times)]

    def _heard(self, what: bytes, datagram: bytes, source: Address, target: Address) -> None:  # hot
        if what != SENT or datagram[0] != rpcudp.REQUEST:
            return
        if datagram.startswith(_STORE, _NAME_AT):
            self._store(datagram, source)
        elif datagram.startswith(_FIND, _NAME_AT) and datagram[_SOUGHT_AT : _SOUGHT_AT + ID_BYTES] in self._keys:
            self.lookups += self._begins(datagram[_SOUGHT_AT : _SOUGHT_AT + ID_BYTES], source, "lookup")
        elif datagram.startswith(_ASK, _NAME_AT) and datagram[_ASKED_AT : _ASKED_AT + ID_BYTES] in self._keys:
            self.asks += self._kind(datagram, source) == REPLICATION

    def _store(self, datagram: bytes, source: Address) -> None:
        key = datagram[_STORED_AT : _STORED_AT + ID_BYTES]
        if key not in self._keys:
            return
        kind = self._kind(datagram, source)
        self.count[kind] += 1
        if kind == REPLICATION and self._begins(key, source, kind):
            self.replications.setdefault(key, []).append(self._world.now)

    def _kind(self, datagram: bytes, source: Address) -> str:
        resident = self._world.residents.get(source)
        call = resident.protocol.calls.pending(datagram[1 : rpcudp.HEADER_BYTES]) if resident is not None else None
        if call is None:
            return "unknown"
        if call.sendings > 1:
            return "again"
        module = type(call.asker).__module__.rpartition(".")[2]
        return KINDS.get(module, module)

    def _begins(self, key: bytes, source: Address, what: str) -> bool:
        """Return whether this is the first of those that belong together."""
        now, place = self._world.now, (key, source, what)
        seen = self._seen.get(place)
        self._seen[place] = now
        return seen is None or now - seen > TOGETHER_S
