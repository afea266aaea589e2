"""What answering costs with no work in it: every datagram is answered with the same prebuilt bytes.

`socket` (the default): an own non-blocking socket, drained 64 datagrams a burst whenever the loop finds it readable.
`asyncio`, `uvloop`: that loop's own datagram transport with a handler that does nothing else.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Any

from console import serve

#: Datagrams read in a row before the loop's other work has its turn.
BURST = 64

#: As a driver of ours asks for.
RECEIVE_BUFFER_BYTES = 4 << 20

DATAGRAM_BYTES_MAX = 65535

reply = b"\x01"


def size(size_bytes: int) -> int:
    """Have every answer this size. Its first byte says "response", as in rpcudp."""
    global reply  # noqa: PLW0603  # a global is what the bare loop reads quickest
    reply = b"\x01" + bytes(size_bytes - 1)
    return size_bytes


class Echo(asyncio.DatagramProtocol):
    """The handler on a loop's own transport."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:  # whatever it is
        self.transport.sendto(reply, addr)


def bound() -> socket.socket:
    """Return a socket as our driver makes it."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    sock.bind(("127.0.0.1", 0))
    return sock


async def run(kind: str) -> None:
    """Answer until the input ends."""
    sock = bound()
    loop = asyncio.get_running_loop()

    def drain() -> None:
        receive, send = sock.recvfrom, sock.sendto
        try:
            for _ in range(BURST):
                _, address = receive(DATAGRAM_BYTES_MAX)
                send(reply, address)
        except BlockingIOError:
            pass

    if kind == "socket":
        loop.add_reader(sock.fileno(), drain)
    else:
        await loop.create_datagram_endpoint(Echo, sock=sock)
    await serve(sock.getsockname()[1], {"size": size})


def main() -> None:
    """Run on the loop that the command line names."""
    kind = sys.argv[1] if len(sys.argv) > 1 else "socket"
    if kind == "uvloop":
        import uvloop

        uvloop.run(run(kind))
    else:
        asyncio.run(run(kind))


if __name__ == "__main__":
    main()
