"""The hash over all datagrams: everything that could tell two runs apart goes into it."""

from __future__ import annotations

import pytest

from kademlia.node import Address
from kademlia.sim.trace import DELIVERED, DROPPED, PARTS_AT_ONCE, SENT, TRACE_BYTES, Trace

HERE, THERE = ("10.0.0.1", 8468), ("10.0.0.2", 8468)


def hash_of(*events: tuple[bytes, float, Address, Address, bytes]) -> str:
    """Return the trace of some events."""
    trace = Trace()
    for event in events:
        trace.note(*event)
    return trace.hexdigest()


PLAIN = (SENT, 1.5, HERE, THERE, b"datagram")


@pytest.mark.parametrize(
    "other",
    [
        (DELIVERED, 1.5, HERE, THERE, b"datagram"),
        (DROPPED, 1.5, HERE, THERE, b"datagram"),
        (SENT, 1.5000000000000002, HERE, THERE, b"datagram"),
        (SENT, 1.5, THERE, HERE, b"datagram"),
        (SENT, 1.5, HERE, HERE, b"datagram"),
        (SENT, 1.5, ("10.0.0.1", 8469), THERE, b"datagram"),
        (SENT, 1.5, HERE, THERE, b"datagran"),
        (SENT, 1.5, HERE, THERE, b"datagra"),
    ],
)
def test_every_part_of_an_event_counts(other: tuple[bytes, float, Address, Address, bytes]) -> None:
    """What is left out could differ between two runs that are taken for equal."""
    assert hash_of(PLAIN) != hash_of(other)


def test_order_and_number_of_events_count() -> None:
    second = (DROPPED, 2.0, HERE, THERE, b"datagram")
    assert len({hash_of(), hash_of(PLAIN), hash_of(PLAIN, PLAIN), hash_of(PLAIN, second), hash_of(second, PLAIN)}) == 5


def test_a_trace_may_be_read_at_any_time() -> None:
    """A progress bar that shows it must not change what comes out."""
    read, unread = Trace(), Trace()
    for number in range(3 * PARTS_AT_ONCE):
        for trace in (read, unread):
            trace.note(SENT, float(number), HERE, THERE, b"datagram")
        if not number % 100:
            assert len(read.hexdigest()) == 2 * TRACE_BYTES
    assert read.hexdigest() == read.hexdigest() == unread.hexdigest()


def test_the_hash_is_the_same_on_every_machine() -> None:
    """A seed in an issue is worth something only if others see the same run; this is the hash of one event."""
    assert hash_of(PLAIN) == "937875abd4db68619769a335284a32ec"
