"""How good routing tables are, judged by what no node can know: who lives, and who is closest to whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kademlia.sim.resident import Resident
    from kademlia.sim.world import World

#: Digits behind the point of a share.
DIGITS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The state of some nodes' tables at one time, as shares from 0 to 1."""

    at_s: float  #: virtual seconds since the network stood
    known: float  #: of the k living nodes closest to a node, how many are among its contacts: the mean
    know_all: float  #: nodes that know all of these k
    stale: float  #: contacts that live no more, or not at that address


def examine(world: World, residents: Sequence[Resident], at_s: float) -> Health:
    """Look at the tables of some living nodes; nothing in the world changes by it."""
    known = neighbours = know_all = contacts = stale = 0
    for resident in residents:
        router, own = resident.protocol.router, resident.protocol.source_node
        closest = world.closest(own, router.ksize, besides=own)
        hits = sum(node.id in router.bucket_of(node.long_id).nodes for node in closest)
        known, neighbours = known + hits, neighbours + len(closest)
        know_all += hits == len(closest)
        table = router.contacts()
        contacts += len(table)
        for node in table:
            there = world.residents.get(node.address)
            stale += there is None or there.protocol.source_node.id != node.id
    return Health(
        at_s=at_s,
        known=_share(known, neighbours),
        know_all=_share(know_all, len(residents)),
        stale=_share(stale, contacts),
    )


def _share(part: int, whole: int) -> float:
    return round(part / whole, DIGITS) if whole else 0.0
