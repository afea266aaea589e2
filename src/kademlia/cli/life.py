"""The life of a node that a user started: it comes back from its state or folder, joins, and leaves when it is told to.

Every line on stdout is news; warnings of the library go to stderr.
"""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from kademlia.cli import addresses, screen
from kademlia.cli.faults import WrongUse
from kademlia.cli.folder import Commit, Folder, Room
from kademlia.cli.news import News
from kademlia.cli.quantities import counted
from kademlia.network import Limits, Server
from kademlia.storage import ForgetfulStorage, IStorage

#: Longest that a node hands its values over before it ends, in seconds: what starts services allows ten or more.
LEAVE_S = 5.0

#: Whoever waits longer than that for the end is told why, in seconds.
TELL_AFTER_S = 0.3


@dataclass(frozen=True, slots=True)
class Plan:
    """What the user asked for."""

    port: int
    interface: str
    bootstrap: list[addresses.Address]
    state: Path | None = None
    data: Path | None = None
    room: Room = field(default_factory=Room)
    commit: Commit = "interval"
    ksize: int | None = None
    alpha: int | None = None
    limits: Limits = field(default_factory=Limits)
    verbose: bool = False


class Life:
    """One node, from its start to the signal that ends it."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._server = Server(driver="asyncio")
        self._folder: Folder | None = None
        self._state = plan.state
        self._restored = False
        self._saving = False

    async def run(self) -> None:
        """Live until a signal comes.

        Raises:
            WrongUse: The state or the folder cannot be used, or the address cannot be listened on.
        """
        screen.show_log(verbose=self._plan.verbose)
        try:
            await self._come_back(self._storage())
            await self._listen()
            await self._live(News(self._server, self._plan.bootstrap, self._plan.verbose))
        finally:
            self._close()

    async def _live(self, news: News) -> None:
        signals = Signals()
        on_signal("SIGUSR1", news.tell_stats)
        self._tell_back(news)
        telling = asyncio.create_task(news.go_on(self._save_regularly))
        await asyncio.wait([signals.first, telling], return_when=asyncio.FIRST_COMPLETED)
        if telling.done():  # it never ends by itself: it raised
            await telling
        telling.cancel()
        await self._leave(news, signals)
        news.say("ended")

    # -- beginning -------------------------------------------------------------------------------------------------

    def _storage(self) -> IStorage:
        """Return where values are kept, in the folder if there is one."""
        plan = self._plan
        if plan.data is not None:
            self._folder = Folder(plan.data, plan.room, plan.commit)
            self._state = self._folder.state
            return self._folder.storage
        return ForgetfulStorage(
            max_bytes=plan.room.bytes(on_disk=False),
            max_records=plan.room.max_records,
        )

    async def _come_back(self, storage: IStorage) -> None:
        restored = await self._loaded(self._state, storage) if self._state is not None else None
        self._restored = restored is not None
        self._server = server = restored or Server(driver="asyncio", storage=storage, limits=self._plan.limits)
        server.ksize = self._plan.ksize or server.ksize
        server.alpha = self._plan.alpha or server.alpha

    async def _loaded(self, state: Path, storage: IStorage) -> Server | None:
        if not state.parent.is_dir():
            raise WrongUse(f"there is no folder {state.parent} for the state file; make it first")
        try:
            server: Server = await Server.load_state(state, storage=storage, limits=self._plan.limits)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as fault:
            raise WrongUse(f"cannot come back from the state: {fault}") from None
        return server

    async def _listen(self) -> None:
        plan = self._plan
        try:
            await self._server.listen(plan.port, plan.interface)
        except (OSError, UnicodeError) as fault:
            raise WrongUse(why_not(plan.port, plan.interface, fault)) from None

    def _tell_back(self, news: News) -> None:
        """Tell who we are and what came back."""
        folder = self._folder
        if folder is None:
            news.tell_who(f", back from {self._state}" if self._restored else "")
            return
        if not self._restored:  # before anybody knows the new id
            self._save(even_alone=True)
        news.tell_who(kept=self._what_came_back(folder))

    def _what_came_back(self, folder: Folder) -> str:
        values, published = folder.storage.records, self._server.stats().published
        what = f"{counted(values, 'value')}, {published:,} published"
        if self._restored:
            return f"back from {folder.path}: {what}"
        if values:
            return f"back from {folder.path}: {what}, with a new id, as {folder.state.name} is not there"
        return f"new in {folder.path}: id, contacts and values are kept there"

    # -- end -------------------------------------------------------------------------------------------------------

    async def _leave(self, news: News, signals: Signals) -> None:
        """Save the state and hand the values over, until a second signal comes."""
        self._save()
        leaving = asyncio.ensure_future(self._server.leave(LEAVE_S))
        ends = [leaving, signals.second]
        done, _ = await asyncio.wait(ends, timeout=TELL_AFTER_S, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            news.say(f"leaving: handing values over, for {LEAVE_S:.0f} s at most; a second signal ends it at once")
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        self._server.stop()  # with which `leaving` ends, too
        handed_over = await leaving
        if handed_over:
            news.say(f"handed over {counted(handed_over, 'value')}")

    def _close(self) -> None:
        """Stop, and let others have the folder; whatever happened."""
        self._server.stop()
        told = self._folder.close() if self._folder is not None else None
        if told is not None:
            screen.complain(told)

    # -- state -----------------------------------------------------------------------------------------------------

    def _save_regularly(self) -> None:
        """Save the state from now on, as there are contacts in it."""
        if self._state is not None and not self._saving:
            self._saving = True
            self._server.save_state_regularly(self._state)

    def _save(self, even_alone: bool = False) -> None:
        if self._state is None:
            return
        try:
            self._server.save_state(self._state, even_alone=even_alone)
        except OSError as fault:
            why = fault.strerror or fault
            screen.complain(f"cannot save the state to {self._state}: {why}; the old file is intact")


class Signals:
    """SIGINT and SIGTERM, from now on: the first asks the node to end, the second to do so at once."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.first: asyncio.Future[None] = loop.create_future()
        self.second: asyncio.Future[None] = loop.create_future()
        on_signal("SIGINT", self._came)
        on_signal("SIGTERM", self._came)

    def _came(self) -> None:
        expected = self.second if self.first.done() else self.first
        if not expected.done():
            expected.set_result(None)


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
