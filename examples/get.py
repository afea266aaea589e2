"""Find a value from a script.

    python examples/get.py 127.0.0.1 8468 greeting

The script's node is there for a moment only, and says so: `ephemeral=True`.
"""

import asyncio
import logging
import sys

from kademlia import Server


async def main(host, port, key):
    server = Server(ephemeral=True)
    await server.listen(0)
    try:
        if not await server.bootstrap([(host, port)]):
            return f"no network at {host}:{port}"
        value = await server.get(key)
    finally:
        server.stop()
    if value is None:
        return f"nobody has {key}"
    print(value)
    return None


if __name__ == "__main__":
    logging.basicConfig()
    if len(sys.argv) != 4:
        sys.exit("usage: python get.py HOST PORT KEY")
    sys.exit(asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3])))
