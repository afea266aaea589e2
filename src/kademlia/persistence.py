"""What a node keeps over a restart: the half of `Server` that is about state files (`storage.state`).

Values are the storage's matter. A state has who the node is, whom it knows, and what it published.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from kademlia.arguments import check_positive
from kademlia.drivers import choice
from kademlia.engine.limits import Limits
from kademlia.engine.published import Kept
from kademlia.node import Address, Node
from kademlia.protocol import KademliaProtocol
from kademlia.storage import IStorage
from kademlia.utils import BothSpellings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kademlia.storage.state import State

#: How often the state is saved by `save_state_regularly` unless said otherwise, in seconds.
SAVE_STATE_S = 600


def restore(protocol: KademliaProtocol, saved: State) -> None:
    """Give an engine, before it starts, what a state remembers."""
    contacts = [Node(*contact) for contact in saved.contacts]
    protocol.restore(contacts, saved.neighbors, [Kept(*kept) for kept in saved.published])


class Persistence(BothSpellings):
    """Saving a node's state, and coming back from it."""

    ksize: int
    alpha: int
    node: Node
    save_state_loop: Any
    _driver: Any
    _protocol: KademliaProtocol | None
    _restored: State | None
    _stopped: bool

    @abstractmethod
    def _ready(self) -> KademliaProtocol:
        """Return the engine of a node that listens."""

    @property
    @abstractmethod
    def protocol(self) -> KademliaProtocol | None:
        """See `Server`."""

    @abstractmethod
    def _is_listening(self) -> bool:
        """Return whether datagrams can come and go."""

    @abstractmethod
    def bootstrap(self, addrs: Iterable[Address]) -> Any:
        """See `Server`."""

    @abstractmethod
    def bootstrappable_neighbors(self) -> list[Address]:
        """See `Server`."""

    @abstractmethod
    def listen(self, port: int, interface: str | None = None) -> Any:
        """See `Server`."""

    def save_state(self, fname: str | os.PathLike[str], *, even_alone: bool = False) -> None:
        """Save id, k, alpha, the table, and what this node published to a file, replacing it as a whole.

        While no neighbour is known the table that the file holds is kept; without a file nothing is written then.

        Args:
            fname: The file.
            even_alone: Write it without any neighbour, too: for a node whose id has to last.

        Raises:
            OSError: The file cannot be written; an older one is left as it was.
        """
        protocol = self._ready()
        from kademlia.storage import state  # with logging, a third of the time that importing kademlia would take

        published = [tuple(kept) for kept in protocol.upkeep.published.all()]
        saved: State | None
        contacts = [(node.id, *node.address) for node in protocol.router.contacts()]
        if contacts or even_alone:
            saved = state.State(self.ksize, self.alpha, self.node.id, self.bootstrappable_neighbors(), contacts)
        else:
            saved = self._earlier_state(fname)
        if saved is None:
            protocol.report(f"no known neighbours, so {fname} is not written")
            return
        left_out = state.save(fname, replace(saved, published=published))
        if left_out:
            protocol.report(f"{left_out} published values do not fit into {fname} and end with this run")

    saveState = save_state

    def _earlier_state(self, fname: str | os.PathLike[str]) -> State | None:
        """Return what a file says of this node, or None."""
        from kademlia.storage import state

        try:
            saved = state.load(fname)
        except (OSError, ValueError):
            return None
        return saved if saved.id == self.node.id else None

    @classmethod
    def load_state(
        cls,
        fname: str | os.PathLike[str],
        port: int | None = None,
        interface: str | None = None,
        *,
        storage: IStorage | None = None,
        limits: Limits | None = None,
    ) -> Any:
        """Make a server from a saved state, a pickle of an earlier release included; it bootstraps from it.

        Args:
            fname: The file.
            port: Listen here before the coroutine ends; if None, `listen` is yours to call. Whoever gives one is an
                asyncio program, as `loadState(fname)` of the documentation has none.
            interface: As in `listen`.
            storage: As of `Server`: where the values are.
            limits: As of `Server`: what others may take of the node.

        Returns:
            asyncio: a coroutine that ends with the server. Twisted: the server, bootstrapping once it listens.

        Raises:
            OSError, ValueError: The file cannot be read, or is no state.
        """
        from kademlia.storage import state

        saved = state.load(fname)
        make: Any = cls
        more: dict[str, Any] = {"limits": limits} if limits is not None else {}
        server = make(saved.ksize, saved.alpha, saved.id, *([storage] if storage is not None else []), **more)
        server._restored = saved
        if port is None and choice.current() == choice.TWISTED:
            server.bootstrap(saved.neighbors)
            return server
        return server._load_state(port, interface)

    loadState = load_state

    async def _load_state(self, port: int | None, interface: str | None) -> Self:
        if port is not None:
            await self.listen(port, interface)
            await self.bootstrap(self._protocol.upkeep.bootstrap_addresses if self._protocol else [])
        return self

    def save_state_regularly(self, fname: str | os.PathLike[str], frequency: float = SAVE_STATE_S) -> Any:
        """Save the state now and every so many seconds; a failure is logged, and the next time tries again.

        Returns:
            Twisted: the running `LoopingCall`. asyncio: None; `save_state_loop.cancel()` ends it, and so does `stop`.
        """
        check_positive("frequency", frequency)
        if self.protocol is None or self._stopped:
            self._ready()
        if self.save_state_loop is not None:
            self.save_state_loop.cancel()
        self.save_state_loop, returned = self._driver.repeat(frequency, lambda: self._try_to_save(fname))
        return returned

    saveStateRegularly = save_state_regularly

    def _try_to_save(self, fname: str | os.PathLike[str]) -> None:
        if not self._is_listening():
            return
        try:
            self.save_state(fname)
        except (OSError, ValueError) as fault:
            self._driver.report(f"cannot save the state to {fname}: {getattr(fault, 'strerror', None) or fault}")
