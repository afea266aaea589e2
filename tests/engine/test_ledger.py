"""The ledger: who stored which value here, who has the most, and which of its values is the farthest."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kademlia.engine import limits
from kademlia.engine.ledger import OTHERS, Account, Ledger, source_of

OWN = bytes(20)


def key(number: int) -> bytes:
    """Return the key at a distance from the own id."""
    return number.to_bytes(20, "big")


def ledger_of(*charged: tuple[int, str, int], by_bytes: bool = True) -> Ledger:
    """Return a ledger in which some values, each (distance, source, bytes), are charged."""
    ledger = Ledger(OWN, by_bytes=by_bytes)
    for distance, source, size in charged:
        ledger.charge(key(distance), source, size)
    return ledger


def account_of(ledger: Ledger, source: str) -> Account:
    """Return the account of a source that has something."""
    account = ledger.account(source)
    assert account is not None
    return account


@pytest.mark.parametrize(
    ("address", "source"),
    [
        (("8.8.8.8", 1), "8.8.8"),
        (("::ffff:8.8.8.8", 1), "8.8.8"),
        (("2a00:1:2:3::4", 1), "2a0000010002/48"),
        (("127.0.0.1", 8468), ("127.0.0.1", 8468)),
        (("10.1.2.3", 8468), ("10.1.2.3", 8468)),
        (("fd00::1", 8468), ("fd00::1", 8468)),
    ],
)
def test_a_source_is_a_network_or_behind_a_router_an_address_with_its_port(
    address: tuple[str, int], source: object
) -> None:
    """Who has one address of a network may have them all; behind a NAT of our own are others."""
    assert source_of(address) == source


def test_the_first_who_stores_a_value_is_its_source() -> None:
    ledger = ledger_of((1, "alice", 300), (2, "alice", 400), (3, "bob", 250))
    assert (account_of(ledger, "alice").records, account_of(ledger, "alice").bytes) == (2, 700)
    assert ledger.of(key(3)) is account_of(ledger, "bob")
    assert ledger.of(key(4)) is None
    assert (len(ledger), ledger.sources, ledger.weight) == (3, 2, 950)


def test_a_new_value_is_charged_to_who_brought_it() -> None:
    ledger = ledger_of((1, "alice", 300), (2, "alice", 400))
    ledger.charge(key(1), "bob", 500, before=300)
    assert (account_of(ledger, "alice").bytes, account_of(ledger, "bob").bytes) == (400, 500)
    ledger.charge(key(2), None, 100, before=400)
    assert ledger.account("alice") is None
    assert (len(ledger), ledger.weight) == (1, 500)


def test_an_update_by_the_same_source_changes_what_it_takes() -> None:
    ledger = ledger_of((1, "alice", 300))
    ledger.charge(key(1), "alice", 800, before=300)
    ledger.charge(key(1), "alice", 500, before=800)
    assert (account_of(ledger, "alice").records, account_of(ledger, "alice").bytes, ledger.weight) == (1, 500, 500)


def test_an_account_without_values_is_closed() -> None:
    """Else strangers could open as many as they have addresses."""
    ledger = ledger_of((1, "alice", 300))
    ledger.forget(key(1), 300)
    ledger.forget(key(1), 300)
    assert (len(ledger), ledger.sources, ledger.weight, ledger.heaviest()) == (0, 0, 0, None)


def test_what_a_storage_dropped_by_itself_counts_as_the_mean_and_nothing_is_left_in_the_end() -> None:
    """Too much must not be charged for long."""
    ledger = ledger_of((1, "alice", 300), (2, "alice", 700), (3, "alice", 800))
    ledger.forget(key(3))
    assert account_of(ledger, "alice").bytes == 1200
    ledger.forget(key(2))
    ledger.forget(key(1))
    assert ledger.weight == 0


def test_the_heaviest_has_the_most_bytes_or_values() -> None:
    charged = ((1, "alice", 300), (2, "alice", 300), (3, "bob", 900))
    assert ledger_of(*charged).heaviest().source == "bob"  # type: ignore[union-attr]
    assert ledger_of(*charged, by_bytes=False).heaviest().source == "alice"  # type: ignore[union-attr]


def test_the_farthest_is_found_besides_one() -> None:
    ledger = ledger_of((1, "alice", 1), (9, "alice", 1), (5, "alice", 1), (99, "bob", 1))
    alice = account_of(ledger, "alice")
    assert ledger.farthest(alice) == key(9)
    assert ledger.farthest(alice, besides=key(9)) == key(5)
    ledger.charge(key(7), "alice", 1)
    ledger.forget(key(9), 1)
    assert ledger.farthest(alice) == key(7)
    assert ledger.farthest(account_of(ledger, "bob"), besides=key(99)) is None


def test_the_next_look_is_not_only_at_what_came_since_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "GIVE_WAY_MAX", 2)
    ledger = ledger_of(*((number, "alice", 1) for number in range(10, 20)))
    alice = account_of(ledger, "alice")
    for number in (19, 18):
        assert ledger.farthest(alice) == key(number)
        ledger.forget(key(number), 1)
    ledger.charge(key(1), "alice", 1)
    assert ledger.farthest(alice) == key(17)


def test_of_very_many_values_of_one_source_those_of_a_part_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source with a million of them must not hold up the node; each is looked at in its turn."""
    monkeypatch.setattr(limits, "KEYS_OF_SOURCE_PER_LOOK", 100)
    monkeypatch.setattr(limits, "GIVE_WAY_MAX", 10)
    ledger = ledger_of(*((number, "alice", 1) for number in range(1000)))
    alice = account_of(ledger, "alice")
    gone = []
    while (farthest := ledger.farthest(alice)) is not None and len(gone) < 100:
        gone.append(farthest)
        ledger.forget(farthest, 1)
    assert gone == [key(100 * part + 99 - place) for part in range(10) for place in range(10)]


