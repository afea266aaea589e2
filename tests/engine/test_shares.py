"""A full shelf is shared: who has the most gives way, and what has no source keeps half of the room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.holders import alone
from tests.engine.shelves import at_distance, evicted, fill, held, store

from kademlia.engine import limits
from kademlia.engine.keeping import Life
from kademlia.storage import ForgetfulStorage
from kademlia.storage.shelf import RECORD_BYTES

if TYPE_CHECKING:
    import pytest

ALICE, BOB, MALLORY = ("8.8.1.1", 1), ("8.8.2.1", 1), ("8.8.3.1", 1)


def test_the_source_with_the_most_gives_way_wherever_its_keys_lie() -> None:
    """Keys are cheap: an attacker's are nearer than those of all others."""
    _, node, _ = alone(max_records=10)
    fill(node, [1000], sender=ALICE)
    fill(node, range(1, 10), sender=MALLORY)
    assert store(node, [2000, 3000, 4000], sender=BOB) == [2000, 3000, 4000]
    assert held(node) == {1000, 2000, 3000, 4000, 1, 2, 3, 4, 5, 6}
    assert (node.stats().evicted, node.stats().refused) == (3, 0)


def test_who_has_the_most_displaces_only_its_own() -> None:
    _, node, _ = alone(max_records=10)
    fill(node, [1000, 1001], sender=ALICE)
    fill(node, range(11, 19), sender=MALLORY)
    assert store(node, [3], sender=MALLORY) == [3]
    assert store(node, [50], sender=MALLORY) == []
    assert held(node) == {1000, 1001, 3, *range(11, 18)}


def test_another_address_of_the_same_network_is_the_same_source() -> None:
    _, node, _ = alone(max_records=4)
    fill(node, [1000], sender=ALICE)
    fill(node, [1, 2, 3], sender=MALLORY)
    assert store(node, [4, 5], sender=("8.8.3.77", 4)) == []
    assert held(node) == {1000, 1, 2, 3}


def test_among_sources_that_have_as_much_the_farthest_gives_way() -> None:
    """Nobody floods: then it is as it would be without accounts."""
    _, node, _ = alone(max_records=3)
    for number, distance in enumerate((10, 30, 20)):
        fill(node, [distance], sender=(f"8.8.{number}.1", 1))
    assert evicted(node, 40, ("8.9.1.1", 1)) == (False, set())
    assert evicted(node, 25, ("8.9.2.1", 1)) == (True, {30})
    assert evicted(node, 5, ("8.9.3.1", 1)) == (True, {25})


def test_what_we_keep_ourselves_gets_in_though_others_filled_the_shelf() -> None:
    _, node, _ = alone(max_records=5)
    fill(node, range(1, 6), sender=MALLORY)
    assert store(node, [100, 200]) == [100, 200]
    assert held(node) == {1, 2, 3, 100, 200}


def test_what_has_no_source_gives_way_to_others_down_to_half_of_the_room() -> None:
    """What was there before a restart, or is our own: no number of attackers gets more of it."""
    _, node, _ = alone(max_records=20)
    fill(node, range(100, 120))
    for number in range(1, 60):
        store(node, [number], sender=(f"8.9.{number}.1", 1))
    assert sum(distance >= 100 for distance in held(node)) == 10
    assert node.keeping.shelf.records == 20


def test_nearness_does_not_decide_what_of_nobody_gives_way() -> None:
    """An attacker that filled the shelf before a restart, with keys nearer than all others', has them give way too."""
    _, node, _ = alone(max_records=200)
    fill(node, range(1000, 1020))
    fill(node, range(1, 181))
    for number in range(100):
        store(node, [500 + number], sender=(f"8.9.{number}.1", 1))
    left = held(node)
    assert sum(distance >= 1000 for distance in left) in range(5, 17)
    assert sum(distance <= 180 for distance in left) in range(80, 97)


