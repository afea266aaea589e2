"""The Server of the 2.x releases, as asyncio programs use it."""

from __future__ import annotations

import asyncio
import inspect
import logging
import pickle
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.compat_2x.nodes import LOCALHOST, address_of, network, protocol_of, silence

from kademlia.network import Server, check_dht_value_type
from kademlia.node import Node
from kademlia.protocol import KademliaProtocol
from kademlia.storage import ForgetfulStorage
from kademlia.utils import digest

ID = digest("this node")

EVERY_TYPE = [5, -1, -(2**63), 2**64 - 1, 0, 1.5, -0.0, True, False, "text", "grün", "", b"bytes", b"\x00\xff", b""]


class Text(str):
    """A subclass of one of the types of values."""

    __slots__ = ()


@pytest.fixture
async def alice() -> AsyncIterator[Server]:
    server = Server()
    await server.listen(0, LOCALHOST)
    yield server
    server.stop()


@pytest.fixture
async def bob(alice: Server) -> AsyncIterator[Server]:
    server = Server()
    await server.listen(0, LOCALHOST)
    await server.bootstrap([address_of(alice)])
    yield server
    server.stop()


class TestANewServer:
    def test_takes_its_arguments_by_position(self) -> None:
        storage = ForgetfulStorage()
        server = Server(7, 2, ID, storage)
        assert (server.ksize, server.alpha, server.node.id, server.storage) == (7, 2, ID, storage)

    def test_takes_its_arguments_by_their_2x_names(self) -> None:
        storage = ForgetfulStorage()
        server = Server(ksize=7, alpha=2, node_id=ID, storage=storage)
        assert (server.ksize, server.alpha, server.node.id, server.storage) == (7, 2, ID, storage)

    def test_has_k_20_alpha_3_an_id_of_20_bytes_and_a_storage(self) -> None:
        server = Server()
        assert (server.ksize, server.alpha, len(server.node.id)) == (20, 3, 20)
        assert isinstance(server.storage, ForgetfulStorage)

    async def test_has_no_protocol_and_no_transport_until_it_listens(self) -> None:
        """Programs ask `if server.protocol` to learn whether the node runs."""
        server = Server()
        assert (protocol_of(server), server.transport) == (None, None)
        await server.listen(0, LOCALHOST)
        assert isinstance(protocol_of(server), KademliaProtocol)
        assert server.transport.get_extra_info("sockname")
        server.stop()

    async def test_has_no_protocol_after_it_failed_to_listen(self, alice: Server) -> None:
        server = Server()
        with pytest.raises(OSError, match="in use"):
            await server.listen(address_of(alice)[1], LOCALHOST)
        assert server.protocol is None

    async def test_makes_its_protocol_of_the_class_it_is_told(self) -> None:
        class Coconut(KademliaProtocol):
            pass

        class Palm(Server):
            protocol_class = Coconut

        async with network(1, server_class=Palm) as [palm]:
            assert type(palm.protocol) is Coconut

    @pytest.mark.parametrize(
        ("arguments", "error"),
        [
            ({"ksize": 0}, ValueError),
            ({"ksize": "20"}, TypeError),
            ({"alpha": -1}, ValueError),
            ({"node_id": "text"}, TypeError),
            ({"node_id": b"short"}, ValueError),
            ({"storage": ForgetfulStorage}, TypeError),
            ({"storage": 5}, TypeError),
        ],
    )
    def test_refuses_wrong_arguments_at_once(self, arguments: dict[str, Any], error: type[Exception]) -> None:
        with pytest.raises(error):
            Server(**arguments)


