"""The protocol of the 2.x releases: raw calls, and subclasses that override or add to it, between real nodes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from tests.compat_2x.nodes import LOCALHOST, address_of, network, protocol_of
from tests.hostile.strangers import Watched

from kademlia.network import Server
from kademlia.node import Node
from kademlia.protocol import KademliaProtocol
from kademlia.sim import World
from kademlia.utils import digest

KEY = digest("a key")


@asynccontextmanager
async def pair(protocol_class: type[KademliaProtocol] = KademliaProtocol) -> AsyncIterator[list[Server]]:
    """Two nodes that know each other, both with a program's own protocol."""
    server_class = type("OwnServer", (Server,), {"protocol_class": protocol_class})
    async with network(2, server_class=server_class) as servers:
        yield servers


class TestARawCall:
    """`protocol.name(address, ...)`, what rpcudp made of any attribute."""

    async def test_to_ping_gives_a_future_of_whether_and_what(self) -> None:
        async with pair() as [alice, bob]:
            call = protocol_of(alice).ping(address_of(bob), alice.node.id)
            assert asyncio.isfuture(call)
            assert await call == (True, bob.node.id)

    async def test_reaches_every_method_of_the_protocol(self) -> None:
        async with pair() as [alice, bob]:
            protocol, address, own_id = protocol_of(alice), address_of(bob), alice.node.id
            assert await protocol.stun(address) == (True, list(address_of(alice)))
            assert await protocol.find_node(address, own_id, KEY) == (True, [])
            assert await protocol.find_value(address, own_id, KEY) == (True, [])
            assert await protocol.store(address, own_id, KEY, "a value") == (True, True)
            assert await protocol.find_value(address, own_id, KEY) == (True, {"value": "a value"})

    async def test_is_sent_without_being_awaited(self) -> None:
        async with pair() as [alice, bob]:
            protocol_of(alice).store(address_of(bob), alice.node.id, KEY, "a value")
            await protocol_of(alice).ping(address_of(bob), alice.node.id)
            assert bob.storage.get(KEY) == "a value"

    async def test_takes_a_host_name(self) -> None:
        async with pair() as [alice, bob]:
            address = ("localhost", address_of(bob)[1])
            assert await protocol_of(alice).ping(address, alice.node.id) == (True, bob.node.id)

    def test_that_nobody_answers_gives_false_and_none(self) -> None:
        world = World(seed=3)
        alice = world.add()
        call = protocol_of(alice).ping(("10.9.9.9", 8468), alice.node.id)
        assert world.finish(call) == (False, None)
        assert world.now == pytest.approx(5.0)

    async def test_of_more_than_8192_bytes_is_refused_at_the_call(self) -> None:
        async with pair() as [alice, bob]:
            with pytest.raises(ValueError, match="8192"):
                protocol_of(alice).store(address_of(bob), alice.node.id, KEY, b"v" * 8138)

    async def test_of_a_name_that_is_no_rpc_is_an_attribute_error(self) -> None:
        """Published releases made a datagram of every typing mistake, and of hasattr."""
        async with pair() as [alice, _]:
            assert not hasattr(alice.protocol, "pnig")
            with pytest.raises(AttributeError, match="pnig"):
                protocol_of(alice).pnig(("192.0.2.1", 8468))

    @pytest.mark.parametrize("address", [(LOCALHOST, 70000), (LOCALHOST, -1), (LOCALHOST, "9"), (None, None), "host"])
    async def test_to_what_is_no_address_is_refused_at_the_call(self, address: Any) -> None:
        """And begins nothing: what cannot be sent now cannot be sent a second time either."""
        async with pair() as [alice, _]:
            before = alice.stats().asked
            with pytest.raises((TypeError, ValueError), match="address"):
                protocol_of(alice).ping(address, alice.node.id)
            assert alice.stats().asked == before

    async def test_by_name_reaches_what_only_the_other_has(self) -> None:
        class Greeter(KademliaProtocol):
            def rpc_greet(self, sender: Any, name: str) -> str:
                return f"hello {name}"

        async with pair(Greeter) as [greeter, _], network(1) as [plain]:
            assert await protocol_of(plain).call(address_of(greeter), "greet", "bob") == (True, "hello bob")


