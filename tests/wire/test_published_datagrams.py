"""The datagrams of the published releases, byte for byte: what ours sends, and what it understands.

Expectations are literal captures: kademlia 2.2.3 on rpcudp 5.0.1, and kademlia 0.4 on rpcudp 1.0, whose text is all
msgpack bin. A is at 127.0.0.1:9201, B at 9202, C at 9203; `ID` stands for the 20 bytes of a message id, which are the
only ones in a datagram that may differ from run to run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.hostile.strangers import REQUEST, RESPONSE, Stranger, answer, asked_for, knows

from kademlia.engine.operation import Operation
from kademlia.node import Address, Node
from kademlia.sim import Resident, World
from kademlia.storage import ForgetfulStorage
from kademlia.wire import rpcudp

A, B, C, D = (letter * 20 for letter in (b"\xaa", b"\xbb", b"\xcc", b"\xdd"))
KEY = b"\x11" * 20

aa, bb, cc, dd, eleven = (letter * 20 for letter in ("aa", "bb", "cc", "dd", "11"))

#: A request of 2.2.3, by what is asked: the body behind `00 ID`, and the whole datagram's length.
REQUESTS = {
    "ping": (f"92 a4 70696e67 91 c414 {aa}", 50),
    "stun": ("92 a4 7374756e 90", 28),
    "find_node": (f"92 a9 66696e645f6e6f6465 92 c414 {aa} c414 {dd}", 77),
    "find_value": (f"92 aa 66696e645f76616c7565 92 c414 {aa} c414 {eleven}", 78),
    "store": (f"92 a5 73746f7265 93 c414 {aa} c414 {eleven} a5 68656c6c6f", 79),
}

#: The same of 0.4 on rpcudp 1.0.
OLD_REQUESTS = {
    "ping": (f"92 c404 70696e67 91 c414 {aa}", 51),
    "stun": ("92 c404 7374756e 90", 29),
    "find_node": (f"92 c409 66696e645f6e6f6465 92 c414 {aa} c414 {dd}", 78),
    "find_value": (f"92 c40a 66696e645f76616c7565 92 c414 {aa} c414 {eleven}", 79),
    "store": (f"92 c405 73746f7265 93 c414 {aa} c414 {eleven} c405 68656c6c6f", 81),
}

#: A node that knows C, as it stands in an answer of 2.2.3, and of 0.4.
TELLS_C = f"91 93 c414 {cc} a9 3132372e302e302e31 cd 23f3"
OLD_TELLS_C = f"91 93 c414 {cc} c409 3132372e302e302e31 cd 23f3"

#: An answer of 2.2.3, by what was asked of B: the body behind `01 ID`, and the whole datagram's length.
ANSWERS = {
    "ping": (f"c414 {bb}", 43),
    "stun": ("92 a9 3132372e302e302e31 cd 23f1", 35),
    "find_node": (TELLS_C, 58),
    "find_value": (TELLS_C, 58),
    "found": ("81 a5 76616c7565 a5 68656c6c6f", 34),
    "store": ("c3", 22),
}

#: Values as they stand at the end of a store request, and the whole datagram's length.
VALUES: list[tuple[object, str, int]] = [
    ("hello", "a5 68656c6c6f", 79),
    (b"hello", "c405 68656c6c6f", 80),
    (5, "05", 74),
    (-1, "ff", 74),
    (1.5, "cb 3ff8000000000000", 82),
    (True, "c3", 74),
    (2**40, "cf 0000010000000000", 82),
]


def raw(text: str) -> bytes:
    """Return the bytes that a line of hex means."""
    return bytes.fromhex(text)


class Overheard(World):
    """A world that keeps every datagram, in the order they were sent."""

    def __init__(self) -> None:
        super().__init__(1)
        self.heard: list[tuple[bytes, Address, Address]] = []

    def carry(self, datagram: bytes, source: Address, target: Address) -> None:
        self.heard.append((datagram, source, target))
        super().carry(datagram, source, target)

    def sent(self, source: Resident, kind: bytes) -> list[bytes]:
        """Return the requests or the answers of one node."""
        return [datagram for datagram, sender, _ in self.heard if sender == source.address and datagram[:1] == kind]


Trio = tuple[Overheard, Resident, Resident, Resident]


@pytest.fixture
def trio() -> Trio:
    """Return a world with A, B and C in it, where A and B know each other, B knows C, and nobody A has to ask twice."""
    world = Overheard()
    a, b, c = (world.add(i, address=("127.0.0.1", 9200 + n)) for n, i in enumerate((A, B, C), 1))
    world.finish(b.protocol.call_ping(c.node))
    world.finish(a.protocol.call_ping(b.node))
    world.run(10)
    assert knows(a, b.address)
    assert knows(b, a.address)
    assert knows(b, c.address)
    world.heard.clear()
    return world, a, b, c


def ask(name: str, a: Resident, b: Resident) -> Operation[tuple[bool, Any]]:
    """Have A ask B."""
    calls: dict[str, Callable[[], Any]] = {
        "ping": lambda: a.protocol.call_ping(b.node),
        "stun": lambda: a.protocol.call(b.address, "stun"),
        "find_node": lambda: a.protocol.call_find_node(b.node, Node(D)),
        "find_value": lambda: a.protocol.call_find_value(b.node, Node(KEY)),
        "store": lambda: a.protocol.call_store(b.node, KEY, "hello"),
    }
    operation: Operation[tuple[bool, Any]] = calls[name]()
    a.wake()
    return operation


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_is_sent_exactly_as_2_2_3_sends_it(trio: Trio, name: str) -> None:
    """Whoever is asked may be of any release; the body is all that those see."""
    world, a, b, _ = trio
    world.finish(ask(name, a, b))
    body, length = REQUESTS[name]
    datagram = world.sent(a, REQUEST)[0]
    assert datagram[21:] == raw(body)
    assert len(datagram) == length


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_sent_exactly_as_2_2_3_sends_it(trio: Trio, name: str) -> None:
    """Old callers take an answer's shape on trust: a wrong one raises in their program."""
    world, a, b, _ = trio
    if name == "found":
        b.protocol.keep(KEY, "hello")
    world.finish(ask("find_value" if name == "found" else name, a, b))
    body, length = ANSWERS[name]
    (datagram,) = world.sent(b, RESPONSE)
    assert datagram[21:] == raw(body)
    assert len(datagram) == length
    assert datagram[1:21] == world.sent(a, REQUEST)[0][1:21]


