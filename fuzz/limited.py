"""Limits so small that a fuzz input reaches them: what bounds 16 things bounds 65,536 of them in the same way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kademlia.engine import limits
from kademlia.wire import rpcudp

SMALL = {
    "RECORDS_MAX": 48,
    "REQUESTS_IN_FLIGHT_MAX": 24,
    "STRANGERS_PINGED_MAX": 6,
    "HELD_MAX": 12,
    "HELD_BYTES_MAX": 4096,
    "HELD_PER_ADDRESS_MAX": 4,
    "FULLY_PADDED_MAX": 6,
    "LOST_MAX": 4,
    "BYGONE_KEYS_MAX": 8,
    "PUBLISHED_MAX": 4,
    "SURVEY_NODES_MAX": 32,
    "BOOTSTRAP_ADDRESSES_MAX": 4,
    "HANDOFF_NEWCOMERS_MAX": 3,
    "HANDOFF_STORES_PER_STEP": 2,
    "HANDOFF_STORES_IN_FLIGHT_MAX": 4,
    "HANDOFF_KEYS_PER_STEP": 4,
    "PURSES_MAX": 16,
    "TOKENS_A_BLOCK": 4,
}

#: Values kept, and their bytes as the storage counts them.
VALUES_MAX, VALUES_BYTES_MAX = 12, 6000

#: What others may take of a node.
LIMITS = limits.Limits(requests_per_s=5.0, network_requests_per_s=8.0, records_per_source=5, bytes_per_source=3000)

#: Longer bodies than this are decoded part by part.
SMALL_BODY_BYTES = 256


@contextmanager
def small_limits() -> Iterator[None]:
    """Hold engines made and run within this to the small limits."""
    before = {name: getattr(limits, name) for name in SMALL}
    body_bytes = rpcudp.SMALL_BODY_BYTES
    try:
        for name, most in SMALL.items():
            setattr(limits, name, most)
        rpcudp.SMALL_BODY_BYTES = SMALL_BODY_BYTES
        yield
    finally:
        for name, most in before.items():
            setattr(limits, name, most)
        rpcudp.SMALL_BODY_BYTES = body_bytes
