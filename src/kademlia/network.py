"""Server: the front door. It starts operations, owns a driver, loads and saves state; all else is the engine's.

The same methods serve asyncio and Twisted programs. Which of the two is meant is found out when a method is called
(`drivers.choice`): under asyncio `bootstrap`, `get`, `set` and their like return coroutines, under Twisted Deferreds.
Wrong arguments raise in the call itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from kademlia.arguments import (
    MEMORY_BYTES_MAX,
    check_dht_value_type,
    check_id,
    check_port,
    check_positive,
    check_quotas,
    checked_address,
    checked_limits,
)
from kademlia.drivers import choice
from kademlia.drivers.chance import random_id
from kademlia.engine.limits import LEAVE_S, Limits
from kademlia.engine.operation import Operation, finished, gathered
from kademlia.engine.outcome import Outcome
from kademlia.engine.stats import Stats
from kademlia.engine.upkeep import RefreshLoop
from kademlia.node import Address, Node
from kademlia.persistence import Persistence, restore
from kademlia.protocol import KademliaProtocol
from kademlia.storage import ForgetfulStorage, IStorage, check_storage
from kademlia.utils import Hideable
from kademlia.values import Values
from kademlia.wire import rpcudp

if TYPE_CHECKING:
    from kademlia.storage.state import State

__all__ = ["Limits", "Server", "check_dht_value_type"]

#: What `listen` binds unless told otherwise, as the published releases do.
ALL_IPV4 = "0.0.0.0"  # noqa: S104  # a node is there to be reached


class Server(Values, Persistence):
    """A node of the network, as a program sees it.

    Args:
        ksize: The k of the paper: holders of a value, contacts in a bucket and in an answer.
        alpha: The alpha of the paper: requests that a lookup has under way at once.
        id: The node's id, 20 bytes; drawn by the operating system's random source if None.
        storage: Where values are kept, an `IStorage`; `ForgetfulStorage` with 256 MiB if None.
        node_id: The 2.x spelling of `id`.
        driver: "asyncio" or "twisted" if it is not to be found out.
        ephemeral: Tell others that this node will be gone in a moment, so that they keep it out of their tables.
        limits: What others may take of this node; `Limits()` if None.

    Raises:
        TypeError, ValueError: An argument is of the wrong kind or size, or two limits contradict each other.
    """

    #: The class of `protocol`; subclass `KademliaProtocol` and set this to add RPCs of your own.
    protocol_class: type[KademliaProtocol] = KademliaProtocol

    def __init__(
        self,
        ksize: int = 20,
        alpha: int = 3,
        id: bytes | None = None,
        storage: IStorage | None = None,
        *,
        node_id: bytes | None = None,
        driver: str | None = None,
        ephemeral: bool = False,
        limits: Limits | None = None,
    ) -> None:
        check_positive("ksize", ksize)
        check_positive("alpha", alpha)
        choice.check(driver)
        id = node_id if id is None else id
        if id is not None:
            check_id("a node's id", id)
        if storage is not None:
            check_storage(storage)
        self.ksize = ksize
        self.alpha = alpha
        self.storage: IStorage = ForgetfulStorage(max_bytes=MEMORY_BYTES_MAX) if storage is None else storage
        self.limits = checked_limits(limits)
        check_quotas(self.limits, self.storage)
        self.node = Node(random_id() if id is None else id)
        self.ephemeral = ephemeral
        self.save_state_loop: Any = None
        self._wanted_driver = driver
        self._protocol: KademliaProtocol | None = None
        self._driver: Any = None
        self._stopped = False
        self._restored: State | None = None

    # -- what it is made of ----------------------------------------------------------------------------------------

    @property
    def protocol(self) -> KademliaProtocol | None:
        """The engine. Under asyncio None until `listen`; under Twisted it is there to be given to `listenUDP`."""
        if self._protocol is None and self._world() == choice.TWISTED:
            self._attach(choice.TWISTED)
        if self._driver is not None and self._driver.world == choice.ASYNCIO and self._driver.own_address is None:
            return None  # `listen` is still at it, or failed
        return self._protocol

    @property
    def transport(self) -> Any:
        """What has `get_extra_info`, `sendto`, `close`, `is_closing` (asyncio), or the port (Twisted); else None."""
        return self._driver.transport if self._driver is not None else None

    @Hideable
    def address(self) -> Address | None:
        """The (ip, port) this node listens on, or None."""
        return self._driver.own_address if self._is_listening() else None

    @Hideable
    def log(self) -> Any:
        """A logger: of the standard library under asyncio, `kademlia.log.Logger` under Twisted."""
        if self._world() == choice.TWISTED:
            from kademlia.log import Logger

            return Logger(system=self)
        import logging

        return logging.getLogger(__name__)

    @property
    def refresh_loop(self) -> RefreshLoop | None:
        """What refreshes the table and republishes values by itself; `cancel()` ends that. None before `protocol`."""
        return RefreshLoop(self.protocol.upkeep) if self.protocol is not None else None

    refreshLoop = refresh_loop

    def stats(self) -> Stats:
        """Return what the node counted, and what it holds now."""
        return self._ready().stats()

    # -- life ------------------------------------------------------------------------------------------------------

    def listen(self, port: int, interface: str | None = None) -> Any:
        """Listen on a UDP port; 0 lets the system choose (see `address`).

        Args:
            port: 0 to 65535.
            interface: The address to bind; all IPv4 addresses if None, "::" for IPv6 and IPv4, "::1" or "127.0.0.1"
                for this machine only.

        Returns:
            asyncio: a coroutine. Twisted: the listening port, as `reactor.listenUDP(port, server.protocol)` does.

        Raises:
            OSError: The port is in use (Twisted: `CannotListenError`).
        """
        check_port(port)
        if self._is_listening():
            raise RuntimeError(f"this node listens already, on {self.address}; stop() it first")
        world = self._world()
        if self._stopped or self._protocol is None or world == choice.ASYNCIO:
            self._attach(world)
        if world == choice.TWISTED:
            return self._driver.listen(port, interface or "")
        return self._driver.listen(port, interface or ALL_IPV4)

    def stop(self) -> Any:
        """Stop: pending operations end as if all neighbours were dead, no timer is left. Twice does no harm.

        Returns:
            asyncio: None. Twisted: a Deferred that fires when the port is closed.
        """
        if self.save_state_loop is not None:
            self.save_state_loop.cancel()
            self.save_state_loop = None
        transport = self.transport
        if self._driver is not None:
            self._driver.end()
        if transport is None:
            return self.protocol.future(finished(None)) if self._world() == choice.TWISTED and self.protocol else None
        self._stopped = True
        self._restored = None
        return transport.stopListening() if hasattr(transport, "stopListening") else transport.close()

    def leave(self, seconds: float = LEAVE_S) -> Any:
        """Hand the values that this node keeps to their next holders, then `stop`.

        Args:
            seconds: It takes no longer than that; half a minute unless said otherwise.

        Returns:
            What ends with the number of values that somebody took.
        """
        check_positive("seconds", seconds)
        protocol = self._ready()
        left: Operation[int] = Operation()

        def gone(count: int) -> None:
            self.stop()
            left.finish(count)

        protocol.leave(seconds).then(gone)
        return protocol.future(left) if left.done else protocol.awaitable(left)

    def bootstrap(self, addrs: Iterable[Address]) -> Any:
        """Join the network by some of its nodes; an address that does not answer is named in the log, with the reason.

        While it knows no live contact the node tries these addresses again by itself. Under Twisted it may be called
        before `listen`, and then waits for it.

        Args:
            addrs: (host, port) pairs; host is an address or a name.

        Returns:
            What ends with the list of `Node`s found closest to the own id, empty if nobody answered.
        """
        addresses = [checked_address(address) for address in addrs]
        protocol = self.protocol
        if protocol is None or self._stopped:
            protocol = self._ready()
        if self._is_listening():
            return protocol.awaitable(protocol.join(addresses))
        whole: Operation[list[Node]] = Operation()
        self._driver.when_listening(lambda: protocol.join(addresses).then(whole.finish), lambda: whole.finish([]))
        return protocol.awaitable(whole)

    def bootstrap_node(self, addr: Address) -> Any:
        """Ask one address who lives there; ends with its `Node`, or None without an answer."""
        host, port = checked_address(addr)
        protocol = self._ready()
        outcome = Outcome()
        node: Operation[Node | None] = Operation()

        def answered(response: tuple[bool, Any]) -> None:
            happened, node_id = response
            node.finish(Node(node_id, host, port) if happened and rpcudp.is_id(node_id) else None)

        outcome.operation.then(answered)
        protocol.call_into(outcome, (host, port), "ping", self.node.id)
        return protocol.awaitable(node)

    def bootstrappable_neighbors(self) -> list[Address]:
        """Return the (ip, port) pairs of the k closest contacts, fit for `bootstrap` of a later run."""
        return [node.address for node in self._ready().router.find_neighbors(self.node)]

    bootstrappableNeighbors = bootstrappable_neighbors

    def inet_visible_ip(self) -> Any:
        """Ask the neighbours for this node's address as they see it; ends with one text for each that answered."""
        protocol = self._ready()
        outcomes = [Outcome() for _ in self.bootstrappable_neighbors()]
        for outcome, address in zip(outcomes, self.bootstrappable_neighbors(), strict=True):
            protocol.call_into(outcome, address, "stun")
        ips: Operation[list[str]] = Operation()
        gathered([outcome.operation for outcome in outcomes]).then(lambda answers: ips.finish(_visible_ips(answers)))
        return protocol.awaitable(ips)

    inetVisibleIP = inet_visible_ip

    # -- upkeep ----------------------------------------------------------------------------------------------------

    def refresh_table(self, interval: float | None = None) -> Any:
        """Look up an id wherever nothing was looked up for an hour, and republish values an hour old (section 2.3).

        Starts at once; it also happens by itself. What is returned needs no await.

        Args:
            interval: From now on look every so many seconds what is due; as it was (about ten minutes) if None.
        """
        protocol = self._ready()
        if interval is not None:
            check_positive("interval", interval)
            protocol.upkeep.repeat_every(interval)
        operation = protocol.upkeep.refresh()
        protocol.wake()
        return protocol.future(operation)

    refreshTable = refresh_table

    # -- parts -----------------------------------------------------------------------------------------------------

    def _world(self) -> str:
        if self._wanted_driver is not None:
            return self._wanted_driver
        if self._is_listening():
            return str(self._driver.world)
        return choice.current()

    def _is_listening(self) -> bool:
        return self._driver is not None and bool(self._driver.listening)

    def _create_protocol(self) -> KademliaProtocol:
        protocol = self.protocol_class(self.node, self.storage, self.ksize)
        protocol.alpha = self.alpha
        protocol.ephemeral = self.ephemeral
        protocol.limits = self.limits
        return protocol

    def _attach(self, world: str) -> None:
        earlier = self._protocol
        self._protocol = self._create_protocol()
        if earlier is not None:
            self._protocol.restore([], [], earlier.upkeep.published.all())
        self._stopped = False
        if world == choice.TWISTED:
            from kademlia.drivers import tx as driver
        else:
            from kademlia.drivers import aio as driver  # type: ignore[no-redef]
        self._driver = driver.attach(self._protocol)
        if self._restored is not None:
            restore(self._protocol, self._restored)

    def _ready(self) -> KademliaProtocol:
        if self._protocol is not None and self._is_listening():
            return self._protocol
        if self._stopped:
            raise RuntimeError("this node was stopped; call listen(port) to start it again")
        raise RuntimeError(
            "this node does not listen yet; under asyncio `await server.listen(port)` first, "
            "under Twisted `server.listen(port)` or `reactor.listenUDP(port, server.protocol)`"
        )


def _visible_ips(answers: list[tuple[bool, Any]]) -> list[str]:
    seen = [answer[0] for happened, answer in answers if happened and isinstance(answer, (list, tuple)) and answer]
    return [ip.decode("latin-1") if isinstance(ip, bytes) else ip for ip in seen if isinstance(ip, (str, bytes))]
