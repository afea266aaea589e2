"""A simulated network: the engine of a real node, with a virtual clock and no sockets.

    python examples/simulated_network.py --nodes 100 --seed 1

Equal seeds give equal runs.
"""

import argparse

from kademlia.sim import World
from kademlia.utils import digest


def main(nodes, seed):
    world = World(seed, latency=0.05, loss=0.02)
    residents = world.network(nodes, ksize=8)
    for number in range(50):
        publisher = world.chance.choice(residents)
        world.finish(publisher.protocol.publish(digest(number), number))

    dead, living = residents[: nodes // 3], residents[nodes // 3 :]
    for resident in dead:
        resident.die()

    found, started = 0, world.now
    for number in range(50):
        reader = world.chance.choice(living)
        found += world.finish(reader.protocol.fetch(digest(number))) == number
    print(f"{len(dead)} of {nodes} nodes died; {found} of 50 values were found")
    print(f"a search took {(world.now - started) / 50:.2f} virtual seconds on average")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Simulate a network in which a third of the nodes die.")
    parser.add_argument("--nodes", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    main(args.nodes, args.seed)
