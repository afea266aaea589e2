"""Return routability, reckoned beside the engine: who proved its address, and what is due to who did not.

The rule: to an address that is not proved never go more bytes than came from it, answers, releases of what was held,
and pings of ours that ask who it is counted. What our own lookups and programs ask of addresses that others told is
bounded elsewhere, and not counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from fuzz.target import Broken

from kademlia.engine import limits
from kademlia.engine.calls import Call
from kademlia.engine.outcome import Who
from kademlia.node import Address
from kademlia.protocol import KademliaProtocol
from kademlia.wire import trailer
from kademlia.wire.rpcudp import DATAGRAM_BYTES_MIN, DECODE_ERRORS, HEADER_BYTES, REQUEST, RESPONSE, decode


class Ledger:
    """The books of one engine."""

    def __init__(self, protocol: KademliaProtocol) -> None:
        self._protocol = protocol
        self._proved_at: dict[Address, float] = {}
        self._ids_at: dict[Address, set[bytes]] = {}
        self._credit: dict[Address, int] = {}

    def said(self, address: Address, node_id: bytes) -> bool:
        """Return whether an address ever said in an answer to us that a node of this id lives there."""
        return node_id in self._ids_at.get(address, ())

    def verified(self, address: Address, now: float) -> bool:
        """Return whether an address need not pay: it answered, within ten minutes or it is a contact since."""
        proved_at = self._proved_at.get(address)
        if proved_at is None:
            return False
        record = self._protocol.records.known(address)
        return now < proved_at + limits.VERIFIED_S or (record is not None and record.bucket is not None)

    def arrives(self, data: bytes, address: Address, now: float) -> None:
        """Book a datagram that the engine is about to receive."""
        call = self._answered(data, address)
        if call is not None:
            self._ids_at.setdefault(address, set()).update(_ids_told(data, call))
            self._proved_at[address] = now
            self._credit[address] = 0
        elif not self.verified(address, now) or self._protocol.records.known(address) is None:  # or was forgotten
            self._credit[address] = self._credit.get(address, 0) + len(data)

    def leaves(self, data: bytes, address: Address, now: float) -> None:
        """Book a datagram that the engine sends.

        Raises:
            Broken: It is more than is due to the address.
        """
        if self.verified(address, now) or (data[0] == REQUEST and not self._is_asked_who(data)):
            return
        credit = self._credit.get(address, 0) - len(data)
        if credit < 0:
            raise Broken(f"{len(data)} bytes to {address}, {-credit} more than came from it: {data[:60]!r}")
        self._credit[address] = credit

    def _answered(self, data: bytes, address: Address) -> Call | None:
        """Return the call that a datagram answers, if it does."""
        if len(data) < DATAGRAM_BYTES_MIN or data[0] != RESPONSE:
            return None
        call = self._protocol.calls.pending(data[1:HEADER_BYTES])
        return call if call is not None and call.record.address == address else None

    def _is_asked_who(self, data: bytes) -> bool:
        call = self._protocol.calls.pending(data[1:HEADER_BYTES])
        return call is not None and isinstance(call.asker, Who) and not call.resend  # else it was proved when it began


def _ids_told(data: bytes, call: Call) -> Iterator[bytes]:
    """Yield what an answer says of who lives there: the answer to a ping, and the trailer of any."""
    for datagram, hints in trailer.readings(data):
        if hints and type(told := hints.get(trailer.NODE_ID)) is bytes:
            yield told
        if call.method == "ping":
            with suppress(*DECODE_ERRORS):
                told = decode(datagram[HEADER_BYTES:])
                if type(told) is bytes:
                    yield told
