"""What both drivers share: handing datagrams to the engine, sending what it wants sent, one timer for its deadline."""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from kademlia.address import plain_ip
from kademlia.drivers.chance import random_bytes
from kademlia.engine.batch import Batch
from kademlia.engine.limits import SOFT_TIMEOUT_MIN_S
from kademlia.engine.operation import Operation
from kademlia.node import Address
from kademlia.protocol import KademliaProtocol

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

    from kademlia.drivers.intake import Intake

#: Receive buffer asked for, in bytes: a burst of answers to 512 requests, each of 8 kB, fits. Linux gives
#: net.core.rmem_max at most.
RECEIVE_BUFFER_BYTES = 4 << 20

#: Readings before time-outs are looked at: answers that wait in the buffer are not late. That is 1,024 datagrams.
READINGS_BEFORE_TIMEOUTS = 4

#: How often the engine is told the wall-clock time, in seconds.
WALL_CLOCK_S = 60.0


def plain_address(address: Any) -> Address:
    """Return the (ip, port) of what a socket calls an address, an IPv4-mapped IPv6 one as IPv4."""
    ip, port = address[:2]
    return (plain_ip(ip) if ":" in ip else ip, port)


def mapped_address(address: Address) -> Address:
    """Return an address as a socket of both families takes it: IPv4 in its IPv6 form."""
    return address if ":" in address[0] else ("::ffff:" + address[0], address[1])


class Timer(Protocol):
    """A call in the future, of either loop."""

    def cancel(self) -> Any:
        """Do not call."""