class TestListening:
    async def test_takes_the_interface_by_position_or_by_name(self) -> None:
        for arguments, keywords in (((LOCALHOST,), {}), ((), {"interface": LOCALHOST})):
            server = Server()
            assert await server.listen(0, *arguments, **keywords) is None
            assert server.transport.get_extra_info("sockname")[0] == LOCALHOST
            server.stop()

    async def test_is_for_all_ipv4_addresses_unless_told_otherwise(self) -> None:
        server = Server()
        await server.listen(0)
        assert server.transport.get_extra_info("sockname")[0] == "0.0.0.0"
        server.stop()

    async def test_on_a_port_in_use_raises_os_error(self, alice: Server) -> None:
        with pytest.raises(OSError, match="in use"):
            await Server().listen(address_of(alice)[1], LOCALHOST)

    async def test_on_another_port_works_after_one_was_in_use(self, alice: Server) -> None:
        server = Server()
        with pytest.raises(OSError, match="in use"):
            await server.listen(address_of(alice)[1], LOCALHOST)
        await server.listen(0, LOCALHOST)
        assert await server.bootstrap([address_of(alice)])
        server.stop()

    async def test_again_after_stopping_starts_with_an_empty_table(self, alice: Server, bob: Server) -> None:
        bob.stop()
        await bob.listen(0, LOCALHOST)
        assert bob.bootstrappable_neighbors() == []
        assert [node.id for node in await bob.bootstrap([address_of(alice)])] == [alice.node.id]

    @pytest.mark.parametrize(
        ("port", "error"), [("8468", TypeError), (None, TypeError), (-1, ValueError), (65536, ValueError)]
    )
    async def test_refuses_what_is_no_port_at_the_call(self, port: Any, error: type[Exception]) -> None:
        with pytest.raises(error, match="port"):
            Server().listen(port)

    async def test_twice_says_that_it_listens_already(self, alice: Server) -> None:
        with pytest.raises(RuntimeError, match="already"):
            alice.listen(0)


class TestTheTransport:
    async def test_tells_where_it_listens(self, alice: Server) -> None:
        ip, port = alice.transport.get_extra_info("sockname")
        assert (ip, port) == alice.address
        assert port > 0

    async def test_sends_and_closes_as_asyncio_s_do(self, alice: Server, bob: Server) -> None:
        before = bob.stats().received
        alice.transport.sendto(b"not of this protocol", address_of(bob))
        await alice.bootstrap_node(address_of(bob))  # a datagram later
        assert bob.stats().received > before
        assert not alice.transport.is_closing()
        transport = alice.transport
        transport.close()
        assert transport.is_closing()


