"""The checkers: each rule stops a world that breaks it, says where, and lets a sound one be."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kademlia.bucket import KBucket
from kademlia.engine import limits
from kademlia.engine.keeping import Life
from kademlia.engine.operation import Operation
from kademlia.node import ID_BYTES, Node
from kademlia.sim import Links, Resident, World
from kademlia.sim.checks import Checks, Violation
from kademlia.sim.ledger import LIFE_SLACK_S
from kademlia.sim.liar import Liar
from kademlia.sim.recovery import recovers
from kademlia.tree import ID_MAX
from kademlia.utils import digest

REPLAY = "replay: python -m somewhere --seed 1"


def watched(size: int = 20, seed: int = 1, links: Links | None = None) -> tuple[World, list[Resident], Checks]:
    """Return a network under all checkers."""
    world = World(seed, links=links) if links else World(seed)
    checks = Checks(world, replay=REPLAY)
    checks.start()
    return world, world.network(size, ksize=4, b=1), checks


def contact_of(resident: Resident) -> tuple[KBucket, Node]:
    """Return the first contact of a node, and its bucket."""
    return next((bucket, node) for bucket in resident.protocol.router.buckets for node in bucket.nodes.values())


def out_of_range(resident: Resident) -> None:
    bucket, node = contact_of(resident)
    resident.protocol.router.buckets[-1 if bucket.range[0] == 0 else 0].nodes[node.id] = node


def a_gap(resident: Resident) -> None:
    bucket = resident.protocol.router.buckets[1]
    bucket.range = (bucket.range[0] + 1, bucket.range[1])


def one_too_many(resident: Resident) -> None:
    bucket, node = contact_of(resident)
    bucket.nodes |= {bytes(ID_BYTES - 1) + bytes([i]): node for i in range(5)}


def itself(resident: Resident) -> None:
    router = resident.protocol.router
    own = router.bucket_of(resident.node.long_id)
    own.nodes[resident.node.id] = resident.node


def its_own_replacement(resident: Resident) -> None:
    bucket, node = contact_of(resident)
    bucket.replacement_nodes[node.id] = node


def too_many_replacements(resident: Resident) -> None:
    bucket = resident.protocol.router.buckets[0]
    bucket.replacement_nodes |= {i.to_bytes(ID_BYTES, "big"): Node(i.to_bytes(ID_BYTES, "big")) for i in range(1, 22)}


def a_bucket_that_is_not_its(resident: Resident) -> None:
    bucket, _ = contact_of(resident)
    resident.protocol.records.of(("10.9.9.9", 1)).bucket = bucket


def a_stranger_failing(resident: Resident) -> None:
    resident.protocol.contacts.failing.add(bytes(ID_BYTES))


def nobody_there(resident: Resident) -> None:
    resident.protocol.router.add_contact(Node(resident.node.id[:-1] + b"!", "10.9.9.9", 1))


def lost_without_a_reason(resident: Resident) -> None:
    resident.protocol.contacts.forget(contact_of(resident)[1])


def too_much(resident: Resident) -> None:
    many = [(f"10.9.0.{i}", 1) for i in range(limits.BOOTSTRAP_ADDRESSES_MAX + 1)]
    resident.protocol.upkeep.bootstrap_addresses = many


def an_exception(resident: Resident) -> None:
    resident.protocol.counts.internal_errors += 1


def a_value_of_nowhere(resident: Resident) -> None:
    resident.protocol.storage[digest("nobody's")] = 1


@pytest.mark.parametrize(
    ("breaks", "words"),
    [
        (out_of_range, "stands in the bucket"),
        (a_gap, "should follow"),
        (one_too_many, "k is 4"),
        (itself, "its own id"),
        (its_own_replacement, "its own replacement"),
        (too_many_replacements, "allowed are 20"),
        (a_bucket_that_is_not_its, "has no contact there"),
        (a_stranger_failing, "is no contact"),
        (nobody_there, "no such node ever lived"),
        (lost_without_a_reason, "gave up its contact"),
        (too_much, "the limit is 100"),
        (an_exception, "1 internal errors"),
        (a_value_of_nowhere, "where nobody set it"),
    ],
)
def test_a_broken_rule_stops_the_run(breaks: Callable[[Resident], None], words: str) -> None:
    """Within a second, with the time, the node and the line that repeats the run: what a finding needs."""
    world, residents, _ = watched()
    world.run(30)
    broken = residents[7]
    breaks(broken)
    broken.protocol.router.changes.count += 1
    with pytest.raises(Violation, match=words) as found:
        world.run(2)
    where = f"node {broken.node.id.hex()[:8]} at 10.0.0.8:8468"
    assert found.value.where == where
    assert str(found.value).startswith(f"{world.now:.3f} s: {where} ")
    assert str(found.value).endswith(REPLAY)


def test_a_sound_network_breaks_no_rule() -> None:
    """Sets, gets and lookups for two hours, a tenth of all datagrams lost, a fifth of the nodes dead."""
    world, residents, checks = watched(links=Links(2, 0.02, loss=0.1, duplication=0.1, reordering=0.1))
    for resident in residents[1:5]:
        resident.die()
    for number, resident in enumerate(residents[5:15]):
        checks.ledger.set(resident, f"name {number}", number)
        world.run(10)
        checks.ledger.get(residents[-1], f"name {number}")
        checks.ledger.lookup(resident, Node(digest(number)))
    world.run(7200)
    assert len(checks.ledger.accepted) == 10
    assert checks.looks > 7000


def test_a_contact_that_let_five_requests_pass_may_be_given_up() -> None:
    """R31 itself: the rule is about those that answer."""
    world, residents, checks = watched(30)
    dead = residents[3]
    knowing = [other for other in residents if not other.protocol.router.is_new_node(dead.node)]
    dead.die()
    for _ in range(8):
        for other in knowing:
            other.protocol.call_ping(dead.node)
        world.run(700)
    assert any(other.protocol.router.is_new_node(dead.node) for other in knowing)
    checks.look()


def test_an_operation_that_does_not_end_is_found() -> None:
    """A hung lookup is what users see first and report last."""
    world, residents, checks = watched(5)
    residents[2].protocol.fetch = lambda _key: Operation()  # type: ignore[method-assign]
    checks.ledger.get(residents[2], "name")
    with pytest.raises(Violation, match="did not end within 60 virtual seconds"):
        world.run(120)


def test_an_invented_value_is_found() -> None:
    """A value from nowhere, a text for a number: both are somebody else's value."""
    world, residents, checks = watched()
    world.finish(checks.ledger.set(residents[0], "name", 1))
    for holder in checks.ledger.holders(digest("name")):
        holder.protocol.storage[digest("name")] = True
    reader = next(other for other in residents if other not in checks.ledger.holders(digest("name")))
    with pytest.raises(Violation, match="got True of"):
        world.finish(checks.ledger.get(reader, "name"))


