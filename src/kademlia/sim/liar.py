"""Somebody who overhears requests and answers first, from an address of his own.

He knows the message id, which nobody else on a real path would without reading along, but cannot send from the address
that was asked. An engine that matches answers by id AND address takes nothing of what he says.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from kademlia.node import ID_BYTES, Address
from kademlia.sim.trace import SENT
from kademlia.wire import rpcudp

if TYPE_CHECKING:
    from kademlia.sim.world import World

#: Where he lives, and where the nodes live that he makes up: in a network of their own.
LIAR: Address = ("10.255.0.1", 8468)
NOBODY = "10.254.0."

#: Contacts that he tells of in one answer.
CONTACTS_TOLD = 4

#: What he says every value is.
FORGED_VALUE = "a value that nobody set"


class Liar:
    """Answers a share of all requests that are sent in a world; he hears nothing that is sent to himself.

    Args:
        world: The world.
        share: The share of requests that he answers, 0 to 1.
        seed: What he says follows from it.
    """

    def __init__(self, world: World, share: float, seed: int) -> None:
        self._world = world
        self._share = share
        self._chance = Random(seed)

    def start(self) -> None:
        """Begin to overhear."""
        self._world.listeners.append(self._overhears)

    def stop(self) -> None:
        """Fall silent."""
        self._world.listeners.remove(self._overhears)

    def _overhears(self, what: bytes, datagram: bytes, source: Address, target: Address) -> None:
        if what == SENT and datagram[0] == rpcudp.REQUEST and self._chance.random() < self._share:
            answer = rpcudp.response(datagram[1 : rpcudp.HEADER_BYTES], rpcudp.encode(self._lie(datagram)))
            self._world.carry(answer, LIAR, source)

    def _lie(self, datagram: bytes) -> object:
        if b"find_value" in datagram:
            return {"value": FORGED_VALUE}
        if b"find_node" in datagram:
            return [(self._made_up_id(), f"{NOBODY}{place + 1}", 8468) for place in range(CONTACTS_TOLD)]
        return True if b"store" in datagram else self._made_up_id()

    def _made_up_id(self) -> bytes:
        return self._chance.randbytes(ID_BYTES)
