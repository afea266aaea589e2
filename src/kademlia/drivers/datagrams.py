"""A UDP socket, read and written a burst of datagrams at a time. Linux does it in one call: `drivers.mmsg`."""

from __future__ import annotations

import socket
import sys

from kademlia.drivers.driver import mapped_address, plain_address
from kademlia.engine.limits import DATAGRAM_BYTES_MAX
from kademlia.node import Address

#: Datagrams read in a row before the loop's other work has its turn.
BURST = 64

#: What sending raises: a full buffer, no route, a datagram too long; a contact without an address.
UNSENDABLE = (OSError, OverflowError, TypeError)

#: Datagrams with their addresses, as the engine has them.
Datagrams = list[tuple[bytes, Address]]


class DatagramSocket:
    """A bound, non-blocking socket, one call for every datagram.

    Args:
        sock: The socket; an IPv6 one bound to "::" takes IPv4 addresses in their IPv6 form.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._is_v6 = sock.family == socket.AF_INET6
        self._maps_v4 = self._is_v6 and sock.getsockname()[0] == "::"

    def read(self) -> Datagrams:
        """Return what came, at most a burst; if it is less, nothing more is waiting."""
        datagrams: Datagrams = []
        receive = self._sock.recvfrom
        for _ in range(BURST):
            try:
                data, address = receive(DATAGRAM_BYTES_MAX)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:  # an ICMP error of an earlier datagram, on some systems
                continue
            datagrams.append((data, plain_address(address) if self._is_v6 else address))
        return datagrams

    def write(self, datagrams: Datagrams) -> tuple[int, int, int]:
        """Send; return how many the socket took, their bytes, and how many it did not take."""
        send = self._sock.sendto
        sent = sent_bytes = 0
        for datagram, address in datagrams:
            try:
                send(datagram, mapped_address(address) if self._maps_v4 else address)
            except UNSENDABLE:
                continue
            sent += 1
            sent_bytes += len(datagram)
        return sent, sent_bytes, len(datagrams) - sent


def datagram_socket(sock: socket.socket) -> DatagramSocket:
    """Return the quickest way to read and write a bound socket here."""
    if sock.family == socket.AF_INET and sys.platform == "linux":
        try:
            from kademlia.drivers.mmsg import BurstSocket
        except ImportError:  # a Python without ctypes, a C library without these calls
            pass
        else:
            return BurstSocket(sock)
    return DatagramSocket(sock)
