"""The garbage collector, told to leave a world alone.

Worlds are millions of objects that live as long as the world does, and the collector would walk over them again and
again: a quarter of the time in which 10,000 nodes join, and half of that in which their tables are filled.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

#: New objects until the youngest are looked at, and how many such looks until older ones are: 70 times as seldom as
#: Python does by itself. What lookups leave behind takes some megabytes meanwhile.
SELDOM = (50_000, 20, 100)


@contextmanager
def seldom() -> Iterator[None]:
    """Collect garbage seldom, and as usual afterwards."""
    before = gc.get_threshold()
    gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def never() -> Iterator[None]:
    """Collect no garbage, where there is none, and as usual afterwards."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