def test_what_comes_and_goes_leaves_nothing_behind() -> None:
    """One value stored again whenever its life is over must not fill the memory."""
    ledger = ledger_of((1, "alice", 1), (2, "alice", 1))
    alice = account_of(ledger, "alice")
    for _ in range(1000):
        ledger.farthest(alice)
        ledger.forget(key(2), 1)
        ledger.charge(key(2), "alice", 1)
        ledger.heaviest()
    assert len(alice.keys) <= 2 * alice.records + limits.GIVE_WAY_MAX + 1
    assert len(ledger._ranking or ()) <= 2 * ledger.sources + limits.GIVE_WAY_MAX + 1


def test_of_too_many_values_the_latest_of_the_source_with_the_most_belongs_to_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever floods the ledger has no others lose their accounts."""
    monkeypatch.setattr(limits, "SOURCED_VALUES_MAX", 5)
    ledger = ledger_of((1, "alice", 300), (2, "bob", 300))
    for number in range(10, 30):
        ledger.charge(key(number), "mallory", 300)
    assert len(ledger) == 5
    assert ledger.of(key(1)) is account_of(ledger, "alice")
    assert ledger.of(key(2)) is account_of(ledger, "bob")
    assert [number for number in range(10, 30) if ledger.of(key(number))] == [10, 11, 12]
    assert (ledger.weight, ledger.disowned) == (5 * 300, 17 * 300)


def test_of_too_many_sources_the_last_share_one_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SOURCES_MAX", 2)
    ledger = ledger_of((1, "alice", 1), (2, "bob", 1), (3, "carol", 1), (4, "dave", 1), (5, "bob", 1))
    assert ledger.account("carol") is ledger.account("dave") is account_of(ledger, OTHERS)
    assert (account_of(ledger, OTHERS).records, account_of(ledger, "bob").records) == (2, 2)
    ledger.charge(key(3), "carol", 9, before=1)
    assert account_of(ledger, OTHERS).bytes == 10
    assert ledger.sources == 3


steps = st.lists(
    st.tuples(
        st.sampled_from(["charge", "charge", "charge", "forget", "look", "give way", "give way"]),
        st.integers(0, 30),
        st.sampled_from([None, "a", "b", "c"]),
        st.integers(1, 9),
    ),
    min_size=50,
    max_size=150,
)


@settings(max_examples=150, deadline=None)
@given(steps, st.booleans())
def test_it_says_what_a_plain_table_says(drawn: list[tuple[str, int, str | None, int]], by_bytes: bool) -> None:
    """Heaps and looks are there for speed; the plain way is to go through everything."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "GIVE_WAY_MAX", 3)  # so that it is looked for more now and then
        compare(drawn, Ledger(OWN, by_bytes=by_bytes), by_bytes)


def compare(drawn: list[tuple[str, int, str | None, int]], ledger: Ledger, by_bytes: bool) -> None:
    """Do the same with a ledger and a table."""
    table: dict[int, tuple[str, int]] = {}
    sizes: dict[int, int] = {}
    for what, number, source, size in drawn:
        if what == "charge":
            ledger.charge(key(number), source, size, sizes.get(number, 0))
            sizes[number] = size
            table.pop(number, None)
            if source is not None:
                table[number] = (source, size)
        elif what == "forget":
            ledger.forget(key(number), sizes.pop(number, 0))
            table.pop(number, None)
        weights = weights_in(table, by_bytes)
        assert {source: ledger.has(ledger.account(source)) for source in "abc"} == weights
        assert (ledger.weight, len(ledger)) == (sum(weights.values()), len(table))
        if what == "give way" and table:
            heaviest = ledger.heaviest()
            assert heaviest is not None
            farthest = max(number for number, (owner, _) in table.items() if owner == heaviest.source)
            assert ledger.farthest(heaviest) == key(farthest)
            ledger.forget(key(farthest), sizes.pop(farthest))
            del table[farthest]
        elif what == "look":
            heaviest = ledger.heaviest()
            assert ledger.has(heaviest) == max(weights.values())
            for other in "abc":
                distances = [number for number, (owner, _) in table.items() if owner == other]
                account = ledger.account(other)
                farthest = ledger.farthest(account) if account is not None else None
                assert farthest == (key(max(distances)) if distances else None)


def weights_in(table: dict[int, tuple[str, int]], by_bytes: bool) -> dict[str, int]:
    """Return how much each source has."""
    return {
        source: sum(size if by_bytes else 1 for owner, size in table.values() if owner == source) for source in "abc"
    }
