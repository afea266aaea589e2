"""What a node published stays until it is forgotten, and of two publishers the one who set a value later prevails."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from tests.engine.holders import DROPPED_S, KEY, SLACK_S, ends, holders, in_order, joined, network, outsider, values

from kademlia.engine import limits
from kademlia.engine.published import Kept
from kademlia.node import Address
from kademlia.sim import World
from kademlia.sim.churn import DAY_S, HOUR_S
from kademlia.sim.trace import SENT
from kademlia.storage import ForgetfulStorage
from kademlia.utils import digest


@pytest.mark.slow
def test_a_value_is_there_for_days_while_its_publisher_is_and_dies_when_it_is_forgotten() -> None:
    """With a life of hours: holders never make it longer."""
    world, residents = network(1, 8, settling_s=10)
    publisher = residents[0].protocol
    assert world.finish(publisher.publish(KEY, "value", 8 * HOUR_S, renew=True)) is True
    reader = outsider(world)
    for _ in range(10):
        world.run(DAY_S / 2)
        assert len(holders(world)) >= 4
        assert min(ends(world)[:4]) > world.now
        assert world.finish(reader.protocol.fetch(KEY)) == "value"
    assert publisher.forget(KEY) is True
    assert publisher.forget(KEY) is False
    last = max(ends(world))
    assert last <= world.now + 8 * HOUR_S
    world.run(last - world.now + SLACK_S)
    assert {world.finish(resident.protocol.fetch(KEY)) for resident in residents} == {None}
    world.run(DROPPED_S)
    assert holders(world) == []


def test_a_value_is_renewed_in_time_for_two_more_attempts_and_with_its_first_stamp() -> None:
    """At 70 % of its life, jittered: a node that is away for a while loses nothing."""
    world, residents = network(2, 8, settling_s=10)
    life_s = 10 * HOUR_S
    publication = residents[0].protocol.set_out(KEY, "value", life_s, renew=True)
    assert world.finish(publication.whole)
    first = max(ends(world))
    world.run(0.6 * life_s)
    assert max(ends(world)) == first
    world.run(0.2 * life_s)
    assert min(ends(world)) > first + 0.5 * life_s
    assert {resident.protocol.keeping.life_of(KEY).stamp for resident in holders(world)} == {publication.life.stamp}


def test_what_is_published_once_is_not_renewed_and_published_anew_it_replaces_what_was() -> None:
    world, residents = network(3, 8, settling_s=10)
    protocol = residents[0].protocol
    world.finish(protocol.publish(KEY, "value", 600.0, renew=True))
    assert (KEY in protocol.upkeep.published, protocol.stats().published) == (True, 1)
    world.finish(protocol.publish(KEY, "other", 600.0))
    assert (KEY in protocol.upkeep.published, protocol.stats().published) == (False, 0)
    world.run(700)
    assert world.finish(residents[5].protocol.fetch(KEY)) is None


# -- two publishers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_of_two_publishers_the_one_who_set_it_later_wins_whoever_renews_last(seed: int) -> None:
    """The other is told by the holders, and stops; its value does not come back, not even for a moment."""
    world, residents = network(10 + seed, 8, settling_s=10)
    first, second = residents[seed].protocol, residents[-1 - seed].protocol
    world.finish(first.publish(KEY, "first", 2 * HOUR_S, renew=True))
    world.run(60)
    assert world.finish(second.publish(KEY, "second", 2 * HOUR_S, renew=True)) is True
    for _ in range(16):
        world.run(HOUR_S / 2)
        assert set(values(world)) == {"second"}
        assert len(holders(world)) >= 4
    assert (len(first.upkeep.published), len(second.upkeep.published)) == (0, 1)
    assert world.finish(first.fetch(KEY)) == "second"


def test_a_publisher_that_was_away_when_it_was_superseded_does_not_bring_its_value_back() -> None:
    """It comes back with a day-old value in its state, and finds out."""
    world, residents = network(4, 8, settling_s=10)
    away = in_order(world)[-1]
    world.finish(away.protocol.publish(KEY, "old", 4 * HOUR_S, renew=True))
    away.connected = False
    world.run(600)
    world.finish(residents[1].protocol.publish(KEY, "new", 24 * HOUR_S))
    world.run(8 * HOUR_S)
    away.connected = True
    world.run(2 * HOUR_S)
    assert KEY not in away.protocol.upkeep.published
    assert set(values(world)) == {"new"}


def test_a_publisher_that_is_refused_for_want_of_room_goes_on_trying() -> None:
    """It has not been superseded: when there is room its value is kept."""
    world, residents = network(5, 8, settling_s=10)
    for resident in residents[1:]:
        storage = ForgetfulStorage(clock=lambda: world.now, max_records=1)
        resident.protocol.storage = storage
        keeping = resident.protocol.keeping
        nearer = keeping.new_life(1200.0)
        assert keeping.put(resident.protocol.source_node.id, "nearer", nearer, residents[0].address)
    assert world.finish(residents[0].protocol.publish(KEY, "value", renew=True)) is False
    world.run(600)
    assert [holder for holder in holders(world) if holder is not residents[0]] == []
    assert KEY in residents[0].protocol.upkeep.published
    world.run(2 * HOUR_S)
    assert len([holder for holder in holders(world) if holder is not residents[0]]) >= 3


@pytest.mark.parametrize("seed", range(3))
def test_a_publisher_whose_clock_is_fast_keeps_its_value_alive(seed: int) -> None:
    """Holders know the second of its stamp only: of a renewal that may be the one before, and is no other value."""
    world, residents = network(20 + seed, 8, settling_s=10)
    publisher = residents[2]
    publisher.set_clock(HOUR_S)
    world.finish(publisher.protocol.publish(KEY, "value", 2 * HOUR_S, renew=True))
    for _ in range(40):
        world.run(HOUR_S / 2)
        assert world.finish(outsider(world).protocol.fetch(KEY)) == "value"
    assert KEY in publisher.protocol.upkeep.published


# -- alone and early -------------------------------------------------------------------------------------------------


def test_what_is_set_with_no_neighbour_is_published_when_neighbours_arrive() -> None:
    """A program sets its values when it starts, whoever is there."""
    world = World(6)
    alice = world.add(ksize=4)
    keys = [digest(number) for number in range(20)]
    for key in keys:
        assert world.finish(alice.protocol.publish(key, "early", renew=True)) is False
        assert world.finish(alice.protocol.fetch(key)) == "early"
    stamps = [alice.protocol.keeping.life_of(key).stamp for key in keys]
    world.run(2 * HOUR_S)
    assert world.stats().datagrams == 0
    for _ in range(5):
        joined(world)
    world.run(30)
    for key, stamp in zip(keys, stamps, strict=True):
        assert len(holders(world, key)) >= 4
        assert {resident.protocol.keeping.life_of(key).stamp for resident in holders(world, key)} == {stamp}


def test_what_was_set_while_the_network_was_away_is_published_when_it_is_back() -> None:
    """All contacts dead is as good as none; it is tried again, ever more seldom."""
    world, residents = network(7, 8, settling_s=10)
    alice = residents[0]
    alice.connected = False
    assert world.finish(alice.protocol.publish(KEY, "value", renew=True)) is False
    world.run(600)
    assert [holder for holder in holders(world) if holder is not alice] == []
    alice.connected = True
    world.run(limits.PUBLISH_RETRY_MAX_S)
    assert len(holders(world)) >= 4


def test_what_nobody_takes_is_tried_again_at_growing_intervals() -> None:
    """Half a minute at first, half an hour in the end: an outage of a night takes dozens of attempts."""
    world, residents = network(8, 3, settling_s=10)
    alice = residents[0].protocol
    for other in residents[1:]:
        other.protocol.storage = ForgetfulStorage(clock=lambda: world.now, max_bytes=1)
    world.finish(alice.publish(KEY, "value", renew=True))
    sent = Counter[int]()

    def heard(what: bytes, datagram: bytes, source: Address, target: Address) -> None:
        if what == SENT and source == residents[0].address and b"\xa5store" in datagram[:40]:
            sent[int(world.now // HOUR_S)] += 1

    world.listeners.append(heard)
    world.run(12 * HOUR_S)
    assert 2 <= sent[11] <= 10


# -- restarts --------------------------------------------------------------------------------------------------------


def test_after_a_restart_all_is_published_again_within_half_an_hour_and_spread() -> None:
    """The holders may have restarted, too; and a thousand nodes that restart at once must not storm."""
    world, residents = network(9, 8, settling_s=10)
    old = residents[0]
    keys = [digest(number) for number in range(60)]
    for key in keys:
        world.finish(old.protocol.publish(key, "mine", renew=True))
    kept = old.protocol.upkeep.published.all()
    assert {(item.key, item.value, item.life_s) for item in kept} == {(key, "mine", limits.LIFE_S) for key in keys}
    old.die()
    for resident in residents[1:]:
        resident.protocol.storage = ForgetfulStorage(clock=lambda: world.now)  # all the others forgot
    world.run(60)
    reborn = world.add(old.node.id, ksize=4, address=old.address)
    reborn.protocol.restore([], [residents[1].address], kept)
    reborn.protocol.start(reborn, world.now, world.wall)
    world.finish(reborn.protocol.join([residents[1].address]))
    began, back = world.now, []
    for _ in range(18):
        world.run(100)
        back.append(sum(len(holders(world, key)) >= 4 for key in keys))
    assert world.now - began <= limits.RESUME_SPREAD_S
    world.run(20)
    assert sum(len(holders(world, key)) >= 4 for key in keys) == 60
    assert 15 < back[8] < 45
    assert max(later - earlier for earlier, later in pairwise(back)) < 15
    for item in kept:
        stamps = {resident.protocol.keeping.life_of(item.key).stamp for resident in holders(world, item.key)}
        assert stamps == {item.stamp}


def test_a_node_that_is_stopped_amid_its_renewals_goes_on_with_them_when_it_starts_again() -> None:
    """What waited in the queue is as due as before."""
    world, residents = network(14, 8, settling_s=10)
    alice = residents[0]
    keys = [digest(number) for number in range(100)]
    for key in keys:
        world.finish(alice.protocol.publish(key, "mine", HOUR_S, renew=True))
    while not alice.protocol.upkeep.values.busy:
        world.run(1)
    alice.protocol.stop()
    for resident in residents:
        resident.protocol.storage = ForgetfulStorage(clock=lambda: world.now)
    alice.protocol.start(alice, world.now, world.wall)
    alice.wake()
    world.run(limits.RESUME_SPREAD_S + 60)
    assert sum(bool(holders(world, key)) for key in keys) == 100


def test_what_was_superseded_while_the_node_was_down_stays_so() -> None:
    """The state of a restarted node may be old."""
    world, residents = network(11, 8, settling_s=10)
    world.finish(residents[0].protocol.publish(KEY, "new"))
    newest = residents[0].protocol.keeping.new_life().stamp
    late = residents[4]
    late.protocol.restore([], [], [Kept(KEY, "old", limits.LIFE_S, newest - 1_000_000)])
    late.protocol.start(late, world.now, world.wall)
    late.wake()
    world.run(HOUR_S)
    assert set(values(world)) == {"new"}
    assert KEY not in late.protocol.upkeep.published


def test_the_values_that_are_renewed_are_bounded_and_the_operator_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What exceeds the bound is published all the same, once."""
    monkeypatch.setattr(limits, "PUBLISHED_MAX", 3)
    world, residents = network(12, 8, settling_s=10)
    alice = residents[0]
    for number in range(5):
        assert world.finish(alice.protocol.publish(digest(number), number, renew=True)) is True
    assert len(alice.protocol.upkeep.published) == 3
    assert sum("lives once" in report for report in alice.reports) == 1
    assert world.finish(residents[3].protocol.fetch(digest(4))) == 4


def test_a_publication_tells_who_has_it_and_how_long() -> None:
    """`publish` says where a value went (R17)."""
    world, residents = network(13, 8, settling_s=10)
    publication = residents[0].protocol.set_out(KEY, "value", 1000.0)
    result = world.finish(publication.whole)
    has_it = {resident.node.id for resident in holders(world)}
    own = {residents[0].node.id} if result.kept_here else set()
    assert {node.id for node in result.stored} | own == has_it
    assert len(has_it) == 4
    assert (result.refused, result.silent, bool(result)) == ([], [], True)
    assert result.expires_at == pytest.approx(world.wall + 1000, abs=2)
    assert result.stamp == pytest.approx(world.wall, abs=2)
    for resident in in_order(world)[:2]:
        resident.connected = False
    lesser = world.finish(in_order(world)[-1].protocol.set_out(KEY, "again", 1000.0).whole)
    assert {node.id for node in lesser.silent} <= {resident.node.id for resident in in_order(world)[:2]}
    assert bool(lesser)
