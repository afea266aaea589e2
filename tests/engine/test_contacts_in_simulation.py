"""Who becomes a contact, who stays one, and who is given up: the shipped engine on a virtual clock."""

from __future__ import annotations

from kademlia.engine import limits
from kademlia.node import Node
from kademlia.sim import Resident, World
from kademlia.utils import digest


def knows(one: Resident, other: Resident) -> bool:
    """Return whether a node has another in its table, at its address."""
    known = one.protocol.router.bucket_of(other.node.long_id).nodes.get(other.node.id)
    return known is not None and known.address == other.address


def ping(one: Resident, other: Resident) -> tuple[bool, object]:
    """Let a node ping another; return how it went."""
    result: tuple[bool, object] = one.world.finish(one.protocol.call_ping(other.node))
    return result


def test_both_sides_of_a_first_meeting_know_each_other() -> None:
    """Rule R5: requests and answers both make contacts, once the address has proved itself."""
    world = World(1)
    alice, bob = world.add(), world.add()
    assert world.finish(bob.protocol.join([alice.address])) == [] or knows(bob, alice)
    world.run(1)
    assert knows(alice, bob)
    assert knows(bob, alice)


def test_one_lost_answer_evicts_nobody() -> None:
    """The published releases drop a contact at its first time-out, which makes lossy networks fall apart."""
    world = World(2)
    alice, bob, _carol = world.network(3)
    bob.connected = False
    assert ping(alice, bob) == (False, None)
    assert knows(alice, bob)
    bob.connected = True
    assert ping(alice, bob) == (True, bob.node.id)
    assert alice.protocol.stats().failing == 0


def test_a_network_with_a_tenth_of_all_datagrams_lost_keeps_its_contacts() -> None:
    """Retransmission after the soft time-out: one call in thirty fails, five in a row are not seen."""
    world = World(3, loss=0.1)
    residents = world.network(20)
    world.run(60)  # who lost its first request and its repetition joins a second later
    for number in range(20):
        assert world.finish(residents[number].protocol.publish(digest(number), number)) is True
    contacts = [{node.id for node in resident.protocol.router.contacts()} for resident in residents]
    world.run(3600)
    for before, resident in zip(contacts, residents, strict=True):
        assert before <= {node.id for node in resident.protocol.router.contacts()}
    for number in range(20):
        assert world.finish(residents[-number].protocol.fetch(digest(number))) == number


def test_a_contact_that_lets_us_down_is_told_to_nobody() -> None:
    """Dead contacts in answers cost others their time: the exact-k recall of lookups falls from 1.0 to 0.7 at 10 %."""
    world = World(4)
    alice, bob, carol = world.network(3)
    bob.die()
    ping(alice, bob)
    told = [node.id for node in alice.protocol.contacts.to_tell(bob.node, carol.address)]
    assert bob.node.id not in told
    assert knows(alice, bob)


def test_a_contact_rests_twice_as_long_after_each_strike() -> None:
    """Rule R30: loss often means congestion."""
    world = World(5)
    alice, bob, _ = world.network(3)
    world.run(10)
    bob.die()
    record = alice.protocol.records.of(bob.address)
    rests = []
    ping(alice, bob)
    while len(rests) < 4:
        rests.append(record.locked_until - record.struck_at)
        struck = record.strikes
        while record.strikes == struck:
            world.run(1)
    assert [round(rest, 6) for rest in rests] == [limits.LOCK_MIN_S * 2**strike for strike in range(4)]


def test_a_dead_contact_is_replaced_after_five_strikes_by_the_newest_replacement() -> None:
    """Rules R29 and R31."""
    world = World(6)
    alice = world.add(bytes(20), ksize=1)
    far = [world.add(b"\xff" + bytes([number]) + bytes(18), ksize=1) for number in range(2)]
    near = [world.add(bytes([1, number]) + bytes(18), ksize=1) for number in range(2)]
    for resident in (*near, *far):
        world.finish(resident.protocol.join([alice.address]))
        world.run(1)
    bucket = alice.protocol.router.bucket_of(far[0].node.long_id)
    (member,) = bucket.get_nodes()
    replacement = next(iter(bucket.replacement_nodes.values()))
    world.residents[member.address].die()
    world.finish(alice.protocol.call_ping(member))
    world.run(limits.LOCK_MIN_S * 2**limits.STRIKES_UNTIL_STALE)
    assert [node.id for node in bucket.get_nodes()] == [replacement.id]


def test_without_a_replacement_a_dead_contact_is_given_up_but_found_again_when_it_is_back() -> None:
    """Only flagged, as rule R31 has it, the dead pile up: a third of a table after six hours of IPFS's churn.

    What the rule is for, our own link being down, is known by other signs.
    """
    world = World(7)
    alice, bob, _ = world.network(3)
    bob.connected = False
    ping(alice, bob)
    assert alice.protocol.stats().failing == 1
    world.run(3600)
    assert not knows(alice, bob)
    bob.connected = True
    world.run(2 * limits.LOST_ASKED_EVERY_S)
    assert knows(alice, bob)
    assert knows(bob, alice)
    assert alice.protocol.stats().failing == 0