class TestBootstrapping:
    async def test_gives_the_nodes_found(self, alice: Server, bob: Server) -> None:
        server = Server()
        await server.listen(0, LOCALHOST)
        found = await server.bootstrap([address_of(alice)])
        assert all(isinstance(node, Node) for node in found)
        assert {node.id for node in found} == {alice.node.id, bob.node.id}
        server.stop()

    @pytest.mark.parametrize("kind", [list, tuple, set, iter, lambda many: (one for one in many), dict.fromkeys])
    async def test_takes_any_iterable(self, alice: Server, kind: Any) -> None:
        async with network(1) as [server]:
            assert len(await server.bootstrap(kind([address_of(alice)]))) == 1

    async def test_takes_pairs_that_are_lists(self, alice: Server) -> None:
        """As they come out of JSON."""
        async with network(1) as [server]:
            assert len(await server.bootstrap([list(address_of(alice))])) == 1  # type: ignore[list-item]

    async def test_takes_host_names(self, alice: Server) -> None:
        async with network(1) as [server]:
            [found] = await server.bootstrap([("localhost", address_of(alice)[1])])
            assert found.ip == LOCALHOST

    async def test_takes_the_sockname_of_a_node_that_listens_everywhere(self) -> None:
        """0.0.0.0 as a destination is this machine; the answer comes from 127.0.0.1."""
        everywhere = Server()
        await everywhere.listen(0)
        async with network(1) as [server]:
            found = await server.bootstrap([address_of(everywhere)])
            assert [node.id for node in found] == [everywhere.node.id]
        everywhere.stop()

    async def test_from_nobody_gives_an_empty_list(self, alice: Server) -> None:
        assert await alice.bootstrap([]) == []

    async def test_from_oneself_finds_nobody(self, alice: Server) -> None:
        """Published releases put themselves into their own tables."""
        assert await alice.bootstrap([address_of(alice)]) == []
        assert alice.bootstrappable_neighbors() == []

    async def test_from_an_unknown_host_gives_an_empty_list_and_says_why(
        self, alice: Server, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING, logger="kademlia"):
            assert await alice.bootstrap([("no.such.host.invalid", 8468)]) == []
        assert "no.such.host.invalid" in caplog.text

    async def test_is_not_held_up_by_a_dead_address_among_living_ones(self, alice: Server) -> None:
        """It used to cost five seconds; here the node is found and the pings of the dead go on."""
        async with network(1) as [server]:
            with silence() as dead:
                found = await server.bootstrap([dead, address_of(alice)])
            assert [node.id for node in found] == [alice.node.id]
            assert server.stats().timeouts == 0

    @pytest.mark.parametrize(
        ("address", "error"),
        [
            ("192.0.2.1:8468", TypeError),
            (("192.0.2.1",), TypeError),
            ((5, 8468), TypeError),
            (("192.0.2.1", "8468"), TypeError),
            (("192.0.2.1", 0), ValueError),
            (("", 8468), ValueError),
        ],
    )
    async def test_refuses_what_is_no_address_at_the_call(
        self, alice: Server, address: Any, error: type[Exception]
    ) -> None:
        with pytest.raises(error):
            alice.bootstrap([address])

    async def test_of_one_node_gives_the_node(self, alice: Server, bob: Server) -> None:
        node = await alice.bootstrap_node(address_of(bob))
        assert tuple(node) == (bob.node.id, *address_of(bob))

    @pytest.mark.slow
    async def test_of_one_dead_node_gives_none(self, alice: Server) -> None:
        with silence() as dead:
            assert await alice.bootstrap_node(dead) is None


class TestValues:
    @pytest.mark.parametrize("value", EVERY_TYPE)
    async def test_come_back_as_they_were_set(self, alice: Server, bob: Server, value: object) -> None:
        assert await alice.set("a key", value) is True
        for server in (alice, bob):
            found = await server.get("a key")
            assert (found, type(found)) == (value, type(value))

    @pytest.mark.parametrize("key", ["text", b"bytes", 5, None, ("a", 1), 1.5])
    async def test_have_keys_of_any_kind(self, alice: Server, bob: Server, key: object) -> None:
        await alice.set(key, 1)
        assert await bob.get(key) == 1

    async def test_of_a_key_that_nobody_has_are_none(self, alice: Server, bob: Server) -> None:
        assert await alice.get("nobody's") is None

    async def test_are_looked_for_in_the_own_store_first(self, alice: Server) -> None:
        assert alice.storage is not None
        alice.storage[digest("a key")] = "mine"
        assert await alice.get("a key") == "mine"

    async def test_can_be_set_by_the_digest_of_their_key(self, alice: Server, bob: Server) -> None:
        assert await alice.set_digest(digest("a key"), "a value") is True
        assert await bob.get("a key") == "a value"
        assert await bob.get_digest(digest("a key")) == "a value"

    @pytest.mark.parametrize("value", [b"v" * 8137, "v" * 8137, "ü" * 4068])
    async def test_may_be_as_large_as_in_2x(self, alice: Server, bob: Server, value: object) -> None:
        assert await alice.set("a key", value) is True
        assert await bob.get("a key") == value

    @pytest.mark.parametrize("value", [b"v" * 8138, "v" * 8138, "ü" * 4069, 2**64, -(2**63) - 1])
    async def test_that_do_not_fit_are_refused_at_the_call(self, alice: Server, bob: Server, value: Any) -> None:
        with pytest.raises(ValueError, match=r"8192|64 bits"):
            alice.set("a key", value)

    @pytest.mark.parametrize("value", [[1], {"a": 1}])
    async def test_may_be_lists_and_maps_which_2x_refused(self, alice: Server, bob: Server, value: Any) -> None:
        """`check_dht_value_type` goes on saying what 2.x takes."""
        assert not check_dht_value_type(value)
        assert await alice.set("a key", value) is True
        assert await bob.get("a key") == value

    @pytest.mark.parametrize("value", [None, (1,), {1}, object(), 1j, bytearray(b"v"), Text("v")])
    async def test_of_other_types_are_refused_at_the_call(self, alice: Server, bob: Server, value: Any) -> None:
        """Before anything was sent; a subclass of str does not come back as what it was, so it does not count."""
        assert not check_dht_value_type(value)
        with pytest.raises(TypeError, match="int, float, bool, str or bytes"):
            alice.set("a key", value)

    @pytest.mark.parametrize("value", EVERY_TYPE)
    def test_of_the_five_types_are_of_the_right_type(self, value: object) -> None:
        assert check_dht_value_type(value)

    async def test_of_keys_that_are_no_digest_are_refused_at_the_call(self, alice: Server) -> None:
        with pytest.raises(ValueError, match="20 bytes"):
            alice.set_digest(b"short", 1)
        with pytest.raises(TypeError, match="20 bytes"):
            alice.set_digest("a key", 1)  # type: ignore[arg-type]


