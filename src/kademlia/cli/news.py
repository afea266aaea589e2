"""What a running node tells: who it is, whom it meets and loses, what it counted. Every line on stdout is news."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from kademlia import __version__
from kademlia.cli import addresses, screen
from kademlia.cli.quantities import counted
from kademlia.cli.stats import table
from kademlia.network import Server

#: How often we look whether the node met others, or lost them, in seconds.
LOOK_S = 0.25


class News:
    """The lines of one node.

    Args:
        server: The node; it listens.
        bootstrap: Whom the user named.
        verbose: Whether to tell of every contact.
    """

    def __init__(self, server: Server, bootstrap: list[addresses.Address], verbose: bool) -> None:
        self._server = server
        self._bootstrap = bootstrap
        self._verbose = verbose
        self._out = screen.out()

    def say(self, text: str) -> None:
        """Write one line, at once."""
        self._out.print(text, markup=False)
        self._out.file.flush()

    def tell_who(self, back: str = "", kept: str | None = None) -> None:
        """Tell id and address; `back` goes with the id, `kept` has a line of its own."""
        server = self._server
        assert server.address is not None
        self.say(f"kademlia {__version__}, k = {server.ksize}, alpha = {server.alpha}")
        self.say(f"id {server.node.id.hex()}{back}")
        if kept is not None:
            self.say(kept)
        self.say(f"listening on {addresses.written(server.address)}")

    def tell_stats(self) -> None:
        """Print the table of counts."""
        self._out.print(table(self._server.stats()))
        self._out.file.flush()

    async def go_on(self, met_somebody: Callable[[], None]) -> None:
        """Join, and from then on tell whenever others are met or lost; it never ends.

        Args:
            met_somebody: Called each time that others are there, and with the first look after that.
        """
        met = await self._join()
        contacts = 0
        while True:
            if met:
                met_somebody()
            await asyncio.sleep(LOOK_S)
            met = self._tell_meeting(met)
            contacts = self._tell_contacts(contacts)

    async def _join(self) -> bool:
        """Join by the addresses of the state and of the user; return whether somebody answered."""
        server = self._server
        assert server.protocol is not None
        known = list(dict.fromkeys([*server.protocol.upkeep.bootstrap_addresses, *self._bootstrap]))
        if not known:
            self.say(f"alone: waiting for others; they join by: kademlia node --bootstrap {self._reachable_at()}")
            return False
        found = await server.bootstrap(known)
        if found:
            self.say(f"joined: {counted(len(found), 'node')} found close to our id")
        else:
            self.say("alone: nobody answered; trying again until somebody does")
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
            self.say(f"no longer alone: {counted(stats.contacts - stats.failing, 'node')} known")
        elif met and not meets:
            self.say("alone: nobody we know answers; trying again until somebody does")
        return meets

    def _tell_contacts(self, before: int) -> int:
        stats = self._server.stats()
        if self._verbose and stats.contacts != before:
            self.say(f"contacts: {stats.contacts}, {stats.failing} of them silent")
        return stats.contacts
