"""`get_many` and `set_many` as asyncio programs use them, on nodes of loopback."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
from tests.compat_2x.nodes import LOCALHOST, network
from tests.documented_api.program_runner import run_code

from kademlia.network import Server
from kademlia.utils import digest

#: So many that no batch of them ends before a test has left it.
MANY = {f"key {number}": number for number in range(3000)}

EVERY_KEY: dict[Any, Any] = {
    "text": "text",
    "grün": "grün",
    "": "empty",
    b"bytes": b"bytes",
    b"\x00\xff": b"\x00\xff",
    5: 5,
    -(2**80): "a large number",
    1.5: 1.5,
    None: "nothing",
    True: True,
    ("a", 1): "a tuple",
    frozenset({1}): "a frozenset",
}


@pytest.fixture
async def servers() -> AsyncIterator[list[Server]]:
    """Return five nodes that know each other; each value is kept by three of them."""
    async with network(5, ksize=3) as servers:
        yield servers


def kept(servers: list[Server]) -> int:
    """Return how many values all the nodes keep."""
    return sum(len(dict(server.storage)) for server in servers)


async def settled(server: Server) -> None:
    """Let everything end that is under way; these operations take a few turns of the loop each."""
    for number in range(20):
        assert await server.get(f"nobody's {number}") is None
    assert server.stats().in_flight == 0


# -- what they return ------------------------------------------------------------------------------------------------


async def test_awaited_they_are_dicts(servers: list[Server]) -> None:
    values = {f"key {number}": number for number in range(100)}
    assert await servers[1].set_many(values) == dict.fromkeys(values, True)
    found = await servers[3].get_many(values)
    assert type(found) is dict
    assert found == values


async def test_pairs_may_be_an_iterable_and_keys_any_iterable(servers: list[Server]) -> None:
    pairs = [(f"key {number}", number) for number in range(20)]
    assert await servers[0].set_many(iter(pairs)) == {key: True for key, _ in pairs}
    for keys in ([key for key, _ in pairs], iter(dict(pairs)), {key for key, _ in pairs}, tuple(dict(pairs))):
        assert await servers[2].get_many(keys) == dict(pairs)


async def test_the_last_of_several_values_for_a_key_counts(servers: list[Server]) -> None:
    assert await servers[0].set_many([("a key", 1), ("another", 2), ("a key", 3)]) == {"a key": True, "another": True}
    assert await servers[1].get_many(["a key", "another", "a key"]) == {"a key": 3, "another": 2}


async def test_keys_are_of_any_kind_and_come_back_as_they_are(servers: list[Server]) -> None:
    assert await servers[0].set_many(EVERY_KEY) == dict.fromkeys(EVERY_KEY, True)
    found = await servers[4].get_many(EVERY_KEY)
    assert found == EVERY_KEY
    assert {type(key) for key in found} == {type(key) for key in EVERY_KEY}
    for key, value in EVERY_KEY.items():
        assert await servers[2].get(key) == value


@pytest.mark.parametrize("value", [5, -(2**63), 2**64 - 1, 1.5, True, False, "grün", "", b"\x00\xff", b"v" * 8137])
async def test_values_come_back_as_they_were_set(servers: list[Server], value: object) -> None:
    """False, 0 and "" are values, and not what is missing."""
    assert await servers[0].set_many({"a key": value}) == {"a key": True}
    found = (await servers[1].get_many(["a key"]))["a key"]
    assert (type(found), found) == (type(value), value)


async def test_keys_that_nobody_has_are_none(servers: list[Server]) -> None:
    await servers[0].set("a key", "a value")
    assert await servers[1].get_many(["nobody's", "a key"]) == {"nobody's": None, "a key": "a value"}


async def test_none_at_all_are_an_empty_dict(servers: list[Server]) -> None:
    assert await servers[0].get_many([]) == {}
    assert await servers[0].set_many({}) == {}
    assert [pair async for pair in servers[0].get_many([])] == []


async def test_they_work_together_with_what_waits_for_several(servers: list[Server]) -> None:
    values = {f"key {number}": number for number in range(50)}
    others = {f"other {number}": number for number in range(50)}
    stored = await asyncio.gather(servers[0].set_many(values), servers[1].set_many(others))
    assert all(all(each.values()) for each in stored)
    found = await asyncio.wait_for(servers[2].get_many({**values, **others}), 60)
    assert found == {**values, **others}


async def test_they_start_without_being_awaited(servers: list[Server]) -> None:
    """And nothing complains about what was never awaited."""
    values = {f"key {number}": number for number in range(30)}
    done = []
    servers[0].set_many(values, lambda key, stored: done.append(key))
    while len(done) < len(values):
        await servers[1].get("nobody's")
    assert await servers[2].get_many(values) == values


# -- as they come ----------------------------------------------------------------------------------------------------


async def test_results_are_gone_through_as_they_come(servers: list[Server]) -> None:
    values = {f"key {number}": number for number in range(100)}
    assert {key: stored async for key, stored in servers[0].set_many(values)} == dict.fromkeys(values, True)
    assert {key: value async for key, value in servers[1].get_many(values)} == values


async def test_on_result_is_told_each_once_and_in_the_order_of_the_dict(servers: list[Server]) -> None:
    values = {f"key {number}": number for number in range(100)}
    told: list[tuple[Any, Any]] = []
    stored = await servers[0].set_many(values, on_result=lambda key, done: told.append((key, done)))
    assert told == list(stored.items())
    told.clear()
    pairs = [pair async for pair in servers[1].get_many(values, lambda key, value: told.append((key, value)))]
    assert told == pairs
    assert dict(pairs) == values


async def test_an_on_result_that_raises_is_in_the_log_and_the_rest_goes_on(
    servers: list[Server], caplog: pytest.LogCaptureFixture
) -> None:
    def failing(key: str, stored: bool) -> None:
        raise ZeroDivisionError(key)

    with caplog.at_level(logging.WARNING, logger="kademlia"):
        assert await servers[0].set_many({"one": 1, "two": 2}, failing) == {"one": True, "two": True}
    assert caplog.text.count("on_result raised ZeroDivisionError") == 2


async def test_the_own_values_are_there_at_once(servers: list[Server]) -> None:
    """Ten thousand of them neither overflow the stack nor ask anybody."""
    values = {number: number for number in range(10_000)}
    for key, value in values.items():
        servers[0].storage[digest(key)] = value
    asked = servers[0].stats().asked
    assert await servers[0].get_many(values) == values
    assert {key: value async for key, value in servers[0].get_many(values)} == values
    assert servers[0].stats().asked == asked


async def test_results_can_be_looked_at_again(servers: list[Server]) -> None:
    values = {f"key {number}": number for number in range(30)}
    storing = servers[0].set_many(values)
    stored = dict.fromkeys(values, True)
    assert await storing == stored
    assert await storing == stored
    assert {key: done async for key, done in storing} == stored
    finding = servers[1].get_many(values)
    assert {key: value async for key, value in finding} == values
    assert {key: value async for key, value in finding} == values
    assert await finding == values


async def test_who_comes_later_goes_through_all_of_them_too(servers: list[Server]) -> None:
    values = {f"key {number}": number for number in range(100)}
    await servers[0].set_many(values)
    finding = servers[1].get_many(values)
    seen = {}
    async for key, value in finding:
        seen[key] = value
        if len(seen) == 50:
            assert {key: value async for key, value in finding} == values
    assert seen == values


# -- giving up -------------------------------------------------------------------------------------------------------


async def is_over(servers: list[Server]) -> None:
    """Check that a batch of `MANY` was given up: what was under way ends, and nothing more begins."""
    await settled(servers[0])
    before = kept(servers)
    assert before < len(MANY)
    await settled(servers[0])
    assert kept(servers) == before
    assert len(asyncio.all_tasks()) == 1


async def test_leaving_the_loop_ends_the_batch(servers: list[Server]) -> None:
    async for _ in servers[0].set_many(MANY):
        break
    await is_over(servers)


async def test_closing_the_loop_ends_the_batch(servers: list[Server]) -> None:
    async with aclosing(aiter(servers[0].set_many(MANY))) as storing:
        await anext(storing)
    await is_over(servers)


async def test_an_exception_in_the_loop_ends_the_batch(servers: list[Server]) -> None:
    with pytest.raises(ZeroDivisionError):
        await raising(servers[0])
    await is_over(servers)


async def raising(server: Server) -> None:
    """Go through results, and fail at the first."""
    async for _ in server.set_many(MANY):
        raise ZeroDivisionError


@pytest.mark.parametrize("way", ["await", "async for"])
async def test_cancelling_who_waits_ends_the_batch(servers: list[Server], way: str) -> None:
    begun = asyncio.Event()

    async def waiting() -> None:
        storing = servers[0].set_many(MANY, lambda _key, _stored: begun.set())
        if way == "await":
            await storing
        else:
            async for _ in storing:
                pass

    task = asyncio.ensure_future(waiting())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await is_over(servers)


async def test_a_time_out_of_who_waits_ends_the_batch(servers: list[Server]) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(servers[0].set_many(MANY), 0.01)
    await is_over(servers)


async def test_a_batch_that_was_left_has_what_there_was(servers: list[Server]) -> None:
    """Awaiting it then waits for nothing more."""
    storing = servers[0].set_many(MANY)
    async with aclosing(aiter(storing)) as loop:
        first = await anext(loop)
    left = await storing
    assert first[0] in left
    assert len(left) < len(MANY)
    await settled(servers[0])


PROGRAM = """
import asyncio
from kademlia import Server

