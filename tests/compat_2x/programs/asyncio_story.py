"""Several nodes in one loop that the program drives itself, as it could with 2.x; argv is a folder, and uvloop or not.

Coroutines are started outside of the loop, in it, as tasks, gathered, and by asyncio.run. What it learns it checks.
"""

import asyncio
import contextlib
import pickle
import sys
from pathlib import Path

from kademlia.network import Server, check_dht_value_type
from kademlia.node import Node
from kademlia.protocol import KademliaProtocol
from kademlia.utils import digest

FOLDER = Path(sys.argv[1])
LOCALHOST = "127.0.0.1"

if sys.argv[2:] == ["uvloop"]:
    import uvloop

    new_event_loop = uvloop.new_event_loop
else:
    new_event_loop = asyncio.new_event_loop


def address_of(server):
    return (LOCALHOST, server.transport.get_extra_info("sockname")[1])


def a_loop_driven_by_hand():
    loop = new_event_loop()
    first, second = Server(20, 3, digest("first")), Server(ksize=20, alpha=3, node_id=digest("second"))
    assert first.protocol is None

    assert loop.run_until_complete(first.listen(0)) is None
    assert loop.run_until_complete(second.listen(0, interface=LOCALHOST)) is None
    assert isinstance(first.protocol, KademliaProtocol)
    found = loop.run_until_complete(second.bootstrap([address_of(first)]))
    assert [node.id for node in found] == [digest("first")]
    node = loop.run_until_complete(first.bootstrap_node(address_of(second)))
    assert node.id == digest("second")

    assert loop.run_until_complete(second.set("a key", "a value")) is True
    assert loop.run_until_complete(loop.create_task(first.get("a key"))) == "a value"
    assert loop.run_until_complete(first.set_digest(digest("b key"), b"bytes")) is True
    assert check_dht_value_type("a value")

    happened, answer = loop.run_until_complete(first.protocol.ping(address_of(second), first.node.id))
    assert (happened, answer) == (True, second.node.id)
    asked = Node(second.node.id, *address_of(second))
    assert loop.run_until_complete(first.protocol.call_ping(asked)) == (True, second.node.id)

    assert first.bootstrappable_neighbors() == [address_of(second)]
    first.refresh_table()
    second.save_state_regularly(str(FOLDER / "regularly"), 600)
    assert (FOLDER / "regularly").exists()

    first.stop()
    second.stop()
    first.stop()
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


async def inside_a_loop():
    first, second = Server(), Server()
    await asyncio.gather(first.listen(0), second.listen(0))
    await asyncio.create_task(second.bootstrap(address for address in [address_of(first)]))
    assert all(await asyncio.gather(*[first.set(f"key {number}", number) for number in range(50)]))
    assert await asyncio.gather(*[second.get(f"key {number}") for number in range(50)]) == list(range(50))
    assert await asyncio.wait_for(second.get("no key"), 10) is None
    second.save_state(str(FOLDER / "second"))
    second.stop()  # it comes back under the same id
    again = await Server.load_state(str(FOLDER / "second"), 0)
    assert again.node.id == second.node.id
    assert again.bootstrappable_neighbors() == [address_of(first)]
    assert await again.set("a late key", 7) is True
    published = FOLDER / "published"
    published.write_bytes(
        pickle.dumps({"ksize": 20, "alpha": 3, "id": digest("old"), "neighbors": [address_of(first)]})
    )
    old = await Server.load_state(str(published), 0, interface="0.0.0.0")
    assert await old.get("a late key") == 7
    for server in (first, again, old):
        server.stop()


def a_loop_that_ends_without_stopping_the_node():
    """Careless, but programs do it; what remains is closed by the interpreter, and stopping later does no harm."""
    loop = new_event_loop()
    server = Server()
    loop.run_until_complete(server.listen(0))
    loop.close()
    with contextlib.suppress(RuntimeError):
        server.get("key").close()
    server.stop()


def a_port_in_use_in_one_loop_and_another_port_in_the_next():
    loops = new_event_loop(), new_event_loop()
    first, second = Server(), Server()
    loops[0].run_until_complete(first.listen(0))
    with contextlib.suppress(OSError):
        loops[0].run_until_complete(second.listen(address_of(first)[1]))
    first.stop()
    loops[0].close()
    loops[1].run_until_complete(second.listen(0))
    assert loops[1].run_until_complete(second.get("key")) is None
    second.stop()
    loops[1].close()


a_loop_driven_by_hand()
a_port_in_use_in_one_loop_and_another_port_in_the_next()
if sys.argv[2:] == ["uvloop"]:
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(inside_a_loop())
else:
    asyncio.run(inside_a_loop())
a_loop_that_ends_without_stopping_the_node()

waiting = Server.load_state(str(FOLDER / "published"))
server = asyncio.run(waiting)
assert server.node.id == digest("old")
print("all went well")
