"""Quotas of one source, who is charged whichever way a store takes, and answers that take their time."""

from __future__ import annotations

from typing import Any

import pytest
from tests.engine.holders import KEY, alone
from tests.hostile.strangers import Stranger, honest, request

from kademlia.arguments import check_quotas
from kademlia.engine import limits
from kademlia.engine.limits import Limits
from kademlia.engine.operation import Operation
from kademlia.node import Address
from kademlia.protocol import KademliaProtocol
from kademlia.sim import Resident, World
from kademlia.storage import ForgetfulStorage
from kademlia.storage.shelf import RECORD_BYTES, record_bytes
from kademlia.utils import digest

ALICE, MALLORY = ("8.8.1.1", 1), ("8.8.3.1", 1)


def store(
    node: KademliaProtocol, distance: int, sender: Address | None, value: Any = 1, life_s: float = 3600.0
) -> bool:
    """Store a value at a distance from a node."""
    key = (node.source_node.long_id ^ distance).to_bytes(20, "big")
    return node.keeping.put(key, value, node.keeping.new_life(life_s), sender)


def test_a_quota_of_values_holds_though_there_is_room() -> None:
    """At its quota a source may have nearer ones instead; others and we ourselves have nothing to do with it."""
    _, node, keeping = alone()
    node.limits = Limits(records_per_source=3)
    assert [store(node, distance, MALLORY) for distance in (10, 20, 30, 40, 5)] == [True, True, True, False, True]
    assert all(store(node, distance, ALICE) for distance in (100, 200, 300))
    assert all(store(node, distance, None) for distance in range(1000, 1010))
    assert keeping.shelf.records == 16
    assert (node.stats().refused, node.stats().evicted) == (1, 1)


def test_a_quota_of_bytes_holds_for_updates_that_grow_too() -> None:
    _, node, _ = alone(max_bytes=10**6)
    node.limits = Limits(bytes_per_source=3 * RECORD_BYTES)
    assert all(store(node, distance, MALLORY) for distance in (10, 20, 30))
    assert not store(node, 30, MALLORY, b"x" * RECORD_BYTES)
    assert store(node, 10, MALLORY, b"x" * RECORD_BYTES)
    assert not store(node, 30, MALLORY)
    assert store(node, 20, MALLORY, 2)
    assert node.stats().values == 2


def test_what_is_dead_counts_against_nobody() -> None:
    world, node, _ = alone()
    node.limits = Limits(records_per_source=2)
    assert store(node, 1, MALLORY, life_s=10.0)
    assert store(node, 2, MALLORY, life_s=10.0)
    world.run(11)
    node.look_at_clock()
    assert store(node, 30, MALLORY)
    assert store(node, 40, MALLORY)
    assert not store(node, 50, MALLORY)


def test_a_programs_own_storage_that_cannot_delete_refuses_what_is_over_the_quota() -> None:
    """It would grow for ever otherwise: what gave way would still be there."""

    class Forwarding:
        """Has the methods of a storage, and no `__delitem__`."""

        def __init__(self) -> None:
            self.data: dict[bytes, Any] = {}
            self.get = self.data.get

        def __setitem__(self, key: bytes, value: Any) -> None:
            self.data[key] = value

        def __getitem__(self, key: bytes) -> Any:
            return self.data[key]

        def __iter__(self) -> Any:
            return iter(list(self.data.items()))

        def iter_older_than(self, seconds_old: float) -> list[tuple[bytes, Any]]:
            return []

    world = World(1)
    storage: Any = Forwarding()
    node = world.add(storage=storage).protocol
    node.limits = Limits(records_per_source=2)
    assert [store(node, distance, MALLORY) for distance in (10, 20, 5, 30)] == [True, True, False, False]
    assert len(storage.data) == 2


def senders_of(node: KademliaProtocol) -> set[object]:
    """Return to whom the values here are charged."""
    assert isinstance(node.storage, ForgetfulStorage)
    accounts = [node.keeping.admission.ledger.of(key) for key in node.storage.data]
    return {account and account.source for account in accounts}


