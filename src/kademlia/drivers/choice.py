"""Which event loop a program uses, found out when a method is called. Importing this imports neither."""

from __future__ import annotations

import sys

ASYNCIO = "asyncio"
TWISTED = "twisted"


def check(driver: str | None) -> None:
    """Refuse a driver that there is not.

    Raises:
        ValueError: It is neither "asyncio", "twisted" nor None.
    """
    if driver not in (None, ASYNCIO, TWISTED):
        raise ValueError(f'driver is "asyncio", "twisted" or None (found out by itself), not {driver!r}')


def current() -> str:
    """Return the world we are called in: a running asyncio loop that is not Twisted's own, Twisted, else asyncio.

    A .tac file runs before twistd imports the reactor, so `twisted.application.service` speaks for Twisted too. A
    program that imports a reactor but runs an asyncio loop by hand says `Server(driver="asyncio")`.
    """
    asyncio = sys.modules.get("asyncio")
    reactor = sys.modules.get("twisted.internet.reactor")
    loop = asyncio._get_running_loop() if asyncio is not None else None
    if asyncio is not None and loop is not None:
        twisted_s_own = getattr(reactor, "_asyncioEventloop", None) is loop
        if asyncio.current_task(loop) is not None or not twisted_s_own:
            return ASYNCIO
    if reactor is not None or "twisted.application.service" in sys.modules:
        return TWISTED
    return ASYNCIO