def test_where_the_ledger_was_too_small_ours_keeps_its_place_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """What attackers stored and has no source any more must not pass for more than our share."""
    monkeypatch.setattr(limits, "SOURCED_VALUES_MAX", 5)
    _, node, _ = alone(max_records=20)
    fill(node, [1000, 1001])
    for number in range(1, 100):
        store(node, [number], sender=(f"8.9.{number}.1", 1))
    assert {1000, 1001} <= held(node)


def test_bytes_are_what_is_shared_where_they_are_bounded() -> None:
    """One large value weighs as much as many small ones."""
    _, node, keeping = alone(max_bytes=10 * RECORD_BYTES)
    assert keeping.put(at_distance(node, 1), b"m" * 5 * RECORD_BYTES, keeping.new_life(), MALLORY)
    assert store(node, [10, 20, 30, 40], sender=ALICE) == [10, 20, 30, 40]
    assert store(node, [50], sender=BOB) == [50]
    assert held(node) == {10, 20, 30, 40, 50}


def test_a_value_that_others_renew_stays_with_its_source() -> None:
    """Else an attacker would replicate what others stored, and have it give way to its own."""
    _, node, keeping = alone(max_records=9)
    life = keeping.new_life()
    key = at_distance(node, 1000)
    assert keeping.put(key, "value", life, ALICE)
    assert keeping.put(key, "value", Life(life.stamp, life.ends_at + 1000), MALLORY)
    assert keeping.put(key, "value", None, MALLORY)
    assert keeping.admission.ledger.of(key) is keeping.admission.ledger.account("8.8.1")
    assert keeping.put(key, "newer", Life(life.stamp + 2, life.ends_at), MALLORY)
    assert keeping.admission.ledger.of(key) is keeping.admission.ledger.account("8.8.3")


def test_what_the_storage_dropped_by_itself_is_charged_to_nobody_for_long() -> None:
    """A storage of ours forgets what is too old, and a program may delete what it likes."""
    _, node, keeping = alone(max_records=6)
    fill(node, [1, 2, 3, 4, 5], sender=MALLORY)
    fill(node, [10], sender=ALICE)
    storage = node.storage
    assert isinstance(storage, ForgetfulStorage)
    for number in (1, 2, 3, 4, 5):
        del storage[at_distance(node, number)]
    fill(node, [20, 21, 22, 23], sender=ALICE)
    fill(node, [25])
    assert store(node, [30], sender=BOB) == [30]
    assert held(node) == {10, 20, 21, 22, 25, 30}
    assert keeping.admission.ledger.account("8.8.3") is None


stores = st.tuples(st.integers(0, 60), st.sampled_from([None, None, *(f"8.8.{number}.1" for number in range(4))]))


@settings(max_examples=80, deadline=None)
@given(st.lists(stores, max_size=80), st.integers(1, 8))
def test_nobody_loses_a_value_to_who_has_more(drawn: list[tuple[int, str | None]], bound: int) -> None:
    """Nor is anybody refused while another has more than it would; and ours is safe in half of the room."""
    _, node, keeping = alone(max_records=bound)
    ledger = keeping.admission.ledger
    for number, ip in drawn:
        source = ip and ip.rpartition(".")[0]
        key, before = at_distance(node, number), held(node)
        had: dict[int, tuple[object, int]] = {}
        for other in before:
            account = ledger.of(at_distance(node, other))
            had[other] = (account and account.source, ledger.has(account))
        sourceless = sum(owner is None for owner, _ in had.values())
        weights = {name: ledger.has(ledger.account(name)) for name in [f"8.8.{number}" for number in range(4)]}
        kept = keeping.put(key, number, keeping.new_life(), (ip, 1) if ip else None)
        would = weights.get(str(source), 0) + 1
        for gone in before - held(node):
            owner, weight = had[gone]
            if owner is not None and owner == source:
                assert gone > number
            elif owner is None:
                assert gone > number if source is None else (would, sourceless > bound / 2) == (1, True)
            else:
                assert weight > would or (weight >= would and gone > number) or (source is None and gone > number)
        assert kept or all(weight <= would for weight in weights.values())
        assert keeping.shelf.records <= bound
        assert len(ledger) <= keeping.shelf.records
