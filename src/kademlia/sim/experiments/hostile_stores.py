"""A million stores from a thousand verified addresses: what becomes of one node's memory, and of the values of others.

The attackers are real hosts, each in a network of its own, and prove their addresses by answering the victim's pings;
that is all they answer. Their keys are as near to the victim's id as they like, nearer than all that honest nodes
publish, and their values have lives like any other. The victim's shelf has as much room as a node has that was given no
storage, and less than the attackers store.

The stores are handed to the victim's engine one by one, as its driver would: as events of the world they would take ten
times as long. Among them are some from forged addresses, where nobody answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from statistics import median
from typing import cast

from kademlia.engine import limits
from kademlia.node import ID_BYTES, Address, Node
from kademlia.sim import collector
from kademlia.sim.experiments.experiment import Experiment, Options, Row, share
from kademlia.sim.internet import Internet, home
from kademlia.sim.resident import Resident
from kademlia.sim.stage import ONE_WAY_S, Stage
from kademlia.sim.world import World
from kademlia.storage import ForgetfulStorage
from kademlia.wire import life, rpcudp, trailer

NODES = 40
K = 20

#: Values of honest nodes.
KEYS = 2_000

#: Hostile stores for each of these, so that a smaller run has less of both; and the room for each.
STORES_PER_KEY = 500
ROOM_PER_KEY = limits.MEMORY_BYTES_MAX // KEYS

ATTACKERS = 1_000
VALUE_BYTES = 100

#: Bits in which a hostile key differs from the victim's id, at random; of a million random keys the nearest has 140.
NEAR_BITS = 120

#: Of so many hostile stores one comes from a forged address.
FORGED_EVERY = 100

#: Stores handed over before time passes, and how much: ten thousand a second.
BURST = 100
BURST_S = 0.01

#: Where attackers live, and those who are only said to send.
FIRST_HOME, FIRST_FORGED = 100_000, 200_000

_PING = rpcudp.encode("ping")
_NAME_AT = rpcudp.HEADER_BYTES + 1
_KEPT = rpcudp.encode(True)


class Attacker:
    """Somebody at a real address, who answers pings and nothing else (an inhabitant of a `World`)."""

    __slots__ = ("_before_key", "_world", "address", "node_id")

    def __init__(self, world: World, address: Address, node_id: bytes) -> None:
        self._world = world
        self.address = address
        self.node_id = node_id
        self._before_key = rpcudp.call("store", node_id, bytes(ID_BYTES), b"")[: -ID_BYTES - len(rpcudp.encode(b""))]
        world.residents[address] = cast("Resident", self)

    def arrived(self, datagram: bytes, source: Address) -> None:
        """Take a datagram (what a `World` calls)."""
        if datagram[0] == rpcudp.REQUEST and datagram.startswith(_PING, _NAME_AT):
            answer = rpcudp.response(datagram[1 : rpcudp.HEADER_BYTES], rpcudp.encode(self.node_id))
            self._world.carry(answer, self.address, source)

    def store(self, message_id: bytes, key: bytes, value_and_life: bytes) -> bytes:
        """Return the datagram of a store request."""
        return rpcudp.request(message_id, self._before_key + key + value_and_life)


@dataclass(slots=True)
class Outcome:
    """What came of one run."""

    verified: float = 0.0  #: the share of attackers whose address the victim knows to be real
    accepted: int = 0  #: hostile stores
    refused: int = 0
    unanswered: int = 0  #: those from forged addresses, and what is over a budget
    evicted: int = 0  #: values that gave way
    forged: int = 0  #: stores from forged addresses that took effect
    full: float = 0.0  #: the bytes on the victim's shelf, of those that there is room for
    gained: int = 0  #: bytes that the process holds more than before
    store_s: float = 0.0  #: real time that a store took
    there: float = 0.0  #: the share of honest values that the victim kept before, and keeps now
    found: float = 0.0  #: the share of all honest values that an honest node finds
    later: float = 0.0  #: of values published afterwards that the victim should keep, the share that it keeps


def measure(options: Options) -> Iterator[Row]:
    """Store a million values."""
    nodes, keys = options.nodes or NODES, options.keys or KEYS
    runs = [Siege(options, seed, nodes, keys).run() for seed in options.seeds]
    setting = f"n={nodes:,} k={K}, {keys:,} values, {STORES_PER_KEY * keys:,} hostile stores of {ATTACKERS:,} addresses"

    def row(what: str, name: str, target: float | None = None, unit: float = 1, *, at_most: bool = True) -> Row:
        ours = round(median(getattr(run, name) for run in runs) / unit, 4)
        return Row(setting=setting, what=what, ours=ours, target=target, at_most=at_most)

    yield row("attackers whose address is verified, share", "verified", 1.0, at_most=False)
    yield row("hostile stores accepted", "accepted")
    yield row("hostile stores refused", "refused")
    yield row("stores without an answer: forged addresses", "unanswered")
    yield row("values that gave way", "evicted")
    yield row("stores from forged addresses that took effect", "forged", 0.0)
    yield row("bytes on the shelf, of those that there is room for", "full", 1.0)
    yield row("memory of the process, MiB more than before", "gained", unit=2**20)
    yield row("a hostile store takes, us", "store_s", unit=1e-6)
    yield row("honest values still at the victim, share", "there", 1.0, at_most=False)
    yield row("honest values that the network finds, share", "found", 1.0, at_most=False)
    yield row("values published afterwards that get in, share", "later", 1.0, at_most=False)


class Siege:
    """One run: honest nodes, one of them the victim, and its attackers."""

    def __init__(self, options: Options, seed: int, nodes: int, keys: int) -> None:
        self._options = options
        self._keys = keys
        self._chance = Random(f"hostile stores {seed}")
        world = self._world = Internet(seed, latency=ONE_WAY_S, traced=False)
        self._stage = Stage(seed, nodes, ksize=K, b=None, world=world)
        self._honest = self._stage.residents()
        self._victim = self._honest[0]
        self._shelf = ForgetfulStorage(clock=lambda: world.now, max_bytes=ROOM_PER_KEY * keys)
        self._victim.protocol.storage = self._shelf
        self._outcome = Outcome()

    @collector.seldom()
    def run(self) -> Outcome:
        """Let it happen."""
        stage, outcome, protocol = self._stage, self._outcome, self._victim.protocol
        stage.publish(self._keys, 60.0, limits.LIFE_S, self._options.progress)
        before = [key for key in stage.values if self._keeps(key)]
        attackers = self._settled()
        held, counted = self._options.memory(), protocol.stats()
        self._flood(attackers)
        outcome.gained = self._options.memory() - held
        outcome.evicted = protocol.stats().evicted - counted.evicted
        outcome.full = self._shelf.size / ROOM_PER_KEY / self._keys
        outcome.there = share(self._keeps(key) for key in before)
        outcome.found = share(self._found(key) for key in list(stage.values))
        outcome.later = self._published_later()
        return outcome

    def _settled(self) -> list[Attacker]:
        """Let the attackers live, and each prove its address, as it has to for its first store."""
        world, victim = self._world, self._victim
        attackers = [Attacker(world, home(FIRST_HOME + number), self._drawn()) for number in range(ATTACKERS)]
        for number, attacker in enumerate(attackers):
            datagram = attacker.store(self._drawn(), self._near_key(), self._value())
            world.at(world.now + number * BURST_S, world.carry, datagram, attacker.address, victim.address)
        world.run(ATTACKERS * BURST_S + limits.HARD_TIMEOUT_S)
        records, now = victim.protocol.records, world.now
        self._outcome.verified = share(records.of(attacker.address).verified(now) for attacker in attackers)
        return attackers

    def _flood(self, attackers: list[Attacker]) -> None:
        """Hand all hostile stores to the victim."""
        stores, clock, forged = STORES_PER_KEY * self._keys, self._options.clock, []
        for done in range(0, stores, BURST):
            burst = []
            for number in range(done, done + BURST):
                attacker = attackers[number % len(attackers)]
                key, source = self._near_key(), attacker.address
                if number % FORGED_EVERY == 0:
                    source = home(FIRST_FORGED + number // FORGED_EVERY)
                    forged.append(key)
                burst.append((attacker.store(self._drawn(), key, self._value()), source))
            began = clock()
            self._take(burst)
            self._outcome.store_s += (clock() - began) / stores
            self._world.run(BURST_S)
            if done % (stores // 10) < BURST:
                self._options.progress(f"{done:,} of {stores:,} stores")
        self._world.run(limits.HARD_TIMEOUT_S)
        self._outcome.forged = sum(self._keeps(key) for key in forged)

    def _take(self, burst: list[tuple[bytes, Address]]) -> None:
        """Have the victim answer some stores that came at once."""
        outcome, receive, now = self._outcome, self._victim.protocol.receive, self._world.now
        for datagram, source in burst:
            reply = receive(datagram, source, now)
            if reply is None:
                outcome.unanswered += 1
            elif reply.startswith(_KEPT, rpcudp.HEADER_BYTES):
                outcome.accepted += 1
            else:
                outcome.refused += 1
        self._victim.wake()

    def _published_later(self) -> float:
        """Publish some more values; return the share, of those that the victim should keep, that it keeps."""
        world, kept = self._world, []
        for _ in range(max(self._keys // 10, 10)):
            key = self._drawn()
            publisher = self._chance.choice(self._honest[1:])
            world.finish(publisher.protocol.publish(key, b"later"))
            if self._victim.node.id in {node.id for node in world.closest(Node(key), K)}:
                kept.append(self._keeps(key))
        return share(kept)

    # -- parts -------------------------------------------------------------------------------------------------------

    def _keeps(self, key: bytes) -> bool:
        return self._victim.protocol.keeping.get(key) is not None

    def _found(self, key: bytes) -> bool:
        """Return whether a node that does not keep a value finds it, if there is one at hand."""
        askers = self._chance.sample(self._honest[1:], min(8, len(self._honest) - 1))
        asker = next((one for one in askers if one.protocol.keeping.get(key) is None), askers[0])
        return bool(self._world.finish(asker.protocol.fetch(key)) == self._stage.values[key])

    def _near_key(self) -> bytes:
        return (self._victim.node.long_id ^ self._chance.getrandbits(NEAR_BITS)).to_bytes(ID_BYTES, "big")

    def _value(self) -> bytes:
        """Return a value and its life, as they stand at the end of a store request."""
        told = life.encode(int(self._world.wall * 1000) & ~life.BY_HOLDER, 0.0, limits.LIFE_S)
        return rpcudp.encode(self._chance.randbytes(VALUE_BYTES)) + trailer.of_life(told)

    def _drawn(self) -> bytes:
        return self._chance.randbytes(ID_BYTES)


EXPERIMENT = Experiment(
    name="hostile-stores",
    question="Do a million stores from a thousand addresses fill a node's memory, or take the place of others' values?",
    run=measure,
    takes="1 minute; 3 seconds with --keys 100",
)
