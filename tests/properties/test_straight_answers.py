"""The quick way to an answer and the plain one say the same, and have the same effects, whatever went before.

The plain way decodes, checks and walks the table for each request: it is the oracle of the quick one, and a sort of
all contacts is the oracle of both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hostile.strangers import Stranger
from tests.properties.twin_engines import (
    HEADER_BYTES,
    TOP,
    Cluster,
    Twins,
    address_of,
    as_id,
    contacts_in,
    decode,
    encode,
    ids_of,
    request,
)

from kademlia.engine import limits
from kademlia.engine.operation import finished
from kademlia.node import Address
from kademlia.protocol import KademliaProtocol
from kademlia.sim import World
from kademlia.sim.world import WALL_START
from kademlia.storage import ForgetfulStorage, IStorage
from kademlia.wire import life, trailer

#: Addresses that proved themselves and never said who they are.
STRANGERS = [(f"192.0.2.{number}", 8468) for number in range(1, 5)]

numbers = st.one_of(st.integers(0, TOP), st.sampled_from([0, 1, TOP, TOP - 1, TOP >> 1, (TOP >> 1) + 1]))
values = st.one_of(
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False),
    st.booleans(),
    st.text(max_size=300),
    st.binary(max_size=300),
    st.sampled_from([b"v" * 960, b"v" * 1000, b"v" * 1100, "v" * 8000, b"\xc1\x80\x00\x02\xc1"]),
)
clusters = st.lists(
    st.builds(
        Cluster,
        count=st.one_of(st.integers(0, 12), st.integers(0, 100)),
        center=st.one_of(st.sampled_from(["own", "zeros", "ones", "last"]), st.integers(0, TOP)),
        shared_bits=st.one_of(st.just(0), st.sampled_from([1, 4, 5, 12, 31, 40, 125, 129, 130, 131, 150]))
        | st.integers(0, 156),
        adjacent=st.booleans(),
    ),
    max_size=4,
)


# -- what happens to the engines -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """Something that happens to a node, or to all."""

    kind: str
    index: int
    times: int


@dataclass(frozen=True)
class Question:
    """Somebody asks something, perhaps again and again."""

    method: str
    sender: int  # the number of a node, or below 0 of a stranger
    near: bool  # or the so-manieth contact from the target
    lies: bool  # claims an id that is not its own
    target: int | str
    index: int  # of the node that `target` is about
    offset: int  # the target differs by this from what it is about
    value: object
    times: int


changes = st.builds(
    Change,
    kind=st.sampled_from(["meet", "fail", "die", "recover", "forget", "split", "reborn", "wait"]),
    index=st.integers(0, 400),
    times=st.integers(1, 6),
)
questions = st.builds(
    Question,
    method=st.sampled_from(["find_node", "find_node", "find_node", "find_value", "store", "ping"]),
    sender=st.one_of(st.integers(-len(STRANGERS), 400), st.integers(-len(STRANGERS), 20)),
    near=st.booleans(),
    lies=st.sampled_from([False, False, False, True]),
    target=st.one_of(numbers, st.sampled_from(["own", "contact", "contact", "sender"])),
    index=st.integers(0, 400),
    offset=st.one_of(st.just(0), st.integers(0, 255), st.sampled_from([1 << bit for bit in range(0, 160, 13)])),
    value=values,
    times=st.integers(1, 3),
)


class Story:
    """One run of the twins through what was drawn."""

    def __init__(self, ksize: int, own: int, met: list[bytes]) -> None:
        self.twins = Twins(ksize, own)
        self.ids = met
        self.values: dict[bytes, object] = {}
        for index in range(len(met)):
            self.meet(index)
        for address in STRANGERS:
            self.twins.answered(address, None)

    def meet(self, index: int) -> None:
        self.twins.answered(address_of(index), self.ids[index])

    def happens(self, event: Change | Question) -> None:
        if isinstance(event, Change):
            self.change(event)
        else:
            for _ in range(event.times):
                self.ask(event)

    def change(self, change: Change) -> None:
        if change.kind == "wait":
            self.twins.wait(change.times**3)
        if not self.ids:
            return
        index = change.index % len(self.ids)
        address, node_id = address_of(index), self.ids[index]
        match change.kind:
            case "meet" | "recover":
                self.meet(index)
            case "fail":
                self.twins.fail(address, node_id, change.times % 3 + 1)
            case "die":
                self.twins.fail(address, node_id, limits.STRIKES_UNTIL_STALE)
            case "forget":
                self.twins.forget(address, node_id)
            case "split":
                self.twins.split(node_id)
            case "reborn":
                self.ids[index] = as_id(int.from_bytes(node_id, "big") ^ change.times << 7)
                self.meet(index)

    def ask(self, question: Question) -> None:
        key = self.target(question)
        address, node_id = self.sender(question, key)
        if question.target == "sender":
            key = node_id
        datagram = {
            "ping": lambda: request("ping", node_id),
            "find_node": lambda: request("find_node", node_id, key),
            "find_value": lambda: request("find_value", node_id, key),
            "store": lambda: request("store", node_id, key, question.value),
        }[question.method]()
        verified = self.twins.plain.records.of(address).verified(self.twins.now)
        expected = self.twins.closest(key, address)
        reply = self.twins.ask(datagram, address)
        if not verified or node_id == self.twins.own_id:
            return
        assert reply is not None
        self.check(question, key, expected, reply)

    def check(self, question: Question, key: bytes, expected: set[tuple[Any, ...]], reply: bytes) -> None:
        if question.method == "ping":
            assert decode(reply[HEADER_BYTES:]) == self.twins.own_id
        elif question.method == "store":
            assert decode(reply[HEADER_BYTES:]) is True
            self.values[key] = question.value
        elif question.method == "find_value" and key in self.values:
            value = decode(reply[HEADER_BYTES:])["value"]
            assert (type(value), value) == (type(self.values[key]), self.values[key])
        else:
            assert contacts_in(reply) == expected

    def sender(self, question: Question, key: bytes) -> tuple[Address, bytes]:
        contacts = self.twins.plain.router.contacts()
        if question.sender < 0 or not contacts:
            address, node_id = STRANGERS[question.sender % len(STRANGERS)], as_id(TOP // 3 + question.sender)
        elif question.near:
            contacts.sort(key=lambda node: node.long_id ^ int.from_bytes(key, "big"))
            node = contacts[question.sender % (2 * self.twins.ksize) % len(contacts)]
            address, node_id = node.address, node.id
        else:
            index = question.sender % len(self.ids)
            address, node_id = address_of(index), self.ids[index]
        return address, as_id(int.from_bytes(node_id, "big") ^ 2) if question.lies else node_id

    def target(self, question: Question) -> bytes:
        about = question.target
        if isinstance(about, str) and (about == "own" or not self.ids):
            about = int.from_bytes(self.twins.own_id, "big")
        elif isinstance(about, str):
            about = int.from_bytes(self.ids[question.index % len(self.ids)], "big")
        return as_id(about ^ question.offset)


@pytest.mark.slow
@settings(max_examples=150)
@given(
    ksize=st.sampled_from([1, 2, 4, 8, 20]),
    own=numbers,
    drawn=clusters,
    seed=st.integers(0, 2**32),
    events=st.lists(st.one_of(changes, questions, questions), min_size=1, max_size=40),
)
def test_both_ways_say_and_do_the_same(
    ksize: int, own: int, drawn: list[Cluster], seed: int, events: list[Change | Question]
) -> None:
    """What is remembered of a bucket is drawn at the second request, used at the third, forgotten at any change."""
    story = Story(ksize, own, ids_of(drawn, own, seed))
    for event in events:
        story.happens(event)


@settings(max_examples=60)
@given(
    ksize=st.sampled_from([1, 2, 4, 8]),
    own=numbers,
    near_own=st.booleans(),
    shared_bits=st.integers(30, 150),
    count=st.integers(2, 60),
    others=st.integers(0, 40),
    seed=st.integers(0, 2**32),
    targets=st.lists(st.tuples(st.integers(0, 99), st.integers(0, 2**40)), min_size=1, max_size=12),
)
def test_ids_that_agree_in_more_bits_than_are_compared_are_still_put_in_order(
    ksize: int,
    own: int,
    near_own: bool,
    shared_bits: int,
    count: int,
    others: int,
    seed: int,
    targets: list[tuple[int, int]],
) -> None:
    """Contacts are compared by 30 of their bits; whoever chooses ids can make any number agree in them."""
    alike = Cluster(count, "own" if near_own else own ^ (TOP >> 1), shared_bits, adjacent=False)
    story = Story(ksize, own, ids_of([Cluster(others, 0, 0, adjacent=False), alike], own, seed))
    for index, offset in targets:
        if story.ids:
            about = story.ids[-1 - index % len(story.ids)]
            for _ in range(3):
                story.ask(Question("find_node", -1, False, False, int.from_bytes(about, "big") ^ offset, 0, 0, 0, 1))


@settings(max_examples=60)
@given(
    ksize=st.sampled_from([1, 2, 4, 8]),
    own=numbers,
    drawn=clusters,
    seed=st.integers(0, 2**32),
    happened=st.lists(st.tuples(changes, st.integers(-1, 20)), min_size=1, max_size=12),
)
def test_what_is_remembered_is_forgotten_as_soon_as_a_contact_changes(
    ksize: int, own: int, drawn: list[Cluster], seed: int, happened: list[tuple[Change, int]]
) -> None:
    """Before and after each change the answer is drawn that the changed contact is part of."""
    story = Story(ksize, own, ids_of(drawn, own, seed)[: 3 * ksize])
    for change, sender in happened:
        about = Question("find_node", sender, True, False, "contact", change.index, 1, 0, 3)
        story.happens(about)
        for event in (change, Change("recover", change.index, 1)):
            story.change(event)
            story.happens(about)


# -- bytes that are nearly the usual ones ----------------------------------------------------------------------------

ID, KEY, HELD, OWN = b"i" * 20, b"k" * 20, b"h" * 20, b"o" * 20
LIFE = life.encode(int(WALL_START * 1000), 0, 3600)


def nearly(datagram: bytes) -> st.SearchStrategy[bytes]:
    """Draw what a datagram might be if it is not quite right."""
    return st.one_of(
        st.just(datagram),
        st.integers(0, len(datagram)).map(lambda length: datagram[:length]),
        st.binary(min_size=1, max_size=3).map(lambda more: datagram + more),
        st.tuples(st.integers(0, len(datagram) - 1), st.integers(0, 255)).map(
            lambda change: datagram[: change[0]] + bytes([change[1]]) + datagram[change[0] + 1 :]
        ),
        st.dictionaries(
            st.integers(0, 5), st.sampled_from([True, False, b"", b"x" * 20, LIFE, 0, None]), max_size=4
        ).map(lambda fields: trailer.append(datagram, fields)),
    )


lengths = st.sampled_from([0, 1, 19, 20, 20, 20, 20, 21, 32])
some_ids = st.one_of(
    st.sampled_from([ID, KEY, HELD, OWN, bytes(20), b"\xff" * 20]),
    lengths.map(lambda length: b"x" * length),
    st.sampled_from(["k" * 20, "", None, 5, 20, [ID], {b"id": ID}, True]),
)
names = st.sampled_from(["ping", "find_node", "find_value", "store", "stun", "pong", "", "find_nodes"])
method_names = st.one_of(names, names.map(str.encode), st.sampled_from([None, 4]))
no_values = st.sampled_from([None, [1], {"a": 1}, msgspec.msgpack.Ext(1, b"x"), msgspec.msgpack.Ext(-1, bytes(4))])
arguments = st.one_of(
    st.lists(some_ids, max_size=2),
    st.tuples(some_ids, some_ids, st.one_of(values, no_values)),
)


def bin16(data: bytes) -> bytes:
    return b"\xc5" + len(data).to_bytes(2, "big") + data


def bin32(data: bytes) -> bytes:
    return b"\xc6" + len(data).to_bytes(4, "big") + data


def str8(text: str) -> bytes:
    return b"\xd9" + bytes([len(text)]) + text.encode()


ODD_HEADS = {
    "pair": [b"\x92", b"\xdc\x00\x02", b"\xdd\x00\x00\x00\x02"],
    "arguments": [
        lambda count: bytes([0x90 | count]),
        lambda count: b"\xdc" + count.to_bytes(2, "big"),
        lambda count: b"\xdd" + count.to_bytes(4, "big"),
    ],
    "text": [encode, str8, lambda text: encode(text.encode())],
    "id": [encode, bin16, bin32, lambda data: encode(data.decode("latin-1"))],
}


@st.composite
def oddly_packed(draw: st.DrawFn) -> bytes:
    """Draw a documented request, packed in another way than msgpack libraries do."""
    heads: Any = ODD_HEADS
    name, items = draw(
        st.sampled_from(
            [("ping", [ID]), ("find_node", [ID, KEY]), ("find_value", [ID, HELD]), ("store", [ID, KEY, 70000])]
        )
    )
    body = draw(st.sampled_from(heads["pair"])) + draw(st.sampled_from(heads["text"]))(name)
    body += draw(st.sampled_from(heads["arguments"]))(len(items))
    for item in items:
        pack = draw(st.sampled_from(heads["id"])) if isinstance(item, bytes) else draw(st.sampled_from([encode, int64]))
        body += pack(item)
    return request("x")[:HEADER_BYTES] + body


def int64(number: int) -> bytes:
    return b"\xd3" + number.to_bytes(8, "big", signed=True)


def populated() -> Twins:
    """Return twins with a table, a value, a member at `address_of(0)`, and strangers who proved themselves."""
    own = int.from_bytes(OWN, "big")
    twins = Twins(4, own)
    for index, node_id in enumerate([ID, *ids_of([Cluster(60, 0, 0, adjacent=False)], own, 7)]):
        twins.answered(address_of(index), node_id)
    for address in STRANGERS:
        twins.answered(address, None)
    for protocol in twins.all:
        protocol.storage[HELD] = "held"
    return twins


CANONICAL = [
    request("ping", ID),
    request("find_node", ID, KEY),
    request("find_value", ID, KEY),
    request("find_value", ID, HELD),
    request("store", ID, KEY, b"value"),
    request("store", ID, KEY, b"\xc1\x80\x00\x02\xc1"),  # ends as a trailer does
    request("store", ID, KEY, "v" * 980),  # the rest is short, the whole body is long
    request("find_node", ID, b"k" * 15 + b"\xc1\x80\x00\x02\xc1"),
    request("ping", b"i" * 15 + b"\xc1\x80\x00\x02\xc1"),
    request("ping", OWN),
    request("find_node", OWN, KEY),
    request("find_node", ID, OWN),
    request("find_node", ID, ID),
    request("store", ID, KEY, b"value") + trailer.of_life(LIFE),
    request("store", ID, HELD, "held") + trailer.of_life(LIFE),
    request("store", ID, KEY, b"value") + trailer.QUESTION,
    request("store", ID, KEY, b"value" + trailer.of_life(LIFE)),  # the value ends so
    request("store", ID, KEY, b"value" + trailer.of_life(LIFE)) + trailer.of_life(LIFE),
    request("store", ID, KEY, "v" * 960) + trailer.of_life(LIFE),
    request("find_value", ID, HELD) + trailer.QUESTION,
    request("find_value", ID, KEY) + trailer.QUESTION,
    request("find_value", ID, HELD) + trailer.of_life(LIFE),
    request("find_value", ID, b"k" * 12 + trailer.QUESTION),
    request("find_value", ID, b"k" * 12 + trailer.QUESTION) + trailer.QUESTION,
    request("find_value", ID, HELD) + trailer.QUESTION + trailer.framed({trailer.PADDING: bytes(40)}),
    trailer.introduction(request("find_value", ID, HELD), False, 400, b""),
    trailer.introduction(request("find_value", ID, KEY), False, 400, b""),
    trailer.introduction(request("store", ID, KEY, b"value"), False, 128, LIFE),
    request("ping", ID) + trailer.QUESTION,
]


@settings(max_examples=100)
@given(
    st.lists(
        st.tuples(
            st.one_of(
                st.sampled_from(CANONICAL).flatmap(nearly),
                oddly_packed(),
                st.builds(lambda name, items: request(name, *items), method_names, arguments),
            ),
            st.sampled_from([address_of(0), STRANGERS[0]]),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_what_is_nearly_a_request_is_taken_the_same_by_both(asked: list[tuple[bytes, Address]]) -> None:
    """Whatever the quick way does not know by its bytes, it leaves to the plain one."""
    twins = populated()
    for datagram, address in asked:
        twins.ask(datagram, address)


# -- one thing at a time ---------------------------------------------------------------------------------------------

EVERY_TYPE = [5, -1, -(2**63), 2**64 - 1, 0, 1.5, -0.0, True, False, "text", "grün", "", b"bytes", b"\x00\xff", b""]


@pytest.mark.parametrize("value", [*EVERY_TYPE, b"v" * 8137, "v" * 8137], ids=lambda value: repr(value)[:20])
def test_a_value_is_stored_and_found_as_it_was_sent(value: object) -> None:
    twins = populated()
    assert decode(twins.ask(request("store", ID, KEY, value), address_of(0))[HEADER_BYTES:]) is True  # type: ignore[index]
    for _ in range(3):
        reply = twins.ask(request("find_value", ID, KEY), STRANGERS[0])
        assert reply is not None
        assert reply[HEADER_BYTES:] == encode({"value": value})


@pytest.mark.parametrize("held", [None, [1], {"a": 1}, (1,), 1j])
def test_what_is_no_value_is_not_told_although_it_is_kept(held: object) -> None:
    """A program may put anything into its own storage."""
    twins = populated()
    for protocol in twins.all:
        protocol.storage[KEY] = held
    for _ in range(3):
        reply = twins.ask(request("find_value", ID, KEY), address_of(0))
        assert contacts_in(reply) == twins.closest(KEY, address_of(0))


#: With lives, as our nodes send them.
USUAL = [
    *CANONICAL[:7],
    request("store", ID, KEY, b"value") + trailer.of_life(LIFE),
    request("find_value", ID, HELD) + trailer.QUESTION,
    request("find_value", ID, KEY) + trailer.QUESTION,
    trailer.introduction(request("find_value", ID, HELD), False, 400, b""),
]


@pytest.mark.parametrize("datagram", USUAL, ids=lambda datagram: repr(datagram[22:33]))
def test_the_usual_bytes_go_the_quick_way(datagram: bytes) -> None:
    """Otherwise nothing here would compare anything."""
    twins = populated()
    taken: list[bytes] = []
    twins.quick.answering.request = lambda data, *_args, **_kwargs: taken.append(data)  # type: ignore[method-assign]
    assert twins.quick.receive(datagram, address_of(0), twins.now) is not None
    assert taken == []


def ask_thrice(twins: Twins, datagram: bytes, address: Address) -> None:
    """Ask so often that the answer is remembered, and check it each time."""
    key = datagram[-20:]
    for _ in range(3):
        assert contacts_in(twins.ask(datagram, address)) == twins.closest(key, address)


def test_a_contact_is_not_told_of_itself_after_its_bucket_was_split() -> None:
    """Its record still knows the bucket that is gone, until it is heard again."""
    twins = Twins(4, 1)
    ids = [as_id((number << 157) + 5) for number in range(8)]
    for index, node_id in enumerate(ids):
        twins.answered(address_of(index), node_id)
    twins.answered(STRANGERS[0], None)
    for node_id in ids:
        twins.split(node_id)
    for index, node_id in enumerate(ids):
        datagram = request("find_node", node_id, as_id(int.from_bytes(node_id, "big") + 1))
        ask_thrice(twins, datagram, STRANGERS[0])
        ask_thrice(twins, datagram, address_of(index))


def test_a_replacement_that_became_a_contact_is_not_told_of_itself() -> None:
    """Nobody heard it since it took the place of a contact that left."""
    twins = Twins(2, 1)
    far = [as_id((1 << 159) + number) for number in range(1, 9)]
    near = [as_id(number) for number in range(2, 8)]
    for index, node_id in enumerate([*near, *far]):
        twins.answered(address_of(index), node_id)
    bucket = twins.quick.router.bucket_of(int.from_bytes(far[0], "big"))
    waiting = list(bucket.replacement_nodes.values())[-1]
    first = bucket.head()
    twins.forget(first.address, first.id)
    assert bucket.nodes[waiting.id] is waiting
    twins.answered(STRANGERS[0], None)
    datagram = request("find_node", waiting.id, as_id((1 << 159) + 100))
    ask_thrice(twins, datagram, STRANGERS[0])
    ask_thrice(twins, datagram, waiting.address)


def test_who_says_no_longer_that_it_will_not_stay_may_become_a_contact() -> None:
    """An address is used by a one-shot command, and then by a node that stays: the latest request counts."""
    twins = populated()
    stays = request("ping", KEY)
    twins.ask(trailer.append(stays, {trailer.EPHEMERAL: True}), STRANGERS[0])
    assert twins.plain.records.of(STRANGERS[0]).ephemeral
    twins.ask(stays, STRANGERS[0])
    assert not twins.quick.records.of(STRANGERS[0]).ephemeral


def test_a_table_of_a_programs_own_buckets_is_searched_too() -> None:
    """Ranges that are no halves are no tree: nothing is remembered of them."""
    twins = populated()
    for protocol in twins.all:
        contacts = protocol.router.contacts()
        third = TOP // 3
        bounds = [(0, third), (third + 1, TOP - 5), (TOP - 4, TOP)]
        protocol.router.buckets = [type(protocol.router.buckets[0])(low, high, 100) for low, high in bounds]
        for node in contacts:
            protocol.router.add_contact(node)
    for target in (0, TOP // 3, TOP // 3 + 1, TOP - 4, TOP):
        ask_thrice(twins, request("find_node", ID, as_id(target)), STRANGERS[0])
        ask_thrice(twins, request("find_node", ID, as_id(target)), address_of(0))
    for protocol in twins.all:
        protocol.router.flush()
    ask_thrice(twins, request("find_node", ID, KEY), STRANGERS[0])


# -- programs of their own -------------------------------------------------------------------------------------------


def node_of(kind: type[KademliaProtocol], storage: IStorage | None = None) -> tuple[KademliaProtocol, Address]:
    """Return a program's node with a table, and the address of one who proved itself."""
    protocol = World(1).add(OWN, ksize=4, protocol_class=kind, storage=storage).protocol
    for index, node_id in enumerate(ids_of([Cluster(20, 0, 0, adjacent=False)], 0, 7)):
        protocol.contacts.answered(protocol.records.of(address_of(index)), node_id, None, 0.0)
    protocol.contacts.answered(protocol.records.of(STRANGERS[0]), None, None, 0.0)
    return protocol, STRANGERS[0]