async def main():
    nodes = [Server(ksize=3) for _ in range(3)]
    for node in nodes:
        await node.listen(0, "127.0.0.1")
    await nodes[1].bootstrap([nodes[0].address])
    await nodes[2].bootstrap([nodes[0].address])
    many = {number: number for number in range(3000)}
    LEAVE
    for node in nodes:
        node.stop()

asyncio.run(main(), debug=DEBUG)
print("ended")
"""


@pytest.mark.processes
@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize(
    "leave",
    [
        "async for _ in nodes[0].set_many(many): break",
        "nodes[0].set_many(many)",
        "waiting = asyncio.ensure_future(nodes[0].set_many(many))",
        "task = asyncio.ensure_future(nodes[0].set_many(many)); await nodes[1].get(1); task.cancel()",
        "results = aiter(nodes[0].set_many(many)); await anext(results)",
    ],
)
def test_a_program_that_ends_in_the_middle_leaves_nothing_to_complain_about(leave: str, debug: bool) -> None:
    """Neither of what was never awaited, nor of tasks that are pending or were destroyed."""
    assert run_code(PROGRAM.replace("LEAVE", leave).replace("DEBUG", str(debug))) == "ended\n"


# -- wrong arguments -------------------------------------------------------------------------------------------------


class Text(str):
    """A subclass of one of the types of values."""

    __slots__ = ()


@pytest.mark.parametrize("place", [0, 20, 39])
@pytest.mark.parametrize("value", [None, (1,), {1}, object(), 1j, bytearray(b"v"), Text("v")])
async def test_a_value_of_another_type_is_refused_at_the_call(servers: list[Server], value: object, place: int) -> None:
    values: dict[str, object] = {f"key {number}": number for number in range(40)}
    values[f"key {place}"] = value
    with pytest.raises(TypeError, match="int, float, bool, str or bytes"):
        servers[0].set_many(values)
    await settled(servers[0])
    assert kept(servers) == 0


@pytest.mark.parametrize("place", [0, 7, 20, 39])
@pytest.mark.parametrize("value", [b"v" * 8138, "v" * 8138, "ü" * 4069, 2**64, -(2**63) - 1])
async def test_a_value_that_does_not_fit_is_refused_at_the_call(
    servers: list[Server], value: object, place: int
) -> None:
    """As documented: then none is stored, wherever it stands among the others."""
    values: dict[str, object] = {f"key {number}": number for number in range(40)}
    values[f"key {place}"] = value
    with pytest.raises(ValueError, match=r"8192|64 bits"):
        servers[0].set_many(values)
    await settled(servers[0])
    assert kept(servers) == 0


async def test_a_key_that_is_not_hashable_is_refused_at_the_call(servers: list[Server]) -> None:
    with pytest.raises(TypeError, match="unhashable"):
        servers[0].get_many(["a key", ["a list"]])
    with pytest.raises(TypeError, match="unhashable"):
        servers[0].set_many([("a key", 1), (["a list"], 2)])
    with pytest.raises(UnicodeEncodeError):
        servers[0].set_many({"a key": 1, "\ud800": 2})
    await settled(servers[0])
    assert kept(servers) == 0


@pytest.mark.parametrize("pairs", [5, ["a key"], [("a key", 1, 2)], None])
async def test_what_is_no_pairs_is_refused_at_the_call(servers: list[Server], pairs: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        servers[0].set_many(pairs)
    await settled(servers[0])
    assert kept(servers) == 0


async def test_before_listening_and_after_stopping_it_says_so() -> None:
    server = Server()
    with pytest.raises(RuntimeError, match="listen"):
        server.get_many(["a key"])
    with pytest.raises(RuntimeError, match="listen"):
        server.set_many({"a key": 1})
    await server.listen(0, LOCALHOST)
    server.stop()
    with pytest.raises(RuntimeError, match="stopped"):
        server.get_many(["a key"])
    with pytest.raises(RuntimeError, match="stopped"):
        server.set_many({"a key": 1})


# -- without others --------------------------------------------------------------------------------------------------


async def test_without_neighbors_all_are_kept_here_and_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    async with network(1) as [server]:
        with caplog.at_level(logging.WARNING, logger="kademlia"):
            assert await server.set_many(MANY) == dict.fromkeys(MANY, False)
        assert await server.get_many(MANY) == MANY
        assert len(caplog.records) == 1
        assert "no known neighbours" in caplog.text


@pytest.mark.parametrize("way", ["await", "async for"])
async def test_stopping_the_node_ends_its_batches_with_a_result_for_every_key(servers: list[Server], way: str) -> None:
    """As `get` and `set` end then: None, and False but for what was accepted before."""
    few = {key: MANY[key] for key in list(MANY)[:1000]}
    told: list[Any] = []
    storing = servers[0].set_many(few, lambda key, _stored: told.append(key))
    finding = servers[1].get_many(few)
    while not told:
        await servers[2].get("nobody's")
    servers[0].stop()
    servers[1].stop()
    if way == "await":
        stored, found = await storing, await finding
    else:
        stored = {key: done async for key, done in storing}
        found = {key: value async for key, value in finding}
    assert set(stored) == set(found) == set(few)
    assert set(stored.values()) == {True, False}
    assert all(value in (None, few[key]) for key, value in found.items())
    assert sorted(told) == sorted(few)
