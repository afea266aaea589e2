"""What must be true of a node in the light of what it sent and got: rules that listen to all datagrams of a world.

None of them trusts what a node counts about itself where the network can tell. Each is told of every datagram after
it was sent, taken, or dropped (`World.listeners`), and looks at a node once in a while.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from kademlia.engine import limits
from kademlia.node import ID_BYTES, Address, Node
from kademlia.sim.trace import DELIVERED, SENT
from kademlia.wire import rpcudp, trailer

if TYPE_CHECKING:
    from kademlia.engine.held import Parcel
    from kademlia.sim.resident import Resident
    from kademlia.sim.world import World

#: Raises, for a node and what is wrong with it.
Fail = Callable[["Resident", str], None]

#: Two times that are the same but for the rounding of their sums, in seconds.
ROUNDING_S = 1e-6

_HEADER_BYTES = rpcudp.HEADER_BYTES


def said(datagram: bytes) -> Any:
    """Return what the body of a datagram says, with a trailer behind it or without; None if it cannot be read."""
    for plain, _hints in trailer.readings(datagram):
        try:
            return rpcudp.decode(plain[_HEADER_BYTES:])
        except rpcudp.DECODE_ERRORS:
            continue
    return None


class Asked:
    """The requests of one node to one address: how many in a row were not answered in time.

    It counts more generously than the node, which takes calls that crossed each other for one: who was given up for
    silence was silent here as well.
    """

    __slots__ = ("pending", "silence", "stale_at")

    def __init__(self) -> None:
        self.pending: dict[bytes, float] = {}  # message ids with when they were first sent, in that order
        self.silence = 0
        self.stale_at = float("-inf")  # when it last was silent for so long that it may be given up

    def sent(self, message_id: bytes, now: float) -> None:
        """Note a request, unless it is a repetition."""
        self.settle(now)
        self.pending.setdefault(message_id, now)

    def answered(self, message_id: bytes, now: float) -> None:
        """Note an answer; what comes too late is none."""
        self.settle(now - ROUNDING_S)
        if self.pending.pop(message_id, None) is not None:
            self.silence = 0

    def settle(self, now: float) -> None:
        """Count what was waited for long enough."""
        while self.pending:
            message_id, sent_at = next(iter(self.pending.items()))
            if sent_at + limits.HARD_TIMEOUT_S > now:
                return
            del self.pending[message_id]
            self.silence += 1
            if self.silence >= limits.STRIKES_UNTIL_STALE:
                self.stale_at = sent_at + limits.HARD_TIMEOUT_S


class Evictions:
    """No contact that answered one of its last five requests is given up (section 4.1; R31).

    Named exceptions: the id lives at another address now, or the address has another id. Of a node that was seen with
    its cable pulled nothing is said, as what it sent is not known; a cut (`Links.cut`) hides nothing.
    """

    def __init__(self, world: World, fail: Fail) -> None:
        self._world = world
        self._fail = fail
        self._asked: dict[tuple[Address, Address], Asked] = {}
        self._before: dict[Resident, dict[bytes, Node]] = {}
        self._unplugged: set[Resident] = set()  # only ever asked for membership

    def heard(self, what: bytes, datagram: bytes, source: Address, target: Address) -> None:
        """Take note of requests that are sent and of answers that arrive."""
        if what == SENT and datagram[0] == rpcudp.REQUEST:
            asked = self._asked.get((source, target))
            if asked is None:
                asked = self._asked[source, target] = Asked()
            asked.sent(datagram[1:_HEADER_BYTES], self._world.now)
        elif what == DELIVERED and datagram[0] == rpcudp.RESPONSE:
            asked = self._asked.get((target, source))
            if asked is not None:
                slowness = self._world.residents[target].delay if target in self._world.residents else 0.0
                asked.answered(datagram[1:_HEADER_BYTES], self._world.now + slowness)

    def look(self, resident: Resident, since: float) -> None:
        """Compare a node's contacts with those of before, all of which it still had at the time `since`."""
        if not resident.connected:
            self._unplugged.add(resident)
        if resident in self._unplugged:
            return
        contacts = {node.id: node for node in resident.protocol.router.contacts()}
        for node_id, node in self._before.get(resident, {}).items():
            if node_id not in contacts and self._lives_there(node) and not self._was_silent(resident, node, since):
                self._fail(resident, f"gave up its contact {node}, who answered one of its last five requests")
        self._before[resident] = contacts

    def forget_the_dead(self) -> None:
        """Keep nothing of nodes that do not live any more."""
        self._before = {resident: contacts for resident, contacts in self._before.items() if resident.alive}

    def _lives_there(self, node: Node) -> bool:
        """Return whether the address has this id, as far as anybody can know: nobody else has come to live there."""
        there = self._world.residents.get(node.address)
        return there is None or there.protocol.source_node.id == node.id

    def _was_silent(self, resident: Resident, node: Node, since: float) -> bool:
        asked = self._asked.get((resident.address, node.address))
        if asked is None:
            return False
        asked.settle(self._world.now + ROUNDING_S)
        return asked.stale_at >= since - ROUNDING_S