def answers(protocol: KademliaProtocol, datagram: bytes, address: Address) -> list[object]:
    """Return what is answered when a request comes three times."""
    replies = [protocol.receive(datagram, address, 0.0) for _ in range(3)]
    return [reply and decode(reply[HEADER_BYTES:]) for reply in replies]


OWN_CONTACT = [b"c" * 20, "192.0.2.99", 99]


class OwnPing(KademliaProtocol):
    def rpc_ping(self, sender: Address, nodeid: bytes) -> Any:
        return "own ping"


class OwnStore(KademliaProtocol):
    def rpc_store(self, sender: Address, nodeid: bytes, key: bytes, value: Any) -> Any:
        return False


class OwnFindNode(KademliaProtocol):
    def rpc_find_node(self, sender: Address, nodeid: bytes, key: bytes) -> Any:
        return [OWN_CONTACT]


class OwnFindValue(KademliaProtocol):
    def rpc_find_value(self, sender: Address, nodeid: bytes, key: bytes) -> Any:
        return {"value": "own value"}


@pytest.mark.parametrize(
    ("kind", "datagram", "wanted"),
    [
        (OwnPing, request("ping", ID), "own ping"),
        (OwnStore, request("store", ID, KEY, "value"), False),
        (OwnFindNode, request("find_node", ID, KEY), [OWN_CONTACT]),
        (OwnFindValue, request("find_value", ID, KEY), {"value": "own value"}),
    ],
)
def test_an_overridden_rpc_is_honoured(kind: type[KademliaProtocol], datagram: bytes, wanted: object) -> None:
    protocol, asker = node_of(kind)
    assert answers(protocol, datagram, asker) == [wanted] * 3