def test_a_liar_who_overhears_every_request_changes_nothing() -> None:
    """Answers are matched by id and address: whoever knows only the id is not heard."""
    world, residents, checks = watched()
    Liar(world, 1.0, 1).start()
    world.finish(checks.ledger.set(residents[3], "name", "value"))
    assert world.finish(checks.ledger.get(residents[11], "name")) == "value"
    world.run(60)
    assert sum(resident.protocol.counts.unmatched for resident in residents) > 10


def lives_too_long(world: World, seconds: float) -> Checks:
    """Return the checks of a network where one of the holders lets a value live for so much longer."""
    checks = Checks(world, replay=REPLAY)
    checks.start()
    residents = world.network(10, ksize=4, b=1)
    world.finish(checks.ledger.set(residents[1], "name", "value", 100.0))
    keeping = checks.ledger.holders(digest("name"))[1].protocol.keeping
    life = keeping.life_of(digest("name"))
    keeping.put(digest("name"), "value", Life(life.stamp + 1, life.ends_at + seconds))
    return checks


def test_a_value_that_lives_too_long_is_found() -> None:
    """Long before it does: who keeps it has written down until when."""
    world = World(1)
    checks = lives_too_long(world, LIFE_SLACK_S + 10)
    with pytest.raises(Violation, match=r"lets 'value' under \w{40} live (69|70) s too long"):
        world.run(2)
    assert checks.looks


def test_a_life_that_was_rounded_on_its_way_is_not_too_long() -> None:
    """It counts anew where it is heard, and each time the way took a while."""
    world = World(1)
    checks = lives_too_long(world, LIFE_SLACK_S - 1)
    world.run(7200)
    assert checks.ledger.holders(digest("name")) == []


