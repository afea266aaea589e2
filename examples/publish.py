"""Who took a value, who has it, and how it goes again.

    python examples/publish.py

It starts a few nodes of its own, so it needs no network.
"""

import asyncio
import time

from kademlia import Server


async def main():
    nodes = [Server() for _ in range(6)]
    for node in nodes:
        await node.listen(0, "127.0.0.1")
    for node in nodes[1:]:
        await node.bootstrap([nodes[0].address])
    ours, theirs = nodes[0], nodes[-1]

    result = await ours.publish("motto", "fiat lux", ttl=3600)  # ours renews it before the hour is over
    minutes = (result.expires_at - time.time()) / 60
    print(f"{len(result.stored)} nodes stored it for {minutes:.0f} minutes, {len(result.refused)} refused it")

    found = await theirs.fetch("motto", quorum=3)  # the newest that three nodes have
    print(f"{found.value!r}: {len(found.holders)} have it, {len(found.stale)} had an older one")

    ours.forget("motto")  # renewed no more: it would die within the hour
    await theirs.delete("motto")  # gone now, whoever published it
    print("after delete:", (await theirs.fetch("motto")).value)

    for node in nodes:
        node.stop()


if __name__ == "__main__":
    asyncio.run(main())