def test_the_halves_of_a_network_that_was_cut_in_two_for_hours_become_one_again() -> None:
    """Each half gives up the other's nodes; only those that are remembered can bring them together."""
    world = World(9)
    residents = world.network(30, ksize=8)
    world.run(60)
    left, right = residents[:15], residents[15:]
    world.links.cut([one.address for one in left], [one.address for one in right])
    world.run(6 * 3600)
    assert not any(knows(one, other) for one in left for other in right)
    world.links.heal()
    world.run(1800)
    for number in range(10):
        assert world.finish(left[number].protocol.publish(digest(number), number)) is True
        assert world.finish(right[number].protocol.fetch(digest(number))) == number


def test_a_contact_that_dies_unasked_is_found_out() -> None:
    """Nobody looks anything up here; yet within an hour nobody has the dead node in its table."""
    world = World(10)
    residents = world.network(30)
    world.run(60)
    dead = residents[7]
    dead.die()
    world.run(3600)
    assert not any(knows(other, dead) for other in residents if other is not dead)


def test_an_hour_without_a_link_leaves_a_working_table() -> None:
    """Rule R31's own test: cut the link for an hour, restore it; everything must work at once."""
    world = World(8)
    residents = world.network(30)
    alice = residents[5]
    for number in range(10):
        world.finish(residents[number].protocol.publish(digest(number), number))
    before = alice.protocol.stats().contacts
    alice.connected = False
    for number in range(30):
        assert world.finish(alice.protocol.fetch(digest(f"cut {number}"))) is None
        world.run(120)
    assert alice.protocol.stats().link_down
    assert alice.protocol.stats().contacts == before
    alice.connected = True
    for number in range(10):
        assert world.finish(alice.protocol.fetch(digest(number))) == number
    world.run(600)
    stats = alice.protocol.stats()
    assert (stats.link_down, stats.failing, stats.contacts) == (False, 0, before)


def test_a_node_that_restarts_with_a_new_id_leaves_no_ghost() -> None:
    """Issues 35 and 72 of the published releases: each ghost costs lookups five seconds, again and again."""
    world = World(9)
    alice, bob, _ = world.network(3)
    bob.die()
    reborn = world.add(address=bob.address)
    world.finish(reborn.protocol.join([alice.address]))
    world.run(5)
    assert knows(alice, reborn)
    assert not knows(alice, bob)


def test_a_node_that_moves_is_found_at_its_new_address_once_the_old_one_is_silent() -> None:
    """The published releases keep the old address until it times out, and then lose the node."""
    world = World(10)
    alice, bob, _ = world.network(3)
    bob.die()
    moved = world.add(bob.node.id)
    world.finish(moved.protocol.join([alice.address]))
    world.run(30)
    assert knows(alice, moved)
    assert not knows(alice, bob)


def test_somebody_with_a_live_contacts_id_does_not_take_its_place() -> None:
    """Otherwise an id seen in any answer could be hijacked by whoever repeats it."""
    world = World(11)
    alice, bob, _ = world.network(3)
    thief = world.add(bob.node.id)
    world.finish(thief.protocol.join([alice.address]))
    world.run(60)
    assert knows(alice, bob)
    assert not knows(alice, thief)


def test_an_id_that_others_made_up_enters_no_table() -> None:
    """Answers of find_node are hearsay: only what an address says of itself, in an answer to us, counts."""
    world = World(12)
    alice, bob, carol = world.network(3)
    invented = Node(digest("nobody"), *carol.address)
    assert world.finish(alice.protocol.call_find_node(invented, bob.node))[0]
    world.run(10)
    assert alice.protocol.router.is_new_node(invented)


def test_an_ephemeral_node_is_served_but_never_a_contact() -> None:
    """A one-shot command is gone in a second; it must not leave dead contacts behind."""
    world = World(13)
    residents = world.network(5)
    visitor = world.add()
    visitor.protocol.ephemeral = True
    assert world.finish(visitor.protocol.join([residents[0].address]))
    assert world.finish(visitor.protocol.publish(digest("key"), "value")) is True
    assert world.finish(visitor.protocol.fetch(digest("key"))) == "value"
    world.run(60)
    assert not any(knows(resident, visitor) for resident in residents)


def test_a_full_buckets_silent_head_is_pinged_for_a_newcomers_sake_and_stays_if_it_answers() -> None:
    """Rules R6 and R29: old contacts live longer, and a flood of new ids cannot flush a table."""
    world = World(14)
    alice = world.add(bytes(20), ksize=1)
    near = world.add(bytes([1]) + bytes(19), ksize=1)
    old = world.add(b"\xff" + bytes(19), ksize=1)
    for resident in (near, old):
        world.finish(resident.protocol.join([alice.address]))
    for resident in (alice, near, old):
        resident.protocol.probing.stop()  # which asks those who are silent, but not for a newcomer's sake
    world.run(2 * limits.HEAD_SILENT_S)
    asked = alice.protocol.counts.asked
    for number in range(1, 4):
        newcomer = world.add(b"\xff" + bytes([number]) + bytes(18), ksize=1)
        world.finish(newcomer.protocol.join([alice.address]))
        world.run(1)
    assert knows(alice, old)
    assert alice.protocol.counts.asked > asked
    assert alice.protocol.records.of(old.address).heard_at > world.now - 10