class TestWhatSetSays:
    async def test_without_neighbors_is_false_and_the_value_is_kept(
        self, alice: Server, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING, logger="kademlia"):
            assert await alice.set("a key", "a value") is False
        assert await alice.get("a key") == "a value"
        assert "bootstrap" in caplog.text

    @pytest.mark.slow
    async def test_with_dead_neighbors_only_is_false(self, alice: Server, bob: Server) -> None:
        """2.x raised ValueError here, or said True."""
        alice.stop()
        assert await bob.set("a key", "a value") is False
        assert await bob.get("a key") == "a value"

    async def test_with_neighbors_that_refuse_is_false(self) -> None:
        class Full(KademliaProtocol):
            def rpc_store(self, sender: Any, nodeid: bytes, key: bytes, value: Any) -> Any:
                return False

        class FullServer(Server):
            protocol_class = Full

        async with network(3, server_class=FullServer) as servers:
            assert await servers[0].set("a key", "a value") is False

    async def test_with_one_neighbor_that_takes_it_is_true(self, alice: Server, bob: Server) -> None:
        assert await alice.set("a key", "a value") is True
        assert bob.storage.get(digest("a key")) == "a value"


class TestWhatIsReturned:
    async def test_is_a_coroutine(self, alice: Server, bob: Server) -> None:
        """So that create_task and asyncio.run take it too; a Future they refuse."""
        for returned in (
            alice.get("a key"),
            alice.set("a key", 1),
            alice.set_digest(digest("a key"), 1),
            alice.bootstrap([address_of(bob)]),
            alice.bootstrap_node(address_of(bob)),
            alice.inet_visible_ip(),
        ):
            assert inspect.iscoroutine(returned)
            returned.close()

    async def test_can_be_awaited_at_any_later_time(self, alice: Server, bob: Server) -> None:
        await alice.set("a key", "a value")
        waiting = bob.get("a key")
        await bob.get("another key")
        assert await waiting == "a value"

    async def test_can_be_a_task_and_be_gathered(self, alice: Server, bob: Server) -> None:
        task = asyncio.create_task(alice.set("a key", "a value"))
        assert await task is True
        found = await asyncio.gather(alice.get("a key"), bob.get("a key"))
        assert list(found) == ["a value", "a value"]

    async def test_can_be_given_up_by_its_caller(self, alice: Server) -> None:
        """`wait_for` cancels; the node goes on as if nothing had been asked."""
        with silence() as dead, pytest.raises(TimeoutError):
            await asyncio.wait_for(alice.bootstrap_node(dead), 0.01)
        assert await alice.get("a key") is None


