"""Measure what an entry of ForgetfulStorage costs: run it with the interpreter whose `kademlia` is meant.

`python bench/networks/storage_memory.py 1000000` prints one line of JSON: bytes per entry, as tracemalloc counts them,
keys and values included. It serves ours and the published release alike.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import tracemalloc

from kademlia.storage import ForgetfulStorage

VALUE_BYTES = 100
KEY_BYTES = 20


def bytes_per_entry(count: int) -> float:
    """Return what each of `count` distinct values under distinct keys takes."""
    storage = ForgetfulStorage()
    lives = getattr(storage, "lives", None)  # what the node knows of each value; 2.2.3 knows nothing
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(count):
        key = os.urandom(KEY_BYTES)
        storage[key] = os.urandom(VALUE_BYTES)
        if lives is not None:
            lives[key] = complex(1.7e12 + len(lives), 604_800.0)  # as the engine notes it
    gc.collect()
    taken = tracemalloc.get_traced_memory()[0] - before
    assert sum(1 for _ in storage) == count
    return taken / count


def main() -> None:
    """Measure and print."""
    bare = sys.getsizeof(bytes(KEY_BYTES)) + sys.getsizeof(bytes(VALUE_BYTES))
    print(json.dumps({"bytes_per_entry": bytes_per_entry(int(sys.argv[1])), "key_and_value": bare}))


if __name__ == "__main__":
    main()
