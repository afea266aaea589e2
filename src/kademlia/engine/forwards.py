"""The methods that event loops call on a protocol, each forwarded to its host in one line.

asyncio calls the snake_case ones, Twisted the others; neither checks the protocol's type.
"""

from __future__ import annotations

from typing import Any


class Forwards:
    """What makes a pure protocol acceptable to `loop.create_datagram_endpoint` and to `reactor.listenUDP`."""

    #: Twisted logs the start and stop of a noisy protocol.
    noisy = False

    host: Any

    def _world(self) -> Any:
        if self.host is None:
            raise RuntimeError(
                "this protocol belongs to no event loop; use the one of a kademlia Server, "
                "or attach it: kademlia.drivers.aio.attach(protocol), kademlia.drivers.tx.attach(protocol)"
            )
        return self.host

    @property
    def transport(self) -> Any:
        """The world's transport: asyncio's or our own, Twisted's port; None before listening."""
        return self.host.transport if self.host is not None else None

    @property
    def log(self) -> Any:
        """The world's logger, for a program's own methods: of the standard library, or Twisted's."""
        return self._world().log

    # asyncio.DatagramProtocol
    def connection_made(self, transport: Any) -> None:  # noqa: D102
        self._world().connection_made(transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:  # noqa: D102
        self._world().datagram_received(data, addr)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: D102
        self._world().connection_lost(exc)

    def error_received(self, exc: Exception) -> None:  # noqa: D102
        self._world().error_received(exc)

    def pause_writing(self) -> None:  # noqa: D102
        self._world().pause_writing()

    def resume_writing(self) -> None:  # noqa: D102
        self._world().resume_writing()

    # twisted.internet.protocol.DatagramProtocol
    def makeConnection(self, transport: Any) -> None:  # noqa: D102
        self._world().makeConnection(transport)

    def datagramReceived(self, data: bytes, addr: Any) -> None:  # noqa: D102
        self._world().datagramReceived(data, addr)

    def connectionRefused(self) -> None:  # noqa: D102
        self._world().connectionRefused()

    def doStart(self) -> None:  # noqa: D102
        self._world().doStart()

    def doStop(self) -> None:  # noqa: D102
        self._world().doStop()
