"""Where an address lies: from how far it can be reached, and which part of the network it belongs to.

Whoever has IPv6 has at least the 2^64 addresses of a /64, which count as one here. A /24, or a /48 of IPv6, is what one
customer is commonly given: the prefix. Ranges are those of the IANA's special-purpose registries (RFC 6890). Addresses
for documentation (RFC 5737, RFC 3849) count as any others.
"""

from __future__ import annotations

from bisect import bisect_right
from enum import IntEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple

#: Longest text of a numeric address, in characters: IPv6 in full, with an IPv4 address at its end.
IP_CHARACTERS_MAX = 45

#: Addresses whose place is remembered, at about 500 bytes each: looking takes 3 us, remembering 0.1.
PLACES_MAX = 16_384


class Scope(IntEnum):
    """From how far an address can be reached; the narrowest is the least."""

    LOOPBACK = 0
    PRIVATE = 1
    GLOBAL = 2


class Place(NamedTuple):
    """Where one address lies."""

    ip: str  #: the address in its usual spelling; an IPv4-mapped one of IPv6 is IPv4
    scope: Scope
    host: str  #: what counts as one address: itself, of IPv6 its /64
    prefix: str  #: its /24, of IPv6 its /48; empty within the loopback and private scopes, where that tells nothing


#: Ranges that are not global; of the others the narrower counts. None: no host lives there.
_SPECIAL: dict[str, Scope | None] = {
    "0.0.0.0/8": None,  # "this network"
    "10.0.0.0/8": Scope.PRIVATE,
    "100.64.0.0/10": Scope.PRIVATE,  # shared by a provider's customers (RFC 6598)
    "127.0.0.0/8": Scope.LOOPBACK,
    "169.254.0.0/16": Scope.PRIVATE,  # of one link
    "172.16.0.0/12": Scope.PRIVATE,
    "192.168.0.0/16": Scope.PRIVATE,
    "198.18.0.0/15": Scope.PRIVATE,  # benchmarks
    "224.0.0.0/3": None,  # multicast, reserved, broadcast
    "::/3": None,  # unspecified, IPv4-compatible, discarded, reserved
    "::1/128": Scope.LOOPBACK,
    "64:ff9b:1::/48": Scope.PRIVATE,
    "4000::/2": None,  # reserved
    "8000::/1": None,
    "fc00::/7": Scope.PRIVATE,
    "fe80::/10": Scope.PRIVATE,  # of one link
    "fec0::/10": Scope.PRIVATE,  # of one site, out of use
    "ff00::/8": None,  # multicast
}

#: The first bits of an IPv4 address behind a translator, 64:ff9b::/96 (RFC 6052), and of one that has all of a /48
#: (RFC 3056): both lie where that one does.
_TRANSLATED, _6TO4 = 0x64FF9B << 64, 0x2002


class _Ranges:
    """The scopes of one family: where each range begins, in order."""

    def __init__(self, version: int) -> None:
        marks: dict[int, Scope | None] = {0: Scope.GLOBAL}
        self._marks = marks
        for text, scope in _SPECIAL.items():  # those within another come after it
            network = ip_network(text)
            if network.version == version:
                start, end = int(network.network_address), int(network.broadcast_address) + 1
                after = self._at(end)
                for mark in [mark for mark in marks if start <= mark < end]:
                    del marks[mark]
                marks[start] = scope
                marks[end] = after
        self._starts = sorted(marks)
        self._scopes = [marks[start] for start in self._starts]

    def _at(self, number: int) -> Scope | None:
        return self._marks[max(mark for mark in self._marks if mark <= number)]

    def scope(self, number: int) -> Scope | None:
        return self._scopes[bisect_right(self._starts, number) - 1]


_V4, _V6 = _Ranges(4), _Ranges(6)


@lru_cache(maxsize=PLACES_MAX)
def place(ip: str) -> Place | None:
    """Return where a numeric address lies, or None if the text is none, or no single host can live there.

    So are unspecified, reserved, broadcast and multicast ones refused. An IPv6 address of one link may name the
    interface, as sockets do: `fe80::1%eth0`.
    """
    if len(ip) > IP_CHARACTERS_MAX and "%" not in ip:
        return None
    try:
        address: IPv4Address | IPv6Address = ip_address(ip)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return _place_v6(address)
        address = address.ipv4_mapped
    text, number = str(address), int(address)
    scope = _V4.scope(number)
    if scope is None:
        return None
    return Place(text, scope, text, text.rpartition(".")[0] if scope is Scope.GLOBAL else "")


def _place_v6(address: IPv6Address) -> Place | None:
    text, number = str(address), int(address)
    if number >> 32 == _TRANSLATED or number >> 112 == _6TO4:
        behind = place(str(IPv4Address((number if number >> 32 == _TRANSLATED else number >> 80) & 0xFFFFFFFF)))
        return behind and behind._replace(ip=text)
    scope = _V6.scope(number)
    if scope is None:
        return None
    if scope is not Scope.GLOBAL:  # the nodes of one network share a /64
        return Place(text, scope, text, "")
    return Place(text, scope, f"{number >> 64:x}/64", f"{number >> 80:x}/48")


@lru_cache(maxsize=PLACES_MAX)
def scope(ip: str | None) -> Scope:
    """Return from how far a numeric address can be reached; what is none can be from nowhere else."""
    where = place(ip) if ip is not None else None
    return where.scope if where is not None else Scope.LOOPBACK


@lru_cache(maxsize=PLACES_MAX)
def prefix(ip: str | None) -> str:
    """Return which network a numeric address belongs to; "" for those of narrow scope, and for what is none."""
    where = place(ip) if ip is not None else None
    return where.prefix if where is not None else ""


@lru_cache(maxsize=PLACES_MAX)
def is_numeric(ip: str) -> bool:
    """Return whether a text is a numeric address and not a name, wherever it lies."""
    try:
        ip_address(ip)
    except ValueError:
        return False
    return True


def plain_ip(ip: str) -> str:
    """Return an IPv4-mapped IPv6 address as IPv4, any other text as it is."""
    return ip[7:] if ip.startswith("::ffff:") and "." in ip else ip
