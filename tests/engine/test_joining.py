"""Joining is over when the network was found, not when somebody answered a ping."""

from __future__ import annotations

from kademlia.engine import limits
from kademlia.node import Address
from kademlia.sim import World


class Deaf(World):
    """A world in which find_node requests get lost for a while."""

    finds_lost = True

    def carry(self, datagram: bytes, source: Address, target: Address) -> None:
        """Lose a find_node, bring everything else on its way."""
        if not (self.finds_lost and b"find_node" in datagram):
            super().carry(datagram, source, target)


def test_a_node_whose_first_lookup_was_lost_goes_on_trying() -> None:
    """It has a live contact then, but nobody near it knows of it: it would be hidden for hours."""
    world = Deaf(1)
    alice, bob = world.add(), world.add()
    others = [world.add() for _ in range(8)]
    assert world.finish(bob.protocol.join([alice.address])) == []
    assert world.finish(alice.protocol.call_ping(bob.node))[0]
    assert bob.protocol.contacts.any_live()
    assert bob.protocol.upkeep.adrift
    world.finds_lost = False
    for resident in others:
        world.finish(resident.protocol.join([alice.address]))
    world.run(limits.BOOTSTRAP_RETRY_MAX_S)
    assert not bob.protocol.upkeep.adrift
    assert all(not other.protocol.router.is_new_node(bob.node) for other in (alice, *others))


def test_a_few_that_met_while_another_address_was_silent_go_on_until_it_answers() -> None:
    """Else a part that was cut off takes itself for the whole network, and stays one of two."""
    world = World(2)
    bob, carol, dave = world.network(3)
    left = [bob, carol, dave]
    right = world.network(6)
    world.links.cut([one.address for one in left], [one.address for one in right])
    eve = world.add()
    world.links.cut([eve.address], [one.address for one in right])
    assert world.finish(eve.protocol.join([bob.address, right[0].address]))
    assert eve.protocol.upkeep.adrift
    world.run(2 * limits.BOOTSTRAP_RETRY_MAX_S)
    assert all(other.protocol.router.is_new_node(eve.node) for other in right)
    world.links.heal()
    world.run(1.2 * limits.BOOTSTRAP_RETRY_MAX_S + 10)
    assert not eve.protocol.upkeep.adrift
    assert not any(other.protocol.router.is_new_node(eve.node) for other in (*left, *right))


def test_a_small_network_whose_addresses_all_answered_is_taken_for_whole() -> None:
    """Three nodes at home are no reason to look for more for ever; one's own address may be among those given."""
    world = World(3)
    alice, bob, carol = world.add(), world.add(), world.add()
    for resident in (bob, carol):
        assert world.finish(resident.protocol.join([alice.address, bob.address, resident.address])) is not None
    world.run(1)
    assert not carol.protocol.upkeep.adrift
    world.run(60)
    asked = carol.protocol.counts.asked
    carol.protocol.probing.stop()
    world.run(limits.UPKEEP_S / 2)
    assert carol.protocol.counts.asked == asked


def test_a_network_of_k_and_more_was_found_though_an_address_is_dead() -> None:
    """Lists of addresses grow old; a node that has found enough others does not care."""
    world = World(4)
    alice, *_ = world.network(10, ksize=4)
    newcomer = world.add(ksize=4)
    assert len(world.finish(newcomer.protocol.join([("192.0.2.1", 4000), alice.address]))) == 4
    assert not newcomer.protocol.upkeep.adrift


def test_a_newcomer_that_was_told_only_of_the_dead_goes_on_until_its_neighbours_know_it() -> None:
    """One answered, so it was not alone; but nobody near it had heard of it, and lookups of its keys missed it."""
    world = World(5)
    alice, *_ = world.network(40, ksize=4)
    newcomer = world.add(ksize=4)
    for told in alice.protocol.contacts.to_tell(newcomer.node, None):
        world.residents[told.address].die()
    found = world.finish(newcomer.protocol.join([alice.address]))
    assert [node.id for node in found] == [alice.node.id]
    assert newcomer.protocol.upkeep.adrift
    world.run(limits.BOOTSTRAP_RETRY_MAX_S)
    assert not newcomer.protocol.upkeep.adrift
    near = [world.residents[node.address] for node in world.closest(newcomer.node, 4, besides=newcomer.node)]
    assert not any(other.protocol.router.is_new_node(newcomer.node) for other in near)


def test_a_few_of_whom_one_is_dead_are_taken_for_whole_once_that_is_known() -> None:
    """A small network with a dead member is no part of a large one: its nodes do not look for more for ever."""
    world = World(6)
    alice, bob, _ = world.network(3)
    bob.die()
    dave = world.add()
    world.finish(dave.protocol.join([alice.address]))
    assert dave.protocol.upkeep.adrift
    world.run(limits.BOOTSTRAP_RETRY_MAX_S)
    assert not dave.protocol.upkeep.adrift
