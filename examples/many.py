"""Many values at once: a dict is stored by one call and found by another.

    python examples/many.py --values 1000

It starts a few nodes of its own, so it needs no network.
"""

import argparse
import asyncio

from kademlia import Server


async def main(count):
    nodes = [Server(ksize=4) for _ in range(12)]  # with the usual 20 every one of them would keep everything
    for node in nodes:
        await node.listen(0, "127.0.0.1")
    for node in nodes[1:]:
        await node.bootstrap([nodes[0].address])

    squares = {f"square of {number}": number * number for number in range(count)}
    stored = await nodes[0].set_many(squares)  # a dict of key: True or False
    print(f"stored {sum(stored.values())} of {count} values")

    found = 0
    async for key, value in nodes[-1].get_many(squares):  # each as it is found
        found += value == squares[key]
    print(f"found {found} of {count} values")

    for node in nodes:
        node.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Store and find many values at once.")
    parser.add_argument("--values", type=int, default=100)
    asyncio.run(main(parser.parse_args().values))
