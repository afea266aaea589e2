"""A flood: datagrams of strangers who never answer, offered to one node at a steady rate, or as many as can be.

All are made beforehand. Each stranger has an address of its own and sends 16 datagrams of one kind in one go: where
the kernel cuts a long datagram into many (UDP_SEGMENT, Linux), one core can offer a million a second.
"""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import time
from collections.abc import Callable
from functools import partial
from itertools import cycle, islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from servers.dialects import Dialect

#: Strangers, at addresses 127.<network>.0.0 upwards.
STRANGERS = 1_000
NETWORK = 201

#: What is asked: the requests that every node answers.
METHODS = ("ping", "find_node", "find_value", "store")

#: Datagrams of one stranger in one go.
SPLASH = 16

#: Splashes in a row before others have their turn: half a millisecond.
SPLASHES_IN_A_ROW = 32

#: What could not be offered in time is not made up for, or a pause would be followed by a wave; in seconds.
BEHIND_S = 0.005

VALUE_BYTES = 100

#: What our side of a stranger holds of answers that nobody reads, in bytes: as little as the kernel lets us.
UNREAD_BYTES = 2048

#: udp(7): level and option by which one sendmsg is cut into datagrams of the size that it tells.
SOL_UDP, UDP_SEGMENT = 17, 103


class Hose:
    """All strangers.

    Args:
        port: The node's, on 127.0.0.1.
        dialect: What they speak.
        chance: Where ids, keys and the order come from.

    Attributes:
        rate: Datagrams a second; as many as can be if None.
        offered: Datagrams that were sent.
    """

    def __init__(self, port: int, dialect: Dialect, chance: random.Random) -> None:
        self.rate: float | None = None
        self.offered = 0
        self._due_at = 0.0
        self._sockets = [_stranger(place, port) for place in range(STRANGERS)]
        splashes: list[Callable[[], object]] = []
        for sock in self._sockets:
            own_id = chance.randbytes(20)
            for method in METHODS:
                numbers = range(len(splashes) * SPLASH, (len(splashes) + 1) * SPLASH)
                splashes.append(_splash(sock, [_request(dialect, chance, method, n, own_id) for n in numbers]))
        chance.shuffle(splashes)
        self._splashes = cycle(splashes)

    def spray(self) -> None:
        """Send what is due by now."""
        now = time.perf_counter()
        step_s = SPLASH / self.rate if self.rate else 0.0
        self._due_at = max(self._due_at, now - BEHIND_S)
        for splash in islice(self._splashes, SPLASHES_IN_A_ROW):
            if self._due_at > now:
                break
            with contextlib.suppress(BlockingIOError):
                splash()
            self.offered += SPLASH
            self._due_at += step_s

    def close(self) -> None:
        """Close all sockets."""
        for sock in self._sockets:
            sock.close()


def _stranger(place: int, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UNREAD_BYTES)
    sock.bind((f"127.{NETWORK}.{place >> 8}.{place & 255}", 0))
    sock.connect(("127.0.0.1", port))
    return sock


def _request(dialect: Dialect, chance: random.Random, method: str, number: int, own_id: bytes) -> bytes:
    target = chance.randbytes(20)
    arguments = {"ping": (), "store": (target, chance.randbytes(VALUE_BYTES))}.get(method, (target,))
    return dialect.request(method, number, own_id, *arguments)


def _splash(sock: socket.socket, datagrams: list[bytes]) -> Callable[[], object]:
    """Return what sends some datagrams of one size."""
    size = [(SOL_UDP, UDP_SEGMENT, struct.pack("=H", len(datagrams[0])))]
    try:
        sock.setsockopt(SOL_UDP, UDP_SEGMENT, 0)
    except OSError:
        return lambda: [sock.send(datagram) for datagram in datagrams]
    return partial(sock.sendmsg, [b"".join(datagrams)], size)