class TestADocumentedCall:
    async def test_ends_with_whether_and_what(self) -> None:
        async with pair() as [alice, bob]:
            protocol, other, key = protocol_of(alice), Node(bob.node.id, *address_of(bob)), Node(KEY)
            assert await protocol.call_ping(other) == (True, bob.node.id)
            assert await protocol.call_find_node(other, key) == (True, [])
            assert await protocol.call_store(other, KEY, 5) == (True, True)
            assert await protocol.call_find_value(other, key) == (True, {"value": 5})

    async def test_of_a_node_without_an_address_is_refused_at_the_call(self) -> None:
        """`server.node` is one: it is easily mistaken for where the server listens."""
        async with pair() as [alice, bob]:
            before = alice.stats().asked
            with pytest.raises(TypeError, match="address"):
                protocol_of(alice).call_ping(bob.node)
            assert alice.stats().asked == before


class TestOwnRpcs:
    class Own(KademliaProtocol):
        def rpc_double(self, sender: Any, nodeid: bytes, number: int) -> int:
            return 2 * number

        async def rpc_double_later(self, sender: Any, nodeid: bytes, number: int) -> int:
            await asyncio.sleep(0)
            return 2 * number

        def rpc_double_in_future(self, sender: Any, nodeid: bytes, number: int) -> asyncio.Future[int]:
            future = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_soon(future.set_result, 2 * number)
            return future

        def rpc_echo(self, sender: Any, *things: Any) -> Any:
            return list(things)

        def rpc_whoami(self, sender: Any) -> Any:
            return sender

        def rpc_fail(self, sender: Any) -> None:
            raise ZeroDivisionError

        async def rpc_fail_later(self, sender: Any) -> None:
            raise ZeroDivisionError

        def rpc_unsayable(self, sender: Any) -> object:
            return object()

    @pytest.mark.parametrize("name", ["double", "double_later", "double_in_future"])
    async def test_answer_now_or_later(self, name: str) -> None:
        async with pair(self.Own) as [alice, bob]:
            call = getattr(protocol_of(alice), name)
            assert await call(address_of(bob), alice.node.id, 21) == (True, 42)

    @pytest.mark.parametrize("thing", [None, True, 5, 1.5, "text", b"bytes", [], [[1, "a"], {"b": None}], {"a": {}}])
    async def test_carry_whatever_msgpack_carries(self, thing: object) -> None:
        async with pair(self.Own) as [alice, bob]:
            assert await protocol_of(alice).echo(address_of(bob), thing, 1) == (True, [thing, 1])

    async def test_are_told_who_asks(self) -> None:
        async with pair(self.Own) as [alice, bob]:
            assert await protocol_of(alice).whoami(address_of(bob)) == (True, list(address_of(alice)))

    @pytest.mark.parametrize("name", ["fail", "fail_later", "unsayable"])
    async def test_that_fail_cost_their_caller_the_answer_and_nobody_else_anything(self, name: str) -> None:
        async with pair(self.Own) as [alice, bob]:
            failed = getattr(protocol_of(alice), name)(address_of(bob))
            assert await protocol_of(alice).double_later(address_of(bob), alice.node.id, 21) == (True, 42)
            assert not failed.done()
            assert bob.stats().rpc_errors == 1
            assert bob.stats().internal_errors == 0
            alice.stop()
            assert await failed == (False, None)

    async def test_may_be_named_like_anything(self) -> None:
        """Programs of 2.x know nothing of the methods that our protocol has and theirs had not."""
        names = ["send", "join", "publish", "fetch", "lookup", "keep", "report", "resolve", "stats", "start"]
        own = type("Own", (KademliaProtocol,), {f"rpc_{name}": lambda self, sender: "mine" for name in names})
        async with pair(own) as [alice, bob]:
            for name in names:
                assert await getattr(protocol_of(alice), name)(address_of(bob)) == (True, "mine"), name


def test_a_helper_named_like_a_part_of_the_node_is_refused_when_its_class_is_made() -> None:
    """Programs of 2.x know nothing of our names; a `publish` of theirs must not silently replace the node's."""
    with pytest.raises(TypeError, match=r"Own\.publish would replace a part of the node: choose another name"):
        type("Own", (KademliaProtocol,), {"publish": lambda self: None})


