"""What must be true of one node at any moment, whatever happens around it: rules that a look at it can check.

Each rule is a function of a resident that yields what is wrong, in words; of a sound node it yields nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from kademlia.engine import limits
from kademlia.tree import ID_MAX

if TYPE_CHECKING:
    from kademlia.node import Address
    from kademlia.sim.resident import Resident

Rule = Callable[["Resident"], Iterator[str]]


def buckets_cover_all_ids(resident: Resident) -> Iterator[str]:
    """The buckets are the leaves of a binary tree: together they hold every id once (section 2.4; R24, P4)."""
    expected = 0
    for bucket in resident.protocol.router.buckets:
        low, high = bucket.range
        size = high - low + 1
        if low != expected:
            yield f"a bucket begins at {low:#x}, where {expected:#x} should follow"
        if size & (size - 1) or low % size:
            yield f"the bucket from {low:#x} to {high:#x} is no subtree"
        expected = high + 1
    if expected != ID_MAX + 1:
        yield f"the buckets end at {expected:#x}, not with the last id"


def buckets_are_in_order(resident: Resident) -> Iterator[str]:
    """A bucket holds at most k contacts, all of its range, none twice, and a bounded replacement cache (R24, R29)."""
    protocol = resident.protocol
    for bucket in protocol.router.buckets:
        low, high = bucket.range
        for node in (*bucket.nodes.values(), *bucket.replacement_nodes.values()):
            if not low <= node.long_id <= high:
                yield f"{node} stands in the bucket from {low:#x} to {high:#x}"
            if node.id == protocol.source_node.id:
                yield "its own id is in its table"
        if len(bucket.nodes) > bucket.ksize:
            yield f"a bucket holds {len(bucket.nodes)} contacts, k is {bucket.ksize}"
        if len(bucket.replacement_nodes) > bucket.max_replacement_nodes:
            yield f"{len(bucket.replacement_nodes)} replacements, allowed are {bucket.max_replacement_nodes}"
        for node_id in bucket.nodes:
            if node_id in bucket.replacement_nodes:
                yield f"{node_id.hex()} is a contact and its own replacement"


def records_know_their_buckets(resident: Resident) -> Iterator[str]:
    """A record that names a bucket of the table is that of a contact in it: its address counts as verified."""
    protocol = resident.protocol
    router = protocol.router
    bucket_at: dict[Address, object] = {}
    for bucket in router.buckets:
        for node in bucket.nodes.values():
            bucket_at[node.address] = bucket
    for record in protocol.records:
        named = record.bucket  # that of before a split is stale, and known to be
        if named is not None and router.bucket_of(named.range[0]) is named and bucket_at.get(record.address) != named:
            yield f"the record of {record.address} names a bucket that has no contact there"


def only_contacts_fail(resident: Resident) -> Iterator[str]:
    """Who is flagged as failing is a contact: flags are taken down with it."""
    protocol = resident.protocol
    known = {node.id for node in protocol.router.contacts()}
    for node_id in sorted(protocol.contacts.failing):
        if node_id not in known:
            yield f"{node_id.hex()} is flagged as failing and is no contact"


def memory_is_bounded(resident: Resident) -> Iterator[str]:
    """Nothing that strangers or programs can make grow exceeds its limit (`engine.limits`)."""
    protocol = resident.protocol
    held = protocol.answering.held
    for what, size, most in (
        ("records", len(protocol.records), limits.RECORDS_MAX),
        ("requests in flight", protocol.calls.in_flight, limits.REQUESTS_IN_FLIGHT_MAX),
        ("parcels held", len(held), limits.HELD_MAX),
        ("bytes held", sum(len(parcel.datagram) for parcel in held.parcels.values()), limits.HELD_BYTES_MAX),
        ("newcomers waiting", len(protocol.upkeep.handoff.newcomers), limits.HANDOFF_NEWCOMERS_MAX),
        ("bootstrap addresses", len(protocol.upkeep.bootstrap_addresses), limits.BOOTSTRAP_ADDRESSES_MAX),
    ):
        if size > most:
            yield f"{size} {what}, the limit is {most}"


def nothing_went_wrong_inside(resident: Resident) -> Iterator[str]:
    """An exception of our own code is a defect, wherever it was caught."""
    errors = resident.protocol.counts.internal_errors
    if errors:
        yield f"{errors} internal errors"


#: Rules about the table, worth a look only after it changed.
TABLE_RULES: tuple[Rule, ...] = (
    buckets_cover_all_ids,
    buckets_are_in_order,
    records_know_their_buckets,
    only_contacts_fail,
)

#: Rules about the rest of a node.
NODE_RULES: tuple[Rule, ...] = (memory_is_bounded, nothing_went_wrong_inside)


def empty_levels(resident: Resident, reachable: Iterable[Resident]) -> Iterator[str]:
    """Yield the distance levels in which nodes live and no contact is known: none after a refresh (section 2.3; P4).

    Refreshing looks up one id in each level. Whoever lives in it is nearer to that id than everybody outside, so at
    least one of them is found, and the level has room.
    """
    protocol = resident.protocol
    living = sorted(other.protocol.source_node.long_id for other in reachable if other is not resident)
    for low, high, buckets in protocol.router.levels():
        if not any(bucket.nodes for bucket in buckets):
            there = sum(low <= long_id <= high for long_id in living)
            if there:
                yield f"it knows none of the {there} nodes from {low:#x} to {high:#x}"