class Overriding(KademliaProtocol):
    """A program whose own method answers stores."""

    def rpc_store(self, sender: Address, nodeid: bytes, key: bytes, value: Any) -> Any:
        """Keep it the usual way."""
        return self.keep(key, value)


class Slow(KademliaProtocol):
    """A program whose answers take their time."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.begun: list[Operation[Any]] = []

    def rpc_wait(self, sender: Address) -> Any:
        """Answer some time later."""
        self.begun.append(Operation())
        return self.begun[-1]


@pytest.mark.parametrize("kind", [KademliaProtocol, Overriding])
@pytest.mark.parametrize("value", [b"small", b"x" * 6000])
def test_a_store_is_charged_to_its_sender_whichever_way_it_takes(kind: type[KademliaProtocol], value: bytes) -> None:
    """The quick way for small values, the careful one for large ones, and a program's own method."""
    world = World(1)
    resident = world.add(protocol_class=kind)
    stranger = Stranger(world, ALICE, honest(b"a" * 20))
    for number in range(2):  # the first is held until the address is proved
        stranger.send(request("store", b"a" * 20, digest(number), value, number=number), resident)
        world.run(1)
    assert list(stranger.answers.values()) == [True, True]
    assert senders_of(resident.protocol) == {"8.8.1"}


def test_what_a_node_publishes_itself_is_charged_to_nobody() -> None:
    world = World(4)
    alice, bob = world.network(2, ksize=4)
    world.finish(alice.protocol.publish(KEY, "value"))
    assert senders_of(alice.protocol) == {None}
    assert senders_of(bob.protocol) == {alice.address}


def test_so_many_answers_may_be_under_way_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes memory as long as a program's own code takes; what is too much is dropped and counted."""
    monkeypatch.setattr(limits, "ANSWERS_UNDER_WAY_MAX", 3)
    world = World(1)
    resident: Resident = world.add(protocol_class=Slow)
    slow = resident.protocol
    assert isinstance(slow, Slow)
    stranger = Stranger(world, ALICE, honest(b"a" * 20))
    stranger.send(request("ping", b"a" * 20, number=99), resident)
    world.run(1)

    def ask(*numbers: int) -> None:
        for number in numbers:
            stranger.send(request("wait", number=number), resident)
        world.run(1)

    ask(0, 1, 2, 3, 4)
    assert (len(slow.begun), slow.stats().unattended) == (3, 2)
    slow.begun[0].finish("done")
    resident.wake()
    ask(5)
    assert (len(slow.begun), slow.stats().unattended) == (4, 2)
    assert "done" in stranger.answers.values()


@pytest.mark.parametrize(
    ("quota", "storage", "told"),
    [
        ({"records_per_source": 11}, {"max_records": 10}, "records_per_source is 11, and the storage's max_records 10"),
        ({"bytes_per_source": 5001}, {"max_bytes": 5000}, "bytes_per_source is 5001, and the storage's max_bytes 5000"),
        ({"bytes_per_source": RECORD_BYTES - 1}, {}, "the smallest value takes 250"),
    ],
)
def test_quotas_that_are_none_are_refused_with_both_values_and_the_remedy(
    quota: dict[str, int], storage: dict[str, int], told: str
) -> None:
    with pytest.raises(ValueError, match=told) as fault:
        check_quotas(Limits(**quota), ForgetfulStorage(**storage))
    assert "None for a fair share" in str(fault.value)


def test_quotas_within_the_room_are_taken() -> None:
    check_quotas(Limits(records_per_source=10, bytes_per_source=record_bytes(b"")), ForgetfulStorage(max_records=10))
    check_quotas(Limits(records_per_source=10**9), ForgetfulStorage())
    own: Any = {}
    check_quotas(Limits(records_per_source=10**9, bytes_per_source=10**9), own)
