"""The life of a node that a user started: it comes back from its state, joins, tells what happens, and saves itself.

Every line on stdout is news; warnings of the library go to stderr.
"""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kademlia import __version__
from kademlia.cli import addresses, screen
from kademlia.cli.faults import WrongUse
from kademlia.cli.stats import table
from kademlia.network import Server

#: How often we look whether the node met others, or lost them, in seconds.
LOOK_S = 0.25


@dataclass(frozen=True, slots=True)
class Plan:
    """What the user asked for."""

    port: int
    interface: str
    bootstrap: list[addresses.Address]
    state: Path | None = None
    ksize: int | None = None
    alpha: int | None = None
    verbose: bool = False


class Life:
    """One node, from its start to the signal that ends it."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._out = screen.out()
        self._server = Server(driver="asyncio")
        self._restored = False

    async def run(self) -> None:
        """Live until a signal comes.

        Raises:
            WrongUse: The state cannot be read, or the address cannot be listened on.
        """
        screen.show_log(verbose=self._plan.verbose)
        await self._come_back()
        await self._listen()
        ended = asyncio.Event()
        on_signal("SIGINT", ended.set)
        on_signal("SIGTERM", ended.set)
        on_signal("SIGUSR1", self._tell_stats)
        self._tell_who()
        news = asyncio.create_task(self._tell_news())
        ending = asyncio.create_task(ended.wait())
        try:
            await asyncio.wait([ending, news], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._end()
        if news.done():  # it never ends by itself: it raised
            await news
        news.cancel()

    # -- beginning and end -----------------------------------------------------------------------------------------

    async def _come_back(self) -> None:
        plan = self._plan
        if plan.state is not None:
            await self._load(plan.state)
        self._server.ksize = plan.ksize or self._server.ksize
        self._server.alpha = plan.alpha or self._server.alpha

    async def _load(self, state: Path) -> None:
        if not state.parent.is_dir():
            raise WrongUse(f"there is no folder {state.parent} for the state file; make it first")
        try:
            self._server = await Server.load_state(state)
            self._restored = True
        except FileNotFoundError:
            return
        except (OSError, ValueError) as fault:
            raise WrongUse(f"cannot come back from the state: {fault}") from None

    async def _listen(self) -> None:
        plan = self._plan
        try:
            await self._server.listen(plan.port, plan.interface)
        except (OSError, UnicodeError) as fault:
            raise WrongUse(why_not(plan.port, plan.interface, fault)) from None

    def _end(self) -> None:
        state = self._plan.state
        if state is not None:
            try:
                self._server.save_state(state)
            except OSError as fault:
                screen.complain(f"cannot save the state to {state}: {fault.strerror or fault}; the old file is intact")
        self._server.stop()
        self._say("ended")

    # -- what it says ----------------------------------------------------------------------------------------------

    def _say(self, text: str) -> None:
        self._out.print(text, markup=False)
        self._out.file.flush()

    def _tell_who(self) -> None:
        server = self._server
        assert server.address is not None
        back = f", back from {self._plan.state}" if self._restored else ""
        self._say(f"kademlia {__version__}, k = {server.ksize}, alpha = {server.alpha}")
        self._say(f"id {server.node.id.hex()}{back}")
        self._say(f"listening on {addresses.written(server.address)}")

    def _tell_stats(self) -> None:
        self._out.print(table(self._server.stats()))
        self._out.file.flush()

    async def _tell_news(self) -> None:
        """Join, and from then on tell whenever others are met or lost."""
        met = await self._join()
        contacts = 0
        saving = False
        while True:
            if met and not saving and self._plan.state is not None:
                saving = True
                self._server.save_state_regularly(self._plan.state)
            await asyncio.sleep(LOOK_S)
            met = self._tell_meeting(met)
            contacts = self._tell_contacts(contacts)

    async def _join(self) -> bool:
        """Join by the addresses of the state and of the user; return whether somebody answered."""
        server = self._server
        assert server.protocol is not None
        known = list(dict.fromkeys([*server.protocol.upkeep.bootstrap_addresses, *self._plan.bootstrap]))
        if not known:
            self._say(f"alone: waiting for others; they join by: kademlia node --bootstrap {self._reachable_at()}")
            return False
        found = await server.bootstrap(known)
        if found:
            self._say(f"joined: {_nodes(len(found))} found close to our id")
        else:
            self._say("alone: nobody answered; trying again until somebody does")
        return bool(found)

    def _reachable_at(self) -> str:
        """Return our address as others write it, as far as we know it."""
        assert self._server.address is not None
        ip, port = self._server.address
        return f"THIS-HOST:{port}" if ip in addresses.EVERYWHERE.values() else addresses.written((ip, port))

    def _tell_meeting(self, met: bool) -> bool:
        stats = self._server.stats()
        meets = stats.replies > 0 and stats.contacts > stats.failing and not stats.link_down
        if meets and not met:
            self._say(f"no longer alone: {_nodes(stats.contacts - stats.failing)} known")
        elif met and not meets:
            self._say("alone: nobody we know answers; trying again until somebody does")
        return meets

    def _tell_contacts(self, before: int) -> int:
        stats = self._server.stats()
        if self._plan.verbose and stats.contacts != before:
            self._say(f"contacts: {stats.contacts}, {stats.failing} of them silent")
        return stats.contacts


def _nodes(count: int) -> str:
    return "1 node" if count == 1 else f"{count} nodes"


def on_signal(name: str, action: Callable[[], None]) -> None:
    """Do something in the running loop when a signal comes; where the system has no such signal, never."""
    number = getattr(signal, name, None)
    if number is None:
        return
    loop = asyncio.get_running_loop()
    try:
        loop.add_signal_handler(number, action)
    except NotImplementedError:  # Windows
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(action))


def why_not(port: int, interface: str, fault: Exception) -> str:
    """Return why an address cannot be listened on, and what to do about it."""
    number = getattr(fault, "errno", None)
    if number == errno.EADDRINUSE:
        return f"port {port} on {interface} is in use; choose another with --port, or 0 for any free one"
    if number in (errno.EACCES, errno.EPERM):
        return f"not allowed to listen on port {port}; choose one above 1023 with --port"
    if number in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT) or isinstance(fault, (socket.gaierror, UnicodeError)):
        return f"{interface} is no address of this machine; choose another with --interface"
    return f"cannot listen on {addresses.written((interface, port))}: {fault}"
