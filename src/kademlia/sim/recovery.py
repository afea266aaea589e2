"""Liveness: once the faults are over, a network finds back to what it promises, within a bound in virtual time.

After every level was refreshed and every value republished, no living node is hidden from a lookup, no level of a
table is empty in whose range nodes live, and what anybody keeps can be read by everybody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kademlia.engine import limits
from kademlia.node import ID_BYTES, Address, Node
from kademlia.sim.latency import Constant
from kademlia.sim.table_rules import empty_levels
from kademlia.sim.trace import DELIVERED, SENT
from kademlia.wire import rpcudp

if TYPE_CHECKING:
    from kademlia.sim.checks import Checks
    from kademlia.sim.resident import Resident
    from kademlia.sim.world import World

#: A network has recovered after so many virtual seconds: an hour until the last value and level are due (R22, R26), the
#: longest wait until that is looked at, and as much again for what the first round brings in motion.
RECOVERY_S = limits.REFRESH_S + 2 * limits.UPKEEP_S * (1 + limits.JITTER)

#: Virtual seconds between two looks meanwhile.
EVERY_S = 30.0

#: Lookups that are checked at the end.
LOOKUPS = 10

#: Round trips that a lookup may take where every datagram takes the same time and nobody is dead: one for each bit of
#: the network's size above k, the first, and the bursts to the k closest until nobody new is told of (R14).
ROUNDS_BESIDES_HOPS = 3


def heal(checks: Checks) -> None:
    """End all faults but NAT: nothing is lost or cut, no machine is slow, every cable is plugged in."""
    world = checks.world
    world.links.heal()
    for resident in world.residents.values():
        resident.connected = True
        resident.delay = 0.0


def recovers(
    checks: Checks,
    *,
    within_s: float = RECOVERY_S,
    lookups: int = LOOKUPS,
    hidden: Collection[Address] = (),
    nobody_died: bool = False,
) -> None:
    """Heal everything, wait, and check that the network does what it promises.

    Args:
        checks: The running checks of a world.
        within_s: How long the network may take, in virtual seconds.
        lookups: How many random ids are looked up.
        hidden: Addresses behind NAT, which others may not be able to reach.
        nobody_died: Whether all nodes that ever kept a value still live, so that none can be lost.

    Raises:
        Violation: It does not.
    """
    world = checks.world
    heal(checks)
    checks.every_s = EVERY_S
    world.run(within_s)
    reachable = [resident for address, resident in world.residents.items() if address not in hidden]
    if len(reachable) < 2:
        return
    for resident in reachable:
        for fault in empty_levels(resident, reachable):
            checks.fail(resident, fault)
    for _ in range(lookups):
        target = Node(world.chance.randbytes(ID_BYTES))
        lookup_is_exact(checks, world.chance.choice(reachable), target, reachable)
    for key in checks.ledger.values:
        value_is_readable(checks, world.chance.choice(reachable), key, hidden, nobody_died)
    checks.look()


def lookup_is_exact(checks: Checks, resident: Resident, target: Node, reachable: list[Resident]) -> None:
    """Look up a target; no reachable node that is nearer than the farthest one found may be missing (R8, R25).

    Who was asked and did not answer in time is excused: a lookup does not wait for the late (R13). So is everybody
    where some nodes are behind NAT, who are told of and may not be reached.

    Raises:
        Violation: One is missing, somebody dead was found, or it took too many round trips.
    """
    world, protocol = checks.world, resident.protocol
    began, ksize = world.now, protocol.router.ksize
    with _late_ones(world, resident) as late:
        found: list[Node] = world.finish(checks.ledger.lookup(resident, target))
    for node in found:
        if node.address not in world.residents:
            checks.fail(resident, f"a lookup of {target.id.hex()} found {node}, who is dead")
    ids = {node.id for node in found}
    radius = found[-1].distance_to(target) if len(found) >= ksize else None
    for other in reachable if len(reachable) == len(world.residents) else ():
        node = other.protocol.source_node
        is_near = radius is None or node.distance_to(target) < radius
        if other is not resident and is_near and node.id not in ids and node.address not in late:
            checks.fail(resident, f"a lookup of {target.id.hex()} did not find {node}, one of the {ksize} closest")
    if not late:
        _is_quick(checks, resident, target, world.now - began)


@contextmanager
def _late_ones(world: World, resident: Resident) -> Iterator[dict[Address, None]]:
    """Note whom a node asked and who has not answered yet."""
    late: dict[Address, None] = {}

    def heard(what: bytes, datagram: bytes, source: Address, target: Address) -> None:
        if what == SENT and source == resident.address and datagram[0] == rpcudp.REQUEST:
            late[target] = None
        elif what == DELIVERED and target == resident.address and datagram[0] == rpcudp.RESPONSE:
            late.pop(source, None)

    world.listeners.append(heard)
    try:
        yield late
    finally:
        world.listeners.remove(heard)


def _is_quick(checks: Checks, resident: Resident, target: Node, seconds: float) -> None:
    latency = checks.world.links.latency
    if not isinstance(latency, Constant) or not latency.seconds:
        return
    rounds = seconds / (2 * latency.seconds)
    hops = (len(checks.world.residents) // resident.protocol.router.ksize).bit_length()
    if rounds > hops + ROUNDS_BESIDES_HOPS + 0.5:
        checks.fail(resident, f"a lookup of {target.id.hex()} took {rounds:.1f} round trips")


def value_is_readable(
    checks: Checks, resident: Resident, key: bytes, hidden: Collection[Address], nobody_died: bool
) -> None:
    """Get the value of a key that somebody keeps, or that a set stored while nobody died since.

    Raises:
        Violation: There is none, or it is invented.
    """
    ledger = checks.ledger
    is_kept = any(holder.address not in hidden for holder in ledger.holders(key))
    due = is_kept or (nobody_died and ledger.is_due(key))
    value = checks.world.finish(ledger.get(resident, key))
    if due and value is None:
        checks.fail(resident, f"the value of {key.hex()} is lost")
