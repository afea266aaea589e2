"""What the experiments on durability measure is what they say: known stores are counted, and planted loss is seen."""

from __future__ import annotations

from math import exp
from pathlib import Path
from random import Random

import pytest

from kademlia.node import ID_BYTES, Node
from kademlia.protocol import KademliaProtocol
from kademlia.sim import figures
from kademlia.sim.churn import DAY_S, HOUR_S, Exponential
from kademlia.sim.experiments import Options, half, storm
from kademlia.sim.holders import Holders
from kademlia.sim.lesser import WithoutHandoff, WithoutReplication
from kademlia.sim.meter import Meter
from kademlia.sim.newcomers import Newcomers
from kademlia.sim.resident import Resident
from kademlia.sim.stage import Stage
from kademlia.sim.stores import HANDOFF, REPLICATION
from kademlia.sim.survival import interval_of_share, neighbourhoods, survives

K = 4
LIFE_S = 2 * DAY_S


def quiet(_line: str) -> None:
    """Tell nobody."""


def stage_of(nodes: int, *kinds: type[KademliaProtocol], values: int = 0, over_s: float = 60.0) -> Stage:
    stage = Stage(1, nodes, ksize=K, kinds=kinds or (KademliaProtocol,))
    if values:
        stage.publish(values, over_s, LIFE_S, quiet)
    return stage


def lost_in_two_hours(kind: type[KademliaProtocol]) -> int:
    """Return how many of 20 values nobody keeps after two hours of sessions of forty minutes."""
    stage = stage_of(16, kind)
    stage.move(Exponential(2_400.0))
    stage.publish(20, 60.0, LIFE_S, quiet)
    stage.pass_time(2 * HOUR_S, quiet)
    return len(Holders(stage.world, stage.values).lost())


@pytest.mark.slow
def test_values_are_lost_where_nobody_replicates_and_kept_where_all_do() -> None:
    """Else nothing lost would mean nothing."""
    without_any = type("Neither", (WithoutReplication, WithoutHandoff), {})
    assert lost_in_two_hours(KademliaProtocol) == 0
    assert lost_in_two_hours(without_any) > 5


def test_the_stores_of_a_publication_and_of_a_replication_are_counted() -> None:
    """A value is stored at k holders; an hour later one of them stores it at the k - 1 others."""
    stage = stage_of(12)
    key = bytes(range(ID_BYTES))
    publisher = stage.world.residents[stage.world.closest(Node(key), 12)[-1].address]  # no holder itself
    stage.stores.watch([key])
    stage.set(key, "value", LIFE_S, publisher)
    stage.pass_time(60.0, quiet)
    assert stage.stores.count == {REPLICATION: K}
    stage.stores.reset()
    stage.pass_time(1.3 * HOUR_S, quiet)
    assert stage.stores.count == {REPLICATION: K - 1}
    assert len(stage.stores.replications[key]) == 1
    assert stage.stores.lookups == 0
    stage.pass_time(HOUR_S, quiet)
    (interval,) = stage.stores.intervals()
    assert interval == pytest.approx(HOUR_S, rel=0.2)


def come(stage: Stage, key: bytes) -> Resident:
    """Let a node come that is the closest to a key."""
    near = bytes([*key[:-1], key[-1] ^ 1])
    newcomer = stage.world.add(near, ksize=K, b=1)
    stage.world.finish(newcomer.protocol.join([stage.residents()[0].address]))
    stage.pass_time(30.0, quiet)
    return newcomer


def test_a_newcomer_near_a_key_is_counted_and_so_is_what_it_is_handed() -> None:
    stage = stage_of(12, values=1)
    (key,) = stage.values
    newcomers = Newcomers(stage.world, K)
    newcomers.watch(stage.values)
    newcomer = come(stage, key)
    newcomers.came(newcomer)
    assert newcomers.count == 1
    assert stage.stores.count[HANDOFF] == 1
    assert newcomer.protocol.keeping.get(key) == stage.values[key]


def test_without_handoff_a_newcomer_gets_nothing() -> None:
    stage = stage_of(12, WithoutHandoff, values=1)
    (key,) = stage.values
    newcomer = come(stage, key)
    assert stage.stores.count[HANDOFF] == 0
    assert newcomer.protocol.keeping.get(key) is None


