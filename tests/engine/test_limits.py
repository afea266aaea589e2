"""What an operator may limit: each limit is in force, and what cannot be is refused at the call."""

from __future__ import annotations

from typing import Any

import pytest
from tests.hostile.strangers import Stranger, answer, asked_for

import kademlia
from kademlia.engine.limits import HARD_TIMEOUT_S, Limits
from kademlia.node import ID_BYTES, Node
from kademlia.sim import World
from kademlia.storage import ForgetfulStorage

#: Arguments that cannot be, and what the message has to name.
WRONG: list[tuple[dict[str, Any], type[Exception], list[str]]] = [
    ({"contacts_per_bucket": 12}, ValueError, ["12", "contacts_per_table", "10", "raise"]),
    ({"contacts_per_bucket": None}, ValueError, ["any number", "contacts_per_table", "raise"]),
    ({"contacts_per_table": 1}, ValueError, ["contacts_per_bucket", "raise"]),
    ({"contacts_per_table": 0}, ValueError, ["contacts_per_table", "from 1", "None"]),
    ({"nodes_per_lookup": "two"}, TypeError, ["nodes_per_lookup", "'two'", "None"]),
    ({"requests_per_s": 5000}, ValueError, ["5000", "network_requests_per_s", "2000", "raise"]),
    ({"requests_per_s": 0}, ValueError, ["requests_per_s", "1 or more"]),
    ({"requests_per_s": float("nan")}, ValueError, ["requests_per_s"]),
    ({"network_requests_per_s": float("inf")}, ValueError, ["network_requests_per_s"]),
    ({"lookup_s": 0.1}, ValueError, ["lookup_s", "1 or more"]),
    ({"lookup_requests": 0}, ValueError, ["lookup_requests", "from 1"]),
    ({"lookup_requests": None}, TypeError, ["lookup_requests"]),
    ({"lookup_requests": True}, TypeError, ["lookup_requests", "True"]),
    ({"records_per_source": 0}, ValueError, ["records_per_source", "share"]),
    ({"bytes_per_source": -1}, ValueError, ["bytes_per_source"]),
]


@pytest.mark.parametrize(("arguments", "kind", "words"), WRONG)
def test_limits_that_cannot_be_are_refused_with_the_remedy(
    arguments: dict[str, Any], kind: type[Exception], words: list[str]
) -> None:
    with pytest.raises(kind) as raised:
        Limits(**arguments)
    assert all(word in str(raised.value) for word in words), str(raised.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"limits": Limits(records_per_source=20), "storage": ForgetfulStorage(max_records=10)}, ["20", "10", "lower"]),
        ({"limits": Limits(bytes_per_source=10**6), "storage": ForgetfulStorage(max_bytes=10**5)}, ["max_bytes"]),
        ({"limits": Limits(bytes_per_source=10**9)}, ["max_bytes", "lower"]),  # the usual storage has 256 MiB
        ({"limits": Limits(bytes_per_source=10)}, ["10", "250", "raise"]),
    ],
)
def test_limits_that_contradict_the_storage_are_refused_by_the_server(
    arguments: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011  # the words are looked for below
        kademlia.Server(**arguments)
    assert all(word in str(raised.value) for word in words), str(raised.value)


def test_limits_are_limits() -> None:
    """A dict of them is a likely mistake."""
    with pytest.raises(TypeError, match=r"kademlia\.Limits"):
        kademlia.Server(limits={"lookup_s": 3})  # type: ignore[arg-type]


async def test_a_server_has_the_limits_it_was_given() -> None:
    limits = kademlia.Limits(lookup_s=3)
    server = kademlia.Server(limits=limits)
    await server.listen(0, "127.0.0.1")
    try:
        assert server.protocol is not None
        assert server.protocol.limits is limits
    finally:
        server.stop()


def test_a_server_without_a_storage_has_a_bound() -> None:
    """Strangers must not be able to fill the machine."""
    storage = kademlia.Server().storage
    assert isinstance(storage, ForgetfulStorage)
    assert storage.max_bytes == 256 * 2**20


@pytest.mark.parametrize("lookup_s", [2.0, 10.0])
def test_a_lookup_ends_in_time(lookup_s: float) -> None:
    """Liars who tell of others like them, each a little nearer, have it go on for ever; each answers after a second."""
    world = World(1)
    node = world.add()
    node.protocol.limits = Limits(lookup_s=lookup_s, lookup_requests=1000)
    target = Node(bytes(ID_BYTES))

    def manner(number: int) -> Any:
        nearer = [[(2**140 - number - 1 - i).to_bytes(ID_BYTES, "big"), f"10.6.{number}.{i}", 8468] for i in range(3)]

        def answered(datagram: bytes) -> list[bytes]:
            own = (2**150 + number).to_bytes(ID_BYTES, "big")
            return [answer(datagram, {"ping": own, "find_node": nearer}.get(asked_for(datagram)[0]))]

        return answered

    liars = [Stranger(world, (f"10.7.0.{number}", 8468), manner(number)) for number in range(60)]
    peers = [Node((2**150 + number).to_bytes(ID_BYTES, "big"), *liar.address) for number, liar in enumerate(liars)]
    began = world.now
    world.finish(node.protocol.lookup(target, peers))
    assert world.now - began <= lookup_s + HARD_TIMEOUT_S


def test_a_lookup_asks_no_more_than_it_may() -> None:
    """In multiples of k."""
    world = World(1)
    node = world.add(ksize=4)
    node.protocol.limits = Limits(lookup_requests=2)
    peers = [Node((2**150 + number).to_bytes(ID_BYTES, "big"), f"10.7.0.{number}", 8468) for number in range(1, 60)]
    before = node.protocol.stats().asked
    world.finish(node.protocol.lookup(Node(bytes(ID_BYTES)), peers))
    assert node.protocol.stats().asked - before == 8
