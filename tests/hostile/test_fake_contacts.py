"""Contacts that do not exist: twenty in each answer, and nobody may believe in them.

A lookup that has one honest path goes on until it has found the k closest, within its limits. More of the same is
`kademlia sim reproduce fake-contacts`.
"""

from __future__ import annotations

import pytest

from kademlia.engine.limits import HARD_TIMEOUT_S, Limits
from kademlia.sim.experiments import Options, fake_contacts
from kademlia.sim.experiments.fake_contacts import K, Outcome
from kademlia.sim.fabulists import TALES

NODES = 100
OPTIONS = Options()


def check_limits(outcome: Outcome) -> None:
    """Hold lookups to what they may take, and tables to those who exist."""
    assert outcome.believed == 0
    assert max(outcome.requests) <= Limits().lookup_requests * K
    assert max(outcome.seconds) <= Limits().lookup_s + HARD_TIMEOUT_S


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have fewer bogus answers than the experiment."""
    monkeypatch.setattr(fake_contacts, "ANSWERS", 200)


@pytest.mark.parametrize("kind", [*TALES, "all"])
def test_where_one_honest_path_exists_lookups_find_the_k_closest(kind: str) -> None:
    """The victim knows 19 liars and one honest node, and each lookup begins with all of them."""
    outcome = fake_contacts._one_path(OPTIONS, 1, NODES, kind)
    check_limits(outcome)
    assert outcome.answers >= 200
    assert all(outcome.exact)


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_liars_amid_a_network_are_got_past(share: float) -> None:
    """Half of all nodes may lie: values are found, and so are nearly all of the closest."""
    outcome = fake_contacts._amid(OPTIONS, 1, NODES, share, 20, 10)
    check_limits(outcome)
    assert sum(outcome.recall) / len(outcome.recall) >= 0.95
    assert all(outcome.gets)


def test_the_same_seed_tells_the_same_tale() -> None:
    """A fault that is found here has to be repeated from its seed."""
    one, other = (fake_contacts._one_path(OPTIONS, 7, 40, "all") for _ in range(2))
    assert one == other
