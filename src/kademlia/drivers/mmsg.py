"""The same socket on Linux, with one system call for a whole burst: recvmmsg(2) and sendmmsg(2), through ctypes.

A call into the kernel and back is a fifth of what a request costs (docs/performance.md), and the empty read that ends
every burst falls away. Addresses travel as the kernel writes them: the eight bytes of a sockaddr_in that matter, read
as one number. Nothing depends on this file: without it, or elsewhere, `drivers.datagrams` does the same.
"""

from __future__ import annotations

import ctypes
import errno
import socket
import sys
import threading
from typing import Any

from kademlia.drivers.datagrams import BURST, Datagrams, DatagramSocket
from kademlia.engine.limits import DATAGRAM_BYTES_MAX
from kademlia.node import Address

#: Longer datagrams are sent one by one: nearly all are answers with k contacts, of about 800 bytes.
SENT_BYTES_MAX = 2048

#: Addresses whose kernel form is remembered; about 250 bytes each. All are forgotten when there are more.
ADDRESSES_MAX = 4096

#: A struct sockaddr_in.
SOCKADDR_BYTES = 16


class IoVec(ctypes.Structure):
    """struct iovec."""

    _fields_ = (("base", ctypes.c_void_p), ("len", ctypes.c_size_t))


class MsgHdr(ctypes.Structure):
    """struct msghdr."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_len", ctypes.c_uint32),
        ("iov", ctypes.c_void_p),
        ("iov_len", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_len", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class MMsgHdr(ctypes.Structure):
    """struct mmsghdr: `len` is the length of what came."""

    _fields_ = (("message", MsgHdr), ("len", ctypes.c_uint32))


HEADER_BYTES = ctypes.sizeof(MMsgHdr)

_FAMILY = socket.AF_INET.to_bytes(2, sys.byteorder)
_NOTHING = (errno.EAGAIN, errno.EINTR)


class Slots:
    """Memory for a burst of datagrams, each with its address."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._data = ctypes.create_string_buffer(BURST * size)
        self._names = ctypes.create_string_buffer(BURST * SOCKADDR_BYTES)
        self._iovs = (IoVec * BURST)()
        self.headers = (MMsgHdr * BURST)()
        for index, (iov, header) in enumerate(zip(self._iovs, self.headers, strict=True)):
            iov.base = ctypes.addressof(self._data) + index * size
            iov.len = size
            message = header.message
            message.name = ctypes.addressof(self._names) + index * SOCKADDR_BYTES
            message.name_len = SOCKADDR_BYTES
            message.iov = ctypes.addressof(self._iovs) + index * ctypes.sizeof(IoVec)
            message.iov_len = 1
        self.headers_at = ctypes.addressof(self.headers)
        # What changes from burst to burst, seen as numbers: setting a field of a Structure takes five times as long.
        self.data = memoryview(self._data).cast("B")
        self.addresses = memoryview(self._names).cast("B").cast("Q")[::2]
        self.capacities = memoryview(self._iovs).cast("B").cast("L")[1::2]
        lengths = memoryview(self.headers).cast("B").cast("I")
        self.lengths = lengths[MMsgHdr.len.offset // 4 :: HEADER_BYTES // 4]


class Memory(threading.local):
    """The slots that all sockets of a thread share: nothing stays in them."""

    def __init__(self) -> None:
        self.received = Slots(DATAGRAM_BYTES_MAX + 1)
        self.sent = Slots(SENT_BYTES_MAX)


class BurstSocket(DatagramSocket):
    """A bound, non-blocking IPv4 socket."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self._fd = sock.fileno()
        self._addresses: dict[int, Address] = {}
        self._numbers: dict[Address, int] = {}

    def read(self) -> Datagrams:
        """Return what came, at most a burst; if it is less, nothing more is waiting."""
        slots = _memory.received
        count = _libc.recvmmsg(self._fd, slots.headers_at, BURST, socket.MSG_DONTWAIT, None)
        if count < 0:
            if ctypes.get_errno() in _NOTHING:
                return []
            return super().read()  # an ICMP error of an earlier datagram: one by one it is passed over
        datagrams: Datagrams = []
        data, known, start = slots.data, self._addresses, 0
        for length, number in zip(slots.lengths[:count].tolist(), slots.addresses[:count].tolist(), strict=True):
            address = known.get(number) or self._remember(number, _address(number))
            datagrams.append((data[start : start + length].tobytes(), address))
            start += slots.size
        return datagrams

    def write(self, datagrams: Datagrams) -> tuple[int, int, int]:
        """Send; return how many the socket took, their bytes, and how many it did not take."""
        if len(datagrams) == 1:
            return super().write(datagrams)
        burst, others = [], []
        for datagram, address in datagrams:
            number = self._numbers.get(address) or self._number(address)
            if number and len(datagram) <= SENT_BYTES_MAX:
                burst.append((datagram, number))
            else:
                others.append((datagram, address))
        sent, sent_bytes, _ = super().write(others)
        for start in range(0, len(burst), BURST):
            took, took_bytes = self._send(burst[start : start + BURST])
            sent, sent_bytes = sent + took, sent_bytes + took_bytes
        return sent, sent_bytes, len(datagrams) - sent

    def _send(self, burst: list[tuple[bytes, int]]) -> tuple[int, int]:
        """Send at most a burst; return how many the socket took, and their bytes."""
        slots = _memory.sent
        data, capacities, addresses, start, size = slots.data, slots.capacities, slots.addresses, 0, 0
        for index, (datagram, number) in enumerate(burst):
            length = len(datagram)
            data[start : start + length] = datagram
            capacities[index] = length
            addresses[index] = number
            start += slots.size
            size += length
        done = refused = 0
        while done < len(burst):
            at = slots.headers_at + done * HEADER_BYTES
            took = _libc.sendmmsg(self._fd, at, len(burst) - done, socket.MSG_DONTWAIT)
            if took <= 0:  # the first of them failed: a full buffer, no route
                refused += 1
                size -= len(burst[done][0])
            done += max(took, 1)
        return len(burst) - refused, size

    def _number(self, address: Address) -> int:
        """Return an address as the kernel writes it; 0 if it is none of IPv4."""
        try:
            raw = _FAMILY + address[1].to_bytes(2, "big") + socket.inet_aton(address[0])
        except (OSError, OverflowError, TypeError, AttributeError):
            return 0
        number = int.from_bytes(raw, sys.byteorder)
        self._remember(number, address)
        return number

    def _remember(self, number: int, address: Address) -> Address:
        if len(self._addresses) >= ADDRESSES_MAX:
            self._addresses.clear()
            self._numbers.clear()
        self._addresses[number] = address
        self._numbers[address] = number
        return address


def _address(number: int) -> Address:
    raw = number.to_bytes(8, sys.byteorder)
    return socket.inet_ntoa(raw[4:]), int.from_bytes(raw[2:4], "big")


def _library() -> Any:
    """Return the C library.

    Raises:
        ImportError: It has no such calls.
    """
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.recvmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p)
        libc.sendmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)
    except (AttributeError, OSError, TypeError) as fault:
        raise ImportError(f"no recvmmsg here: {fault}") from fault
    return libc


_libc = _library()
_memory = Memory()
