"""The limits of `kademlia node`: what contradicts itself is refused in one line that says what to do."""

from __future__ import annotations

import pytest

from kademlia.cli.faults import WrongUse
from kademlia.cli.folder import Room
from kademlia.cli.limiting import Wanted
from kademlia.network import Limits

ROOM = Room(2**20, 1000)


def test_without_options_they_are_as_usual() -> None:
    assert Wanted().limits(ROOM) == Limits()


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (Wanted(one_network=True, contacts_per_network=4), ["--one-network", "leave --contacts-per-network out"]),
        (
            Wanted(requests_per_second=500, network_requests_per_second=100),
            ["--network-requests-per-second 100", "--requests-per-second 500", "raise", "lower"],
        ),
        (Wanted(records_per_source=5000), ["--records-per-source", "5,000", "--max-records", "1,000", "lower"]),
        (Wanted(bytes_per_source=2**30), ["--bytes-per-source", "--max-bytes", "lower"]),
        (Wanted(bytes_per_source=10), ["--bytes-per-source", "250", "raise"]),
    ],
)
def test_what_contradicts_itself_is_refused_with_the_remedy(wanted: Wanted, words: list[str]) -> None:
    with pytest.raises(WrongUse) as raised:
        wanted.limits(ROOM)
    assert all(word in str(raised.value) for word in words), str(raised.value)


def test_one_network_may_have_any_number() -> None:
    """A campus with public addresses."""
    limits = Wanted(one_network=True).limits(ROOM)
    assert (limits.contacts_per_bucket, limits.contacts_per_table, limits.nodes_per_lookup) == (None, None, None)


@pytest.mark.parametrize(("count", "per_bucket"), [(1, 1), (2, 2), (50, 2)])
def test_contacts_of_a_network_are_at_most_two_in_a_bucket(count: int, per_bucket: int) -> None:
    limits = Wanted(contacts_per_network=count).limits(ROOM)
    assert (limits.contacts_per_table, limits.contacts_per_bucket) == (count, per_bucket)


@pytest.mark.parametrize(
    ("wanted", "of_address", "of_network"),
    [
        (Wanted(requests_per_second=5000), 5000, 5000),
        (Wanted(requests_per_second=50), 50, 2000),
        (Wanted(network_requests_per_second=100), 100, 100),
        (Wanted(requests_per_second=10, network_requests_per_second=20), 10, 20),
    ],
)
def test_of_two_rates_the_one_that_is_not_given_follows(wanted: Wanted, of_address: float, of_network: float) -> None:
    limits = wanted.limits(ROOM)
    assert (limits.requests_per_s, limits.network_requests_per_s) == (of_address, of_network)