@pytest.mark.parametrize(("value", "encoded", "length"), VALUES)
def test_a_value_is_stored_and_returned_in_the_bytes_of_2_2_3(
    trio: Trio, value: object, encoded: str, length: int
) -> None:
    """The type of a value survives the journey only if both sides write it the same way."""
    world, a, b, _ = trio
    world.finish(a.protocol.call_store(b.node, KEY, value))
    world.finish(a.protocol.call_find_value(b.node, Node(KEY)))
    store = world.sent(a, REQUEST)[0]
    assert store[21:] == raw(f"92 a5 73746f7265 93 c414 {aa} c414 {eleven}") + raw(encoded)
    assert len(store) == length
    assert world.sent(b, RESPONSE)[1][21:] == raw("81 a5 76616c7565") + raw(encoded)
    kept = b.protocol.storage.get(KEY)
    assert (type(kept), kept) == (type(value), value)


def test_the_whole_captured_ping_request_is_answered() -> None:
    """One datagram exactly as it was recorded from the network, message id included."""
    captured = raw(f"00 39cb0541a0aaa0956c4684c8432022e599eb19d6 92a470696e6791c414{aa}")
    world = World(1)
    b = world.add(B, address=("127.0.0.1", 9202))
    reply = b.protocol.receive(captured, ("127.0.0.1", 9201), 0.0)
    assert reply == raw(f"01 39cb0541a0aaa0956c4684c8432022e599eb19d6 c414 {bb}")


# -- what old nodes send ---------------------------------------------------------------------------------------------


def old_node(world: World, **results: str) -> Stranger:
    """Let A live at 127.0.0.1:9201 as an old node without contacts or values, or with what it is given to answer."""
    bodies = {"ping": f"c414 {aa}", "find_node": "90", "find_value": "90", "store": "c3"} | results

    def manner(datagram: bytes) -> list[bytes]:
        return [RESPONSE + datagram[1:21] + raw(bodies[asked_for(datagram)[0]])]

    return Stranger(world, ("127.0.0.1", 9201), manner)