class Inhabited:
    """A contact is somebody who said something: no id is in a table at an address where it never lived (R5)."""

    def __init__(self, world: World, fail: Fail) -> None:
        self._world = world
        self._fail = fail
        self._lived: dict[Address, list[bytes]] = {}
        for address in world.residents:
            self._speaks(address)

    def heard(self, what: bytes, datagram: bytes, source: Address, target: Address) -> None:
        """Take note of who speaks."""
        if what == SENT:
            self._speaks(source)

    def look(self, resident: Resident) -> None:
        """Look who is in a node's table."""
        for node in resident.protocol.router.contacts():
            if node.id not in self._lived.get(node.address, ()):
                self._fail(resident, f"has a contact {node}, where no such node ever lived")

    def _speaks(self, address: Address) -> None:
        resident = self._world.residents.get(address)
        if resident is not None:
            ids = self._lived.setdefault(address, [])
            if resident.protocol.source_node.id not in ids:
                ids.append(resident.protocol.source_node.id)


class Tellings:
    """No contact that let a node down is told in place of one that did not, or before it (R30, R31)."""

    def __init__(self, world: World, fail: Fail) -> None:
        self._world = world
        self._fail = fail

    def heard(self, what: bytes, datagram: bytes, source: Address, target: Address) -> None:
        """Look at an answer that lists contacts as it is sent."""
        if what != SENT or datagram[0] != rpcudp.RESPONSE:
            return
        resident = self._world.residents.get(source)
        if resident is None or not resident.protocol.contacts.failing:
            return
        told = said(datagram)
        if isinstance(told, list) and told and isinstance(told[0], list):
            for fault in self._preferred(resident, [entry[0] for entry in told], target):
                self._fail(resident, fault)

    @staticmethod
    def _preferred(resident: Resident, told: list[bytes], asker: Address) -> Iterator[str]:
        protocol = resident.protocol
        failing = protocol.contacts.failing
        places = [place for place, node_id in enumerate(told) if node_id in failing]
        if not places:
            return
        live = sum(node.id not in failing and node.address != asker for node in protocol.router.contacts())
        due = min(protocol.router.ksize, live - 1)  # the target itself is told to nobody
        if places[0] < due:
            yield f"told of {told[places[0]].hex()}, who let it down, as number {places[0] + 1}; {live} others did not"


class HeldAnswers:
    """What is held for a stranger is answered once its address proved itself; only named limits drop it ."""

    def __init__(self, world: World, fail: Fail) -> None:
        self._world = world
        self._fail = fail
        self._held: dict[Resident, dict[tuple[Address, bytes], Parcel]] = {}
        self._dropped: dict[Resident, int] = {}

    def heard(self, what: bytes, datagram: bytes, source: Address, target: Address) -> None:
        """Note what is held after a request came, and that an answer went out."""
        if what == SENT and datagram[0] == rpcudp.RESPONSE:
            resident = self._world.residents.get(source)
            held = self._held.get(resident) if resident is not None else None
            if held:
                held.pop((target, datagram[1:_HEADER_BYTES]), None)
        elif what == DELIVERED and datagram[0] == rpcudp.REQUEST:
            resident = self._world.residents.get(target)
            name = (source, datagram[1:_HEADER_BYTES])
            parcel = resident.protocol.answering.held.parcels.get(name) if resident is not None else None
            if resident is not None and parcel is not None:
                self._held.setdefault(resident, {})[name] = parcel

    def look(self, resident: Resident) -> None:
        """Look whether anything is gone that was neither answered nor given up for a reason."""
        protocol = resident.protocol
        dropped = protocol.counts.held_dropped
        gave_way = dropped - self._dropped.get(resident, 0)
        self._dropped[resident] = dropped
        parcels = protocol.answering.held.parcels
        for address, _message_id in parcels:
            if self._world.now < protocol.records.of(address).proved_at + limits.VERIFIED_S:
                self._fail(resident, f"still holds something for {address}, which has proved itself")
        held = self._held.get(resident)
        if not held:
            return
        gone = [name for name in held if parcels.get(name) is not held[name]]
        for name in gone:
            del held[name]
        if len(gone) > gave_way:
            (ip, port), message_id = gone[0]
            self._fail(resident, f"what it held for {ip}:{port}, message {message_id.hex()}, was never answered")

    def forget_the_dead(self) -> None:
        """Keep nothing of nodes that do not live any more."""
        self._held = {resident: held for resident, held in self._held.items() if resident.alive}


assert _HEADER_BYTES == 1 + ID_BYTES