class TestAnOverriddenAnswer:
    """An `rpc_*` method of a subclass answers in place of ours, in the node's own operations too."""

    async def test_to_find_value_is_the_one_given(self) -> None:
        class Oracle(KademliaProtocol):
            def rpc_find_value(self, sender: Any, nodeid: bytes, key: bytes) -> Any:
                return {"value": 42}

        async with pair(Oracle) as [alice, _]:
            assert await alice.get("a key that nobody set") == 42

    async def test_may_be_awaited(self) -> None:
        class SlowOracle(KademliaProtocol):
            async def rpc_find_value(self, sender: Any, nodeid: bytes, key: bytes) -> Any:
                await asyncio.sleep(0)
                return {"value": 42}

            async def rpc_store(self, sender: Any, nodeid: bytes, key: bytes, value: Any) -> Any:
                await asyncio.sleep(0)
                self.storage[key] = value
                return True

        async with pair(SlowOracle) as [alice, bob]:
            assert await alice.get("a key that nobody set") == 42
            assert await alice.set("a key", "a value") is True
            assert bob.storage.get(KEY) == "a value"

    async def test_may_lead_back_to_ours(self) -> None:
        """Decide first, then `super()`: the way to say who may write what."""

        class Picky(KademliaProtocol):
            def rpc_store(self, sender: Any, nodeid: bytes, key: bytes, value: Any) -> Any:
                return value != "bad" and super().rpc_store(sender, nodeid, key, value)

            def rpc_ping(self, sender: Any, nodeid: bytes) -> Any:
                return super().rpc_ping(sender, nodeid)

            def rpc_find_node(self, sender: Any, nodeid: bytes, key: bytes) -> Any:
                return super().rpc_find_node(sender, nodeid, key)

            def rpc_stun(self, sender: Any) -> Any:
                return super().rpc_stun(sender)

        async with pair(Picky) as [alice, bob]:
            assert await alice.set("a key", "good") is True
            assert await alice.set("a key", "bad") is False
            assert bob.storage.get(KEY) == "good"
            assert await alice.inet_visible_ip() == [LOCALHOST]

    async def test_with_welcoming_as_in_2x_works(self) -> None:
        """2.x bodies make a Node of the sender and welcome it themselves."""

        class AsIn2x(KademliaProtocol):
            def rpc_find_value(self, sender: Any, nodeid: bytes, key: bytes) -> Any:
                source = Node(nodeid, sender[0], sender[1])
                self.welcome_if_new(source)
                value = self.storage.get(key, None)
                if value is None:
                    return self.rpc_find_node(sender, nodeid, key)
                return {"value": value}

        async with pair(AsIn2x) as [alice, bob]:
            bob.storage[KEY] = "a value"
            assert await alice.get("a key") == "a value"

    def test_with_welcoming_as_in_2x_gives_a_forged_sender_nothing(self) -> None:
        """What 2.x wrote in every `rpc_*` body must not undo that only proved addresses are told anything."""

        class AsIn2x(KademliaProtocol):
            def rpc_ping(self, sender: Any, nodeid: bytes) -> Any:
                self.welcome_if_new(Node(nodeid, sender[0], sender[1]))
                return self.source_node.id

        world = Watched(seed=4)
        alice = world.add(protocol_class=AsIn2x)
        alice.protocol.storage[KEY] = "v" * 7000
        ping = bytes(21) + msgspec.msgpack.encode(["ping", [b"x" * 20]])
        alice.arrived(ping, ("10.6.6.6", 8468))
        world.run(10)
        assert not alice.protocol.router.contacts()
        assert world.traffic[alice.address, ("10.6.6.6", 8468)] <= len(ping)


def asked_as_in_2x(remote: str) -> Callable[..., Awaitable[Any]]:
    """Return a `call_find_*` method written as in 2.x: a raw call, then `handle_call_response`."""

    async def call(self: Any, node_to_ask: Node, node_to_find: Node) -> Any:
        self.asked.append(node_to_ask.id)
        address = (node_to_ask.ip, node_to_ask.port)
        result = await getattr(self, remote)(address, self.source_node.id, node_to_find.id)
        return self.handle_call_response(result, node_to_ask)

    return call


