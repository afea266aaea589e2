"""What is measured: a server, the crowd that talks to it, what the crowd asks, and whether the answers are right."""

from __future__ import annotations

import heapq
import math
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle

from load import Crowd, Flow
from servers.dialects import Dialect, Krpc, Rpcudp
from servers.process import Process

K = 20

#: Nodes that introduce themselves to a server, and how many of them ask afterwards.
OFFERED = 2_000
SENDERS = 512

#: Different targets, and different keys with a value.
TARGETS = 4_096
VALUE_BYTES = 100

#: Nodes that introduce themselves to libtorrent: its first buckets hold 128, 64, 32 and 16 contacts, the others 8.
OFFERED_TORRENT = 1_024
NODES_PER_ANSWER_TORRENT = 8

#: libtorrent asks newcomers in its own time; so long is waited for until its table grows no more, in seconds.
FILL_S = 30.0
FILL_STEP_S = 3.0

#: Counts of ours that should be 0 in the end.
TROUBLES = ("unsent", "malformed", "unknown_methods", "unmatched", "wrong_replies", "timeouts", "held_dropped")
TROUBLES += ("uncredited", "rpc_errors", "internal_errors", "failing", "link_down")

#: A server that asks nothing for so long has asked all that the introductions made it ask, in seconds.
QUIET_S = 0.2

#: Introductions sent in a row.
GROUP = 32


@dataclass(frozen=True)
class Ask:
    """What is asked, by whom, about what."""

    method: str
    who: str = "all"  #: "members" of the server's table, "strangers" to it, or "all": half of each
    about: str = "random"  #: ids anywhere, ids "near" the server's own, or keys that are "kept" by it


class Station(ABC):
    """A server with its crowd."""

    def __init__(self, process: Process, crowd: Crowd, chance: random.Random) -> None:
        self.process = process
        self.crowd = crowd
        self._chance = chance
        self._number = 0
        self._about = {name: [chance.randbytes(20) for _ in range(TARGETS)] for name in ("random", "kept")}
        self._values = {key: chance.randbytes(VALUE_BYTES) for key in self._about["kept"]}

    @abstractmethod
    def fill(self) -> None:
        """Let the crowd introduce itself."""

    @abstractmethod
    def wrong(self, ask: Ask, senders: Sequence[int], datagrams: Sequence[bytes], flow: Flow) -> int:
        """Return how many of the answers that were kept are not right."""

    def senders(self, who: str) -> list[int]:
        """Return the places in the crowd that ask."""
        assert who
        return list(range(min(SENDERS, len(self.crowd.ids))))

    def datagrams(self, ask: Ask, senders: Sequence[int], count: int) -> list[bytes]:
        """Return requests, each with a message id that was never used before."""
        about = self._about[ask.about]
        ids = [self.crowd.ids[place] for place in senders]
        return [
            self._request(ask.method, ids[number % len(ids)], self._chance.choice(about)) for number in range(count)
        ]

    def note(self) -> str:
        """Return what a reader has to know about the server."""
        return ""

    def end(self) -> None:
        """End the server and close the crowd."""
        self.process.end()
        self.crowd.close()

    def _request(self, method: str, sender: bytes, target: bytes) -> bytes:
        self._number += 1
        arguments: tuple[bytes, ...] = () if method == "ping" else (target,)
        if method == "store":
            arguments = (target, self._values[target])
        return self.crowd.dialect.request(method, self._number, sender, *arguments)

    def _mismatched(self, senders: Sequence[int], datagrams: Sequence[bytes], flow: Flow) -> int:
        assert senders
        answers = self.crowd.dialect.answers
        return sum(not answers(reply, datagrams[number]) for number, reply in flow.kept)


class Echo(Station):
    """A server that does nothing; it is asked the same as ours, and its answers have the size of ours."""

    def __init__(self, number: int, interpreter: str, kind: str) -> None:
        chance = random.Random(number)
        process = Process(interpreter, "echo.py", kind)
        super().__init__(process, Crowd(number, process.port, _ids(chance, SENDERS), Rpcudp()), chance)
        self._about["near"] = self._about["random"]
        self._size = 1

    def fill(self) -> None:
        """Know that there is nothing to fill."""

    def answer_with(self, size_bytes: int) -> None:
        """Have every answer this size."""
        self._size = self.process.ask("size", size_bytes)

    def wrong(self, ask: Ask, senders: Sequence[int], datagrams: Sequence[bytes], flow: Flow) -> int:
        """Compare sizes."""
        return sum(len(reply) != self._size for _, reply in flow.kept)


