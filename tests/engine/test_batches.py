"""Many values as one operation: where they end up, what it costs, and how it ends, on a virtual clock."""

from __future__ import annotations

import random
from collections.abc import Hashable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.batches import closest, finds_of_one_lookup, finish, get_many, holders, network, set_many

from kademlia.engine import limits
from kademlia.engine.batch import Batch
from kademlia.engine.operation import Operation, finished
from kademlia.node import Node
from kademlia.sim import World
from kademlia.utils import digest

# -- on a network ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("size", "ksize", "count"), [(30, 4, 400), (120, 8, 800), (300, 20, 400)])
def test_every_value_is_kept_by_exactly_the_k_closest_and_found_by_anybody(size: int, ksize: int, count: int) -> None:
    """And finding the holders takes far less than a lookup for each value: neighbours share theirs."""
    world, residents = network(size, ksize)
    publisher, reader = residents[size // 2], residents[size // 3]
    single = finds_of_one_lookup(world, publisher)
    values: dict[Hashable, object] = {f"key {number}": number for number in range(count)}
    before = world.finds(publisher)
    assert finish(publisher, set_many(publisher, values)) == dict.fromkeys(values, True)
    assert (world.finds(publisher) - before) / count < single / 3
    assert {key for key in values if holders(residents, key) != closest(residents, key, ksize)} == set()

    before = world.finds(reader)
    assert finish(reader, get_many(reader, values)) == values
    assert (world.finds(reader) - before) / count <= reader.protocol.alpha
    absent = [f"nobody's {number}" for number in range(100)]
    before = world.finds(reader)
    assert finish(reader, get_many(reader, absent)) == dict.fromkeys(absent)
    assert (world.finds(reader) - before) / len(absent) <= single + reader.protocol.alpha
    assert [resident.reports for resident in (publisher, reader)] == [[], []]


def test_more_values_take_no_more_lookups() -> None:
    """On a network of n nodes about 2 n / k lookups tell all holders, however many values there are."""
    world, residents = network(30, 4)
    publisher = residents[15]
    single = finds_of_one_lookup(world, publisher)
    before = world.finds(publisher)
    finish(publisher, set_many(publisher, {f"key {number}": number for number in range(3000)}))
    lookups = (world.finds(publisher) - before) / single
    assert lookups <= 3 * (2 * 30 / 4) + 2 * limits.BATCH_AT_ONCE


def test_a_value_is_stored_again_under_the_same_key() -> None:
    _, residents = network(30, 4)
    keys = [f"key {number}" for number in range(50)]
    for value in ("old", "new"):
        finish(residents[3], set_many(residents[3], dict.fromkeys(keys, value)))
    assert finish(residents[20], get_many(residents[20], keys)) == dict.fromkeys(keys, "new")


@pytest.mark.slow
def test_a_holder_that_dies_meanwhile_is_replaced_by_the_next_closest() -> None:
    """What the batch knows of the network is a guess: where a holder is silent, a lookup finds who is there."""
    ksize, count = 8, 600
    world, residents = network(120, ksize)
    publisher = residents[60]
    begun: list[Hashable] = []
    begun_before: set[Hashable] = set()

    def died(key: Hashable, stored: bool) -> None:
        if len(begun) > count // 3 and not begun_before:
            begun_before.update(begun)
            for resident in residents[20:28]:
                resident.die()

    single = finds_of_one_lookup(world, publisher)
    before = world.finds(publisher)
    values: dict[Hashable, object] = {f"key {number}": number for number in range(count)}
    assert finish(publisher, set_many(publisher, values, died, begun)) == dict.fromkeys(values, True)
    assert (world.finds(publisher) - before) / count < single
    later = set(values) - begun_before
    assert {key for key in later if holders(residents, key) != closest(residents, key, ksize)} == set()
    assert finish(residents[90], get_many(residents[90], values)) == values


@pytest.mark.parametrize("heard", [True, False])
def test_a_node_that_came_meanwhile_keeps_its_share(heard: bool) -> None:
    """What was known of the network is forgotten when somebody new shows up, or after a minute."""
    world, residents = network(30, 4)
    publisher = residents[15]
    values: dict[Hashable, object] = {f"key {number}": number for number in range(200)}
    finish(publisher, set_many(publisher, values))
    newcomer = world.add(ksize=4)
    world.finish(newcomer.protocol.join([residents[0].address]))
    if heard:
        world.finish(newcomer.protocol.call_ping(publisher.node))
        world.run(5)
    else:
        world.run(limits.SURVEY_S)
    again = {f"again {number}": number for number in range(200)}
    finish(publisher, set_many(publisher, again))
    residents.append(newcomer)
    assert {key for key in again if holders(residents, key) != closest(residents, key, 4)} == set()


def test_a_node_alone_keeps_all_and_says_that_nobody_else_does() -> None:
    world = World(1)
    alone = world.add()
    values: dict[Hashable, object] = {number: number for number in range(2000)}
    assert finish(alone, set_many(alone, values)) == dict.fromkeys(values, False)
    assert finish(alone, get_many(alone, values)) == values
    assert finish(alone, get_many(alone, ["nobody's"])) == {"nobody's": None}


def test_a_network_that_loses_datagrams_still_keeps_every_value() -> None:
    world = World(3, loss=0.05)
    residents = world.network(30, ksize=8)
    world.run(60)
    values: dict[Hashable, object] = {f"key {number}": number for number in range(300)}
    assert finish(residents[7], set_many(residents[7], values)) == dict.fromkeys(values, True)
    assert finish(residents[20], get_many(residents[20], values)) == values


@pytest.mark.parametrize("begin", [set_many, get_many])
def test_stopping_the_node_ends_its_batches_with_a_result_for_every_key(begin: object) -> None:
    """As if all others were dead: at once, and without another request for each key that was not begun."""
    world, residents = network(30, 4)
    node = residents[10]
    keys = {f"key {number}": number for number in range(1000)}
    batch = set_many(node, keys) if begin is set_many else get_many(node, keys)
    operation = node.protocol.results(batch)
    world.run(0.1)
    assert not operation.done
    begun = set(batch.results)
    kept = len(dict(node.protocol.storage))
    node.protocol.stop()
    assert operation.done
    assert set(operation.value) == set(keys)
    assert {operation.value[key] for key in set(keys) - begun} <= {None, False, True}
    assert len(dict(node.protocol.storage)) == kept
    assert node.protocol.take_outbox() == []
    assert node.protocol.calls.in_flight == 0


@pytest.mark.parametrize("begin", [set_many, get_many])
def test_stopping_the_node_costs_little_for_a_key_that_was_not_begun(begin: object) -> None:
    """A batch of 10,000 keys must not hold up the loop for seconds when its node is stopped."""
    world, residents = network(30, 4)
    node = residents[10]
    keys = {f"key {number}": number for number in range(1000)}
    batch = set_many(node, keys) if begin is set_many else get_many(node, keys)
    node.protocol.results(batch)
    world.run(0.1)
    drawn = 0
    source = node.protocol.chance._source

    def counted(count: int) -> bytes:
        nonlocal drawn
        drawn += count
        return source(count)

    node.protocol.chance._source = counted
    asked: list[Node] = []
    request = node.protocol.asking.request
    node.protocol.asking.request = lambda method, body, peer, asker, **how: (  # type: ignore[method-assign]
        asked.append(peer),
        request(method, body, peer, asker, **how),
    )
    node.protocol.stop()
    assert len(asked) <= limits.REQUESTS_IN_FLIGHT_MAX
    assert drawn == 0


# -- a batch by itself -----------------------------------------------------------------------------------------------


class Bench:
    """A batch whose operations end when the test says so."""

    def __init__(self, count: int, at_once: set[int] | None = None, **arguments: object) -> None:
        self.begun: list[int] = []
        self.open: dict[int, Operation[int]] = {}
        self.most = 0
        self.reports: list[str] = []
        self.at_once = at_once or set()
        items = [(number, Node(digest(number)), lambda number=number: self.begin(number)) for number in range(count)]
        self.batch: Batch[int] = Batch(items, self.reports.append, **arguments)  # type: ignore[arg-type]

    def begin(self, number: int) -> Operation[int]:
        self.begun.append(number)
        if number in self.at_once:
            return finished(-number)
        self.open[number] = Operation()
        self.most = max(self.most, len(self.open))
        return self.open[number]

    def end(self, number: int) -> None:
        self.open.pop(number).finish(-number)


@given(st.integers(0, 200), st.sets(st.integers(0, 199)), st.randoms(use_true_random=False))
def test_at_most_16_are_under_way_and_all_are_done_once(count: int, at_once: set[int], chance: random.Random) -> None:
    """In whatever order they end, and however many end at once."""
    told: list[tuple[Hashable, int]] = []
    bench = Bench(count, at_once, on_result=lambda key, result: told.append((key, result)))
    operation = bench.batch.start()
    while bench.open:
        assert not operation.done
        bench.end(chance.choice(sorted(bench.open)))
    assert operation.done
    assert operation.value == {number: -number for number in range(count)}
    assert sorted(bench.begun) == list(range(count))
    assert sorted(told) == sorted(operation.value.items())
    assert told == list(operation.value.items())
    assert bench.most <= limits.BATCH_AT_ONCE


def test_what_ends_at_once_does_not_pile_up_on_the_stack() -> None:
    """Values in the own store, by the thousand; each would else be a few frames deeper than the one before."""
    bench = Bench(10_000, set(range(10_000)))
    assert len(bench.batch.start().value) == 10_000


def test_what_ends_at_once_after_one_that_took_its_time_does_not_either() -> None:
    bench = Bench(10_000, set(range(10_000)))
    first = [number for number, _ in sorted(enumerate(map(digest, range(10_000))), key=lambda pair: pair[1])[:1]]
    bench.at_once -= set(first)
    operation = bench.batch.start()
    assert not operation.done
    bench.end(*first)
    assert len(operation.value) == 10_000


def test_one_lane_that_waits_does_not_hold_up_the_others() -> None:
    bench = Bench(160)
    operation = bench.batch.start()
    [waiting, *_] = bench.open
    while len(bench.open) > 1:
        bench.end(next(number for number in bench.open if number != waiting))
    assert len(bench.begun) >= 160 - 160 // limits.BATCH_AT_ONCE
    assert not operation.done


def test_ten_thousand_values_of_the_own_store_are_found_at_once() -> None:
    world, residents = network(5, 4)
    node = residents[0]
    values: dict[Hashable, object] = {number: number for number in range(10_000)}
    for key, value in values.items():
        node.protocol.storage[digest(key)] = value
    before = world.finds(node)
    assert node.protocol.results(get_many(node, values)).value == values
    assert world.finds(node) == before


def test_an_on_result_that_raises_is_reported_and_the_rest_goes_on() -> None:
    def failing(key: Hashable, result: int) -> None:
        if key in (3, 40):
            raise ZeroDivisionError(f"a program's own fault at {key}")

    bench = Bench(50, set(range(0, 50, 2)), on_result=failing)
    operation = bench.batch.start()
    while bench.open:
        bench.end(next(iter(bench.open)))
    assert len(operation.value) == 50
    assert sorted(bench.reports) == [
        "on_result raised ZeroDivisionError: a program's own fault at 3",
        "on_result raised ZeroDivisionError: a program's own fault at 40",
    ]


def test_an_empty_batch_has_ended_already() -> None:
    bench = Bench(0)
    assert bench.batch.start().value == {}


def test_a_stopped_batch_begins_nothing_more_and_has_what_there_is() -> None:
    bench = Bench(200)
    operation = bench.batch.start()
    for number in list(bench.open)[:5]:
        bench.end(number)
    done = set(bench.batch.results)
    bench.batch.stop()
    begun = len(bench.begun)
    assert operation.done
    assert set(operation.value) == done
    for number in list(bench.open):
        bench.end(number)
    assert len(bench.begun) == begun
    bench.batch.stop()  # twice does no harm


def test_a_batch_that_its_own_listener_stops_begins_nothing_more() -> None:
    """A program that cancels in `on_result`, when it has seen enough."""

    def enough(key: Hashable, result: int) -> None:
        if len(bench.batch.results) == 7:
            bench.batch.stop()

    bench = Bench(1000, set(range(1000)), on_result=enough)
    operation = bench.batch.start()
    assert operation.done
    assert len(bench.begun) <= 7 + limits.BATCH_AT_ONCE
