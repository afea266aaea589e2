"""A world on the open Internet: each node has a global address, in a network that nobody else has a node in.

Other worlds lie within one private network, where rules about networks and scopes do not bite.
"""

from __future__ import annotations

from ipaddress import IPv6Address
from typing import Any

from kademlia.node import Address
from kademlia.sim.resident import Resident
from kademlia.sim.world import World

#: The port of every honest node.
PORT = 8468

#: The first octet of the first IPv4 address: from here on three million /24 are global, up to 93.255.255.
FIRST_OCTET = 45
HOMES_MAX = 49 << 16

#: The first 16 bits of every IPv6 address, and the bits behind a /48.
FIRST_GROUP = 0x2A00
BITS_BEHIND_48 = 80


def home(number: int, *, ipv6: bool = False) -> Address:
    """Return the n-th address: each is in a /24 of its own, or, of IPv6, in a /48 of its own.

    Raises:
        ValueError: There are not so many.
    """
    if not 0 <= number < HOMES_MAX:
        raise ValueError(f"there are homes 0 to {HOMES_MAX - 1:,}, not {number!r}; let fewer nodes live here")
    if ipv6:
        return str(IPv6Address((FIRST_GROUP << 112) + (number << BITS_BEHIND_48) + 1)), PORT
    return f"{FIRST_OCTET + (number >> 16)}.{number >> 8 & 255}.{number & 255}.7", PORT


class Internet(World):
    """A world whose nodes live at global addresses, unless another one is given.

    Args:
        seed: Everything that happens follows from it.
        ipv6: Whether these are of IPv6.
        settings: As of `World`.
    """

    def __init__(self, seed: int, *, ipv6: bool = False, **settings: Any) -> None:
        super().__init__(seed, **settings)
        self._ipv6 = ipv6
        self._settled = 0

    def add(self, *args: Any, address: Address | None = None, **kwargs: Any) -> Resident:
        """Let a node live here; see `World.add`."""
        if address is None:
            self._settled += 1
            address = home(self._settled, ipv6=self._ipv6)
        return super().add(*args, address=address, **kwargs)