def test_of_all_values_under_a_name_the_longest_life_counts() -> None:
    """The ledger does not know which of them a node keeps; a shorter life set later shortens nothing."""
    world, residents, checks = watched(10)
    ledger = checks.ledger
    for value, life_s in (("short", 100.0), ("long", 5000.0), ("short again", 50.0)):
        world.finish(ledger.set(residents[1], "name", value, life_s))
    world.run(7200)
    assert len(ledger.ends[digest("name")]) == 3
    assert ledger.holders(digest("name")) == []


def test_a_value_is_due_while_all_lives_under_its_name_go_on() -> None:
    """Only then nobody may have lost it: the newest of the values may be the one that is over."""
    world, residents, checks = watched(10)
    ledger, key = checks.ledger, digest("name")
    assert not ledger.is_due(key)
    operation = ledger.set(residents[1], "name", "value", 1000.0)
    assert not ledger.is_due(key)
    world.finish(operation)
    assert ledger.is_due(key)
    world.finish(ledger.set(residents[2], "name", "other", 500.0))
    assert ledger.is_due(key)
    world.run(500 - LIFE_SLACK_S)
    assert not ledger.is_due(key)
    assert not ledger.is_due(digest("nobody's"))


def test_a_value_whose_life_is_nearly_over_has_no_holder() -> None:
    """Whoever gets it may come too late, and that is no loss."""
    world, residents, checks = watched(10)
    world.finish(checks.ledger.set(residents[1], "name", "value", 1000.0))
    assert len(checks.ledger.holders(digest("name"))) == 4
    world.run(1000 - LIFE_SLACK_S)
    assert checks.ledger.holders(digest("name")) == []


def test_a_lost_value_whose_life_was_over_is_no_loss() -> None:
    """A network that recovers in an hour and more has nothing left of what was to live for minutes."""
    world, residents, checks = watched(10)
    world.finish(checks.ledger.set(residents[1], "name", 1, 600.0))
    recovers(checks, nobody_died=True)
    assert world.finish(checks.ledger.get(residents[2], "name")) is None


def test_a_network_cut_in_two_recovers() -> None:
    """What each half kept is readable in both, and every lookup is exact again."""
    world, residents, checks = watched(30, seed=3)
    halves = [resident.address for resident in residents[::2]], [resident.address for resident in residents[1::2]]
    world.links.cut(*halves)
    for number, resident in enumerate(residents):
        checks.ledger.set(resident, f"name {number % 5}", number)
    world.run(600)
    recovers(checks, nobody_died=True)
    assert len(checks.ledger.accepted) == 5


def test_a_network_that_has_lost_a_node_from_sight_has_not_recovered() -> None:
    """Who joined by nobody is found by nobody: the world knows that he is there."""
    world, _, checks = watched(10)
    world.add(ksize=4)
    with pytest.raises(Violation, match="knows none of the"):
        recovers(checks)


def test_a_lost_value_is_found() -> None:
    """Nobody died, and a set said True: the value has to be there."""
    world, residents, checks = watched(10)
    world.finish(checks.ledger.set(residents[1], "name", 1))
    for resident in residents:
        del resident.protocol.storage.data  # type: ignore[attr-defined]
        resident.protocol.storage.data = {}  # type: ignore[attr-defined]
    with pytest.raises(Violation, match="is lost"):
        recovers(checks, nobody_died=True)


def test_a_time_between_looks_is_above_zero() -> None:
    """Zero would look for ever without time passing."""
    with pytest.raises(ValueError, match="not 0"):
        Checks(World(1), every_s=0)


def test_checkers_that_stopped_see_nothing() -> None:
    """And cost nothing: no listener is left behind."""
    world, residents, checks = watched(5)
    checks.stop()
    residents[2].protocol.counts.internal_errors += 1
    world.run(10)
    assert world.listeners == []


def test_the_bounds_of_ids_are_those_of_the_first_and_last_bucket() -> None:
    """A table that ends early is one without those contacts."""
    world, residents, _ = watched(5)
    residents[1].protocol.router.plant([KBucket(0, ID_MAX >> 1, 4)])
    with pytest.raises(Violation, match="not with the last id"):
        world.run(2)
