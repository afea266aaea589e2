"""The target `receive`: sequences of datagrams, with time and the node's own doings between them.

An input is a list of events: a byte says which, what it needs follows. Datagrams come from contacts and strangers; an
answer takes the message id of a call that is under way, so that it is read and not only counted.
"""

from __future__ import annotations

from typing import Any

from fuzz import afresh, limited
from fuzz.cast import CONTACTS, HOSTS, KEYS, SOURCES, K
from fuzz.cursor import Cursor
from fuzz.host import WALL_START
from fuzz.node import TestedNode
from fuzz.target import Target

from kademlia.node import ID_BYTES, Address, Node
from kademlia.wire.packed import TOMBSTONE
from kademlia.wire.rpcudp import VALUE_TYPES, encode

#: Seconds that pass: answers in time, late, after the time-outs.
STEPS_S = (0.0, 0.01, 0.1, 0.3, 0.6, 1.1, 2.5, 5.1)

#: Seconds that the node sleeps through: a probe is due then, verification has ended, a refresh, a life.
SLEEPS_S = (8.0, 70.0, 601.0, 3700.0, 90_000.0)

#: Seconds by which the wall clock leaps.
LEAPS_S = (-1e6, -3600.0, -40.0, -1.0, 1.0, 40.0, 3600.0, 1e6)

#: Events of one input, operations of one world: what is more is left out.
EVENTS_MAX, OPERATIONS_MAX = 24, 48

#: The longest input whose events are all done; a flood repeats its datagram so often at the most.
FLOOD_MAX = 12

VALUES: tuple[Any, ...] = ("text", b"bytes", 7, -1.5, True, "x" * 900, b"\xc1km\x01\x90", b"\xc1kd\x01")


def is_value(value: object) -> bool:
    """Return whether a get may end with this."""
    return value is None or type(value) in VALUE_TYPES


def are_nodes(nodes: Any) -> bool:
    """Return whether a lookup may end with this."""
    return len(nodes) <= K and all(isinstance(found, Node) and len(found.id) == ID_BYTES for found in nodes)


def is_truth(value: object) -> bool:
    """Return whether a publication may end with this."""
    return value is True or value is False


def is_outcome(value: Any) -> bool:
    """Return whether a call may end with this."""
    return isinstance(value, tuple) and is_truth(value[0]) and (value[0] or value[1] is None)


