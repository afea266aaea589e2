"""What programs ask of the nodes of a world, and what may come of it.

Every operation ends, no value is invented, and none outlives what its publisher gave it.

The ledger remembers which values were set under which names, so that what nodes keep and return can be judged. Keys
are the SHA-1 digests of names, taken exactly once (`kademlia.utils.digest`).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any

from kademlia.engine import limits
from kademlia.engine.operation import Operation
from kademlia.node import Node
from kademlia.storage import ForgetfulStorage
from kademlia.utils import digest

if TYPE_CHECKING:
    from kademlia.sim.resident import Resident
    from kademlia.sim.traffic_rules import Fail
    from kademlia.sim.world import World

#: Every operation ends within so many virtual seconds. A set is the longest: a lookup, stores that wait for the hard
#: time-out, and both once more where the holders that were known are gone; dead ends cost a soft time-out each.
ENDS_S = 60.0

#: A life is told in whole seconds, rounded down, and begins to count anew where it is heard: a value that is handed on
#: and on, slowly each time, may live so much longer.
LIFE_SLACK_S = 60.0


class Ledger:
    """Operations under watch, and the values that exist.

    Args:
        world: Where the nodes live.
        fail: Told of a node and what is wrong with it.

    Attributes:
        values: All values that were ever set, by key.
        accepted: Keys of which a set ended with True, in the order of that.
        ends: When the life of each value that was set under a key ends, in virtual seconds.
    """

    def __init__(self, world: World, fail: Fail) -> None:
        self.values: dict[bytes, list[object]] = {}
        self.accepted: dict[bytes, None] = {}
        self.ends: dict[bytes, list[float]] = {}
        self._world = world
        self._fail = fail

    # -- operations ------------------------------------------------------------------------------------------------

    def set(self, resident: Resident, name: str, value: object, life_s: float = limits.LIFE_S) -> Operation[bool]:
        """Have a node set a value under a name, for so many seconds."""
        key = digest(name)
        self.values.setdefault(key, []).append(value)
        self.ends.setdefault(key, []).append(self._world.now + life_s)
        operation = self._watched(resident, f"a set of {name!r}", resident.protocol.publish(key, value, life_s))

        def ended(happened: bool) -> None:
            if happened:
                self.accepted[key] = None

        operation.then(ended)
        return operation

    def get(self, resident: Resident, name: str | bytes) -> Operation[Any]:
        """Have a node get the value of a name, or of a key; it is to be one that was set under it, or None."""
        key = digest(name) if isinstance(name, str) else name
        operation = self._watched(resident, f"a get of {key.hex()}", resident.protocol.fetch(key))
        operation.then(partial(self._got, resident, key))
        return operation

    def lookup(self, resident: Resident, target: Node) -> Operation[list[Node]]:
        """Have a node look up an id."""
        return self._watched(resident, f"a lookup of {target.id.hex()}", resident.protocol.lookup(target))

    # -- rules -----------------------------------------------------------------------------------------------------

    def look(self, resident: Resident) -> None:
        """Look whether a node keeps anything that nobody set under that key, or keeps it for too long."""
        for key, value in _kept(resident):
            if not _among(value, self.values.get(key, ())):
                self._fail(resident, f"keeps {value!r} under {key.hex()}, where nobody set it")
            late_s = resident.protocol.keeping.life_of(key).ends_at - max(self.ends.get(key, ()), default=inf)
            if late_s > LIFE_SLACK_S:
                self._fail(resident, f"lets {value!r} under {key.hex()} live {late_s:.0f} s too long")

    def holders(self, key: bytes) -> list[Resident]:
        """Return the living nodes that keep a value of a key, and will for a while."""
        until = self._world.now + LIFE_SLACK_S
        return [resident for resident in self._world.residents.values() if _keeps(resident, key, until)]

    def is_due(self, key: bytes) -> bool:
        """Return whether a set was accepted and the lives of all values that were set there go on."""
        return key in self.accepted and min(self.ends[key]) > self._world.now + LIFE_SLACK_S

    def _got(self, resident: Resident, key: bytes, value: object) -> None:
        if value is not None and not _among(value, self.values.get(key, ())):
            self._fail(resident, f"got {value!r} of {key.hex()}, under which nobody set it")

    def _watched(self, resident: Resident, what: str, operation: Operation[Any]) -> Operation[Any]:
        if not operation.done:
            self._world.at(self._world.now + ENDS_S, self._is_over, resident, what, operation)
        return operation

    def _is_over(self, resident: Resident, what: str, operation: Operation[Any]) -> None:
        if not operation.done and resident.alive:
            self._fail(resident, f"{what} did not end within {ENDS_S:.0f} virtual seconds")


def _kept(resident: Resident) -> Iterator[tuple[bytes, object]]:
    """Yield what a node keeps in memory, without a look that would drop what is too old."""
    storage = resident.protocol.storage
    if isinstance(storage, ForgetfulStorage):
        for key, (_, value) in storage.data.items():
            yield key, value


def _keeps(resident: Resident, key: bytes, until: float) -> bool:
    storage, keeping = resident.protocol.storage, resident.protocol.keeping
    return isinstance(storage, ForgetfulStorage) and key in storage.data and keeping.life_of(key).ends_at > until


def _among(value: object, values: object) -> bool:
    assert isinstance(values, (list, tuple))
    return any(type(value) is type(other) and value == other for other in values)
