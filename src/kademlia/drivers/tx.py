"""The Twisted driver: the reactor says when the port is readable, and bursts are read as in the asyncio driver.

`reactor.listenUDP(port, server.protocol)` and `internet.UDPServer(port, server.protocol)` both end in
`makeConnection`, from where on it is at work. A reactor whose ports are none of Twisted's plain ones (on Windows: of
completion ports) hands over each datagram as it comes; so does every other to a protocol that overrides
`datagramReceived`.
"""

from __future__ import annotations

import inspect
import socket
from collections.abc import Callable, Hashable
from typing import Any, cast

from twisted.internet import udp
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.error import InvalidAddressError, MessageLengthError
from twisted.internet.interfaces import IReactorPluggableNameResolver
from twisted.internet.task import LoopingCall
from twisted.python import log
from twisted.python.failure import Failure

from kademlia.drivers.driver import RECEIVE_BUFFER_BYTES, Driver, Timer
from kademlia.drivers.intake import Intake
from kademlia.engine.batch import Batch
from kademlia.engine.forwards import Forwards
from kademlia.engine.limits import DATAGRAM_BYTES_MAX
from kademlia.engine.operation import Operation
from kademlia.log import Logger
from kademlia.node import Address
from kademlia.protocol import KademliaProtocol


class Repeated:
    """A function called now and every so many seconds."""

    def __init__(self, loop: LoopingCall) -> None:
        self._loop = loop

    def cancel(self) -> None:
        """Call no more."""
        if self._loop.running:
            self._loop.stop()


class TwistedDriver(Driver):
    """One engine on a reactor."""

    world = "twisted"

    def __init__(self, protocol: KademliaProtocol) -> None:
        super().__init__(protocol)
        self._reactor: Any = None
        self._until_listening: list[tuple[Callable[[], None], Callable[[], None]]] = []

    def listen(self, port: int, interface: str) -> Any:
        """Bind a port and begin; return the listening port.

        Raises:
            twisted.internet.error.CannotListenError: The port is in use, or the interface is not ours.
        """
        from twisted.internet import reactor

        return reactor.listenUDP(port, self.protocol, interface=interface, maxPacketSize=DATAGRAM_BYTES_MAX)

    def when_listening(self, function: Callable[[], None], otherwise: Callable[[], None]) -> None:
        """Call a function once datagrams can come and go, or the other one if they never will."""
        if self.listening:
            function()
        else:
            self._until_listening.append((function, otherwise))

    def repeat(self, seconds: float, function: Callable[[], None]) -> tuple[Repeated, LoopingCall]:
        """Call a function now and every so many seconds; return what cancels it, and what the program is given."""
        loop = LoopingCall(function)
        loop.start(seconds, now=True)
        return Repeated(loop), loop

    # -- engine.host.Host ------------------------------------------------------------------------------------------

    def result(self, operation: Operation[Any]) -> Deferred[Any]:
        """Return a Deferred for an operation's value."""
        deferred: Deferred[Any] = Deferred()
        operation.then(deferred.callback)
        return deferred

    future = result

    def results(self, batch: Batch[Any]) -> Deferred[dict[Hashable, Any]]:
        """Start a batch; return a Deferred for all its results. Cancelling it ends the batch: nothing more is begun."""
        deferred: Deferred[dict[Hashable, Any]] = Deferred(lambda _: batch.stop())
        batch.start().then(lambda results: None if deferred.called else deferred.callback(results))
        return deferred

    def operation(self, awaitable: Any) -> Operation[Any] | None:
        """Return the operation of a Deferred or coroutine; it ends with its result, or the exception it raised."""
        if not isinstance(awaitable, Deferred) and not inspect.isawaitable(awaitable):
            return None
        operation: Operation[Any] = Operation()

        def ended(result: Any) -> None:
            operation.finish(result.value if isinstance(result, Failure) else result)
            self.wake()

        ensureDeferred(cast("Deferred[Any]", awaitable)).addBoth(ended)
        return operation

    def resolve(self, name: str) -> Operation[str | None]:
        """Look a host name up with the reactor's resolver."""
        found: list[str] = []
        answer: Operation[str | None] = Operation()

        class Receiver:
            """Takes the addresses as they come (twisted.internet.interfaces.IResolutionReceiver)."""

            @staticmethod
            def resolutionBegan(resolution: Any) -> None:
                pass

            @staticmethod
            def addressResolved(address: Any) -> None:
                found.append(address.host)

            @staticmethod
            def resolutionComplete() -> None:
                reachable = [ip for ip in found if self.reaches(ip)]
                answer.finish(next(iter(reachable or found), None))
                self.wake()

        resolver: Any = IReactorPluggableNameResolver(self._reactor).nameResolver
        resolver.resolveHostName(Receiver, name)
        return answer

    def _write(self, datagram: bytes, address: Address) -> bool:
        try:
            self.transport.write(datagram, address)
        except (OSError, MessageLengthError, InvalidAddressError):  # full buffer, no route, too long, other family
            return False
        return True

    def _call_from_thread(self, function: Callable[[], None]) -> None:
        self._reactor.callFromThread(function)

    def call_later(self, seconds: float, function: Any) -> Timer:
        """Call a function once."""
        timer: Timer = self._reactor.callLater(seconds, function)
        return timer

    @property
    def log(self) -> Logger:
        """Return the documented logger, as every protocol of 0.x had one."""
        return Logger(system=self.protocol)

    def report(self, message: str) -> None:
        """Tell the operator, in Twisted's own log."""
        self.log.warning(message)

    def end(self) -> None:
        """Stop living; what waited for it to begin ends too."""
        waiting, self._until_listening = self._until_listening, []
        for _, otherwise in waiting:
            otherwise()
        super().end()

    # -- what the reactor calls ------------------------------------------------------------------------------------

    def makeConnection(self, port: Any) -> None:
        """Begin on a listening port, which from now on hands over datagrams of any length."""
        self._reactor = port.reactor
        port.maxPacketSize = DATAGRAM_BYTES_MAX
        port.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        if isinstance(port, udp.Port) and type(self.protocol).datagramReceived is Forwards.datagramReceived:
            self.intake = Intake(port.socket, self)
            port.doRead = self._read  # type: ignore[method-assign]  # a port's own reads one by one, and cannot choose
        here = port.getHost()
        self.begin(port, (here.host, here.port))
        waiting, self._until_listening = self._until_listening, []
        for function, _ in waiting:
            function()

    def _read(self) -> None:
        """Take what waits in the port's socket, and log a fault as the port itself does: it goes on listening."""
        try:
            if self.intake is not None:
                self.intake.drain()
        except Exception:  # noqa: BLE001  # of a program's own methods, or counted as an internal error
            log.err()  # type: ignore[no-untyped-call]

    def doStart(self) -> None:
        """Begin: `makeConnection` has done it."""

    def doStop(self) -> None:
        """Stop living: the port was closed."""
        self.end()

    def datagramReceived(self, data: bytes, address: Any) -> None:
        """Take a datagram."""
        try:
            self.received(data, address, self.now())
        finally:
            self.wake()

    def connectionRefused(self) -> None:
        """Pass over an ICMP error: silence says the same."""


def attach(protocol: KademliaProtocol) -> TwistedDriver:
    """Give a protocol to Twisted; afterwards hand it to `reactor.listenUDP` or `internet.UDPServer`."""
    return TwistedDriver(protocol)
