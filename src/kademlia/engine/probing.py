"""Asking contacts that were silent for long whether they are still there, so that nobody is told of the dead.

Lookups meet only some contacts again; the others die unnoticed, and are told on and on: without this a fifth of a
table is dead after an hour of IPFS's churn. How long a contact may be silent follows from what is found: one that died
shortens the time, one that lives lengthens it a little, until about one probe in twenty finds somebody dead. So a calm
network costs next to nothing, and one in which nobody stays gets all the probes that the budget allows, those among
our neighbours first, who decide what is true about the keys near us.

Contacts that were given up are remembered, and asked at long intervals, so that the halves of a network that was cut
in two find each other again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from kademlia.bucket import KBucket
from kademlia.engine import limits
from kademlia.engine.outcome import Whoever
from kademlia.engine.records import FOREVER, NEVER, Record
from kademlia.node import Node

if TYPE_CHECKING:
    from kademlia.protocol import KademliaProtocol

#: What is left of the allowed silence when a probe finds nobody, and what it becomes when it finds somebody: the two
#: balance where a share of `limits.PROBES_DEAD_SHARE` finds nobody.
SHORTENED = 0.8
LENGTHENED = SHORTENED ** (-limits.PROBES_DEAD_SHARE / (1 - limits.PROBES_DEAD_SHARE))


class Probing:
    """The probes of one node; it is their asker, too."""

    def __init__(self, protocol: KademliaProtocol) -> None:
        self.silence_s = limits.PROBE_SILENCE_START_S  # so long a contact may be silent
        self._confirmed_s = self.silence_s  # the same when a probe was last answered
        self._protocol = protocol
        self._due_at = FOREVER
        self._lost_due_at = NEVER

    def start(self, now: float) -> None:
        """Set the first date."""
        if not self._protocol.ephemeral:
            self._due_at = now + self._jittered(self._step_s())

    def stop(self) -> None:
        """Probe no more."""
        self._due_at = FOREVER

    def tick(self, now: float) -> None:
        """Take one step, if it is time."""
        if now >= self._due_at:
            step_s = self._step_s()
            self._due_at = now + self._jittered(step_s)
            self._probe(now, max(1, int(step_s * self._probes_per_s())))
            self._seek_lost(now)

    def deadline(self) -> float:
        """Return when `tick` has something to do next."""
        return self._due_at

    # -- parts -----------------------------------------------------------------------------------------------------

    def _probe(self, now: float, most: int) -> None:
        """Ask some of those who were silent for too long, and doubt the others if that was much too long."""
        protocol = self._protocol
        if protocol.contacts.link.down:
            return
        restless = self.silence_s < limits.PROBE_SILENCE_START_S  # more than one in twenty was found dead
        doubtful = now - self.silence_s * limits.DOUBTED_AFTER if restless else NEVER
        asked = 0
        for record in self._silent(now):
            if record.node is None or record.calls or record.strikes:  # asked already, or asked again by itself
                continue
            if asked < most:
                asked += 1
                protocol.asking.ping(record.node, self)
            elif record.heard_at < doubtful and record.lapse is None:
                protocol.contacts.doubt(record)

    def _silent(self, now: float) -> Iterable[Record]:
        """Return the contacts that were silent for too long: neighbours first, then the longest silent."""
        router, of = self._protocol.router, self._protocol.records.of
        neighbours = router.closest_of(router.node, router.ksize)
        soon = now - self.silence_s * limits.PROBE_NEIGHBOURS_SOONER
        near = [record for record in map(of, [node.address for node in neighbours]) if record.heard_at < soon]
        heads = [record for bucket in router.buckets for record in self._heads(bucket, now - self.silence_s)]
        heads.sort(key=lambda record: record.heard_at)
        return dict.fromkeys(near + heads)

    def _heads(self, bucket: KBucket, since: float) -> list[Record]:
        """Return the silent ones of a bucket, which are its first: contacts stand in the order they were heard."""
        of, silent = self._protocol.records.of, []
        for node in bucket.nodes.values():
            record = of(node.address)
            if record.heard_at >= since:
                break
            silent.append(record)
        return silent

    def _seek_lost(self, now: float) -> None:
        """Ask one of the contacts that were given up whether it is back, if it is time."""
        lost = self._protocol.contacts.lost
        if lost and now >= self._lost_due_at:
            self._lost_due_at = now + self._jittered(limits.LOST_ASKED_EVERY_S)
            node = lost.pop(next(iter(lost)))
            lost[node.id] = node  # to the end
            self._protocol.asking.ping(node, Whoever())  # if it answers, it leaves them by itself

    def _probes_per_s(self) -> float:
        return max(limits.PROBES_PER_S, len(self._protocol.router) / limits.PROBE_SILENCE_MAX_S)

    def _step_s(self) -> float:
        return min(max(self.silence_s / 16, limits.PROBE_STEP_MIN_S), limits.PROBE_STEP_MAX_S)

    def _jittered(self, seconds: float) -> float:
        return self._protocol.chance.jittered(seconds, limits.JITTER)

    # -- what the calls tell (engine.calls.Asker) --------------------------------------------------------------------

    def settled(self, node: Node, happened: bool, result: object) -> None:
        """Learn from a probe how long contacts live here; what our own link's faults taught is taken back."""
        if self._protocol.contacts.link.down:
            self.silence_s = self._confirmed_s
            return
        silence_s = self.silence_s * (LENGTHENED if happened else SHORTENED)
        self.silence_s = min(max(silence_s, limits.PROBE_SILENCE_MIN_S), limits.PROBE_SILENCE_MAX_S)
        if happened:
            self._confirmed_s = self.silence_s

    def slow(self, node: Node) -> None:
        """Wait: nobody else is asked instead."""
