"""What waits in a socket's buffer, on its way into the engine.

A burst is read, and answered at once. A full one means that more may be waiting: then it is read on before anything is
answered, up to four bursts. If all four are full, and what is left takes an eighth of the kernel's buffer besides,
datagrams come faster than they can be answered. From then on, and for a tenth of a second after it was so last, the
node is pressed: of more than a burst the engine chooses (`engine.triage`). To read and drop a stranger's request takes
1 us, to answer it 9 us: so the kernel's buffer, where nobody can choose, does not overflow, and whom the engine chooses
is answered within milliseconds.

Fewer than 256 datagrams, or an eighth of a larger buffer, 1,300 small ones of 8 MB, are not chosen from unless there
were more just before: so many requests may be on their way to a node at any time, and each is answered.
"""

from __future__ import annotations

import socket
import struct
import sys

from kademlia.drivers.datagrams import BURST, Datagrams, datagram_socket
from kademlia.drivers.driver import Driver, Timer

#: Datagrams read before any is answered. Fewer are answered within 2 ms.
AHEAD = 4 * BURST

#: How long a node is pressed after it was seen that it is, in seconds. To answer 255 strangers takes so long that a
#: buffer of Linux's usual size, 550 small datagrams, overflows under a flood: ten times a second costs nobody a call.
PRESSED_S = 0.1


#: The share of the kernel's buffer that a queue may take before it counts as long: at 120,000 requests a second that
#: are answered, an eighth of 8 MB is a matter of 11 ms.
QUEUE_SHARE = 1 / 8

#: Linux's socket option that tells how full the buffer is, and of what it returns the first two numbers: bytes that are
#: taken, and bytes that there are.
SO_MEMINFO = 55
_MEMINFO_BYTES = 36


def queue_is_long(sock: socket.socket) -> bool:
    """Return whether what waits in a socket takes too much of its buffer; True where nobody can tell."""
    if sys.platform != "linux":
        return True
    try:
        taken, size = struct.unpack_from("=II", sock.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, _MEMINFO_BYTES))
    except (OSError, struct.error):  # a kernel before 4.12
        return True
    return bool(taken > size * QUEUE_SHARE)


class Intake:
    """One socket's datagrams.

    Args:
        sock: The bound, non-blocking socket.
        driver: Whose engine they are for.
    """

    def __init__(self, sock: socket.socket, driver: Driver) -> None:
        self.datagrams = datagram_socket(sock)
        self._sock = sock
        self._driver = driver
        self._protocol = driver.protocol
        self._receive = driver.protocol.receive
        self._pressed = False
        self._pressed_until = 0.0
        self._again: Timer | None = None

    def drain(self) -> bool:  # hot
        """Read what waits, 256 datagrams at most, and answer it; return whether more may be waiting."""
        receive, now, answers, more = self._receive, self._driver.now(), [], False
        try:
            taken = self.datagrams.read()
            if len(taken) == BURST or self._pressed:
                taken, more = self._ahead(taken, now)
            for data, address in taken:  # one look at the clock for all, and nothing that can be left out
                answer = receive(data, address, now)
                if answer is not None:
                    answers.append((answer, address))
        except Exception:
            self._protocol.counts.internal_errors += 1
            raise
        finally:
            self._driver.send(answers)
        return more and self._driver.listening

    def end(self) -> None:
        """Read no more."""
        self._pressed = self._protocol.pressed = False
        if self._again is not None:
            self._again.cancel()
            self._again = None

    def _ahead(self, burst: Datagrams, now: float) -> tuple[Datagrams, bool]:
        """Read on after a burst; return what is to be answered of it all, and whether more may be waiting."""
        waiting = burst
        while len(burst) == BURST and len(waiting) < AHEAD:
            burst = self.datagrams.read()
            waiting = waiting + burst
        more = len(burst) == BURST
        if more and queue_is_long(self._sock):
            self._pressed_until = now + PRESSED_S
        self._pressed = self._protocol.pressed = now < self._pressed_until
        if self._pressed and self._again is None:
            self._again = self._driver.call_later(self._pressed_until - now, self._look_again)
        if self._pressed and len(waiting) >= BURST:
            waiting = self._protocol.triage.chosen(waiting)
        return waiting, more

    def _look_again(self) -> None:
        """Read also if nothing comes any more: then we are pressed no longer."""
        self._again = None
        self.drain()
