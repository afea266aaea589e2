"""Measure what one request costs a node, beside a bare echo and beside other nodes: `bench/run.py answering`.

Every server is a process on a core of its own. Our node is filled the way a network fills it: 2,000 nodes introduce
themselves and answer what they are asked, and those that find room are its table; all its protections are on. Then 512
of them ask: 40,960 requests a round, about 4,096 different targets, and a sample of the answers is checked.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from statistics import median

from comparison import Comparison
from load import Figure, Flow, make_room_for, measured
from report import BROKEN
from servers.process import ALL_CORES, LOAD_CORE, has, pin
from servers.stations import Ask, Echo, Ours, Released, Station, Torrent

UNIT = "us CPU per request"

#: Requests a round; the published release takes fifty times as long for each.
REQUESTS = 40_960
REQUESTS_RELEASED = 4_096

#: Requests before the first round, of which nothing is noted but the size of the answers.
REQUESTS_BEFORE = 2_048

#: In each round both have their turns so often: the machine's own pace changes within seconds.
TURNS = 8

#: How many times fewer requests there are where it has to be quick.
QUICK_SHARE = 8

#: A node under this load has its core nearly all the time, unless somebody else uses it.
BUSY_MIN = 0.8

#: The least share of requests that has to be answered.
ANSWERED_MIN = 0.995

#: Files that all the crowds have open at once.
SOCKETS_MAX = 9_000


@dataclass(frozen=True)
class Pair:
    """One row: what both are asked, who they are, and what we promise."""

    row: str
    peer: str
    ours: Ask
    theirs: Ask
    against: str  #: the peer's station
    must: float | None = None
    aim: float | None = None
    we: str = "ours"  #: our station

    @property
    def requests(self) -> int:
        """How many requests the peer gets in a round."""
        return REQUESTS_RELEASED if self.against == "released" else REQUESTS


def beside_echo() -> list[Pair]:
    """Return the rows that say how much of an answer is our work, and how much the system's."""
    find, near, ping = Ask("find_node"), Ask("find_node", about="near"), Ask("ping")
    return [
        Pair("find_node, random target", "bare echo", find, find, "echo", 2.0, 1.6),
        Pair("find_node, target near the own id", "bare echo", near, near, "echo", 3.0, 2.3),
        Pair("ping", "bare echo", ping, ping, "echo", 1.7, 1.35),
        Pair("find_node, random target", "empty handler on asyncio's own transport", find, find, "asyncio"),
        Pair("find_node, random target", "empty handler on uvloop's own transport", find, find, "uvloop"),
        Pair("find_node, random target, on uvloop", "the same on asyncio", find, find, "ours", we="ours on uvloop"),
    ]


def beside_torrent() -> list[Pair]:
    """Return the rows against a node in C++."""
    find, ping = Ask("find_node"), Ask("ping")
    missed, peers = Ask("find_value", about="random"), Ask("get_peers")
    return [
        Pair("find_node, random target", "libtorrent 2.1.1", find, find, "torrent", 0.9, 0.65),
        Pair("ping", "libtorrent 2.1.1", ping, ping, "torrent", 1.1, 0.95),
        Pair("find_value of an unknown key", "libtorrent 2.1.1, get_peers", missed, peers, "torrent"),
    ]


def beside_released() -> list[Pair]:
    """Return the rows against the published release, for senders that are in the tables and for others."""
    rows = []
    for who, finding, values in (
        ("strangers", (1 / 40, 1 / 55), (1 / 28, 1 / 40)),
        ("members", (1 / 20, 1 / 28), (1 / 11, 1 / 15)),
    ):
        peer = f"kademlia 2.2.3 (sender {'not ' if who == 'strangers' else ''}in its table)"
        for row, ask, (must, aim) in (
            ("find_node, random target", Ask("find_node", who), finding),
            ("find_value of a kept key", Ask("find_value", who, about="kept"), values),
            ("store", Ask("store", who, about="kept"), values),
        ):
            rows.append(Pair(row, peer, ask, ask, "released", must, aim))
    return rows


def measure(peers: Mapping[str, str | None], rounds: int, quick: bool = False) -> list[Comparison]:
    """Measure every row whose peer is there; `peers` are interpreters by the names of their environments."""
    make_room_for(SOCKETS_MAX)
    pin(LOAD_CORE)
    try:
        with ExitStack() as stack:
            stations = opened(peers, stack)
            pairs = [*beside_echo(), *beside_torrent(), *beside_released()]
            present = [pair for pair in pairs if {pair.we, pair.against} <= set(stations)]
            return compared(present, stations, rounds, QUICK_SHARE if quick else 1)
    finally:
        pin(ALL_CORES)


