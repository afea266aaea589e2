"""Storing again what others published: each hour, one holder for all (Kademlia, section 2.5; R26, R27).

A store by another holder makes a value young again, so that of holders whose clocks differ one replicates for all. One
lookup of the own id makes the neighbourhood fresh; keys within it need none of their own.

Who is no longer among the k closest hears of no stores any more. It asks the closest node first: if that has the value,
others take care of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kademlia.engine import limits
from kademlia.engine.jobs import Job, Jobs
from kademlia.engine.keeping import Life
from kademlia.engine.operation import Operation, finished
from kademlia.engine.publication import Publication
from kademlia.node import Node
from kademlia.wire import life as wire_life
from kademlia.wire import rpcudp

if TYPE_CHECKING:
    from kademlia.protocol import KademliaProtocol


class Replication:
    """The hourly work of one holder.

    Args:
        protocol: The node.
        lookups: The queue of its lookups.
        values: The queue of its work on values.
    """

    def __init__(self, protocol: KademliaProtocol, lookups: Jobs, values: Jobs) -> None:
        self._protocol = protocol
        self._lookups = lookups
        self._values = values
        self._whole: Operation[None] = finished(None)

    def of_all(self) -> Operation[None]:
        """Store again what was neither stored here nor replicated for an hour; one such round at a time."""
        protocol = self._protocol
        due = protocol.keeping.due(limits.REFRESH_S)
        if not self._whole.done:
            return self._whole
        first = next(due, None)
        if first is None or not protocol.contacts.any_live():
            return finished(None)
        whole = self._whole = Operation()
        neighbourhood = self._lookups.add([lambda: protocol.lookup(protocol.source_node)])
        keys = [first, *due]
        neighbourhood.then(lambda _: self._values.add(map(self._job_of, keys)).then(whole.finish))
        return whole

    def of(self, key: bytes) -> Operation[bool]:
        """Store one value again, with the life that it has; ends with whether another node has it, as it says."""
        protocol = self._protocol
        held = protocol.keeping.held(key)
        if held is None or protocol.stopped:
            return finished(False)
        protocol.keeping.touch(key)
        target = Node(key)
        holders = protocol.contacts.holders(target)
        publication = Publication(protocol, target, *held)
        is_near = len(holders) < protocol.router.ksize
        if is_near or protocol.source_node.distance_to(target) < holders[-1].distance_to(target):
            return publication.start(holders).operation
        return _Outsider(protocol, publication, key, held[1]).ask(holders[0])

    def _job_of(self, key: bytes) -> Job:
        return lambda: self._turn_of(key)

    def _turn_of(self, key: bytes) -> Operation[Any] | None:
        protocol = self._protocol
        protocol.look_at_clock()
        if protocol.keeping.held(key) is None or not protocol.keeping.is_due(key, limits.REFRESH_S):
            return None
        return self.of(key)


class _Outsider:
    """A holder that is not among the k closest any more, and asks the closest whether it has the value."""

    def __init__(self, protocol: KademliaProtocol, publication: Publication, key: bytes, life: Life) -> None:
        self.operation: Operation[bool] = Operation()
        self._protocol = protocol
        self._publication = publication
        self._key = key
        self._life = life

    def ask(self, node: Node) -> Operation[bool]:
        protocol = self._protocol
        body = rpcudp.call("find_value", protocol.source_node.id, self._key)
        protocol.asking.request("find_value", body, node, self, told=wire_life.QUESTION)
        return self.operation

    # -- what the call tells (engine.calls.Asker) --------------------------------------------------------------------

    def settled(self, node: Node, happened: bool, result: object) -> None:
        if happened and isinstance(result, dict) and self._is_as_new(result):
            self.operation.finish(True)
        elif not self._protocol.stopped:
            self._publication.start().operation.then(self.operation.finish)
        else:
            self.operation.finish(False)

    def slow(self, node: Node) -> None:
        """Wait: there is no hurry."""

    def _is_as_new(self, result: dict[Any, Any]) -> bool:
        """Return whether it has what we have, or something newer, which is kept here from now on."""
        keeping = self._protocol.keeping
        storable, value = rpcudp.found_value(result)
        life = keeping.believed(result.get(wire_life.NAME))
        if not storable or (life is not None and life.stamp < self._life.stamp):
            return False
        if life is not None:
            keeping.put(self._key, value, life)
        return True
