"""The values one node keeps, in whatever storage: one that cannot delete, one that is replaced, one that shrinks."""

from __future__ import annotations

from contextvars import copy_context
from typing import Any, cast

import pytest
from tests.compat_2x.test_2x_storage import Of2x
from tests.hostile.strangers import Stranger, honest, request

from kademlia.engine import limits
from kademlia.engine.keeping import Keeping, Life
from kademlia.engine.operation import Operation
from kademlia.node import Address
from kademlia.protocol import KademliaProtocol
from kademlia.sim import Resident, World
from kademlia.storage import ForgetfulStorage, IStorage
from kademlia.storage.beside import PRUNED_FROM, Beside
from kademlia.utils import digest

KEY, OTHER = digest("key"), digest("other")


class Cupboard(Of2x):
    """A program's own storage: it knows of no lives, deletes nothing, and takes all values for old."""


class Drawer(Cupboard):
    """One that can delete."""

    def __delitem__(self, key: bytes) -> None:
        del self.values[key]


def network(kind: type[IStorage], size: int) -> tuple[World, list[Resident]]:
    """Return a network of a program's nodes."""
    world = World(1)
    residents = [world.add(ksize=4, storage=kind()) for _ in range(size)]
    for resident in residents[1:]:
        world.finish(resident.protocol.join([residents[0].address]))
    return world, residents


def alone(storage: IStorage | None = None) -> tuple[World, Resident, Keeping]:
    """Return one node that does nothing unasked."""
    world = World(1)
    node = world.add(storage=storage)
    node.protocol.probing.stop()
    node.protocol.upkeep.stop()
    return world, node, node.protocol.keeping


# -- storages of programs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Cupboard, Drawer])
def test_values_die_in_a_programs_own_storage_too(kind: type[Cupboard]) -> None:
    """Where it cannot delete, it goes on having what nobody is told of any more."""
    world, residents = network(kind, 8)
    assert world.finish(residents[0].protocol.publish(KEY, "value", 1000.0)) is True
    ends_at = world.now + 1000
    world.run(900)
    assert [world.finish(resident.protocol.fetch(KEY)) for resident in residents] == ["value"] * 8
    world.run(ends_at - world.now + 1)
    assert [world.finish(resident.protocol.fetch(KEY)) for resident in residents] == [None] * 8
    for resident in residents[1:]:
        happened, answer = world.finish(residents[0].protocol.call_find_value(resident.node, resident.node))
        assert (happened, type(answer)) == (True, list)
    world.run(2 * limits.REFRESH_S)
    assert [world.finish(resident.protocol.fetch(KEY)) for resident in residents] == [None] * 8
    assert any(resident.protocol.storage.get(KEY) for resident in residents) is (kind is Cupboard)


@pytest.mark.parametrize("kind", [Cupboard, Drawer, ForgetfulStorage])
def test_what_is_dead_is_replaced_by_whatever_comes(kind: type[IStorage]) -> None:
    """An older stamp is refused only by what is alive."""
    storage = kind()
    world, node, keeping = alone(storage)
    assert keeping.put(KEY, "value", Life(1000, world.now + 10))
    assert not keeping.put(KEY, "older", Life(999, world.now + 100))
    world.run(10)
    node.protocol.look_at_clock()
    assert keeping.get(KEY) is None
    assert keeping.put(KEY, "older", Life(999, world.now + 100))
    assert keeping.get(KEY) == storage.get(KEY) == "older"
    assert keeping.life_of(KEY) == (999, world.now + 100)


@pytest.mark.parametrize("kind", [Drawer, ForgetfulStorage])
def test_the_life_of_what_was_dropped_is_not_that_of_what_comes_in_its_place(kind: type[IStorage]) -> None:
    """A program may put a value where one has died."""
    world, node, keeping = alone(kind())
    keeping.put(KEY, "value", keeping.new_life(10.0))
    world.run(10)
    node.protocol.look_at_clock()
    assert keeping.get(KEY) is None
    keeping.storage[KEY] = "program's"
    assert keeping.get(KEY) == "program's"
    assert keeping.life_of(KEY) == (0, world.now + limits.LIFE_S)


