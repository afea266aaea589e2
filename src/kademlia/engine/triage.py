"""Who comes first while datagrams come faster than they can be answered.

First come contacts, who may ask as much as their budgets allow, and the answers to requests of ours. Of the others
only a few of each reading are taken: those whose address was ever proved before the unknown, the newest before older
ones, since their callers are still waiting. The rest is dropped unread. What is dropped leaves nothing behind, no
record of its address either, so a flood from ever new addresses makes nothing grow.
"""

from __future__ import annotations

from kademlia.engine.calls import Calls
from kademlia.engine.records import NEVER, Records
from kademlia.engine.stats import Counts
from kademlia.node import ID_BYTES, Address
from kademlia.wire import rpcudp

#: Datagrams of others than contacts that are taken of one reading under pressure, which is of 256 at most. To read
#: those and choose takes 0.25 ms, to answer a stranger 9 us: with 4 an eighth of the time goes to strangers, and the
#: node takes five times as many datagrams as it could answer (`bench/flood.py`).
OTHERS_UNDER_PRESSURE = 4

_RESPONSE = bytes([rpcudp.RESPONSE])
_ID_END = 1 + ID_BYTES


class Triage:
    """Chooses for one node.

    Args:
        records: What is known of each address.
        calls: The requests of ours under way.
        counts: Where it is counted what was shed.
    """

    def __init__(self, records: Records, calls: Calls, counts: Counts) -> None:
        self._known = records.known
        self._pending = calls.pending
        self._counts = counts

    def chosen(self, datagrams: list[tuple[bytes, Address]]) -> list[tuple[bytes, Address]]:  # hot
        """Return which of some datagrams, the oldest first, are to be taken, and in which order; the rest is shed."""
        known, first, proved, unknown = self._known, [], [], []
        for datagram in datagrams:
            data, address = datagram
            record = known(address)
            if (record is not None and record.bucket is not None) or (
                data[:1] == _RESPONSE and self._answers_us(data, address)
            ):
                first.append(datagram)
            elif record is not None and record.proved_at > NEVER:
                proved.append(datagram)
            else:
                unknown.append(datagram)
        others = unknown + proved
        self._shed(others[:-OTHERS_UNDER_PRESSURE])
        return first + others[: -OTHERS_UNDER_PRESSURE - 1 : -1]

    def _answers_us(self, data: bytes, address: Address) -> bool:
        call = self._pending(data[1:_ID_END])
        return call is not None and call.record.address == address

    def _shed(self, datagrams: list[tuple[bytes, Address]]) -> None:
        counts = self._counts
        counts.shed += len(datagrams)
        counts.received += len(datagrams)
        counts.received_bytes += sum([len(data) for data, _ in datagrams])
