"""A storage of your own: a node keeps what it holds for the network wherever you say. Needs no arguments."""

import asyncio
import time

from kademlia import Server
from kademlia.storage import IStorage


class DictStorage(IStorage):
    def __init__(self):
        self.entries = {}  # key: (when it was set, value); the oldest first

    def __setitem__(self, key, value):
        self.entries.pop(key, None)  # so that it comes last
        self.entries[key] = (time.monotonic(), value)

    def __getitem__(self, key):
        return self.entries[key][1]

    def get(self, key, default=None):
        return self.entries[key][1] if key in self.entries else default

    def iter_older_than(self, seconds_old):  # what is an hour old is stored at its other holders again
        return [(k, v) for k, (set_at, v) in self.entries.items() if set_at <= time.monotonic() - seconds_old]

    def __iter__(self):
        return iter(self.iter_older_than(0))


async def main():
    one, two = Server(storage=DictStorage()), Server()
    await asyncio.gather(one.listen(0, "127.0.0.1"), two.listen(0, "127.0.0.1"))
    await two.bootstrap([one.address])
    await two.set("greeting", "hello")
    print(f"it holds {list(one.storage)}")


asyncio.run(main())