def test_what_a_program_put_into_its_storage_itself_is_kept_and_older_than_all() -> None:
    """Nobody told how long it is to live: a week, wherever it is sent."""
    world, _, keeping = alone(Cupboard())
    keeping.storage[KEY] = "program's"
    assert keeping.get(KEY) == "program's"
    assert keeping.life_of(KEY) == (0, world.now + limits.LIFE_S)
    assert keeping.put(KEY, "published", Life(1, world.now + 60))
    assert keeping.get(KEY) == "published"


def test_what_is_handed_over_is_the_value_that_its_life_is_of() -> None:
    """A program's storage is walked over a copy: its pairs may be older than what is kept when their turn comes."""
    world, (alice, bob) = network(Cupboard, 2)
    keeping, keys = alice.protocol.keeping, [digest(number) for number in range(3 * limits.HANDOFF_KEYS_PER_STEP)]
    for key in keys:
        keeping.put(key, "z: an old one", keeping.new_life())
    alice.protocol.upkeep.handoff.to(bob.node)
    alice.wake()
    world.run(0.001)
    last = next(key for key in reversed(keys) if bob.protocol.keeping.get(key) is None)
    keeping.put(last, "a newer one", keeping.new_life())
    world.run(30)
    assert bob.protocol.keeping.get(last) == "a newer one"
    assert bob.protocol.keeping.life_of(last).stamp == keeping.life_of(last).stamp


class Slow(KademliaProtocol):
    """A program's protocol that answers a store later, in the context in which it began, as tasks do."""

    def rpc_store(self, sender: Address, nodeid: bytes, key: bytes, value: Any) -> Operation[bool]:
        operation: Operation[bool] = Operation()
        context, host = copy_context(), cast("Resident", self.host)
        host.world.at(self.now + 0.1, lambda: operation.finish(context.run(self.keep, key, value)))
        return operation


def test_a_program_that_answers_a_store_later_keeps_the_life_it_was_told_with() -> None:
    """Else one such holder would make a value live for a week, and be newer than what it was told: everywhere."""
    world = World(3)
    residents = [world.add(ksize=4, protocol_class=Slow) for _ in range(8)]
    for resident in residents[1:]:
        world.finish(resident.protocol.join([residents[0].address]))
    operations = [residents[0].protocol.publish(key, "value", life_s) for key, life_s in ((KEY, 100.0), (OTHER, 900.0))]
    assert [world.finish(operation) for operation in operations] == [True, True]
    for key, life_s in ((KEY, 100.0), (OTHER, 900.0)):
        lives = [other.protocol.keeping.life_of(key) for other in residents if other.protocol.keeping.get(key)]
        assert len(lives) == 4
        assert len({life.stamp for life in lives}) == 1
        assert all(life.ends_at < world.now + life_s + 1 for life in lives)


def test_what_a_request_says_of_a_life_is_for_the_node_it_came_to() -> None:
    """Two nodes of one program: a task of one may have the other keep something."""
    _, _, keeping = alone()
    _, _, other = alone()
    keeping.take_in_hand(("192.0.2.1", 8468), b"told")
    assert (keeping.hint, other.hint) == (b"told", None)
    keeping.take_in_hand(None)
    assert (keeping.hint, other.hint) == (None, None)


# -- another storage -------------------------------------------------------------------------------------------------


def test_another_storage_may_be_set_at_any_time() -> None:
    """Then that is what others see, with its own lives; the first has its own when it is set again."""
    world = World(2)
    alice, bob = world.network(2)
    first, second = bob.protocol.storage, ForgetfulStorage(clock=lambda: world.now)
    stranger = Stranger(world, ("192.0.2.1", 8468), honest(b"i" * 20))
    assert world.finish(alice.protocol.call_store(bob.node, KEY, "first")) == (True, True)
    before = bob.protocol.keeping.life_of(KEY)
    bob.protocol.storage = second
    assert bob.protocol.storage is second
    stranger.send(request("find_value", b"i" * 20, KEY), bob)
    world.run(1)
    assert isinstance(stranger.answers[(1).to_bytes(20, "big")], list)
    assert world.finish(alice.protocol.call_store(bob.node, KEY, "second")) == (True, True)
    assert (first.get(KEY), second.get(KEY)) == ("first", "second")
    assert bob.protocol.keeping.life_of(KEY) != before
    bob.protocol.storage = first
    assert bob.protocol.keeping.life_of(KEY) == before
    assert bob.protocol.keeping.get(KEY) == "first"


# -- bounds ----------------------------------------------------------------------------------------------------------


