"""Two hosts flood a node's table for an hour, and again while it restarts: what they hold of it, at every look.

Elsewhere two hosts with an address each took 34 of 51 places of an Ethereum node, and 44 of 50 of a young one, before
it counted networks (Marcus, Heilman and Goldberg, 2018). Here whoever has one network, a /24 or a /48 of IPv6, may have
two contacts of a bucket, ten of a table, and two of the k that a lookup ends with, whatever he does (`sim.attackers`
has what that is). The last rows show the same attack on a node that does not count.

Nodes come and go meanwhile, so that there is always room for somebody new; some of the victim's contacts are cut off
for half a minute, and somebody else claims their ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from statistics import median
from typing import Any

from kademlia.engine.limits import Limits
from kademlia.node import ID_BYTES, Address, Node
from kademlia.protocol import KademliaProtocol
from kademlia.sim import collector
from kademlia.sim.attackers import MOVES, THEFT, Crew, Host
from kademlia.sim.churn import HOUR_S, Churn, Exponential
from kademlia.sim.experiments.experiment import Experiment, Options, Row
from kademlia.sim.experiments.storm import Memory, restored
from kademlia.sim.filled import fill
from kademlia.sim.holdings import Holdings
from kademlia.sim.internet import Internet
from kademlia.sim.resident import Resident
from kademlia.sim.trace import DELIVERED

NODES = 300
KEYS = 50

#: How long they attack before the victim restarts, and afterwards. At first they only steal: whoever has used up what
#: one network may have cannot take more.
MINUTES = 60
MINUTES_STEALING = 10
MINUTES_AFTER = 10

#: The victim's table is looked at whenever somebody came or went, and what it tells so often, in seconds.
LOOK_S = 10.0

#: How long the victim is away when it restarts, and by how much the attack is fiercer in the first minute after it.
RESTART_S = 5.0
FIERCER = 10.0

#: An honest contact is cut off for so long, once a minute, and its id is claimed so often meanwhile.
SILENT_S = 30.0
CLAIMS = 20

#: How long honest nodes stay, on average.
SESSION_S = HOUR_S

#: Who may be where, of the network of one attacker.
LIMITS = Limits()


class Uncapped(KademliaProtocol):
    """A node for which all networks are alike."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.limits = Limits(contacts_per_bucket=None, contacts_per_table=None, nodes_per_lookup=None)


@dataclass(frozen=True, slots=True)
class Setting:
    """Who attacks whom."""

    said: str
    ipv6: bool
    hosts: tuple[str, ...]
    networks: tuple[str, ...]
    victim: type[KademliaProtocol] = KademliaProtocol
    minutes: int = 1_000  #: instead of `MINUTES`, if less: long enough to see what there is to see


#: The victim lives at 45.0.1.7, or in 2a00:0:1::/48: one host is its neighbour, the other is elsewhere.
SETTINGS = (
    Setting("two IPv4 addresses", False, ("45.0.2.66", "203.0.113.5"), ("45.0.2", "203.0.113")),
    Setting("two /64 of one /48", True, ("2a01:4f8:1:1::", "2a01:4f8:1:2::"), ("2a0104f80001/48",)),
    Setting("two IPv4 addresses, no caps", False, ("45.0.2.66", "203.0.113.5"), ("45.0.2", "203.0.113"), Uncapped, 15),
)


@dataclass(slots=True)
class Damage:
    """What came of one run."""

    during: Holdings
    after: Holdings
    contacts: int = 0  #: of the victim, in the end
    theirs: int = 0  #: of these, the attackers'
    lost: int = 0  #: contacts that were there before, lived all the time and were always heard, but are none any more
    hijacked: int = 0  #: the most ids of living contacts that led to an attacker, at any look
    gets: list[bool] = field(default_factory=list)
    sets: list[bool] = field(default_factory=list)
    sent: int = 0  #: datagrams of the attackers