def test_a_newcomers_keys_are_those_to_which_it_is_one_of_the_k_closest() -> None:
    """The shortcut through the tree finds what a look at all pairs finds."""
    stage = stage_of(60)
    chance = Random(2)
    keys = [chance.randbytes(ID_BYTES) for _ in range(100)]
    newcomers = Newcomers(stage.world, K)
    newcomers.watch(keys)
    for resident in stage.residents()[:20]:
        ids = [other.protocol.source_node.long_id for other in stage.residents()]
        long_id = resident.protocol.source_node.long_id
        near = {key for key in keys if sum(i ^ _int(key) < long_id ^ _int(key) for i in ids) < K}
        assert set(newcomers.keys_of(resident.node)) == near


def test_a_dead_holder_is_missed_and_a_life_that_is_over_is_no_value() -> None:
    stage = Stage(1, 12, ksize=K)
    stage.publish(1, 1.0, 600.0, quiet)
    (key,) = stage.values
    assert Holders(stage.world, [key]).at_the_closest(key, K) == 1
    stage.world.residents[stage.world.closest(Node(key), 1)[0].address].die()
    holders = Holders(stage.world, [key])
    assert holders.at_the_closest(key, K) == (K - 1) / K
    assert holders.copies() == K - 1
    assert stage.found([key]) == {key: True}
    stage.pass_time(600.0, quiet)
    assert Holders(stage.world, [key]).lost() == [key]
    assert stage.found([key]) == {key: False}


# -- what the formula says ---------------------------------------------------------------------------------------------


def test_the_formula_gives_the_published_figure() -> None:
    """Sessions of an hour, replication each hour, k = 8: 0.538 live on for a day."""
    assert survives([HOUR_S], DAY_S, 8, lambda seconds: exp(-seconds / HOUR_S)) == pytest.approx(0.538, abs=0.005)


def test_the_formula_needs_intervals() -> None:
    with pytest.raises(ValueError, match="two hours"):
        survives([], DAY_S, 8, lambda _seconds: 1.0)


def test_every_key_is_in_one_neighbourhood() -> None:
    chance = Random(3)
    ids = [_int(chance.randbytes(ID_BYTES)) for _ in range(21)]
    keys = [chance.randbytes(ID_BYTES) for _ in range(200)]
    parts = neighbourhoods(ids, keys, K)
    assert sorted(key for part in parts for key in part) == sorted(keys)
    assert len(parts) <= 6


def test_the_interval_is_wider_where_neighbours_share_their_fate() -> None:
    """Taken for independent, a thousand keys with fifty sets of holders would seem to tell twenty times as much."""
    keys = [number.to_bytes(ID_BYTES, "big") for number in range(1_000)]
    together = [keys[start : start + 20] for start in range(0, 1_000, 20)]
    hit = {key for part in together[::2] for key in part}
    low, high = interval_of_share(together, hit, Random(4))
    alone = interval_of_share([[key] for key in keys], hit, Random(4))
    assert low < 0.5 < high
    assert high - low > 3 * (alone[1] - alone[0])


def test_the_chance_of_a_half_is_exact() -> None:
    """Of 4 nodes 2 stay; of 2 holders both leave in one of six cases. With more holders than leavers none is lost."""
    assert half.expected(4, 2) == pytest.approx(5 / 6)
    assert half.expected(40, 21) == 1
    assert half.expected(1_000, 3) == pytest.approx(1 - 0.5**3, abs=0.001)


# -- the storm ---------------------------------------------------------------------------------------------------------


def test_the_meter_counts_every_datagram_once() -> None:
    stage = stage_of(12)
    meter = Meter(stage.world)
    before = stage.world.stats().datagrams
    stage.publish(5, 10.0, LIFE_S, quiet)
    meter.between(0, 1)
    assert sum(meter.series) == stage.world.stats().datagrams - before
    assert 0 < meter.sender_peak <= max(meter.series)
    assert 0 < meter.target_peak <= max(meter.series)


def test_what_nodes_send_is_drawn(tmp_path: Path) -> None:
    figures.traffic([0.0, 90.0, 4.5, 3.0], tmp_path / "traffic.png", "4 nodes")
    assert (tmp_path / "traffic.png").read_bytes().startswith(b"\x89PNG\r\n")


def test_after_a_restart_all_comes_back_from_those_who_published_it() -> None:
    """Nothing else is left of it: the stores were in memory."""
    outcome = storm.storm(Options(progress=quiet), 1, 25, 2)
    assert outcome.back[0] < 1
    assert outcome.back[-1] == 1
    assert max(outcome.series) >= outcome.sender_peak > 0


def _int(key: bytes) -> int:
    return int.from_bytes(key, "big")