class Recording(KademliaProtocol):
    """Notes what its methods are called for."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.asked: list[Any] = []
        self.noted: list[Any] = []


class TestAnOverriddenCall:
    """The node's own operations go through a `call_*` method of a subclass, in either spelling."""

    @pytest.mark.parametrize("spelling", ["call_find_node", "callFindNode"])
    async def test_to_find_node_is_how_set_and_bootstrap_look(self, spelling: str) -> None:
        own = type("Own", (Recording,), {spelling: asked_as_in_2x("find_node")})
        async with pair(own) as [alice, bob]:
            assert protocol_of(bob).asked == [alice.node.id]
            assert await alice.set("a key", "a value") is True
            assert protocol_of(alice).asked == [bob.node.id]

    @pytest.mark.parametrize("spelling", ["call_find_value", "callFindValue"])
    async def test_to_find_value_is_how_get_looks(self, spelling: str) -> None:
        own = type("Own", (Recording,), {spelling: asked_as_in_2x("find_value")})
        async with pair(own) as [alice, bob]:
            bob.storage[KEY] = "a value"
            assert await alice.get("a key") == "a value"
            assert protocol_of(alice).asked == [bob.node.id]

    @pytest.mark.parametrize("spelling", ["call_store", "callStore"])
    async def test_to_store_is_how_set_stores(self, spelling: str) -> None:
        async def call_store(self: Any, node_to_ask: Node, key: bytes, value: Any) -> Any:
            self.asked.append(node_to_ask.id)
            address = (node_to_ask.ip, node_to_ask.port)
            result = await self.store(address, self.source_node.id, key, value)
            return self.handle_call_response(result, node_to_ask)

        async with pair(type("Own", (Recording,), {spelling: call_store})) as [alice, bob]:
            assert await alice.set("a key", "a value") is True
            assert protocol_of(alice).asked == [bob.node.id]
            assert bob.storage.get(KEY) == "a value"

    @pytest.mark.parametrize("spelling", ["call_ping", "callPing"])
    def test_to_ping_is_how_the_oldest_contact_is_asked(self, spelling: str) -> None:
        """The one ping of its own that 2.x sent by `call_ping`: before a full bucket's newcomer takes its place."""

        def call_ping(self: Any, node_to_ask: Node) -> Any:
            self.asked.append(node_to_ask.id)
            return KademliaProtocol.call_ping(self, node_to_ask)

        world = World(seed=5)
        own: Any = type("Own", (Recording,), {spelling: call_ping})
        residents = [world.add(ksize=2, protocol_class=own) for _ in range(40)]
        for resident in residents[1:]:
            world.finish(resident.protocol.join([residents[0].address]))
        world.run(4000)
        assert any(protocol_of(resident).asked for resident in residents)

    async def test_may_lead_back_to_ours(self) -> None:
        class Own(Recording):
            async def call_find_node(self, node_to_ask: Node, node_to_find: Node) -> Any:
                self.asked.append(node_to_ask.id)
                return await super().call_find_node(node_to_ask, node_to_find)

        async with pair(Own) as [alice, bob]:
            assert await alice.set("a key", "a value") is True
            assert protocol_of(alice).asked == [bob.node.id]

    async def test_that_raises_costs_that_answer_only(self) -> None:
        class Own(Recording):
            async def call_find_value(self, node_to_ask: Node, node_to_find: Node) -> Any:
                raise ZeroDivisionError

        async with pair(Own) as [alice, _]:
            assert await alice.get("a key") is None
            assert alice.stats().rpc_errors == 1
            assert alice.stats().internal_errors == 0


