"""Who takes part: the node under test, contacts that proved themselves, strangers, and the keys they talk about."""

from __future__ import annotations

from hashlib import sha1

from kademlia.node import Address
from kademlia.tree import mirrored

K = 4

OWN_ID = sha1(b"the node under test").digest()


def _id(name: str) -> bytes:
    return sha1(name.encode()).digest()


def _near(bits: int) -> bytes:
    """Return an id that shares its first bits with the own one."""
    return mirrored(int.from_bytes(OWN_ID, "big"), bits).to_bytes(20, "big")


#: Contacts: from everywhere, two of one network, some near the own id.
CONTACTS: list[tuple[bytes, Address]] = [
    (_id("anna"), ("198.51.100.1", 8468)),
    (_id("bert"), ("203.0.113.7", 8468)),
    (_id("carl"), ("203.0.113.8", 4000)),
    (_id("dora"), ("192.0.2.1", 8468)),
    (_id("emil"), ("2a00:1450:4001::1", 8468)),
    (_id("frida"), ("2a00:1450:4001::2", 8468)),
    (_id("gerd"), ("10.0.0.5", 8468)),
    (_near(3), ("127.0.0.1", 5001)),
    (_near(20), ("127.0.0.1", 5002)),
    (_near(157), ("192.168.1.9", 65535)),
]

#: Where datagrams come from: first the contacts' addresses, then strangers', some of which nobody can have.
SOURCES: list[Address] = [
    *[address for _, address in CONTACTS],
    ("198.51.100.2", 8468),
    ("198.51.100.1", 8469),
    ("45.9.20.7", 1024),
    ("45.9.20.8", 1),
    ("2a00:1450:4001::3", 8468),
    ("2001:470:1f0b::77", 40000),
    ("127.0.0.1", 6000),
    ("10.0.0.9", 8468),
    ("fe80::1%eth0", 8468),
    ("::ffff:198.51.100.77", 8468),
]

#: Those where somebody can be.
HOSTS = SOURCES.copy()

SOURCES += [
    ("45.9.20.9", 0),
    ("255.255.255.255", 8468),
    ("224.0.0.1", 8468),
    ("0.0.0.0", 8468),  # as a source
]

KEYS: list[bytes] = [
    _id("a key"),
    _id("another key"),
    _near(1),
    _near(2),
    _near(60),
    OWN_ID,
    CONTACTS[0][0],
    bytes(20),
    b"\xff" * 20,
]
