"""The straight way to an answer beside the careful one: two engines that lived through the same.

One receives as it is shipped, the other decodes and checks everything; they have to say, count and keep the same.
"""

from __future__ import annotations

from fuzz.cast import HOSTS, KEYS
from fuzz.cursor import Cursor
from fuzz.node import TestedNode
from fuzz.target import must
from tests.properties.twin_engines import plainly, same


class Ways:
    """Both engines."""

    def __init__(self) -> None:
        self.quick, self.plain = TestedNode(), TestedNode()
        for node in (self.quick, self.plain):
            node.protocol.keep(KEYS[0], "kept")
            node.protocol.keep(KEYS[1], b"\xc1kd\x01")

    def take(self, cursor: Cursor) -> None:
        """Have both receive a datagram, and compare what came of it."""
        address, seconds = cursor.one_of(HOSTS), cursor.byte()
        data = cursor.rest()
        if seconds >= 0xF0:
            for node in (self.quick, self.plain):
                node.run(seconds - 0xEF)
        now = self.quick.now
        quick = self.quick.protocol.receive(data, address, now)
        plain = plainly(self.plain.protocol, data, address, now)
        must(same(quick, plain), f"the straight way says {quick!r:.200}, the careful one {plain!r:.200}")
        self._compare()
        for node in (self.quick, self.plain):
            node.protocol.take_outbox()

    def _compare(self) -> None:
        quick, plain = self.quick.protocol, self.plain.protocol
        counts = quick.counts.as_dict(), plain.counts.as_dict()
        must(counts[0] == counts[1], f"counted {[item for item in counts[0].items() if item not in counts[1].items()]}")
        must(quick.calls.outbox == plain.calls.outbox, "other datagrams are to be sent")
        kept = [list(map(repr, node.storage.data.items())) for node in (self.quick, self.plain)]
        must(kept[0] == kept[1], "other values are kept")
        must(self.quick.storage.lives == self.plain.storage.lives, "values have other lives")
        orders = [[list(bucket.nodes) for bucket in engine.router.buckets] for engine in (quick, plain)]
        must(orders[0] == orders[1], "the tables are in another order")
