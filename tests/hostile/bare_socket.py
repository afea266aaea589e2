"""A bare socket on loopback: somebody who is no node."""

from __future__ import annotations

import socket


class BareSocket:
    """A bound, non-blocking UDP socket, at a port that the system chose."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)

    @property
    def address(self) -> tuple[str, int]:
        """Where it is."""
        ip, port = self._socket.getsockname()
        return ip, port

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