class Node(Station):
    """A node that speaks rpcudp and tells its table."""

    def __init__(self, number: int, interpreter: str, *command: str) -> None:
        chance = random.Random(number)
        process = Process(interpreter, *command)
        self.rpcudp = Rpcudp()
        super().__init__(process, Crowd(number, process.port, _ids(chance, OFFERED), self.rpcudp), chance)
        self.contacts: dict[bytes, tuple[str, int]] = {}
        self._members_at_first = 0

    def fill(self) -> None:
        """Let everybody do what a newcomer does: ping, ask for its own neighbourhood, answer; then store the values."""
        for first in range(0, len(self.crowd.ids), GROUP):
            group = range(first, first + GROUP)[: len(self.crowd.ids) - first]
            for method in ("ping", "find_node"):
                requests = [self._request(method, self.crowd.ids[place], self.crowd.ids[place]) for place in group]
                self.crowd.flow(group, requests)
                while self.crowd.attend(0.002):
                    pass
        self.crowd.settle(QUIET_S)
        self.look()
        self._members_at_first = len(self.contacts)
        if self._members_at_first < SENDERS:
            raise RuntimeError(
                f"of {OFFERED} nodes that introduced themselves only {len(self.contacts)} became contacts"
            )
        self._about["near"] = [self._near() for _ in range(TARGETS)]
        senders = self.senders("all")
        places = zip(self._values, cycle(senders), strict=False)
        self.crowd.flow(senders, [self._request("store", self.crowd.ids[place], key) for key, place in places])
        self.crowd.settle(QUIET_S)

    def look(self) -> None:
        """Ask for the table."""
        table = self.process.ask("table")
        self._own_id = bytes.fromhex(table["id"])
        self.contacts = {bytes.fromhex(node_id): (ip, port) for node_id, ip, port in table["contacts"]}

    def senders(self, who: str) -> list[int]:
        """Return places of members, of strangers, or of both in turn."""
        places = range(len(self.crowd.ids))
        members = [place for place in places if self.contacts.get(self.crowd.ids[place]) == self.crowd.addresses[place]]
        known = set(members)
        strangers = [place for place in places if place not in known]
        if who == "members":
            return members[:SENDERS]
        if who == "strangers":
            return strangers[:SENDERS]
        both = zip(members[: SENDERS // 2], strangers[: SENDERS // 2], strict=True)
        return [place for pair in both for place in pair]

    def wrong(self, ask: Ask, senders: Sequence[int], datagrams: Sequence[bytes], flow: Flow) -> int:
        """Look at message ids and, by the table as it is now, at what was answered."""
        self.look()
        wrong = self._mismatched(senders, datagrams, flow)
        for number, reply in flow.kept:
            request = self.rpcudp.result(datagrams[number])[1]
            sender = self.crowd.addresses[senders[number % len(senders)]]
            wrong += not self._right(ask, request, self.rpcudp.result(reply), sender)
        return wrong

    def note(self) -> str:
        """Tell how full the table is."""
        kept = f"{self._members_at_first} of {OFFERED} found room"
        now = len(self.contacts)
        return kept if now == self._members_at_first else f"{kept}, {now} were there in the end"

    def _near(self) -> bytes:
        """Return an id that shares as many bits with the server's as its k nearest of all that were offered."""
        free = 160 - math.ceil(math.log2(OFFERED / K))
        own = int.from_bytes(self._own_id, "big")
        return (own >> free << free | self._chance.getrandbits(free)).to_bytes(20, "big")

    def _right(self, ask: Ask, request: list[bytes], result: object, sender: tuple[str, int]) -> bool:
        if ask.method == "ping":
            return result == self._own_id
        if ask.method == "store":
            return result is True
        if ask.about == "kept":
            return result == {"value": self._values[request[1]]}
        return isinstance(result, list) and self._found(request[1], result, sender)

    def _found(self, target: bytes, result: list[list[bytes]], sender: tuple[str, int]) -> bool:
        """Return whether these are k contacts."""
        assert target
        assert sender
        return len({bytes(entry[0]) for entry in result}) == K and all(entry[0] in self.contacts for entry in result)


class Ours(Node):
    """Our node: its answers are exact."""

    def __init__(self, number: int, interpreter: str, *arguments: str) -> None:
        super().__init__(number, interpreter, "ours.py", *arguments)

    def _found(self, target: bytes, result: list[list[bytes]], sender: tuple[str, int]) -> bool:
        """Return whether these are the k contacts closest to the target, the sender and the target left out."""
        point = int.from_bytes(target, "big")
        others = (node_id for node_id, address in self.contacts.items() if address != sender and node_id != target)
        closest = heapq.nsmallest(K, others, key=lambda node_id: int.from_bytes(node_id, "big") ^ point)
        return len(result) == K and {entry[0] for entry in result} == set(closest)

    def note(self) -> str:
        """Tell how full the table is, and of every count that should be 0 and is not."""
        stats = self.process.ask("stats")
        return ", ".join([super().note(), *(f"{name} {stats[name]}" for name in TROUBLES if stats[name])])


class Released(Node):
    """A node of the published release."""

    def __init__(self, number: int, interpreter: str) -> None:
        super().__init__(number, interpreter, "released.py")


class Torrent(Station):
    """libtorrent's DHT node."""

    def __init__(self, number: int, interpreter: str) -> None:
        chance = random.Random(number)
        process = Process(interpreter, "torrent.py")
        dialect: Dialect = Krpc()
        super().__init__(process, Crowd(number, process.port, _ids(chance, OFFERED_TORRENT), dialect), chance)
        self._nodes = 0

    def fill(self) -> None:
        """Tell it of everybody, and answer until its table grows no more."""
        self.process.ask("add", self.crowd.addresses)
        give_up = time.monotonic() + FILL_S
        grown = -1
        while grown != self._nodes and time.monotonic() < give_up:
            grown = self._nodes
            look_again = time.monotonic() + FILL_STEP_S
            while time.monotonic() < look_again:
                self.crowd.attend(0.1)
            self._nodes = self.process.ask("nodes")

    def wrong(self, ask: Ask, senders: Sequence[int], datagrams: Sequence[bytes], flow: Flow) -> int:
        """Look at transactions, and whether there are eight nodes in every answer that has to have some."""
        wrong = self._mismatched(senders, datagrams, flow)
        if ask.method == "ping":
            return wrong
        full = b"5:nodes%d:" % (NODES_PER_ANSWER_TORRENT * 26)
        return wrong + sum(full not in reply for _, reply in flow.kept)

    def note(self) -> str:
        """Tell how full the table is."""
        return f"libtorrent's table holds {self._nodes}"


def _ids(chance: random.Random, count: int) -> list[bytes]:
    return [chance.randbytes(20) for _ in range(count)]