class Forgetting(ForgetfulStorage):
    """One that a program made its own, and that so counts as a program's."""

    def get(self, key: bytes, default: Any = None) -> Any:
        return super().get(key, default)


@pytest.mark.parametrize("kind", [Drawer, ForgetfulStorage, Forgetting])
def test_lives_of_what_is_gone_are_forgotten(kind: type[IStorage]) -> None:
    """A program may empty its storage without a word; a life takes 84 bytes, and keys do not end."""
    storage: Any = kind()
    inside = storage.values if kind is Drawer else storage.data
    _, _, keeping = alone(storage)
    lives = keeping.shelf._lives if isinstance(keeping.shelf, Beside) else storage.lives  # what takes the memory
    for number in range(4 * PRUNED_FROM):
        assert keeping.put(digest(number), number, keeping.new_life())
        inside.pop(digest(number - 10), None)
        assert len(lives) <= 2 * PRUNED_FROM
    assert [keeping.get(digest(4 * PRUNED_FROM - back)) for back in (1, 10, 11)] == [
        4 * PRUNED_FROM - 1,
        4 * PRUNED_FROM - 10,
        None,
    ]


def test_looking_for_lives_to_forget_costs_what_there_is_once_in_so_many_stores() -> None:
    """With 100,000 values alive each store would else look at all of them."""
    looks = 0

    class Counting(Cupboard):
        def get(self, key: bytes, default: Any = None) -> Any:
            nonlocal looks
            looks += 1
            return super().get(key, default)

    _, _, keeping = alone(Counting())
    count = 16 * PRUNED_FROM
    for number in range(count):
        keeping.put(number.to_bytes(20, "big"), number, keeping.new_life())
    assert looks <= 3 * count


# -- one value -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [float("nan"), -0.0, float("inf"), True, b"", "", 0])
def test_a_value_is_the_same_as_itself(value: object) -> None:
    """Not a number is not equal to itself: it would be refused when it is replicated, and updated by old nodes."""
    world, _, keeping = alone()
    kept = Life(1000, world.now + 60)
    assert keeping.put(KEY, value, kept)
    assert keeping.put(KEY, value, Life(1000, world.now + 90))
    assert keeping.put(KEY, value)
    assert keeping.life_of(KEY) == kept
    assert keeping.told_of(KEY, value) is not None


@pytest.mark.parametrize(("one", "other"), [(1, True), (1, 1.0), ("a", b"a"), (0.0, -0.0), (0, False)])
def test_values_of_different_types_are_different_values(one: object, other: object) -> None:
    """A value comes back in the type it was set in."""
    world, _, keeping = alone()
    keeping.put(KEY, one, Life(1000, world.now + 60))
    assert keeping.told_of(KEY, other) is None
    assert keeping.put(KEY, other)
    assert repr(keeping.get(KEY)) == repr(other)
    assert keeping.life_of(KEY).ends_at == world.now + limits.LIFE_S


def test_keeping_what_is_kept_makes_its_next_turn_an_hour_away() -> None:
    """Rule R26: a store by another holder counts as our own republishing, though the life stays what it was."""
    world, node, keeping = alone()
    keeping.put(KEY, "value", keeping.new_life())
    world.run(limits.REFRESH_S)
    node.protocol.look_at_clock()
    assert list(keeping.due(limits.REFRESH_S)) == [KEY]
    assert keeping.put(KEY, "value", keeping.life_of(KEY))
    assert list(keeping.due(limits.REFRESH_S)) == []
    world.run(limits.REFRESH_S)
    assert list(keeping.due(limits.REFRESH_S)) == [KEY]
    keeping.touch(KEY)
    assert list(keeping.due(limits.REFRESH_S)) == []
    assert not keeping.put(KEY, "older", Life(1, world.now + 60))
    assert keeping.life_of(KEY).ends_at == limits.LIFE_S


def test_what_a_program_puts_into_the_storage_itself_has_not_the_life_of_what_was_there() -> None:
    """Programs write to `server.storage`; their value was dropped when the life of the one before was over."""
    world = World(1)
    node = world.add().protocol
    assert node.keeping.put(KEY, "before", node.keeping.new_life(10))
    node.storage[KEY] = "a program's"
    world.run(60)
    node.look_at_clock()
    assert node.keeping.get(KEY) == "a program's"
    assert node.keeping.life_of(KEY).stamp == 0
