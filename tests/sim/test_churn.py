"""Nodes come and go by published laws: what is drawn, who comes back, and that the network takes them in."""

from __future__ import annotations

from random import Random
from typing import Literal

import pytest

from kademlia.node import ID_BYTES, Node
from kademlia.sim import Resident, World
from kademlia.sim.churn import LAWS, Churn, Exponential, Weibull, law
from kademlia.sim.walks import observe
from kademlia.utils import digest

DRAWS = 20_000


@pytest.mark.parametrize("name", ["kad", "mldht", "ipfs", "li", "bamboo"])
def test_sessions_and_what_is_left_of_them_have_the_means_of_their_law(name: str) -> None:
    """The residual of a length-biased session is E[L^2] / 2 E[L]: for KAD's law three times a whole session."""
    chance, drawn = Random(1), LAWS[name]
    sessions = [drawn.session(chance) for _ in range(DRAWS)]
    residuals = [drawn.residual(chance) for _ in range(DRAWS)]
    mean = sum(sessions) / DRAWS
    assert mean == pytest.approx(drawn.mean_s, rel=0.1)
    assert sum(residuals) / DRAWS == pytest.approx(sum(s * s for s in sessions) / DRAWS / 2 / mean, rel=0.1)


def test_the_medians_are_those_of_the_papers() -> None:
    """The laws are known by their medians: KAD 2,402 s, Bamboo's stress 1.4 minutes."""
    chance = Random(2)
    for name, median in (("kad", 2_402.0), ("bamboo", 84.0)):
        sessions = sorted(LAWS[name].session(chance) for _ in range(DRAWS))
        assert sessions[DRAWS // 2] == pytest.approx(median, rel=0.05)


def test_a_law_is_told_by_its_name_or_its_numbers() -> None:
    """What stands on a command line."""
    assert law("kad") is LAWS["kad"]
    assert law("exp:300") == Exponential(300.0)
    assert law("weibull:0.5:5000") == LAWS["kad"] == Weibull(0.5, 5000.0)


@pytest.mark.parametrize(
    "text", ["", "kadd", "exp", "exp:", "exp:0", "exp:nan", "exp:1:2", "weibull:1", "weibull:-1:2"]
)
def test_no_law_is_refused_with_what_there_is_instead(text: str) -> None:
    """Whoever mistypes one is told at once."""
    with pytest.raises(ValueError, match=repr(text)):
        law(text)


def test_rejoining_is_one_of_two_ways() -> None:
    """A third would silently be the first."""
    with pytest.raises(ValueError, match="'new'"):
        Churn(World(1), LAWS["li"], rejoin="new")  # type: ignore[arg-type]


def churned(rejoin: Literal["new-id", "same-id"], seed: int = 3) -> tuple[World, Churn]:
    """Return a world after three mean sessions."""
    world = World(seed)
    residents = world.network(30, ksize=8, refresh=False)
    churn = Churn(world, law("exp:300"), rejoin=rejoin, ksize=8, keep=residents[:2])
    churn.start(residents)
    world.run(900)
    return world, churn


def test_a_population_with_new_ids_stays_as_large_as_it_is() -> None:
    """Li's model: whoever goes is followed by another at once. So load and size stay comparable over the hours."""
    world, churn = churned("new-id")
    assert churn.births == churn.deaths > 60
    assert len(churn.residents) == len(world.residents) == 30
    assert set(churn.residents) == set(world.residents.values())
    assert len({resident.address for resident in churn.residents}) == 30


def test_who_is_kept_never_dies() -> None:
    """An experiment's own nodes are to be there at its end."""
    world, _ = churned("new-id")
    assert {f"10.0.0.{number}" for number in (1, 2)} <= {ip for ip, _ in world.residents}


def test_the_same_id_comes_back_to_its_address_with_its_store() -> None:
    """Nodes that return with their values are why 13 to 16 of 20 holders are there after 36 hours (ProbeLab)."""
    world = World(5)
    residents = world.network(10, ksize=8, refresh=False)
    churn = Churn(world, law("exp:100"), rejoin="same-id", off=Exponential(1.0), ksize=8)
    stores = {resident.address: (resident.node.id, resident.protocol.storage) for resident in residents}
    churn.start(residents)
    world.run(500)
    churn.stop()
    assert churn.deaths >= churn.births > 30
    for resident in churn.residents:
        assert stores[resident.address] == (resident.node.id, resident.protocol.storage)


def test_about_half_are_away_where_staying_away_takes_as_long_as_staying() -> None:
    """Without a law for it, the same id stays away as long as it stays, on average."""
    world, churn = churned("same-id")
    assert 8 <= len(churn.residents) == len(world.residents) <= 24


def test_newcomers_are_taken_in() -> None:
    """A churned network is a network: after its last newcomer joined, nearly every lookup is exact."""
    world, churn = churned("new-id", seed=4)
    churn.stop()
    world.run(60)
    targets = [Node(world.chance.randbytes(ID_BYTES)) for _ in range(30)]
    walks = [world.finish(observe(world.chance.choice(churn.residents), target)) for target in targets]
    assert sum(walk.exact for walk in walks) >= 29


@pytest.mark.slow
def test_newcomers_that_joined_by_somebody_who_died_at_once_are_no_island() -> None:
    """One that knows only the dead hides whoever joins by it: then a quarter of all nodes are known to no neighbour."""
    world = World(4)
    churn = Churn(world, law("exp:60"), ksize=4)
    churn.start(world.filled(60, ksize=4))
    world.run(240)
    churn.stop()
    world.run(30)
    assert not any(resident.protocol.upkeep.adrift for resident in churn.residents)
    for resident in churn.residents:
        near = [world.residents[node.address] for node in world.closest(resident.node, 4, besides=resident.node)]
        assert any(not other.protocol.router.is_new_node(resident.node) for other in near)


def test_of_each_newcomer_is_told() -> None:
    """A scenario gives it the work that the others have."""
    world = World(5)
    told: list[Resident] = []
    churn = Churn(world, law("exp:300"), ksize=8, told=told.append)
    churn.start(world.network(16, ksize=8, refresh=False))
    world.run(600)
    assert len(told) == churn.births > 16
    assert set(churn.residents) & set(told)


def test_values_outlive_their_first_holders() -> None:
    """Handing over to newcomers keeps values alive at a pace that republishing once an hour cannot follow."""
    world = World(6)
    residents = world.network(30, ksize=8, refresh=False)
    assert world.finish(residents[0].protocol.publish(digest("a"), "b"))
    churn = Churn(world, law("exp:600"), ksize=8, keep=residents[:1])
    churn.start(residents)
    world.run(1200)
    assert world.finish(residents[0].protocol.fetch(digest("a"))) == "b"


def test_churn_follows_from_the_seed() -> None:
    """Otherwise no finding could be looked at twice."""
    traces = [churned("new-id", seed=seed)[0].trace for seed in (7, 7, 8)]
    assert traces[0] == traces[1] != traces[2]


def test_who_was_killed_by_somebody_else_is_not_replaced() -> None:
    """A scenario that kills nodes for good would otherwise see them come back."""
    world = World(9)
    residents = world.network(10, ksize=8, refresh=False)
    churn = Churn(world, law("exp:50"), ksize=8)
    churn.start(residents)
    residents[3].die()
    world.run(1000)
    assert len(churn.residents) == len(world.residents) == 9
