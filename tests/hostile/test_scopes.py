"""Scopes: a contact is believed only from an answerer of the same or a narrower scope.

What a node on the open Internet calls 10.0.0.1 is not what we call so, and what it calls 127.0.0.1 are we: whoever can
have us ask there reaches services behind our firewall.
"""

from __future__ import annotations

import pytest
from tests.hostile.strangers import Stranger, answer, asked_for

from kademlia.node import Address
from kademlia.sim import World

TELLER_ID, TOLD_ID = b"t" * 20, b"c" * 20
LOOPBACK, PRIVATE, GLOBAL = "127.0.0.9", "192.168.1.9", "198.51.100.9"


def was_asked(teller: str, told: str) -> bool:
    """Return whether somebody was asked of whom a node at some address told."""
    world = World(1)
    node = world.add()
    contact: Address = (told, 4000)
    results = {"ping": TELLER_ID, "find_node": [[TOLD_ID, *contact]], "store": True}
    Stranger(world, (teller, 8468), lambda datagram: [answer(datagram, results[asked_for(datagram)[0]])])
    victim = Stranger(world, contact)
    world.finish(node.protocol.join([(teller, 8468)]))
    world.run(20)
    return bool(victim.got)


@pytest.mark.parametrize(
    ("teller", "told", "believed"),
    [
        (LOOPBACK, "127.0.0.7", True),
        (LOOPBACK, "192.168.1.7", True),
        (LOOPBACK, "45.0.0.7", True),
        (PRIVATE, "127.0.0.7", False),
        (PRIVATE, "192.168.1.7", True),
        (PRIVATE, "10.1.2.3", True),
        (PRIVATE, "45.0.0.7", True),
        (GLOBAL, "127.0.0.7", False),
        (GLOBAL, "192.168.1.7", False),
        (GLOBAL, "169.254.169.254", False),  # where clouds keep the secrets of a machine
        (GLOBAL, "100.64.0.7", False),
        (GLOBAL, "45.0.0.7", True),
    ],
)
def test_who_tells_of_whom(teller: str, told: str, believed: bool) -> None:
    assert was_asked(teller, told) is believed


@pytest.mark.parametrize("told", ["0.0.0.0", "224.0.0.1", "255.255.255.255", "240.0.0.1", "::ffff:127.0.0.1"])
def test_nobody_is_asked_where_nobody_lives(told: str) -> None:
    """Nor at this machine under another name."""
    assert not was_asked(GLOBAL, told)
