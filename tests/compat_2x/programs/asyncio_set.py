"""Set a key: argv is the bootstrap node's port, key, value."""

import asyncio
import sys

from kademlia.network import Server


async def run():
    server = Server()
    await server.listen(0)
    await server.bootstrap([("127.0.0.1", int(sys.argv[1]))])
    print("Set result:", await server.set(sys.argv[2], sys.argv[3]))
    server.stop()


asyncio.run(run())