def opened(peers: Mapping[str, str | None], stack: ExitStack) -> dict[str, Station]:
    """Start and fill all servers that can be had here."""
    makers: dict[str, Callable[[int], Station]] = {
        "ours": lambda number: Ours(number, sys.executable),
        "echo": lambda number: Echo(number, sys.executable, "socket"),
        "asyncio": lambda number: Echo(number, sys.executable, "asyncio"),
    }
    if find_spec("uvloop"):
        makers["uvloop"] = lambda number: Echo(number, sys.executable, "uvloop")
        makers["ours on uvloop"] = lambda number: Ours(number, sys.executable, "--uvloop")
    released, cpp = peers.get("kademlia-2.2.3"), peers.get("cpp")
    if released and has(released, "rpcudp"):
        makers["released"] = lambda number: Released(number, released)
    if cpp and has(cpp, "libtorrent"):
        makers["torrent"] = lambda number: Torrent(number, cpp)
    stations = {}
    for number, (name, make) in enumerate(makers.items()):
        stations[name] = make(number)
        stack.callback(stations[name].end)
        stations[name].fill()
    return stations


class Contest:
    """One row while it is measured."""

    def __init__(self, pair: Pair, stations: Mapping[str, Station]) -> None:
        self.pair = pair
        self.us, self.peer = stations[pair.we], stations[pair.against]
        self.row = Comparison(pair.row, pair.peer, UNIT, must=pair.must, aim=pair.aim)
        self._figures: tuple[list[Figure], list[Figure]] = ([], [])
        self._wrong = {self.us: 0, self.peer: 0}
        self._reply_bytes = self._ask(self.us, pair.ours, REQUESTS_BEFORE)[0].reply_bytes

    def round(self, share: int, *, peer_first: bool) -> None:
        """Measure both once, in turns, with a share of the requests."""
        if isinstance(self.peer, Echo):
            self.peer.answer_with(self._reply_bytes)
        ours, theirs, pair = Figure(), Figure(), self.pair
        sides = [(ours, self.us, pair.ours, REQUESTS), (theirs, self.peer, pair.theirs, pair.requests)]
        for _ in range(TURNS):
            for figure, station, ask, requests in sides[::-1] if peer_first else sides:
                figure.add(*self._ask(station, ask, requests // share // TURNS))
        self._figures[0].append(ours)
        self._figures[1].append(theirs)

    @property
    def busy(self) -> float:
        """The share of the time in which our node had its core."""
        return median(one.busy for one in self._figures[0])

    def result(self) -> Comparison:
        """Return the row with its figures, and a note on what happened."""
        ours, theirs = self._figures
        self.row.ours, self.row.theirs = [one.us for one in ours], [one.us for one in theirs]
        self.row.wall = {"ours": median(one.rate for one in ours), "theirs": median(one.rate for one in theirs)}
        answered = min(one.answered for one in ours + theirs)
        notes = [
            f"answers of ours have {self._reply_bytes} bytes",
            f"{answered:.2%} answered",
            f"core busy {self.busy:.0%} / {median(one.busy for one in theirs):.0%}",
            *(note for note in {self.us.note(): 0, self.peer.note(): 0} if note),
        ]
        wrong = self._wrong[self.us], self._wrong[self.peer]
        if any(wrong) or answered < ANSWERED_MIN:
            notes.insert(0, f"{BROKEN}in the sample {wrong[0]} answers of ours and {wrong[1]} of theirs are wrong")
        self.row.note = "; ".join(notes)
        return self.row

    def _ask(self, station: Station, ask: Ask, requests: int) -> tuple[Flow, float]:
        senders = station.senders(ask.who)
        datagrams = station.datagrams(ask, senders, requests)
        flow, cpu_s = measured(station.process, station.crowd, senders, datagrams)
        self._wrong[station] += station.wrong(ask, senders, datagrams, flow)
        return flow, cpu_s


def compared(pairs: list[Pair], stations: Mapping[str, Station], rounds: int, share: int) -> list[Comparison]:
    """Measure all rows in every round; who goes first changes with the round."""
    contests = [Contest(pair, stations) for pair in pairs]
    for number in range(rounds):
        for contest in contests:
            contest.round(share, peer_first=bool(number % 2))
    busy = median(contest.busy for contest in contests)
    if busy < BUSY_MIN:
        print(f"not to be quoted: our node had its core only {busy:.0%} of the time, others were at work here as well")
    return [contest.result() for contest in contests]
