"""Many nodes in one process.

    python examples/many_nodes.py --nodes 50

Each is a Server of its own, on a port of its own.
"""

import argparse
import asyncio

from kademlia import Server


async def main(count):
    servers = [Server(ksize=4) for _ in range(count)]
    for server in servers:
        await server.listen(0, "127.0.0.1")  # 0: the system chooses the port
    first = servers[0]
    for server in servers[1:]:
        await server.bootstrap([first.address])

    for number in range(20):
        await servers[number % count].set(f"key {number}", number)
    for number in range(20):
        values = await asyncio.gather(*(server.get(f"key {number}") for server in servers))
        assert values == [number] * count

    held = [len(list(server.storage)) for server in servers]
    print(f"{count} nodes find 20 of 20 values; a node holds {min(held)} to {max(held)} of them")
    for server in servers:
        server.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Run many nodes in one process.")
    parser.add_argument("--nodes", type=int, default=20)
    asyncio.run(main(parser.parse_args().nodes))
