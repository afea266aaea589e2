"""Addresses as people write them, and the interface from which a one-shot command reaches them."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address

from kademlia.cli.faults import Unreachable, WrongUse

Address = tuple[str, int]

_HOST_PORT = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\s:\[\]]+)):(?P<port>[0-9]{1,5})")

LOOPBACK = {4: "127.0.0.1", 6: "::1"}
EVERYWHERE = {4: "0.0.0.0", 6: "::"}  # noqa: S104  # answers come from wherever the network's nodes are


def parse(text: str) -> Address:
    """Return (host, port) of "host:port" or "[::1]:port".

    Raises:
        WrongUse: It is neither.
    """
    found = _HOST_PORT.fullmatch(text)
    if found is None or not 0 < int(found["port"]) < 65536:
        raise WrongUse(f"{text!r} is no HOST:PORT; write it like 192.0.2.1:8468, node.example.org:8468 or [::1]:8468")
    return (found["v6"] or found["host"], int(found["port"]))


def parse_all(texts: Iterable[str]) -> list[Address]:
    """Return the addresses of options and of KADEMLIA_BOOTSTRAP, which separates them by commas or spaces."""
    words = [word for text in texts for word in re.split(r"[,\s]+", text) if word]
    return list(dict.fromkeys(map(parse, words)))


def written(address: Address) -> str:
    """Return an address as people write it."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@dataclass(frozen=True, slots=True)
class Route:
    """How to reach some addresses: their numeric form, and the interface to listen on for their answers."""

    addresses: list[Address]
    interface: str


async def route(addresses: list[Address]) -> Route:
    """Look the names up and choose an interface.

    Raises:
        Unreachable: None of the names is known.
    """
    found = await asyncio.gather(*(_numeric(host) for host, _ in addresses))
    known = [(ip, port) for ip, (_, port) in zip(found, addresses, strict=True) if ip is not None]
    if not known:
        names = ", ".join(host for host, _ in addresses)
        raise Unreachable(f"unknown host: {names}; check the spelling, or give its IP address")
    return Route(known, _interface([ip for ip, _ in known]))


async def _numeric(host: str) -> str | None:
    """Return a host's address: IPv4 where it has one, as that is what nodes listen on unless told otherwise."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        return None
    ips = [str(address[0]) for *_, address in found]
    return next((ip for ip in ips if ":" not in ip), ips[0] if ips else None)


def _interface(ips: list[str]) -> str:
    addresses = [ip_address(ip.partition("%")[0]) for ip in ips]
    version = 6 if any(address.version == 6 for address in addresses) else 4
    here = all(address.is_loopback and address.version == version for address in addresses)
    return (LOOPBACK if here else EVERYWHERE)[version]
