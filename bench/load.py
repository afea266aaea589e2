"""The load on one node: many addresses, each with an id of its own, that ask in a closed loop and answer when asked.

All datagrams are made before the time begins. Requests go out in blocks of 32, with at most 64 unanswered, so that the
server always finds a burst waiting; answers are read in the order of the requests, which is the order in which a node
answers. The load has a core of its own and never sleeps while it waits: nobody has to be woken, which would be
counted as the server's time.
"""

from __future__ import annotations

import contextlib
import gc
import resource
import selectors
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from servers.process import Process, rest

if TYPE_CHECKING:
    from servers.dialects import Dialect

#: Requests without an answer at once, and how many are sent in a row.
WINDOW = 64
BLOCK = 32

#: An answer that is not there after this long is lost.
PATIENCE_S = 1.0

#: Every so many answers one is kept, to be checked afterwards.
KEPT_EVERY = 101

#: Largest answer we expect, in bytes.
ANSWER_BYTES_MAX = 4096

#: Addresses are taken from 127.<this + crowd>.0.0 upwards where the whole block is ours, as on Linux.
FIRST_NETWORK = 16


@dataclass
class Flow:
    """What came of some requests."""

    requests: int
    replies: int = 0
    seconds: float = 0.0
    kept: list[tuple[int, bytes]] = field(default_factory=list)  #: number of the request, answer

    @property
    def reply_bytes(self) -> int:
        """The mean size of an answer."""
        return round(sum(len(reply) for _, reply in self.kept) / max(len(self.kept), 1))


@dataclass
class Figure:
    """What some requests cost a server."""

    requests: int = 0
    replies: int = 0
    seconds: float = 0.0
    cpu_s: float = 0.0

    def add(self, flow: Flow, cpu_s: float) -> None:
        """Count more requests, with the server's time for them."""
        self.requests += flow.requests
        self.replies += flow.replies
        self.seconds += flow.seconds
        self.cpu_s += cpu_s

    @property
    def us(self) -> float:
        """Microseconds of the server's CPU per answered request."""
        return self.cpu_s / max(self.replies, 1) * 1e6

    @property
    def answered(self) -> float:
        """The share of requests that got an answer."""
        return self.replies / self.requests

    @property
    def rate(self) -> float:
        """Answers a second, by the clock on the wall."""
        return self.replies / self.seconds

    @property
    def busy(self) -> float:
        """How much of the time the server's core was at work for it."""
        return self.cpu_s / self.seconds


class Crowd:
    """Addresses with ids, all talking to one server.

    Args:
        number: Which crowd this is: each has a network of its own.
        port: The server's, on 127.0.0.1.
        ids: One for each address.
        dialect: What they speak.
    """

    def __init__(self, number: int, port: int, ids: Sequence[bytes], dialect: Dialect) -> None:
        self.ids = list(ids)
        self.dialect = dialect
        self.asked = 0  # requests of the server that were answered
        self.heard: Callable[[bytes], object] = lambda _reply: None  # told of answers that come while we attend
        self._selector = selectors.DefaultSelector()
        self.sockets = [_connected(FIRST_NETWORK + number, place, port) for place in range(len(self.ids))]
        self.addresses = [sock.getsockname() for sock in self.sockets]
        self._register(range(len(self.ids)))

    def attend(self, seconds: float = 0.0) -> int:
        """Answer what the server asks; return how many sockets had something. Answers are passed to `heard`."""
        ready = self._selector.select(seconds)
        for key, _ in ready:
            self._take(key.data)
        return len(ready)

    def settle(self, quiet_s: float = 0.02) -> None:
        """Answer until the server has asked nothing for so long; then it sleeps, and its time is told in full."""
        while self.attend(quiet_s):
            pass
        rest()

    def flow(self, senders: Sequence[int], datagrams: Sequence[bytes]) -> Flow:
        """Send requests, in turn from each of some places, and wait for the answers."""
        self._unregister(senders)  # the server must not pay for a selector that nobody asks
        gc.disable()
        try:
            return self._flow(senders, datagrams)
        finally:
            gc.enable()
            self._register(senders)

    def _flow(self, senders: Sequence[int], datagrams: Sequence[bytes]) -> Flow:
        flow = Flow(len(datagrams))
        turns = len(senders)
        send = [self.sockets[place].send for place in senders]
        receive = [self.sockets[place].recv for place in senders]
        pairs = [(send[number % turns], datagram) for number, datagram in enumerate(datagrams)]
        is_request, lost = self.dialect.is_request, Patience()
        sent = done = 0
        begin = time.perf_counter()
        while done < flow.requests:
            if sent < flow.requests and sent - done <= WINDOW - BLOCK:
                for send_it, datagram in pairs[sent : sent + BLOCK]:
                    send_it(datagram)
                sent = min(sent + BLOCK, flow.requests)
                self.attend()
            try:
                reply = receive[done % turns](ANSWER_BYTES_MAX)
            except BlockingIOError:
                done += lost(done)
                continue
            if is_request(reply):
                self._answer(senders[done % turns], reply)
                continue
            if not done % KEPT_EVERY:
                flow.kept.append((done, reply))
            flow.replies += 1
            done += 1
        flow.seconds = time.perf_counter() - begin
        return flow

    def _take(self, place: int) -> None:
        receive = self.sockets[place].recv
        with contextlib.suppress(BlockingIOError):
            while True:
                datagram = receive(ANSWER_BYTES_MAX)
                if self.dialect.is_request(datagram):
                    self._answer(place, datagram)
                else:
                    self.heard(datagram)

    def _answer(self, place: int, datagram: bytes) -> None:
        self.asked += 1
        self.sockets[place].send(self.dialect.answer(datagram, self.ids[place]))

    def _register(self, places: Sequence[int]) -> None:
        for place in places:
            self._selector.register(self.sockets[place], selectors.EVENT_READ, place)

    def _unregister(self, places: Sequence[int]) -> None:
        for place in places:
            self._selector.unregister(self.sockets[place])

    def close(self) -> None:
        """Close all sockets."""
        self._selector.close()
        for sock in self.sockets:
            sock.close()


class Patience:
    """Says when the oldest request has waited too long."""

    def __init__(self) -> None:
        self._number = -1
        self._since = 0.0

    def __call__(self, number: int) -> bool:
        now = time.perf_counter()
        if number != self._number:
            self._number, self._since = number, now
        return now - self._since > PATIENCE_S


def measured(server: Process, crowd: Crowd, senders: Sequence[int], datagrams: Sequence[bytes]) -> tuple[Flow, float]:
    """Put a load on a server; return what came of it, and the seconds of CPU that the server took."""
    crowd.attend()
    before = server.cpu_ns()
    flow = crowd.flow(senders, datagrams)
    crowd.settle()
    return flow, (server.cpu_ns() - before) / 1e9


def make_room_for(sockets: int) -> None:
    """Raise the limit of open files, as far as we may.

    Raises:
        SystemExit: It cannot be raised so far.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = sockets + 256
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise SystemExit(f"{needed} files have to be open at once, but only {hard} may be; raise `ulimit -Hn`")
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _connected(network: int, place: int, port: int) -> socket.socket:
    """Return a socket at an address of its own; where only 127.0.0.1 is ours, at a port of its own."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    try:
        sock.bind((f"127.{network}.{place >> 8}.{place & 255}", 0))
    except OSError:
        sock.bind(("127.0.0.1", 0))
    sock.connect(("127.0.0.1", port))
    return sock
