"""Two hosts that want a victim's table: each has one address, and a node behind every port of it.

They play by the rules of the protocol, for whoever breaks them is not believed anyway: they introduce themselves as
newcomers do, and answer every ping at once with the id that they claimed. What they do with that is the worst that we
know of:

- Their ids are ground to every bucket of the victim, its neighbourhood above all; each is knocked with until the victim
  asks who it is, also where its bucket is full.
- Who has a place in the table or waits for one keeps its id for ever, and asks something all the time, to be the one
  that was seen last; all other ports change their ids and move.
- They claim the ids of the victim's contacts, at addresses of their own, also while those are cut off for a while.
- Whatever they are asked for, they tell of each other: of ids next to the target, behind which they do answer. They
  tell it to the honest nodes, too. They know no values.

They are told what no real attacker knows: who is in the victim's table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv6Address
from random import Random
from typing import TYPE_CHECKING, cast

from kademlia.node import ID_BYTES, Address, Node
from kademlia.sim.grinding import beside, sharing
from kademlia.wire import rpcudp, trailer

if TYPE_CHECKING:
    from kademlia.sim.resident import Resident
    from kademlia.sim.world import World

#: Ports of a host that have a node each.
PORTS = 65_000
FIRST_PORT = 500

#: Moves that each host makes in a second, each of one to eight datagrams; and how often it makes some of them.
MOVES_PER_S = 25.0
STEP_S = 0.1

#: Moves that are made to an honest node and not to the victim, so that others tell of the attackers, too.
ELSEWHERE_SHARE = 0.1

#: Requests in a row by which a stranger has itself asked who it is, whether its bucket has room or not.
KNOCKS = 8

#: Ids are ground to share up to so many bits with the victim's: deeper than the network is.
DEPTH_MAX = 24

#: Contacts in an answer, and of them those that have an honest node's id.
TOLD = 20
TOLD_STOLEN = 2

#: Targets whose answers are remembered, so that all attackers tell the same.
TOLD_MAX = 512

#: What the hosts do, and how often in a hundred moves.
MOVES = {"introduce": 45, "knock": 15, "stay": 25, "steal": 8, "move": 4, "change": 3}

#: What they do as long as they want others' places only, and take none of their own that could use up what they may.
THEFT = {"steal": 100}


class Host:
    """One address of an attacker: of IPv4 with its ports, of IPv6 a /64 with all the addresses in it.

    Args:
        place: An IPv4 address, or the first address of a /64.
    """

    def __init__(self, place: str) -> None:
        self.place = place
        self._base = int(IPv6Address(place)) if ":" in place else None
        self._number = 0

    def next_address(self) -> Address:
        """Return the next address, and after the last the first again."""
        self._number += 1
        number = self._number % PORTS
        if self._base is not None:
            return str(IPv6Address(self._base + 1 + number)), FIRST_PORT
        return self.place, FIRST_PORT + number


class Door:
    """One address of a host, and the id that whoever knocks there is told (an inhabitant of a `World`)."""

    __slots__ = ("address", "crew", "node_id")

    def __init__(self, crew: Crew, address: Address, node_id: bytes) -> None:
        self.crew = crew
        self.address = address
        self.node_id = node_id

    def arrived(self, datagram: bytes, source: Address) -> None:
        """Take a datagram (what a `World` calls)."""
        self.crew.arrived(self, datagram, source)


class Crew:
    """The attackers of one victim.

    Args:
        world: Where they live.
        victim: Whose table they want; another one may be set, as after a restart.
        hosts: What they have.
        others: The honest nodes, to whom they introduce themselves now and then.
        seed: What they do follows from it.

    Attributes:
        rate: Moves of each host a second.
        moves: How often they make which: `MOVES`, or `THEFT`.
        sent: Datagrams that they sent.
    """

    def __init__(
        self, world: World, victim: Resident, hosts: Iterable[Host], others: Sequence[Resident], seed: int
    ) -> None:
        self.victim = victim
        self.hosts = list(hosts)
        self.rate = MOVES_PER_S
        self.moves = MOVES
        self.sent = 0
        self._world = world
        self._others = others
        self._chance = Random(f"attackers {seed}")
        self._doors: dict[Address, Door] = {}
        self._inside: list[Door] = []  # in the victim's table, or waiting for a place
        self._inside_at: set[Address] = set()
        self._told: dict[bytes, list[tuple[bytes, str, int]]] = {}
        self._do = {name: getattr(self, f"_{name}") for name in MOVES}
        self._running = False

    def start(self) -> None:
        """Begin."""
        self._running = True
        self._world.at(self._world.now, self._step)

    def stop(self) -> None:
        """Begin nothing more; who is asked still answers."""
        self._running = False

    def look(self) -> None:
        """Learn which of their nodes are inside the victim's table."""
        doors = self._doors
        nodes = [
            node
            for bucket in self.victim.protocol.router.buckets
            for node in (*bucket.nodes.values(), *bucket.replacement_nodes.values())
        ]
        self._inside = [doors[node.address] for node in nodes if node.address in doors]
        self._inside_at = {door.address for door in self._inside}

    def owns(self, address: Address) -> bool:
        """Return whether somebody of them lives at an address."""
        return address in self._doors

    def claim(self, node_id: bytes, times: int) -> None:
        """Say several times, at as many addresses, that a node lives here that lives elsewhere."""
        for number in range(times):
            self._knock_at_victim(self._move_in(node_id, self.hosts[number % len(self.hosts)]))

    # -- answering -------------------------------------------------------------------------------------------------

    def arrived(self, door: Door, datagram: bytes, source: Address) -> None:
        """Take a datagram: answer a request, and a ping that came along with an answer."""
        body, hints = trailer.split(datagram)
        if datagram[0] == rpcudp.RESPONSE:
            if hints and trailer.PING in hints:
                self._send(rpcudp.response(hints[trailer.PING], rpcudp.encode(door.node_id)), door, source)
            return
        name, arguments = rpcudp.decode_request(body[rpcudp.HEADER_BYTES :])
        result: object = door.node_id if name == "ping" else True
        if name.startswith("find_"):
            result = self._contacts(arguments[1])
        answer = rpcudp.response(datagram[1 : rpcudp.HEADER_BYTES], rpcudp.encode(result))
        self._send(answer + trailer.of_answer(door.node_id, None), door, source)

    def _contacts(self, target: bytes) -> list[tuple[bytes, str, int]]:
        """Return whom to tell of instead of the truth: nodes next to the target, that are the attackers themselves."""
        told = self._told.get(target)
        if told is None:
            if len(self._told) >= TOLD_MAX:
                self._told.clear()
            long_id = int.from_bytes(target, "big")
            ids = [beside(long_id, self._chance) for _ in range(TOLD - TOLD_STOLEN)]
            ids += [node.id for node in self._world.closest(Node(target), TOLD_STOLEN)]
            doors = [self._move_in(node_id, self.hosts[number % len(self.hosts)]) for number, node_id in enumerate(ids)]
            told = self._told[target] = [(door.node_id, *door.address) for door in doors]
        return told

    # -- moves -----------------------------------------------------------------------------------------------------

    def _step(self) -> None:
        if not self._running:
            return
        self._world.at(self._world.now + STEP_S, self._step)
        for host in self.hosts:
            count = int(self.rate * STEP_S + self._chance.random())
            for name in self._chance.choices(list(self.moves), list(self.moves.values()), k=count):
                self._do[name](host)

    def _introduce(self, host: Host) -> None:
        """Come as a newcomer: with one request that has paid for its answer and for a ping."""
        target = self.victim.address
        if self._others and self._chance.random() < ELSEWHERE_SHARE:
            target = self._chance.choice(self._others).address
        method = self._chance.choice(("ping", "find_node", "find_value"))
        self._ask(self._move_in(self._ground(), host), method, target)

    def _knock(self, host: Host) -> None:
        self._knock_at_victim(self._move_in(self._ground(), host))

    def _stay(self, host: Host) -> None:
        """Be the one that was seen last."""
        if self._inside:
            door = self._chance.choice(self._inside)
            self._ask(door, "ping", self.victim.address, introduces=False)
        else:
            self._introduce(host)

    def _steal(self, host: Host) -> None:
        """Claim the id of one of the victim's contacts."""
        contacts = self.victim.protocol.router.contacts()
        if contacts:
            self._knock_at_victim(self._move_in(self._chance.choice(contacts).id, host))

    def _move(self, host: Host) -> None:
        """Come with an id that is inside already, from another port."""
        if self._inside:
            node_id = self._chance.choice(self._inside).node_id
            self._knock_at_victim(self._move_in(node_id, host))

    def _change(self, host: Host) -> None:
        """Come with another id from a port that had one, inside or not."""
        if self._inside:
            door = self._chance.choice(self._inside)
            door.node_id = self._ground()
            self._ask(door, "find_node", self.victim.address)

    # -- parts -----------------------------------------------------------------------------------------------------

    def _ground(self) -> bytes:
        """Return an id for one of the victim's buckets: each is as likely, those of its neighbourhood included."""
        depth = self._chance.randrange(DEPTH_MAX + 1)
        return sharing(self.victim.protocol.source_node.long_id, depth, self._chance)

    def _move_in(self, node_id: bytes, host: Host) -> Door:
        """Let a node live at the host's next address where none lives that is worth keeping."""
        address = host.next_address()
        while address in self._inside_at:
            address = host.next_address()
        door = self._doors.get(address)
        if door is None:
            door = self._doors[address] = Door(self, address, node_id)
            self._world.residents[address] = cast("Resident", door)
        door.node_id = node_id
        return door

    def _knock_at_victim(self, door: Door) -> None:
        """Ask until the victim wants to know who asks."""
        for _ in range(KNOCKS):
            self._ask(door, "ping", self.victim.address)

    def _ask(self, door: Door, method: str, target: Address, *, introduces: bool = True) -> None:
        arguments = (door.node_id,) if method == "ping" else (door.node_id, self._chance.randbytes(ID_BYTES))
        datagram = rpcudp.request(self._chance.randbytes(ID_BYTES), rpcudp.call(method, *arguments))
        if introduces:  # as large as its answer, as first requests of our own nodes are
            size = 128 if method == "ping" else 1200
            datagram = trailer.introduction(datagram, False, size)
        self._send(datagram, door, target)

    def _send(self, datagram: bytes, door: Door, target: Address) -> None:
        self.sent += 1
        self._world.carry(datagram, door.address, target)
