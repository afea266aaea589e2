"""Table floods: whoever has one network gets two contacts of a bucket and ten of a table, whatever he does.

`kademlia sim reproduce flood` has two hosts attack for an hour; here they do for some minutes, and single moves are
looked at by themselves.
"""

from __future__ import annotations

from random import Random

import pytest
from tests.hostile.strangers import Stranger, answer, asked_for, honest, request

from kademlia.engine.limits import Limits
from kademlia.node import ID_BYTES, Node
from kademlia.protocol import KademliaProtocol
from kademlia.sim import Resident, World
from kademlia.sim.experiments import Options, flood
from kademlia.sim.experiments.storm import Memory, restored
from kademlia.sim.grinding import sharing
from kademlia.sim.holdings import Holdings
from kademlia.sim.internet import Internet

LIMITS = Limits()
NODES = 60

#: Nodes of one network that want to be contacts.
MANY = 300


def check_caps(holdings: Holdings) -> None:
    """Hold one network to what it may have."""
    assert LIMITS.contacts_per_bucket is not None
    assert LIMITS.contacts_per_table is not None
    assert LIMITS.nodes_per_lookup is not None
    assert holdings.bucket <= LIMITS.contacts_per_bucket
    assert holdings.waiting <= LIMITS.contacts_per_bucket
    assert holdings.table <= LIMITS.contacts_per_table
    assert holdings.found <= LIMITS.nodes_per_lookup
    assert holdings.holders <= LIMITS.nodes_per_lookup


def introduce(world: World, victim: Resident, addresses: list[tuple[str, int]]) -> None:
    """Have somebody at each address ask the victim as newcomers do, with an id ground to some bucket, and answer."""
    chance = Random(1)
    for number, address in enumerate(addresses):
        node_id = sharing(victim.protocol.source_node.long_id, number % 24, chance)
        stranger = Stranger(world, address, honest(node_id))
        stranger.send(request("find_node", node_id, node_id, number=number), victim)
        world.run(0.1)
    world.run(10)


def looked_at(victim: Resident, network: str) -> Holdings:
    """Return what a network holds of a node."""
    holdings = Holdings([network])
    holdings.look(victim.protocol)
    return holdings


