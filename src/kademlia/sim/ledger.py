"""What programs ask of the nodes of a world, and what may come of it: every operation ends, and no value is invented.

The ledger remembers which values were set under which names, so that what nodes keep and return can be judged. Keys
are the SHA-1 digests of names, taken exactly once (`kademlia.utils.digest`).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

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


class Ledger:
    """Operations under watch, and the values that exist.

    Args:
        world: Where the nodes live.
        fail: Told of a node and what is wrong with it.

    Attributes:
        values: All values that were ever set, by key.
        accepted: Keys of which a set ended with True, in the order of that.
    """

    def __init__(self, world: World, fail: Fail) -> None:
        self.values: dict[bytes, list[object]] = {}
        self.accepted: dict[bytes, None] = {}
        self._world = world
        self._fail = fail

    # -- operations ------------------------------------------------------------------------------------------------

    def set(self, resident: Resident, name: str, value: object) -> Operation[bool]:
        """Have a node set a value under a name."""
        key = digest(name)
        self.values.setdefault(key, []).append(value)
        operation = self._watched(resident, f"a set of {name!r}", resident.protocol.publish(key, value))

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
        """Look whether a node keeps anything that nobody set under that key."""
        for key, value in _kept(resident):
            if not _among(value, self.values.get(key, ())):
                self._fail(resident, f"keeps {value!r} under {key.hex()}, where nobody set it")

    def holders(self, key: bytes) -> list[Resident]:
        """Return the living nodes that keep a value of a key."""
        return [resident for resident in self._world.residents.values() if _keeps(resident, key)]

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


def _keeps(resident: Resident, key: bytes) -> bool:
    storage = resident.protocol.storage
    return isinstance(storage, ForgetfulStorage) and key in storage.data


def _among(value: object, values: object) -> bool:
    assert isinstance(values, (list, tuple))
    return any(type(value) is type(other) and value == other for other in values)
