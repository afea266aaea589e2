"""Nodes that behave as 2.2.3 do so: no trailers, no stamps, and values that never die."""

from __future__ import annotations

from kademlia.node import ID_BYTES, Address, Node
from kademlia.protocol import KademliaProtocol
from kademlia.sim.churn import DAY_S, HOUR_S
from kademlia.sim.holders import Holders
from kademlia.sim.old_node import OldAndNew, OldNode, is_old
from kademlia.sim.stage import ONE_WAY_S, Stage
from kademlia.wire import trailer

K = 4
KEY = bytes(range(ID_BYTES))


def quiet(_line: str) -> None:
    """Tell nobody."""


def stage_of(nodes: int, *kinds: type[KademliaProtocol]) -> Stage:
    return Stage(1, nodes, ksize=K, kinds=kinds, world=OldAndNew(1, latency=ONE_WAY_S, traced=False))


def test_old_nodes_send_no_trailers_and_ours_do() -> None:
    stage = stage_of(8, KademliaProtocol, OldNode)
    hints: dict[bool, list[bool]] = {True: [], False: []}

    def heard(_what: bytes, datagram: bytes, source: Address, _target: Address) -> None:
        hints[is_old(stage.world.residents[source])].append(trailer.split(datagram)[1] is not None)

    stage.world.listeners.append(heard)
    for resident in stage.residents()[:4]:
        stage.set(KEY, "value", DAY_S, resident)
        stage.pass_time(10.0, quiet)
    assert hints[True]
    assert not any(hints[True])
    assert any(hints[False])


def test_among_old_nodes_alone_a_value_outlives_every_life() -> None:
    """That is their published defect: each replication makes it young again."""
    stage = stage_of(8, OldNode)
    stage.set(KEY, "value", HOUR_S)
    stage.pass_time(DAY_S, quiet)
    assert len(Holders(stage.world, [KEY]).of[KEY]) >= K


def test_a_value_that_died_on_ours_does_not_come_back_from_old_ones() -> None:
    """They store it again each hour, without a stamp."""
    stage = stage_of(8, KademliaProtocol, OldNode)
    old = [resident for resident in stage.residents() if is_old(resident)]
    for resident in stage.residents():
        assert resident.protocol.keep(KEY, "value")
        if is_old(resident):
            resident.protocol.storage[KEY] = "value"
    stage.pass_time(1.5 * DAY_S, quiet)
    assert not any(resident.protocol.keeping.get(KEY) for resident in stage.residents() if resident not in old)
    assert any(resident.protocol.storage.get(KEY) for resident in old)


def test_an_old_node_takes_whatever_was_stored_last() -> None:
    """A store of an older value overwrites a newer one there."""
    stage = stage_of(4, KademliaProtocol, OldNode)
    ours, old = stage.residents()[:2]
    for value in ("new", "old"):
        outcome = ours.protocol.call_store(old.node, KEY, value)
        stage.world.finish(outcome)
    assert old.protocol.storage.get(KEY) == "old"


def test_an_old_node_answers_with_values_and_is_found_by_lookups() -> None:
    stage = stage_of(8, KademliaProtocol, OldNode)
    ours = stage.residents()[0]
    closest = [stage.world.residents[node.address] for node in stage.world.closest(Node(KEY), 8)]
    old = next(resident for resident in closest if is_old(resident))
    old.protocol.storage[KEY] = "value"
    assert stage.world.finish(ours.protocol.fetch(KEY)) == "value"
    found = stage.world.finish(ours.protocol.lookup(Node(old.protocol.source_node.id[:-1] + b"\x00")))
    assert old.protocol.source_node.id in [node.id for node in found]
