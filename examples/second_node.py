"""Another node: it joins the network by any node of it.

    python examples/second_node.py                        # by 127.0.0.1:8468, listening on 8469
    python examples/second_node.py 192.0.2.7 8468 --port 8468

Start as many as you like, each on a port of its own. Ctrl-C ends it.
"""

import argparse
import asyncio
import contextlib
import logging

from kademlia import Server


async def main(host, host_port, port):
    server = Server()
    await server.listen(port)
    try:
        found = await server.bootstrap([(host, host_port)])
        print(f"listens on port {server.address[1]} and found {len(found)} nodes: {', '.join(map(str, found))}")
        await asyncio.Event().wait()  # even if nobody was found: it tries again by itself
    finally:
        server.stop()


if __name__ == "__main__":
    logging.basicConfig()  # says why, if nobody was found
    parser = argparse.ArgumentParser(description="Run another node of a network.")
    parser.add_argument("host", nargs="?", default="127.0.0.1", help="where a node of the network runs")
    parser.add_argument("host_port", nargs="?", type=int, default=8468)
    parser.add_argument("--port", type=int, default=8469)
    args = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(args.host, args.host_port, args.port))
