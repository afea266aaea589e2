"""The same socket on Linux, with one system call for a whole burst: recvmmsg(2) and sendmmsg(2), through ctypes.

It takes a fifth off what a request costs (docs/performance.md), and the empty read that ends every burst falls away.
Addresses travel as the kernel writes them: the eight bytes of a sockaddr_in that matter, as one number. Nothing depends
on this file: without it, or elsewhere, `drivers.datagrams` does the same.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import socket
import sys
import threading
from typing import Any

from kademlia.drivers.datagrams import BURST, UNSENDABLE, Datagrams, DatagramSocket
from kademlia.engine.limits import DATAGRAM_BYTES_MAX
from kademlia.node import Address

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

#: A received datagram's place; a UDP datagram is shorter.
ROOM_BYTES = DATAGRAM_BYTES_MAX + 1

#: Where the bytes of a bytes object begin, counted from the object, which in CPython lies at its id.
_BYTES_BEGIN = bytes.__basicsize__ - 1

_FAMILY = socket.AF_INET.to_bytes(2, sys.byteorder)
_NOTHING = (errno.EAGAIN, errno.EINTR)
_DONTWAIT = int(socket.MSG_DONTWAIT)  # converting the flag takes 0.1 us a call


class Headers:
    """A burst of message headers, each with room for an address and pointing to one piece of memory.

    What changes from burst to burst is seen as numbers: setting a field of a Structure takes five times as long.
    """

    def __init__(self) -> None:
        self._names = ctypes.create_string_buffer(BURST * SOCKADDR_BYTES)
        self._iovs = (IoVec * BURST)()
        self._headers = (MMsgHdr * BURST)()
        for index, header in enumerate(self._headers):
            message = header.message
            message.name = ctypes.addressof(self._names) + index * SOCKADDR_BYTES
            message.name_len = SOCKADDR_BYTES
            message.iov = ctypes.addressof(self._iovs) + index * ctypes.sizeof(IoVec)
            message.iov_len = 1
        self.at = ctypes.addressof(self._headers)
        self.first = ctypes.c_void_p(self.at)
        self.addresses = memoryview(self._names).cast("B").cast("Q")[:: SOCKADDR_BYTES // 8]
        vectors = memoryview(self._iovs).cast("B").cast("L")
        self.bases, self.sizes = vectors[::2], vectors[1::2]
        self.lengths = memoryview(self._headers).cast("B").cast("I")[MMsgHdr.len.offset // 4 :: HEADER_BYTES // 4]


class Memory(threading.local):
    """What all sockets of a thread share: nothing of a datagram stays in it."""

    def __init__(self) -> None:
        self.sent = Headers()
        self.received = Headers()
        self.addresses: dict[int, Address] = {}
        self.numbers: dict[Address, int] = {}
        room = mmap.mmap(-1, BURST * ROOM_BYTES)  # of its 4 MB only the pages that were written to take memory
        self.room = memoryview(room)
        at = ctypes.addressof(ctypes.c_char.from_buffer(room))
        for index in range(BURST):
            self.received.bases[index] = at + index * ROOM_BYTES
            self.received.sizes[index] = ROOM_BYTES


class BurstSocket(DatagramSocket):
    """A bound, non-blocking IPv4 socket."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self._fd = sock.fileno()

    def read(self) -> Datagrams:
        """Return what came, at most a burst; if it is less, nothing more is waiting."""
        headers, room, known = _memory.received, _memory.room, _memory.addresses
        count = _recvmmsg(self._fd, headers.first, BURST, _DONTWAIT, None)
        if count == 1:  # as most often; the loop below takes 0.4 us more
            number = headers.addresses[0]
            address = known.get(number) or _remember(number, _address(number))
            return [(room[: headers.lengths[0]].tobytes(), address)]
        if count < 0:
            if ctypes.get_errno() in _NOTHING:
                return []
            return super().read()  # an ICMP error of an earlier datagram: one by one it is passed over
        datagrams: Datagrams = []
        start = 0
        for length, number in zip(headers.lengths[:count].tolist(), headers.addresses[:count].tolist(), strict=True):
            address = known.get(number) or _remember(number, _address(number))
            datagrams.append((room[start : start + length].tobytes(), address))
            start += ROOM_BYTES
        return datagrams

    def write(self, datagrams: Datagrams) -> tuple[int, int, int]:
        """Send; return how many the socket took, their bytes, and how many it did not take."""
        if len(datagrams) == 1:  # as most often: in a loop it takes 0.4 us more
            ((datagram, address),) = datagrams
            try:
                self._sock.sendto(datagram, address)
            except UNSENDABLE:
                return 0, 0, 1
            return 1, len(datagram), 0
        sent = sent_bytes = 0
        for start in range(0, len(datagrams), BURST):
            burst = datagrams[start : start + BURST]
            refused = self._send(burst)
            sent += len(burst) - len(refused)
            sent_bytes += sum([len(datagram) for datagram, _ in burst]) - sum([len(burst[i][0]) for i in refused])
        return sent, sent_bytes, len(datagrams) - sent

    def _send(self, burst: Datagrams) -> list[int]:
        """Send at most a burst, straight from the memory of the bytes objects; return which the socket did not take."""
        headers = _memory.sent
        bases, sizes, addresses, numbers = headers.bases, headers.sizes, headers.addresses, _memory.numbers
        for index, (datagram, address) in enumerate(burst):
            bases[index] = id(datagram) + _BYTES_BEGIN
            sizes[index] = len(datagram)
            addresses[index] = numbers.get(address) or _number(address)
        done, refused = 0, []
        while done < len(burst):
            at = ctypes.c_void_p(headers.at + done * HEADER_BYTES) if done else headers.first
            took = _sendmmsg(self._fd, at, len(burst) - done, _DONTWAIT)
            if took <= 0:  # the first of them failed: a full buffer, no route, no address
                refused.append(done)
            done += max(took, 1)
        return refused


def _number(address: Address) -> int:
    """Return an address as the kernel writes it; 0 if it is none of IPv4."""
    try:
        raw = _FAMILY + address[1].to_bytes(2, "big") + socket.inet_aton(address[0])
    except (OSError, OverflowError, TypeError, AttributeError):
        return 0
    number = int.from_bytes(raw, sys.byteorder)
    _remember(number, address)
    return number


def _address(number: int) -> Address:
    raw = number.to_bytes(8, sys.byteorder)
    return socket.inet_ntoa(raw[4:]), int.from_bytes(raw[2:4], "big")


def _remember(number: int, address: Address) -> Address:
    addresses, numbers = _memory.addresses, _memory.numbers
    if len(addresses) >= ADDRESSES_MAX:
        addresses.clear()
        numbers.clear()
    addresses[number] = address
    numbers[address] = number
    return address


def _calls() -> tuple[Any, Any]:
    """Return recvmmsg and sendmmsg. They know no argument types: checking them takes 0.4 us a call.

    Raises:
        ImportError: The C library has no such calls, or this is not CPython.
    """
    if sys.implementation.name != "cpython":
        raise ImportError("the id of an object is not where it lies")
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        calls = libc.recvmmsg, libc.sendmmsg
    except (AttributeError, OSError, TypeError) as fault:
        raise ImportError(f"no recvmmsg here: {fault}") from fault
    return calls


_recvmmsg, _sendmmsg = _calls()
_memory = Memory()
