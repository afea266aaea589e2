"""What is held for strangers while they prove their address: requests to answer, and answers ready to go.

Answering with less instead would make old nodes miss values, since they ask once; old callers wait five seconds, so
they lose nothing by the round trip of a ping. Bounded in number, bytes and time; the oldest give way.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from kademlia.engine import limits
from kademlia.engine.records import FOREVER
from kademlia.engine.stats import Counts
from kademlia.node import Address


@dataclass(frozen=True, slots=True)
class Parcel:
    """One thing held: a datagram that came and is to be received again, or one that is to be sent."""

    datagram: bytes
    outgoing: bool
    until: float


class Held:
    """All parcels, by address and message id: a request that is repeated is held once."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self.parcels: OrderedDict[tuple[Address, bytes], Parcel] = OrderedDict()
        self._per_address: dict[Address, list[bytes]] = {}
        self._bytes = 0

    def add(self, address: Address, message_id: bytes, datagram: bytes, outgoing: bool, now: float) -> bool:
        """Hold a datagram for an address; return False if it has too much here already."""
        ids = self._per_address.get(address, [])
        if message_id in ids:
            return True
        if len(ids) >= limits.HELD_PER_ADDRESS_MAX or len(datagram) > limits.HELD_BYTES_MAX:
            self._counts.held_dropped += 1
            return False
        self._counts.held += 1
        self._per_address[address] = ids
        ids.append(message_id)
        self.parcels[address, message_id] = Parcel(datagram, outgoing, now + limits.HELD_S)
        self._bytes += len(datagram)
        while len(self.parcels) > limits.HELD_MAX or self._bytes > limits.HELD_BYTES_MAX:
            self._drop_oldest()
        return True

    def release(self, address: Address) -> list[Parcel]:
        """Hand over what is held for an address, in the order it came."""
        parcels = [self.parcels.pop((address, message_id)) for message_id in self._per_address.pop(address, ())]
        self._bytes -= sum(len(parcel.datagram) for parcel in parcels)
        return parcels

    def waits_for(self, address: Address) -> bool:
        """Return whether anything is held for an address."""
        return address in self._per_address

    def expire(self, now: float) -> None:
        """Drop what nobody waits for any more."""
        while self.parcels and next(iter(self.parcels.values())).until <= now:
            self._drop_oldest()

    def deadline(self) -> float:
        """Return when `expire` has something to do next."""
        return next(iter(self.parcels.values())).until if self.parcels else FOREVER

    def clear(self) -> None:
        """Drop everything."""
        self.parcels.clear()
        self._per_address.clear()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self.parcels)

    def _drop_oldest(self) -> None:
        (address, message_id), parcel = self.parcels.popitem(last=False)
        self._counts.held_dropped += 1
        self._bytes -= len(parcel.datagram)
        ids = self._per_address[address]
        ids.remove(message_id)
        if not ids:
            del self._per_address[address]
