"""Many values in a simulated world: networks that count, batches begun as `Server` begins them, and brute force."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import partial
from typing import Any

from kademlia.engine.batch import Batch
from kademlia.engine.operation import Operation
from kademlia.node import Address, Node
from kademlia.sim import Resident, World
from kademlia.utils import digest

OnResult = Callable[[Hashable, Any], object]


class Listening(World):
    """A world that counts the requests of each node, by what they ask for."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.requests: Counter[tuple[Address, str]] = Counter()

    def carry(self, datagram: bytes, source: Address, target: Address) -> None:
        """Count a request on its way."""
        if datagram[0] == 0:
            self.requests[source, "find" if datagram[23:].startswith(b"find_") else datagram[23:27].decode()] += 1
        super().carry(datagram, source, target)

    def finds(self, resident: Resident) -> int:
        """Return how often a node asked others for nodes or values."""
        return self.requests[resident.address, "find"]


def network(size: int, ksize: int, seed: int = 1) -> tuple[Listening, list[Resident]]:
    """Return a network that has settled."""
    world = Listening(seed)
    residents = world.network(size, ksize=ksize)
    world.run(5)
    return world, residents


def finds_of_one_lookup(world: Listening, resident: Resident) -> float:
    """Return how many requests the lookup for one value takes, on average over a few."""
    before = world.finds(resident)
    for number in range(5):
        resident.protocol.survey.forget()
        world.finish(resident.protocol.publish(digest(f"single {number}"), number))
    resident.protocol.survey.forget()
    return (world.finds(resident) - before) / 5


def set_many(
    resident: Resident,
    values: Mapping[Hashable, object],
    on_result: OnResult | None = None,
    begun: list[Hashable] | None = None,
) -> Batch[bool]:
    """Return a batch that stores values, not started yet; `begun` is told each key when its turn comes."""
    protocol = resident.protocol

    def begin(key: Hashable) -> Operation[bool]:
        if begun is not None:
            begun.append(key)
        return protocol.publish(digest(key), values[key])

    items = [(key, Node(digest(key)), partial(begin, key)) for key in values]
    return Batch(items, protocol.report, on_result)


def get_many(resident: Resident, keys: Iterable[Hashable], on_result: OnResult | None = None) -> Batch[Any]:
    """Return a batch that finds values, not started yet."""
    protocol = resident.protocol
    nodes = {key: Node(digest(key)) for key in keys}
    items = [(key, nodes[key], partial(protocol.fetch, nodes[key].id)) for key in nodes]
    return Batch(items, protocol.report, on_result)


def finish(resident: Resident, batch: Batch[Any], within: float = 600.0) -> dict[Hashable, Any]:
    """Run a batch to its end; return all its results."""
    results: dict[Hashable, Any] = resident.world.finish(resident.protocol.results(batch), within)
    return results


def closest(residents: Iterable[Resident], key: Hashable, ksize: int) -> set[bytes]:
    """Return the ids of the k living nodes closest to a key, by sorting all of them."""
    target = int.from_bytes(digest(key), "big")
    living = sorted((resident.node for resident in residents if resident.alive), key=lambda n: n.long_id ^ target)
    return {node.id for node in living[:ksize]}


def holders(residents: Iterable[Resident], key: Hashable) -> set[bytes]:
    """Return the ids of the living nodes that keep a key's value."""
    return {
        resident.node.id
        for resident in residents
        if resident.alive and resident.protocol.storage.get(digest(key)) is not None
    }