class TestAnOverriddenNotice:
    """Methods by which a node takes note of others; a subclass sees every one, in either spelling."""

    @pytest.mark.parametrize("spelling", ["handle_call_response", "handleCallResponse"])
    async def test_of_a_response_sees_what_every_call_brings(self, spelling: str) -> None:
        def note(self: Any, result: Any, node: Node) -> Any:
            self.noted.append((result[0], node.id))
            return KademliaProtocol.handle_call_response(self, result, node)

        async with pair(type("Own", (Recording,), {spelling: note})) as [alice, bob]:
            assert await alice.set("a key", "a value") is True
            assert await alice.get("another key") is None
            assert protocol_of(alice).noted.count((True, bob.node.id)) >= 3
            assert not {node_id for happened, node_id in protocol_of(alice).noted if not happened}

    @pytest.mark.parametrize("spelling", ["welcome_if_new", "welcomeIfNewNode"])
    async def test_of_a_newcomer_sees_it_once_and_decides(self, spelling: str) -> None:
        def note(self: Any, node: Node) -> Any:
            self.noted.append(node.id)
            return KademliaProtocol.welcome_if_new(self, node)

        async with pair(type("Own", (Recording,), {spelling: note})) as [alice, bob]:
            await alice.set("a key", "a value")
            assert protocol_of(alice).noted.count(bob.node.id) == 1
            assert len(protocol_of(alice).router) == 1

    @pytest.mark.parametrize("spelling", ["welcome_if_new", "welcomeIfNewNode"])
    async def test_of_a_newcomer_may_turn_it_away(self, spelling: str) -> None:
        own = type("Own", (Recording,), {spelling: lambda self, node: self.noted.append(node.id)})
        async with pair(own) as [alice, bob]:
            assert protocol_of(alice).noted
            assert len(protocol_of(alice).router) == len(protocol_of(bob).router) == 0

    @pytest.mark.parametrize("spelling", ["transferKeyValues", "transfer_key_values"])
    async def test_of_a_transfer_sees_each_newcomer(self, spelling: str) -> None:
        def note(self: Any, node: Node) -> Any:
            self.noted.append(node.id)
            return getattr(KademliaProtocol, spelling)(self, node)

        async with pair(type("Own", (Recording,), {spelling: note})) as [alice, bob]:
            assert protocol_of(alice).noted == [bob.node.id]
            assert protocol_of(bob).noted == [alice.node.id]

    async def test_of_a_newcomer_starts_without_await_as_in_2x(self) -> None:
        async with pair() as [alice, _], network(1) as [carol]:
            newcomer = Node(carol.node.id, *address_of(carol))
            protocol_of(alice).welcome_if_new(newcomer)
            assert not protocol_of(alice).router.is_new_node(newcomer)


class TestAServerOfOnesOwn:
    async def test_may_override_set_digest_and_set_goes_through_it(self) -> None:
        class Own(Server):
            async def set_digest(self, dkey: bytes, value: Any) -> Any:
                return await super().set_digest(dkey, f"own {value}")

        async with network(2, server_class=Own) as [alice, bob]:
            assert await alice.set("a key", "value") is True
            assert await bob.get("a key") == "own value"

    async def test_may_have_arguments_of_its_own(self) -> None:
        class Own(Server):
            def __init__(self, name: str, ksize: int = 20, alpha: int = 3, node_id: Any = None) -> None:
                super().__init__(ksize, alpha, node_id)
                self.name = name

        async with network(2, server_class=Own, name="alice") as [alice, bob]:
            assert alice.name == "alice"  # type: ignore[attr-defined]
            assert bob.bootstrappable_neighbors() == [address_of(alice)]

    async def test_may_have_attributes_that_2x_had_not(self) -> None:
        """`log` is the likeliest; ours give way."""

        class Own(Server):
            def __init__(self) -> None:
                super().__init__()
                self.log = ["started"]
                self.address = "elsewhere"  # type: ignore[assignment]
                self.stats = {}  # type: ignore[method-assign, assignment]

        own: Any = Own
        async with network(2, server_class=own) as [alice, bob]:
            assert await alice.set("a key", "a value") is True
            assert await bob.get("a key") == "a value"
            assert alice.log == ["started"]

    async def test_may_make_its_protocol_itself(self) -> None:
        """An undocumented hook that programs used before there was `protocol_class`."""

        class Own(Server):
            def _create_protocol(self) -> KademliaProtocol:
                return Recording(self.node, self.storage, self.ksize)

        async with network(1, server_class=Own) as [alice]:
            assert isinstance(alice.protocol, Recording)