class Receive(Target):
    """Everything that a node may meet."""

    name = "receive"
    input_bytes_max = 1536
    inputs_per_round = 48

    def __init__(self) -> None:
        self.events = (
            *[self._datagram] * 4,
            *[self._answer] * 4,
            *[self._request] * 3,
            *[self._pass_time] * 2,
            *[self._be_honest] * 2,
            *[self._begin] * 2,
            self._sleep,
            self._echo,
            self._flood,
            self._leap,
            self._press,
        )

    def begin(self) -> None:
        """Make a node with contacts and a value."""
        afresh.forget()
        self._limits = limited.small_limits()
        self._limits.__enter__()
        self.node = TestedNode()
        self.node.protocol.keep(KEYS[0], "kept")
        self._numbers = 0

    def take(self, data: bytes) -> None:
        """Have the events of an input happen."""
        cursor = Cursor(data)
        for _ in range(EVENTS_MAX):
            if not cursor:
                break
            cursor.one_of(self.events)(cursor)
        self.node.check()

    def end(self) -> None:
        """See that everything ends."""
        try:
            self.node.end()
        finally:
            self._limits.__exit__(None, None, None)

    # -- events ------------------------------------------------------------------------------------------------------

    def _datagram(self, cursor: Cursor) -> None:
        """Any bytes from anywhere."""
        source = cursor.one_of(SOURCES)
        self.node.receive(cursor.piece(), source)

    def _request(self, cursor: Cursor) -> None:
        """A request whose message id is a new one: what follows is its body."""
        source = cursor.one_of(SOURCES)
        self.node.receive(b"\x00" + self._new_id() + cursor.piece(), source)

    def _answer(self, cursor: Cursor) -> None:
        """An answer to a call under way, from who was asked or from somebody else: what follows is its body."""
        number, elsewhere, body = cursor.byte(), cursor.byte(), cursor.piece()
        calls = self.node.pending()
        message_id, source = self._new_id(), SOURCES[elsewhere % len(SOURCES)]
        if calls:
            call = calls[number % len(calls)]
            message_id = call.message_id
            source = source if elsewhere >= 240 else call.record.address
        self.node.receive(b"\x01" + message_id + body, source)

    def _be_honest(self, cursor: Cursor) -> None:
        """Contacts answer as they should."""
        self.node.answer_honestly(cursor.byte() % 8)

    def _pass_time(self, cursor: Cursor) -> None:
        self.node.run(cursor.one_of(STEPS_S))

    def _sleep(self, cursor: Cursor) -> None:
        """The machine sleeps, or its loop is held up: what was due meanwhile is due at once."""
        self.node.sleep(cursor.one_of(SLEEPS_S))

    def _echo(self, cursor: Cursor) -> None:
        """A datagram of the node itself comes back, with some bytes changed, from who got it or from somebody else."""
        number, elsewhere, at = cursor.byte(), cursor.byte(), cursor.number()
        changed = cursor.piece()
        if self.node.sent:
            datagram, target = self.node.sent[number % len(self.node.sent)]
            at %= len(datagram) + 1
            source: Address = SOURCES[elsewhere % len(SOURCES)] if elsewhere >= 128 else target
            self.node.receive(datagram[:at] + changed + datagram[at + len(changed) :], source)

    def _flood(self, cursor: Cursor) -> None:
        """One datagram, from many ports or from many addresses."""
        times, ip_too, data = cursor.byte() % FLOOD_MAX, cursor.byte(), cursor.piece()
        for number in range(times):
            ip = f"45.9.{ip_too}.{number}" if ip_too else "45.9.20.7"
            self.node.receive(data, (ip, 2000 + number))

    def _leap(self, cursor: Cursor) -> None:
        now = self.node.now
        self.node.protocol.wall_clock(now, WALL_START + now + cursor.one_of(LEAPS_S))

    def _press(self, cursor: Cursor) -> None:
        """Datagrams come faster than they can be answered, or no longer."""
        self.node.protocol.pressed = bool(cursor.byte() & 1)

    def _begin(self, cursor: Cursor) -> None:
        """The node's program wants something."""
        kind, key, value = cursor.byte(), cursor.one_of(KEYS), cursor.one_of(VALUES)
        if len(self.node.operations) >= OPERATIONS_MAX:
            return
        protocol, begin = self.node.protocol, self.node.begin
        known = Node(*_flat(CONTACTS[key[0] % len(CONTACTS)]))
        self.node.own |= {(key, encode(value)), (key, encode(TOMBSTONE))}
        match kind % 12:
            case 0 | 1:
                begin("lookup", protocol.lookup(Node(key)), are_nodes)
            case 2 | 3:
                begin("fetch", protocol.fetch(key), is_value)
            case 4 | 5:
                begin("search", protocol.search(key, 1 + value_count(value)), lambda found: found is not None)
            case 6 | 7:
                begin("publish", protocol.publish(key, value, 600.0, renew=kind >= 128), is_truth)
            case 8:
                begin("delete", protocol.delete(key).operation, is_truth)
            case 9:
                begin("join", protocol.join([HOSTS[key[1] % len(HOSTS)], known.address]), are_nodes)
            case 10:
                begin("call", protocol.call_find_value(known, Node(key)), is_outcome)
            case _:
                begin("store", protocol.call_store(known, key, value), is_outcome)

    def _new_id(self) -> bytes:
        self._numbers += 1
        return self._numbers.to_bytes(ID_BYTES, "big")


def value_count(value: object) -> int:
    """Return a small number that goes with a value."""
    return VALUES.index(value) % 3


def _flat(contact: tuple[bytes, Address]) -> tuple[bytes, str, int]:
    return contact[0], *contact[1]
