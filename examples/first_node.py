"""The first node of a network. It knows nobody; others join by it.

    python examples/first_node.py
    python examples/first_node.py --port 9000

Then start second_node.py in another terminal. Ctrl-C ends it.
"""

import argparse
import asyncio
import contextlib
import logging

from kademlia import Server


async def main(port):
    server = Server()
    await server.listen(port)  # 0 would let the system choose
    print(f"node {server.node.id.hex()} listens on port {server.address[1]}")
    try:
        await asyncio.Event().wait()  # for ever
    finally:
        server.stop()


if __name__ == "__main__":
    logging.basicConfig()  # warnings of kademlia are worth reading
    parser = argparse.ArgumentParser(description="Run the first node of a network.")
    parser.add_argument("--port", type=int, default=8468)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(parser.parse_args().port))