@pytest.mark.parametrize("generation", ["2.2.3", "0.4"])
@pytest.mark.parametrize("name", ANSWERS)
def test_a_request_of_either_generation_gets_the_right_answer(name: str, generation: str) -> None:
    """2.2.3 ignores every request of 0.4, whose method names are bin; ours lets both share a network."""
    world = World(2)
    b = world.add(B, address=("127.0.0.1", 9202))
    c = world.add(C, address=("127.0.0.1", 9203))
    world.finish(b.protocol.call_ping(c.node))
    if name == "found":
        b.protocol.keep(KEY, "hello")
    old = old_node(world)
    requests = REQUESTS if generation == "2.2.3" else OLD_REQUESTS
    body, length = requests["find_value" if name == "found" else name]
    a_store = f"92 c405 73746f7265 93 c414 {aa} c414 {dd} 05"  # for which everybody has to prove its address
    for number, text in ((b"\x01", body), (b"\x02", a_store), (b"\x03", body)):
        old.send(REQUEST + number * 20 + raw(text), b)
        world.run(1)
    assert len(REQUEST + b"\x01" * 20 + raw(body)) == length
    expected, length = ANSWERS[name]
    assert len(RESPONSE + b"\x03" * 20 + raw(expected)) == length
    assert knows(b, old.address)
    assert RESPONSE + b"\x03" * 20 + raw(expected) in old.got
    if name != "stun":  # a stranger's stun is not paid for by its 28 bytes
        assert RESPONSE + b"\x01" * 20 + raw(expected) in old.got
    if name == "store":
        assert b.protocol.storage.get(KEY) == ("hello" if generation == "2.2.3" else b"hello")


@pytest.mark.parametrize("told", [TELLS_C, OLD_TELLS_C])
@pytest.mark.parametrize("method", ["find_node", "find_value"])
def test_contacts_told_by_either_generation_are_asked(told: str, method: str) -> None:
    """0.4 and rpcudp 2.x on Python 2 tell ip addresses as bin; asyncio releases keep them as bytes for ever."""
    world = World(4)
    b = world.add(B, address=("127.0.0.1", 9202))
    c = world.add(C, address=("127.0.0.1", 9203))
    c.protocol.keep(KEY, "hello")
    old = old_node(world, find_node=told, find_value=told)
    world.finish(b.protocol.call_ping(Node(A, *old.address)))
    if method == "find_node":
        assert [node.id for node in world.finish(b.protocol.lookup(Node(D)))] == [C, A]
    else:
        assert world.finish(b.protocol.fetch(KEY)) == "hello"


@pytest.mark.parametrize(
    ("found", "value"),
    [
        ("81 a5 76616c7565 a5 68656c6c6f", "hello"),
        ("81 a5 76616c7565 c405 68656c6c6f", b"hello"),
        ("81 c405 76616c7565 c405 68656c6c6f", b"hello"),
        ("81 c405 76616c7565 a5 68656c6c6f", "hello"),
    ],
)
def test_a_value_found_at_either_generation_is_understood(found: str, value: object) -> None:
    """The word "value" is bin where Python 2 wrote it; the value's own type is its publisher's business."""
    world = World(5)
    b = world.add(B, address=("127.0.0.1", 9202))
    old = old_node(world, find_value=found)
    world.finish(b.protocol.call_ping(Node(A, *old.address)))
    result = world.finish(b.protocol.fetch(KEY))
    assert (type(result), result) == (type(value), value)


def test_a_store_at_an_old_node_is_accepted() -> None:
    """`set` is True iff another node answered True."""
    world = World(6)
    b = world.add(B, address=("127.0.0.1", 9202))
    old = old_node(world)
    world.finish(b.protocol.call_ping(Node(A, *old.address)))
    assert world.finish(b.protocol.publish(KEY, "hello")) is True
    assert any(asked_for(datagram)[0] == "store" for datagram in old.got)


def test_the_largest_request_of_2_2_3_is_answered() -> None:
    """8213 bytes: more than Twisted reads unless told to, and a value of 8137 bytes is in it."""
    value = "v" * 8137
    body = rpcudp.encode(["store", [A, KEY, value]])
    assert len(REQUEST + A + body) == 8213
    world = World(7)
    b = world.add(B, address=("127.0.0.1", 9202))
    old = old_node(world)
    old.send(REQUEST + A + body, b)
    world.run(1)
    assert RESPONSE + A + b"\xc3" in old.got
    assert b.protocol.storage.get(KEY) == value
    old.send(REQUEST + C + rpcudp.encode(["find_value", [A, KEY]]), b)
    world.run(1)
    assert answer(REQUEST + C, {"value": value}) in old.got


def test_old_values_of_any_size_are_read() -> None:
    """2.2.3 keeps and returns whatever it was sent, 60 kB included; answers have no limit on its side."""
    value = b"v" * 60_000
    world = World(8)
    b = world.add(B, address=("127.0.0.1", 9202), storage=ForgetfulStorage(clock=lambda: 0.0))
    body = rpcudp.encode({"value": value}).hex()
    old = old_node(world, find_value=body)
    world.finish(b.protocol.call_ping(Node(A, *old.address)))
    assert world.finish(b.protocol.fetch(KEY)) == value