class TestUpkeep:
    async def test_neighbors_are_pairs_fit_for_bootstrapping(self, alice: Server, bob: Server) -> None:
        assert bob.bootstrappable_neighbors() == [address_of(alice)]

    async def test_refreshing_needs_no_await(self, alice: Server, bob: Server) -> None:
        """As a program of 2.x calls it; nothing complains about a coroutine never awaited."""
        alice.refresh_table()
        alice.refresh_table(interval=3600)

    async def test_refreshing_can_be_ended(self, alice: Server) -> None:
        assert alice.refresh_loop is not None
        alice.refresh_loop.cancel()
        assert await alice.get("a key") is None

    async def test_contacts_are_found_in_the_router(self, alice: Server, bob: Server) -> None:
        """The answer that the maintainers gave to who asked for a list of known nodes."""
        assert alice.protocol is not None
        known = [node.id for bucket in alice.protocol.router.buckets for node in bucket.get_nodes()]
        assert known == [bob.node.id]


class TestState:
    async def test_is_saved_and_loaded(self, alice: Server, bob: Server, tmp_path: Path) -> None:
        alice.storage[digest("a key")] = "a value"
        file = tmp_path / "state"
        bob.save_state(str(file))
        bob.stop()
        again = await Server.load_state(str(file), 0, LOCALHOST)
        assert (again.node.id, again.ksize, again.alpha) == (bob.node.id, bob.ksize, bob.alpha)
        assert again.bootstrappable_neighbors() == [address_of(alice)]
        assert await again.get("a key") == "a value"
        again.stop()

    async def test_of_a_subclass_is_loaded_into_the_subclass(self, bob: Server, tmp_path: Path) -> None:
        class Own(Server):
            pass

        bob.save_state(tmp_path / "state")
        own = await Own.load_state(tmp_path / "state", port=0, interface=LOCALHOST)
        assert type(own) is Own
        own.stop()

    async def test_loaded_without_a_port_leaves_listening_to_the_program(self, bob: Server, tmp_path: Path) -> None:
        bob.save_state(tmp_path / "state")
        server = await Server.load_state(tmp_path / "state")
        assert protocol_of(server) is None
        await server.listen(0, LOCALHOST)
        assert len(protocol_of(server).router) == 1
        server.stop()

    async def test_is_not_lost_when_the_port_is_in_use_at_first(self, bob: Server, tmp_path: Path) -> None:
        bob.save_state(tmp_path / "state")
        server = await Server.load_state(tmp_path / "state")
        with pytest.raises(OSError, match="in use"):
            await server.listen(address_of(bob)[1], LOCALHOST)
        await server.listen(0, LOCALHOST)
        assert len(server.protocol.router) == 1
        server.stop()

    async def test_is_taken_up_once(self, bob: Server, tmp_path: Path) -> None:
        """A node that was stopped starts anew; its file is as old as its first life."""
        bob.save_state(tmp_path / "state")
        server = await Server.load_state(tmp_path / "state", 0, LOCALHOST)
        server.stop()
        await server.listen(0, LOCALHOST)
        assert server.bootstrappable_neighbors() == []
        server.stop()

    async def test_of_a_node_alone_is_not_written(self, alice: Server, tmp_path: Path) -> None:
        """A file without neighbours would forget those of an earlier run."""
        alice.save_state(tmp_path / "state")
        assert not (tmp_path / "state").exists()

    async def test_is_saved_regularly(self, bob: Server, tmp_path: Path) -> None:
        assert bob.save_state_regularly(tmp_path / "state", 600) is None
        assert (tmp_path / "state").exists()
        bob.save_state_loop.cancel()

    @pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
    async def test_of_the_published_releases_is_loaded(self, alice: Server, tmp_path: Path, protocol: int) -> None:
        saved = {"ksize": 7, "alpha": 2, "id": ID, "neighbors": [address_of(alice)]}
        (tmp_path / "state").write_bytes(pickle.dumps(saved, protocol))
        server = await Server.load_state(tmp_path / "state", 0, LOCALHOST)
        assert (server.node.id, server.ksize, server.alpha) == (ID, 7, 2)
        assert server.bootstrappable_neighbors() == [address_of(alice)]
        server.stop()

    async def test_that_is_none_is_refused_at_the_call(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            Server.load_state(tmp_path / "missing", 0)
        (tmp_path / "nonsense").write_bytes(b"nonsense")
        with pytest.raises(ValueError, match="nonsense"):
            Server.load_state(tmp_path / "nonsense", 0)


class TestUseAtTheWrongTime:
    @pytest.mark.parametrize(
        "use",
        [
            lambda server: server.get("key"),
            lambda server: server.set("key", 1),
            lambda server: server.set_digest(ID, 1),
            lambda server: server.bootstrap([(LOCALHOST, 8468)]),
            lambda server: server.bootstrap_node((LOCALHOST, 8468)),
            lambda server: server.bootstrappable_neighbors(),
            lambda server: server.inet_visible_ip(),
            lambda server: server.refresh_table(),
            lambda server: server.save_state("state"),
            lambda server: server.save_state_regularly("state"),
            lambda server: server.stats(),
        ],
        ids=range(11),
    )
    async def test_says_what_to_do(self, use: Any, alice: Server) -> None:
        """It was an AttributeError on None, from deep inside."""
        with pytest.raises(RuntimeError, match=r"await server\.listen"):
            use(Server())
        alice.stop()
        with pytest.raises(RuntimeError, match="listen"):
            use(alice)


class TestStopping:
    async def test_twice_does_no_harm(self, alice: Server) -> None:
        assert alice.stop() is None
        assert alice.stop() is None

    def test_before_listening_does_no_harm(self) -> None:
        Server().stop()

    async def test_ends_everything_under_way(self, alice: Server, bob: Server) -> None:
        """As if all others were dead: nobody waits for ever, nothing is raised."""
        alice.stop()  # bob's only contact is dead now
        protocol = protocol_of(bob)
        with silence() as dead:
            pending: dict[str, tuple[Any, Any]] = {
                "get": (bob.get("a key"), None),
                "set": (bob.set("a key", 1), False),
                "bootstrap": (bob.bootstrap([dead]), []),
                "bootstrap_node": (bob.bootstrap_node(dead), None),
                "call": (protocol.call_ping(Node(ID, *dead)), (False, None)),
                "raw call": (protocol.ping(dead, bob.node.id), (False, None)),
                "ips": (bob.inet_visible_ip(), []),
                "refresh": (bob.refresh_table(), None),
            }
            tasks = {name: asyncio.ensure_future(waiting) for name, (waiting, _) in pending.items()}
            bob.stop()
            assert {name: await task for name, task in tasks.items()} == {
                name: result for name, (_, result) in pending.items()
            }

    async def test_leaves_no_task_and_no_timer(self, tmp_path: Path) -> None:
        loop: Any = asyncio.get_running_loop()
        tasks = asyncio.all_tasks()
        async with network(3) as servers:
            await servers[0].set("a key", "a value")
            servers[0].save_state_regularly(tmp_path / "state", 600)
            servers[0].refresh_table()
            joining = asyncio.create_task(servers[1].bootstrap([("localhost", 9)]))
            protocol = protocol_of(servers[1])
            with silence() as dead:
                protocol.ping(dead, servers[1].node.id)
        assert await joining == []
        if ended := asyncio.all_tasks() - tasks:
            await asyncio.wait(ended)
        assert not [timer for timer in loop._scheduled if not timer.cancelled()]
        assert asyncio.all_tasks() == tasks
