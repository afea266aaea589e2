"""Every program of examples/ does what its first lines say, as a process of its own."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import aiohttp
import pytest
from tests.examples.programs import EXAMPLES, example, first_node, output_of, running

from kademlia import Server

pytestmark = pytest.mark.processes

PROGRAMS = sorted(path for path in EXAMPLES.iterdir() if path.suffix in {".py", ".tac"})


async def test_two_nodes_and_two_scripts_share_a_value():
    """What a newcomer does first, in four terminals."""
    async with first_node() as (_, port), running(*example("second_node.py", "127.0.0.1", port, "--port", 0)) as second:
        line = await second.prints(r"listens on port (\d+) and found 1 nodes: 127\.0\.0\.1:(\d+)")
        assert int(line[2]) == port

        assert await output_of("set.py", "127.0.0.1", port, "greeting", "hello") == "stored greeting = hello\n"
        assert await output_of("get.py", "127.0.0.1", line[1], "greeting") == "hello\n"


async def test_a_script_says_so_when_nobody_has_the_key():
    async with first_node() as (_, port), running(*example("get.py", "127.0.0.1", port, "nothing")) as script:
        assert await script.outcome() == (1, "nobody has nothing\n")


@pytest.mark.slow
async def test_a_script_names_the_address_that_did_not_answer(silent_port: int):
    async with (
        running(*example("get.py", "127.0.0.1", silent_port, "greeting")) as get,
        running(*example("set.py", "127.0.0.1", silent_port, "greeting", "hello")) as set,
    ):
        for code, printed in await asyncio.gather(get.outcome(), set.outcome()):
            assert code == 1
            assert f"cannot bootstrap from 127.0.0.1:{silent_port}: no answer" in printed
            assert f"no network at 127.0.0.1:{silent_port}" in printed


@pytest.mark.parametrize("name", ["get.py", "set.py"])
async def test_a_script_called_wrongly_says_how_to_call_it(name: str):
    async with running(*example(name)) as script:
        code, printed = await script.outcome()
    assert code == 1
    assert printed.startswith(f"usage: python {name} HOST PORT KEY")


async def test_a_node_ends_quietly_on_ctrl_c():
    """A traceback would be the last thing a newcomer sees."""
    async with first_node() as (first, port):
        async with running(*example("second_node.py", "127.0.0.1", port, "--port", 0)) as second:
            await second.prints("found 1 nodes")
            code, printed = await second.interrupt()
            assert (code, printed.count("\n")) == (0, 1)
        code, printed = await first.interrupt()
        assert (code, printed.count("\n")) == (0, 1)


async def test_a_twisted_node_keeps_its_state_and_serves_scripts(tmp_path: Path):
    """`twistd -noy node.tac`: it comes back with the id of the file, and joins."""
    state = tmp_path / "node.state"
    async with first_node() as (_, port):
        earlier_life = Server()
        await earlier_life.listen(0, "127.0.0.1")
        await earlier_life.bootstrap([("127.0.0.1", port)])
        earlier_life.save_state(state)
        earlier_life.stop()

        twistd = Path(sys.executable).with_name("twistd")
        variables = {"PORT": 0, "BOOTSTRAP": f"127.0.0.1:{port}", "STATE": state}
        async with running(twistd, "-noy", EXAMPLES / "node.tac", cwd=tmp_path, **variables) as node:
            own_port = (await node.prints(r"KademliaProtocol starting on (\d+)"))[1]
            await node.prints(r"\[INFO\] found 1 nodes")

            await output_of("set.py", "127.0.0.1", own_port, "greeting", "hello")
            assert await output_of("get.py", "127.0.0.1", port, "greeting") == "hello\n"
            visitor = Server(ephemeral=True)
            await visitor.listen(0, "127.0.0.1")
            met = await visitor.bootstrap_node(("127.0.0.1", int(own_port)))
            visitor.stop()
            assert met.id == earlier_life.node.id

            _, printed = await node.interrupt()  # twistd ends by the signal it got
            assert "Server Shut Down" in printed
            assert "Traceback" not in printed


async def test_values_are_put_and_got_over_http():
    async with first_node() as (_, port):
        async with running(*example("webserver.py", "127.0.0.1", port, "--http-port", 0)) as server:
            address = (await server.prints(r"http://127\.0\.0\.1:\d+"))[0]
            async with aiohttp.ClientSession(address) as client:
                async with client.put("/greeting", data=b"hello") as response:
                    assert response.status == 204
                async with client.post("/other", data=b"hullo") as response:
                    assert response.status == 204
                async with client.get("/greeting") as response:
                    assert (response.status, await response.read()) == (200, b"hello")
                async with client.get("/nothing") as response:
                    assert response.status == 404
                async with client.put("/large", data=bytes(9000)) as response:
                    assert response.status == 413
            await output_of("set.py", "127.0.0.1", port, "text", "from a script")
            async with aiohttp.ClientSession(address) as client, client.get("/text") as response:
                assert await response.text() == "from a script"
            code, printed = await server.interrupt()
            assert code == 0
            assert "Traceback" not in printed
        assert await output_of("get.py", "127.0.0.1", port, "other") == "b'hullo'\n"


@pytest.mark.slow
async def test_a_web_server_without_a_network_does_not_claim_to_have_stored(silent_port: int):
    async with running(*example("webserver.py", "127.0.0.1", silent_port, "--http-port", 0)) as server:
        address = (await server.prints(r"http://127\.0\.0\.1:\d+"))[0]
        async with aiohttp.ClientSession(address) as client, client.put("/greeting", data=b"hello") as response:
            assert response.status == 503


async def test_many_values_are_stored_and_found_by_one_call_each():
    assert await output_of("many.py", "--values", 50) == "stored 50 of 50 values\nfound 50 of 50 values\n"


async def test_a_value_is_published_fetched_and_deleted():
    assert await output_of("publish.py") == (
        "5 nodes stored it for 60 minutes, 0 refused it\n"
        "'fiat lux': 3 have it, 0 had an older one\n"
        "after delete: None\n"
    )


async def test_many_nodes_in_one_process_find_all_values():
    assert (await output_of("many_nodes.py", "--nodes", 12)).startswith("12 nodes find 20 of 20 values")


async def test_an_own_storage_is_where_values_go():
    assert re.fullmatch(r"it holds \[\(b'.+', 'hello'\)\]\n", await output_of("own_storage.py"))


async def test_an_own_rpc_is_answered_by_every_contact():
    printed = await output_of("own_rpc.py")
    assert len(re.findall(r"^127\.0\.0\.1:\d+ says: hello Ada, I am [0-9a-f]{8}$", printed, re.MULTILINE)) == 3


async def test_a_simulated_network_loses_nothing_and_repeats_itself():
    runs = await asyncio.gather(*(output_of("simulated_network.py", "--nodes", 30, "--seed", 7) for _ in range(2)))
    assert runs[0].startswith("10 of 30 nodes died; 50 of 50 values were found\n")
    assert runs[0] == runs[1]


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_an_example_is_short_and_listed(path: Path):
    """A newcomer reads it at a glance, and finds it in the table."""
    assert len(path.read_text().splitlines()) < 40
    assert f"[{path.name}]({path.name})" in (EXAMPLES / "README.md").read_text()
