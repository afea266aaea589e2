"""Measure what a simulation would save if messages were handed over decoded: `python bench/decoding.py`.

The same simulation runs twice with the same events: once as it is, and once with what every answer says, and the
contacts in it, taken from a list that an earlier run wrote, so that nothing is decoded and no contact is looked for.
That is more than handing over could save, since requests would have to be made and told apart all the same.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

from kademlia.crawling import SpiderCrawl
from kademlia.engine.asking import Asking
from kademlia.node import ID_BYTES, Node
from kademlia.sim import World

FILLED = 2_000
LOOKUPS = 4_000
JOINED = 300
ROUNDS = 5

#: What decodes an answer, and what makes contacts of it.
DECODING = ((Asking, "_decoded"), (SpiderCrawl, "_believed"))


def look_up() -> World:
    """Return a filled network after many lookups."""
    world = World(1, latency=0.05, traced=False)
    residents = world.filled(FILLED, b=1)
    for _ in range(LOOKUPS):
        protocol = world.chance.choice(residents).protocol
        world.at(world.chance.uniform(0, 30), protocol.lookup, Node(world.chance.randbytes(ID_BYTES)))
    world.run(40)
    return world


def join() -> World:
    """Return a network that joined."""
    world = World(1, latency=0.05, traced=False)
    world.network(JOINED, b=1)
    return world


@contextmanager
def decoding(instead: Callable[[Any, int], Any]) -> Iterator[None]:
    """Have something else done where answers are decoded."""
    originals = [getattr(kind, name) for kind, name in DECODING]
    for place, (kind, name) in enumerate(DECODING):
        setattr(kind, name, instead(originals[place], place))
    try:
        yield
    finally:
        for (kind, name), original in zip(DECODING, originals, strict=True):
            setattr(kind, name, original)


def seconds(run: Callable[[], World]) -> float:
    """Return the processor's time for a run."""
    gc.collect()
    begun = time.process_time()
    run()
    return time.process_time() - begun


def compare(name: str, run: Callable[[], World]) -> None:
    """Print the median times of both ways; rounds alternate."""
    told: tuple[list[Any], list[Any]] = ([], [])

    def noted(original: Any, place: int) -> Any:
        def wrapper(self: Any, data: Any) -> Any:
            told[place].append(original(self, data))
            return told[place][-1]

        return wrapper

    def replayed(_original: Any, place: int) -> Any:
        next_told = iter(told[place]).__next__
        return lambda _self, _data: next_told()

    with decoding(noted):
        events = run().stats().events
    bytes_s, decoded_s = [], []
    for _ in range(ROUNDS):
        bytes_s.append(seconds(run))
        with decoding(replayed):
            decoded_s.append(seconds(run))
    saved = median(1 - decoded / plain for decoded, plain in zip(decoded_s, bytes_s, strict=True))
    print(
        f"{name}: {events:,} events, {1e6 * median(bytes_s) / events:.1f} us each as bytes, "
        f"{1e6 * median(decoded_s) / events:.1f} us handed over decoded: {saved:.1%} saved"
    )


if __name__ == "__main__":
    gc.disable()  # it would look through the lists, too
    compare(f"{LOOKUPS:,} lookups in {FILLED:,} filled nodes", look_up)
    compare(f"{JOINED} nodes join", join)