def measure(options: Options) -> Iterator[Row]:
    """Attack in every setting."""
    nodes, keys = options.nodes or NODES, options.keys or KEYS
    for setting in SETTINGS:
        runs = [Siege(options, seed, nodes, keys, setting).run() for seed in options.seeds]
        said = f"n={nodes:,} k=20, {setting.said}, {min(setting.minutes, MINUTES)} min"
        yield from _rows(runs, said, setting.victim is KademliaProtocol)


class Siege:
    """One run: a network, a victim, and its attackers."""

    def __init__(self, options: Options, seed: int, nodes: int, keys: int, setting: Setting) -> None:
        self._progress = options.progress
        self._setting = setting
        self._chance = Random(f"siege {seed}")
        world = self._world = Internet(seed, ipv6=setting.ipv6, traced=False)
        self._victim = world.add(protocol_class=setting.victim)
        self._honest = [self._victim, *(world.add() for _ in range(nodes - 1))]
        fill(self._honest, world.chance)
        self._keys = [self._chance.randbytes(ID_BYTES) for _ in range(keys)]
        hosts = [Host(place) for place in setting.hosts]
        self._crew = Crew(world, self._victim, hosts, self._honest[1:], seed)
        self._silenced: set[bytes] = set()
        networks = list(setting.networks)
        self._damage = Damage(during=Holdings(networks), after=Holdings(networks))
        self._holdings = self._damage.during
        self._changes = 0

    @collector.seldom()
    def run(self) -> Damage:
        """Let it happen."""
        world, damage = self._world, self._damage
        for key in self._keys:
            world.finish(self._chance.choice(self._honest[1:]).protocol.publish(key, key.hex()))
        churn = Churn(world, Exponential(SESSION_S), keep=[self._victim])
        churn.start(self._honest)
        before = self._victim.protocol.router.contacts()
        world.listeners.append(self._listen)
        self._crew.start()
        minutes = min(self._setting.minutes, MINUTES)
        self._crew.moves = THEFT
        self._pass(min(MINUTES_STEALING, minutes // 2))
        self._crew.moves = MOVES
        self._pass(minutes - min(MINUTES_STEALING, minutes // 2))
        damage.lost = self._lost(before)
        self._holdings = damage.after
        self._restart()
        self._crew.rate *= FIERCER
        self._pass(1)
        self._crew.rate /= FIERCER
        self._pass(MINUTES_AFTER - 1)
        contacts = self._victim.protocol.router.contacts()
        damage.contacts = len(contacts)
        damage.theirs = sum(self._crew.owns(node.address) for node in contacts)
        damage.sent = self._crew.sent
        return damage

    def _pass(self, minutes: int) -> None:
        for minute in range(minutes):
            self._silence()
            for _ in range(int(60 / LOOK_S)):
                self._world.run(LOOK_S)
                self._look()
            self._use()
            self._progress(f"{self._setting.said}: minute {minute + 1} of {minutes}")

    def _listen(self, what: bytes, _datagram: bytes, _source: Address, target: Address) -> None:
        """Look at the victim's table if what it was sent changed it."""
        router = self._victim.protocol.router
        if what == DELIVERED and target == self._victim.address and router.changes.count != self._changes:
            self._changes = router.changes.count
            self._holdings.look(self._victim.protocol)

    def _look(self) -> None:
        protocol, randbytes = self._victim.protocol, self._chance.randbytes
        self._crew.look()
        self._holdings.look(protocol)
        self._holdings.tell(protocol, [protocol.source_node.id, *(randbytes(ID_BYTES) for _ in range(8))])
        self._damage.hijacked = max(self._damage.hijacked, self._hijacked())

    def _use(self) -> None:
        """Have the victim look somebody up, get an honest value, and publish one of its own."""
        protocol, finish = self._victim.protocol, self._world.finish
        for target in (self._chance.randbytes(ID_BYTES), protocol.source_node.id):
            self._holdings.looked_up(finish(protocol.lookup(Node(target))))
        key = self._chance.choice(self._keys)
        self._damage.gets.append(finish(protocol.fetch(key)) == key.hex())
        publication = protocol.set_out(self._chance.randbytes(ID_BYTES), "ours")
        result = finish(publication.whole)
        self._holdings.published(result.stored)
        self._damage.sets.append(len(result.stored) > 0)

    def _silence(self) -> None:
        """Cut an honest contact off for a while, and have somebody say that it lives elsewhere now."""
        residents = [self._world.residents.get(node.address) for node in self._victim.protocol.router.contacts()]
        honest = [resident for resident in residents if isinstance(resident, Resident)]
        if honest:
            chosen = self._chance.choice(honest)
            chosen.connected = False
            self._silenced.add(chosen.node.id)
            self._world.at(self._world.now + SILENT_S, _plug_in, chosen)
            self._crew.claim(chosen.node.id, CLAIMS)

    def _hijacked(self) -> int:
        """Return how many ids of honest nodes that live lead to an attacker."""
        theirs = [node for node in self._victim.protocol.router.contacts() if self._crew.owns(node.address)]
        return sum(self._world.closest(node, 1)[0].id == node.id for node in theirs)

    def _lost(self, before: list[Node]) -> int:
        router, residents = self._victim.protocol.router, self._world.residents
        alive = [node for node in before if node.address in residents and node.id not in self._silenced]
        return sum(router.is_new_node(node) for node in alive)

    def _restart(self) -> None:
        """Have the victim come back with what its state remembers."""
        old = self._victim
        neighbours = [node.address for node in old.protocol.router.find_neighbors(old.node)]
        memory = Memory(old.protocol.router.contacts(), neighbours, [])
        old.die()
        self._world.run(RESTART_S)
        kind = restored({old.address: memory}, self._setting.victim)
        self._victim = self._world.add(old.node.id, protocol_class=kind, address=old.address)
        self._crew.victim = self._victim
        self._victim.protocol.join(neighbours)


def _plug_in(resident: Resident) -> None:
    resident.connected = True


def _rows(runs: list[Damage], setting: str, capped: bool) -> Iterator[Row]:
    def row(what: str, numbers: list[int], target: int | None = None) -> Row:
        return Row(setting=setting, what=what, ours=max(numbers), target=target if capped else None)

    for said, held in (("", [run.during for run in runs]), ("restarted: ", [run.after for run in runs])):
        yield row(f"{said}a network's contacts in a bucket", [one.bucket for one in held], LIMITS.contacts_per_bucket)
        yield row(f"{said}waiting behind a bucket", [one.waiting for one in held], LIMITS.contacts_per_bucket)
        yield row(f"{said}in the table", [one.table for one in held], LIMITS.contacts_per_table)
        yield row(f"{said}told in one answer", [one.told for one in held], LIMITS.contacts_per_table)
        yield row(f"{said}found by a lookup", [one.found for one in held], LIMITS.nodes_per_lookup)
        yield row(f"{said}holders of a published value", [one.holders for one in held], LIMITS.nodes_per_lookup)
    yield row("looks at the table", [run.during.looks + run.after.looks for run in runs])
    yield row("contacts in the end", [run.contacts for run in runs])
    yield row("of these, the attackers'", [run.theirs for run in runs])
    yield row("contacts lost that were always there", [run.lost for run in runs], 0)
    yield row("living contacts' ids that led to an attacker", [run.hijacked for run in runs], 0)
    for what, gone in (("gets", [run.gets for run in runs]), ("sets", [run.sets for run in runs])):
        ours = median(sum(flags) / len(flags) for flags in gone)
        yield Row(setting=setting, what=f"{what} of the victim that succeed, share", ours=ours, target=None)
    yield row("datagrams that the attackers sent", [run.sent for run in runs])


EXPERIMENT = Experiment(
    name="flood",
    question="How much of a node's table do two hosts get that flood it for an hour, and while it restarts?",
    run=measure,
    takes="6 minutes",
)