@pytest.mark.slow
@pytest.mark.parametrize(
    "setting", [one for one in flood.SETTINGS if one.victim is KademliaProtocol], ids=lambda s: s.said
)
def test_two_hosts_never_hold_more_than_the_caps(setting: flood.Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    """At every look of the attack, and while the victim restarts from its state."""
    for name in ("MINUTES", "MINUTES_AFTER"):
        monkeypatch.setattr(flood, name, 2)
    monkeypatch.setattr(flood, "FIERCER", 3.0)
    damage = flood.Siege(Options(), 1, NODES, 10, setting).run()
    check_caps(damage.during)
    check_caps(damage.after)
    assert damage.during.looks + damage.after.looks >= 100
    assert damage.theirs <= len(setting.hosts) * 10
    assert damage.hijacked == 0
    assert all(damage.gets)


def test_a_network_gets_its_share_and_no_more() -> None:
    """300 nodes of one /24 come to a table that would have room for most of them."""
    world = Internet(1)
    victim = world.filled(NODES)[0]
    introduce(world, victim, [(f"203.0.113.{1 + number % 250}", 1024 + number) for number in range(MANY)])
    holdings = looked_at(victim, "203.0.113")
    check_caps(holdings)
    assert holdings.table == LIMITS.contacts_per_table


def test_a_young_table_gives_a_network_two_places() -> None:
    """It has one bucket: whoever comes first does not fill it before anybody else is there."""
    world = Internet(1)
    victim = world.add()
    introduce(world, victim, [("203.0.113.5", 1024 + number) for number in range(MANY)])
    holdings = looked_at(victim, "203.0.113")
    check_caps(holdings)
    assert holdings.table == LIMITS.contacts_per_bucket


def test_a_48_of_ipv6_is_one_network() -> None:
    """Each of 300 /64 is an address of its own, but one customer has 65,536 of them."""
    world = Internet(1, ipv6=True)
    victim = world.filled(NODES)[0]
    introduce(world, victim, [(f"2a01:4f8:1:{number:x}::1", 8468) for number in range(1, MANY)])
    holdings = looked_at(victim, "2a0104f80001/48")
    check_caps(holdings)
    assert holdings.table == LIMITS.contacts_per_table


def test_an_address_in_another_spelling_is_the_same_address() -> None:
    """Sockets that take both families show an IPv4 sender as one of IPv6."""
    world = Internet(1)
    victim = world.filled(NODES)[0]
    ips = ["203.0.113.5", "::ffff:203.0.113.5", "::ffff:cb00:7105", "64:ff9b::203.0.113.5"]
    introduce(world, victim, [(ips[number % 4], 1024 + number) for number in range(MANY)])
    holdings = looked_at(victim, "203.0.113")
    check_caps(holdings)
    assert holdings.table == LIMITS.contacts_per_table


@pytest.mark.parametrize("ip", ["127.0.0.1", "192.168.1.{}", "10.0.0.{}", "fd00::{}"])
def test_within_loopback_and_private_scopes_everybody_is_welcome(ip: str) -> None:
    """A network at home, or on one machine, has no other prefix."""
    world = World(1)
    victim = world.add(address=(ip.format(200), 8468))
    introduce(world, victim, [(ip.format(1 + number), 1024 + number) for number in range(60)])
    assert len(victim.protocol.router) >= 40


def test_a_state_full_of_one_network_is_not_believed() -> None:
    """It may be one that an older release saved, or that was saved under attack."""
    world = Internet(1)
    first = world.add()
    own_id, address = first.node.id, first.address
    chance = Random(2)
    contacts = [
        Node(sharing(first.node.long_id, number % 16, chance), "203.0.113.9", 1024 + number) for number in range(MANY)
    ]
    first.die()
    memory = Memory(contacts, [contact.address for contact in contacts[:20]], [])
    for contact in contacts:
        Stranger(world, contact.address, honest(contact.id))
    victim = world.add(own_id, protocol_class=restored({address: memory}), address=address)
    check_caps(looked_at(victim, "203.0.113"))
    victim.protocol.join(memory.neighbours)
    world.run(600)
    check_caps(looked_at(victim, "203.0.113"))


def test_an_id_is_not_taken_from_a_contact_that_answers() -> None:
    """The old address is asked first; whoever claims an id that lives elsewhere gets nothing, as often as he tries."""
    world = Internet(1)
    victim, honest_one = world.add(), world.add()
    world.finish(honest_one.protocol.join([victim.address]))
    world.run(5)
    introduce_as(world, victim, honest_one.node.id, 50)
    assert [node.address for node in victim.protocol.router.contacts()] == [honest_one.address]


def test_an_id_is_not_taken_from_a_contact_that_was_cut_off_for_half_a_minute() -> None:
    """Whoever waits for his moment, or makes it, would keep the id for good: he answers, when its owner is back."""
    world = Internet(1)
    victim, honest_one = world.add(), world.add()
    world.finish(honest_one.protocol.join([victim.address]))
    world.run(5)
    honest_one.connected = False
    introduce_as(world, victim, honest_one.node.id, 50)
    world.run(25)
    honest_one.connected = True
    world.run(300)
    assert [node.address for node in victim.protocol.router.contacts()] == [honest_one.address]


def introduce_as(world: World, victim: Resident, node_id: bytes, times: int) -> None:
    """Have strangers say, from one network, that they are somebody else, and prove their addresses."""
    for number in range(times):
        stranger = Stranger(world, ("203.0.113.5", 1024 + number), honest(node_id))
        stranger.send(request("find_node", node_id, node_id, number=number), victim)
        world.run(0.1)


def test_whoever_changes_its_id_at_one_port_has_one_place() -> None:
    """An address is one node, whatever it says: the last id is it."""
    world = Internet(1)
    victim = world.add()
    chance = Random(3)
    address = ("203.0.113.5", 1024)
    for number in range(100):
        node_id = chance.randbytes(ID_BYTES)
        stranger = Stranger(world, address, honest(node_id))
        stranger.send(request("find_node", node_id, node_id, number=number), victim)
        world.run(61)
        assert len(victim.protocol.router) <= 1
    assert victim.protocol.stats().replacements <= 1


def test_a_late_liar_in_a_lookup_gets_two_places_of_the_k() -> None:
    """One host that tells of itself under k ids next to the target does not become all the holders of a value."""
    world = Internet(1)
    residents = world.filled(NODES)
    target = Node(Random(4).randbytes(ID_BYTES))
    near = [
        (sharing(target.long_id, 60 + number, Random(number)), "203.0.113.5", 1024 + number) for number in range(20)
    ]
    for node_id, *address in near:
        told = honest(node_id)
        Stranger(
            world,
            (str(address[0]), int(address[1])),
            lambda datagram, told=told: (
                [answer(datagram, near)] if asked_for(datagram)[0].startswith("find") else told(datagram)
            ),
        )
    host = Node(near[0][0], "203.0.113.5", 1024)
    nodes = world.finish(residents[0].protocol.lookup(target, [host, *(one.node for one in residents[1:4])]))
    assert len(nodes) == 20
    assert sum(node.ip == "203.0.113.5" for node in nodes) == LIMITS.nodes_per_lookup