def test_an_overridden_find_node_is_honoured_where_find_value_finds_nothing() -> None:
    """`rpc_find_value` of every release ends in `self.rpc_find_node`: who tells other contacts does so there too."""
    protocol, asker = node_of(OwnFindNode)
    assert answers(protocol, request("find_value", ID, KEY), asker) == [[OWN_CONTACT]] * 3
    record = protocol.records.of(asker)
    reply = protocol.answering.request(request("find_value", ID, KEY), record, 0.0)
    assert reply is not None
    assert decode(reply[HEADER_BYTES:]) == [OWN_CONTACT]


def test_an_overridden_find_node_may_answer_later_where_find_value_finds_nothing() -> None:
    """It may be `async def` or return a Deferred, as every rpc_* method of a program's own."""

    class Later(KademliaProtocol):
        def rpc_find_node(self, sender: Address, nodeid: bytes, key: bytes) -> Any:
            return finished([OWN_CONTACT])

    protocol, asker = node_of(Later)
    world = protocol.host.world  # type: ignore[union-attr]
    stranger = Stranger(world, asker)
    for number, name in enumerate(["find_node", "find_value"]):
        protocol.receive(request(name, ID, KEY, number=number), asker, world.now)
        world.run(1)
        assert stranger.answers.get(as_id(number)) == [OWN_CONTACT], name


