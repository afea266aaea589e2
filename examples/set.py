"""Store a value from a script.

    python examples/set.py 127.0.0.1 8468 greeting hello

The script's node is there for a moment only, and says so: `ephemeral=True`.
"""

import asyncio
import logging
import sys

from kademlia import Server


async def main(host, port, key, value):
    server = Server(ephemeral=True)
    await server.listen(0)
    try:
        if not await server.bootstrap([(host, port)]):
            return f"no network at {host}:{port}"
        if not await server.set(key, value):
            return "no other node took the value"
    finally:
        server.stop()
    print(f"stored {key} = {value}")
    return None


if __name__ == "__main__":
    logging.basicConfig()
    if len(sys.argv) != 5:
        sys.exit("usage: python set.py HOST PORT KEY VALUE")
    sys.exit(asyncio.run(main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])))
