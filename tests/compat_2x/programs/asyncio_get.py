"""Get a key: argv is the bootstrap node's port and key, and uvloop to run on that."""

import asyncio
import sys

from kademlia.network import Server


async def run():
    server = Server()
    await server.listen(0)
    await server.bootstrap([("localhost", int(sys.argv[1]))])
    result = await server.get(sys.argv[2])
    print("Get result:", result)
    server.stop()


if sys.argv[3:] == ["uvloop"]:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())
else:
    asyncio.run(run())
