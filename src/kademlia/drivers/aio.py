"""The asyncio driver: an own non-blocking socket, drained whenever it is readable (`drivers.intake`).

Also under uvloop. Where a loop has no `add_reader` (Windows' proactor loop), its own datagram transport serves; it
does too if a program calls `loop.create_datagram_endpoint(lambda: protocol, ...)` itself. That one hands over each
datagram as it comes: under a flood nobody can choose.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import socket
from collections.abc import Callable
from typing import Any

from kademlia.drivers.datagrams import UNSENDABLE, Datagrams
from kademlia.drivers.driver import RECEIVE_BUFFER_BYTES, Driver, Timer
from kademlia.drivers.intake import Intake
from kademlia.drivers.results import Results
from kademlia.engine.batch import Batch
from kademlia.engine.operation import Operation
from kademlia.node import Address
from kademlia.protocol import KademliaProtocol


class Transport:
    """A bound UDP socket on a loop, with what programs use of asyncio's transports."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: socket.socket, driver: AsyncioDriver) -> None:
        self._loop = loop
        self._sock = sock
        self._driver = driver
        self._closing = False
        self.intake = Intake(sock, driver)
        self.drain = self.intake.drain
        loop.add_reader(sock.fileno(), self.drain)

    def sendto(self, data: bytes, addr: Any = None) -> None:
        """Send a datagram; what a full buffer does not take is lost, as datagrams are."""
        with contextlib.suppress(BlockingIOError):
            self._sock.sendto(data, addr)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return "sockname" or "socket"."""
        if name == "sockname":
            return self._driver.own_address if self._closing else self._sock.getsockname()
        return self._sock if name == "socket" else default

    def is_closing(self) -> bool:
        """Return whether it was closed."""
        return self._closing

    def close(self) -> None:
        """Close the socket; the engine stops."""
        if not self._closing:
            self._closing = True
            self._loop.remove_reader(self._sock.fileno())
            self._sock.close()
            self._driver.end()

    abort = close


class Repeated:
    """A function called now and every so many seconds."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, function: Callable[[], None]) -> None:
        self._loop = loop
        self._seconds = seconds
        self._function = function
        self._call()

    def _call(self) -> None:
        self._timer = self._loop.call_later(self._seconds, self._call)
        self._function()

    def cancel(self) -> None:
        """Call no more."""
        self._timer.cancel()


class AsyncioDriver(Driver):
    """One engine on an asyncio loop."""

    world = "asyncio"

    def __init__(self, protocol: KademliaProtocol, loop: asyncio.AbstractEventLoop | None = None) -> None:
        super().__init__(protocol)
        self._loop = loop
        self._tasks: set[asyncio.Future[Any]] = set()  # a loop keeps only weak references to its tasks

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop this engine lives on."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    async def listen(self, port: int, interface: str) -> None:
        """Bind a socket and begin.

        Raises:
            OSError: The port is in use, or the interface is not ours.
        """
        sock = await self._bound_socket(port, interface)
        try:
            transport = Transport(self.loop, sock, self)
        except NotImplementedError:  # this loop has no add_reader
            await self.loop.create_datagram_endpoint(lambda: self.protocol, sock=sock)  # type: ignore[type-var]
        else:
            self.intake = transport.intake
            self.begin(transport, sock.getsockname()[:2])

    async def _bound_socket(self, port: int, interface: str) -> socket.socket:
        found = await self.loop.getaddrinfo(interface, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE)
        family, kind, number, _, address = found[0]
        sock = socket.socket(family, kind, number)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            if interface == "::":
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            sock.bind(address)
        except OSError as fault:
            sock.close()
            raise OSError(fault.errno, f"cannot listen on {interface}:{port}: {fault.strerror}") from fault
        return sock

    def repeat(self, seconds: float, function: Callable[[], None]) -> tuple[Repeated, None]:
        """Call a function now and every so many seconds; return what cancels it, and what the program is given."""
        return Repeated(self.loop, seconds, function), None

    # -- engine.host.Host ------------------------------------------------------------------------------------------

    async def result(self, operation: Operation[Any]) -> Any:
        """Wait for an operation's value."""
        return operation.value if operation.done else await self.future(operation)

    def future(self, operation: Operation[Any]) -> asyncio.Future[Any]:
        """Return a Future for an operation's value."""
        future = self.loop.create_future()
        operation.then(lambda value: None if future.done() else future.set_result(value))
        return future

    def results(self, batch: Batch[Any]) -> Results:
        """Start a batch; return what can be awaited, or gone through with `async for`."""
        return Results(self.loop, batch)

    def operation(self, awaitable: Any) -> Operation[Any] | None:
        """Return the operation of a coroutine or Future; it ends with its result, or the exception it raised."""
        if not inspect.isawaitable(awaitable):
            return None
        operation: Operation[Any] = Operation()
        task = asyncio.ensure_future(awaitable, loop=self.loop)
        self._tasks.add(task)

        def ended(task: asyncio.Future[Any]) -> None:
            self._tasks.discard(task)
            if task.cancelled():
                operation.finish(asyncio.CancelledError("the task was cancelled"))
            else:
                operation.finish(task.exception() or task.result())
            self.wake()

        task.add_done_callback(ended)
        return operation

    def resolve(self, name: str) -> Operation[str | None]:
        """Look a host name up, without blocking the loop."""
        found = self.operation(self._resolved(name))
        assert found is not None
        answer: Operation[str | None] = Operation()
        found.then(lambda ip: answer.finish(ip if isinstance(ip, str) else None))
        return answer

    async def _resolved(self, name: str) -> str | None:
        try:
            found = await self.loop.getaddrinfo(name, None, type=socket.SOCK_DGRAM)
        except (OSError, UnicodeError):
            return None
        ips = [str(address[0]) for *_, address in found]
        return next((ip for ip in ips if self.reaches(ip)), ips[0] if ips else None)

    def write(self, datagrams: Datagrams) -> None:
        """Send, all at once where that can be done."""
        if self.intake is not None:
            self.sent(*self.intake.datagrams.write(datagrams))
        else:
            super().write(datagrams)

    def _write(self, datagram: bytes, address: Address) -> bool:
        try:
            self.transport.sendto(datagram, address)
        except UNSENDABLE:
            return False
        return True

    def _call_from_thread(self, function: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the program has ended
            self.loop.call_soon_threadsafe(function)

    def call_later(self, seconds: float, function: Any) -> Timer:
        """Call a function once."""
        return self.loop.call_later(seconds, function)

    def end(self) -> None:
        """Stop living, the tasks of a program's own RPCs included."""
        super().end()
        for task in list(self._tasks):
            task.cancel()

    # -- a loop's own datagram transport ------------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        """Begin on the loop's own transport."""
        self.begin(transport, transport.get_extra_info("sockname")[:2])

    def datagram_received(self, data: bytes, address: Any) -> None:
        """Take a datagram from the loop's own transport."""
        try:
            self.received(data, address, self.now())
        finally:
            self.wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop living: the loop's own transport was closed."""
        self.end()

    def pause_writing(self) -> None:
        """Send on: the loop's own transport queues what the socket does not take."""

    def resume_writing(self) -> None:
        """Send on."""

    def error_received(self, exc: Exception) -> None:
        """Pass over an ICMP error: silence says the same."""


def attach(protocol: KademliaProtocol, loop: asyncio.AbstractEventLoop | None = None) -> AsyncioDriver:
    """Give a protocol to asyncio: to the running loop, or to the one given.

    Afterwards `await driver.listen(port, interface)`, or hand the protocol to `loop.create_datagram_endpoint`.
    """
    return AsyncioDriver(protocol, loop)