def test_an_override_that_raises_leaves_its_caller_without_an_answer() -> None:
    class Failing(KademliaProtocol):
        def rpc_find_node(self, sender: Address, nodeid: bytes, key: bytes) -> Any:
            raise ZeroDivisionError("a program's own fault")

    protocol, asker = node_of(Failing)
    assert answers(protocol, request("find_node", ID, KEY), asker) == [None] * 3
    assert protocol.counts.rpc_errors == 3
    assert answers(protocol, request("find_value", ID, KEY), asker) == [None] * 3
    assert protocol.counts.rpc_errors == 6


class Shouting(ForgetfulStorage):
    """A program's own storage: what is looked for is found louder."""

    def get(self, key: bytes, default: Any = None) -> Any:
        value = super().get(key, default)
        return value.upper() if isinstance(value, str) else value


class Refusing(ForgetfulStorage):
    """A program's own storage that is out of order."""

    def get(self, key: bytes, default: Any = None) -> Any:
        raise OSError("the disk is gone")

    def __setitem__(self, key: bytes, value: Any) -> None:
        raise OSError("the disk is full")


def test_a_storage_of_a_programs_own_is_honoured() -> None:
    protocol, asker = node_of(KademliaProtocol, Shouting())
    assert answers(protocol, request("store", ID, KEY, "value"), asker) == [True] * 3
    assert answers(protocol, request("find_value", ID, KEY), asker) == [{"value": "VALUE"}] * 3


@pytest.mark.parametrize("datagram", [request("store", ID, KEY, 1), request("find_value", ID, KEY)], ids=["set", "get"])
def test_a_storage_that_raises_is_counted_and_does_no_harm(datagram: bytes) -> None:
    protocol, asker = node_of(KademliaProtocol, Refusing())
    assert answers(protocol, datagram, asker) == [None] * 3
    assert protocol.counts.rpc_errors == 3
    assert answers(protocol, request("ping", ID), asker) == [OWN] * 3