class Driver(ABC):
    """One engine's host on a real event loop (`engine.host.Host`)."""

    #: Which of the worlds of `drivers.choice` this is.
    world: str

    def __init__(self, protocol: KademliaProtocol) -> None:
        self.protocol = protocol
        self.transport: Any = None
        self.intake: Intake | None = None  # of our own reading; None where the loop hands each datagram over
        self.own_address: Address | None = None
        self._families = "46"  # address families our socket can send to
        self._maps_v4 = False  # whether it needs IPv4 addresses in their IPv6 form
        self._timer: Timer | None = None
        self._timer_at = 0.0
        self._clock_timer: Timer | None = None
        self._worker: ThreadPoolExecutor | None = None
        self._work: tuple[Future[Any], Operation[Any]] | None = None
        protocol.host = self

    # -- each loop its own -----------------------------------------------------------------------------------------

    @abstractmethod
    def result(self, operation: Operation[Any]) -> Any:
        """See `engine.host.Host`."""

    @abstractmethod
    def future(self, operation: Operation[Any]) -> Any:
        """See `engine.host.Host`."""

    @abstractmethod
    def results(self, batch: Batch[Any]) -> Any:
        """See `engine.host.Host`."""

    @abstractmethod
    def operation(self, awaitable: Any) -> Operation[Any] | None:
        """See `engine.host.Host`."""

    @abstractmethod
    def resolve(self, name: str) -> Operation[str | None]:
        """See `engine.host.Host`."""

    @abstractmethod
    def _call_from_thread(self, function: Callable[[], None]) -> None:
        """Have a function called on the loop; to be called on another thread."""

    @abstractmethod
    def _write(self, datagram: bytes, address: Address) -> bool:
        """Send; return whether the socket took it."""

    @abstractmethod
    def call_later(self, seconds: float, function: Any) -> Timer:
        """Call a function once."""

    # -- the same for both -----------------------------------------------------------------------------------------

    @property
    def log(self) -> Any:
        """Return the logger that programs and operators are told things by."""
        return logging.getLogger("kademlia.network")

    @property
    def listening(self) -> bool:
        """Whether datagrams can come and go."""
        return self.transport is not None

    def now(self) -> float:
        """Return the monotonic time in seconds."""
        return time.monotonic()

    def random_bytes(self, count: int) -> bytes:
        """Return bytes that nobody can guess."""
        return random_bytes(count)

    def report(self, message: str) -> None:
        """Tell the operator."""
        self.log.warning("%s", message)

    def work(self, function: Callable[[], Any]) -> Operation[Any]:
        """Call a function on the only other thread; the operation ends on the loop, with what it returned."""
        if self._worker is None:
            from concurrent.futures import ThreadPoolExecutor  # most nodes have no disk to wait for

            self._worker = ThreadPoolExecutor(1, "kademlia-disk")
        operation: Operation[Any] = Operation()
        done = self._worker.submit(function)
        self._work = done, operation
        done.add_done_callback(lambda done: self._call_from_thread(lambda: operation.finish(done.result())))
        return operation

    def reaches(self, ip: str) -> bool:
        """Return whether our socket can send to addresses of this one's family."""
        return ("6" if ":" in ip else "4") in self._families

    def begin(self, transport: Any, own_address: Address) -> None:
        """Begin to live: the socket is bound."""
        self.transport = transport
        self.own_address = own_address
        is_v6 = ":" in own_address[0]
        dual = own_address[0] == "::"
        self._families = "46" if dual else ("6" if is_v6 else "4")
        self._maps_v4 = dual
        self.protocol.start(self, self.now(), time.time())
        self._tell_wall_clock()
        self.wake()

    def end(self) -> None:
        """Stop living: everything under way ends, no timer is left."""
        if self.transport is None:
            return
        self.transport = None
        if self.intake is not None:
            self.intake.end()
            self.intake = None
        for timer in (self._timer, self._clock_timer):
            if timer is not None:
                timer.cancel()
        self._timer = self._clock_timer = None
        self._end_work()
        self.protocol.stop()

    def _end_work(self) -> None:
        """Wait for what is being written: it is a matter of milliseconds, and the last time."""
        worker, work = self._worker, self._work
        self._worker = self._work = None
        if worker is not None:
            worker.shutdown(wait=True)
        if work is not None:
            work[1].finish(work[0].result())

    def received(self, data: bytes, address: Any, now: float) -> None:
        """Hand one datagram to the engine and send its answer."""
        address = plain_address(address)
        try:
            reply = self.protocol.receive(data, address, now)
        except Exception:
            self.protocol.counts.internal_errors += 1
            raise
        if reply is not None:
            self.write([(reply, address)])

    def wake(self) -> None:
        """Send what the engine wants sent and arm the timer for its next deadline."""
        self.send([])

    def send(self, answers: list[tuple[bytes, Address]]) -> None:
        """Send answers and what the engine wants sent, and arm the timer for its next deadline."""
        if self.transport is None:
            return
        answers += self.protocol.take_outbox()
        if answers:
            self.write(answers)
        self._arm()

    def write(self, datagrams: list[tuple[bytes, Address]]) -> None:
        """Send datagrams, one by one."""
        for datagram, address in datagrams:
            wanted = mapped_address(address) if self._maps_v4 else address
            if self.transport is not None and self._write(datagram, wanted):
                self.sent(1, len(datagram), 0)
            else:
                self.sent(0, 0, 1)

    def sent(self, datagrams: int, size: int, unsent: int) -> None:
        """Count what went to the socket, in datagrams and bytes, and what it would not take."""
        counts = self.protocol.counts
        counts.sent += datagrams
        counts.sent_bytes += size
        counts.unsent += unsent

    def _arm(self) -> None:
        """Set the timer, unless it fires early enough already: one that fires too early does no harm."""
        protocol = self.protocol
        if self._timer is not None and self._timer_at <= protocol.now + SOFT_TIMEOUT_MIN_S and not protocol.pressing:
            return
        deadline = protocol.deadline()
        if deadline is None or (self._timer is not None and self._timer_at <= deadline):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = deadline
        self._timer = self.call_later(max(deadline - self.now(), 0.0), self._on_timer)

    def _on_timer(self) -> None:
        """Read what waits in the socket's buffer first: after a pause of the loop those are answers, not time-outs."""
        self._timer = None
        for _ in range(READINGS_BEFORE_TIMEOUTS):
            if self.intake is None or not self.intake.drain():
                break
        if self.transport is None:
            return
        try:
            self.protocol.tick(self.now())
        except Exception:
            self.protocol.counts.internal_errors += 1
            raise
        finally:
            self.wake()

    def _tell_wall_clock(self) -> None:
        self.protocol.wall_clock(self.now(), time.time())
        self._clock_timer = self.call_later(WALL_CLOCK_S, self._tell_wall_clock)
