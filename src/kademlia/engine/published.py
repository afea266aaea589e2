"""What a node published, and publishes again before it dies, until it is told to forget it (section 2.5; R18).

Holders replicate values, but never make their lives longer: that is for their publisher. It renews them with the stamp
of the first time, so that of two publishers the one who set a value later prevails, whoever renews it last. Who is
refused by most holders, and finds that they have something else, has been superseded, and stops.

What was published with no neighbour there waits until there is one. After a restart everything is published again, for
the holders may have restarted, too; that is spread over half an hour.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, NamedTuple

from kademlia.engine import limits
from kademlia.engine.jobs import Job, Jobs
from kademlia.engine.keeping import Life
from kademlia.engine.operation import Operation, mapped
from kademlia.engine.publication import Publication, PublishResult
from kademlia.engine.records import FOREVER
from kademlia.wire import rpcudp

if TYPE_CHECKING:
    from kademlia.protocol import KademliaProtocol
    from kademlia.searching import FetchResult


#: Times in the heap that no longer count, besides one for each value: they take 100 bytes each.
STALE_MAX = 1024


class Kept(NamedTuple):
    """What is remembered of a value over a restart."""

    key: bytes  #: 20 bytes
    value: Any
    life_s: float  #: how long holders are to keep it after it was published last
    stamp: int  #: when it was set, in milliseconds since 1970


class Entry:
    """One value that is to stay."""

    __slots__ = ("due_at", "life_s", "running", "stamp", "tries", "value")

    def __init__(self, value: Any, life_s: float, stamp: int) -> None:
        self.value = value
        self.life_s = life_s
        self.stamp = stamp
        self.due_at = FOREVER
        self.tries = 0  # in a row that nobody took
        self.running = False


class Published:
    """The values that one node keeps alive.

    Args:
        protocol: The node.
        jobs: The queue of its work on values.
    """

    def __init__(self, protocol: KademliaProtocol, jobs: Jobs) -> None:
        self._protocol = protocol
        self._jobs = jobs
        self._entries: dict[bytes, Entry] = {}
        self._full = False  # and the operator knows it
        self._due: list[tuple[float, bytes]] = []  # a heap; of an entry that was put off an older time stays in it

    def __len__(self) -> int:
        """How many values there are."""
        return len(self._entries)

    def __contains__(self, key: bytes) -> bool:
        """Whether the value of a key is one of them."""
        return key in self._entries

    def remember(self, key: bytes, value: Any, life_s: float, publication: Publication) -> None:
        """Keep alive what is being published."""
        if key not in self._entries and len(self._entries) >= limits.PUBLISHED_MAX:
            if not self._full:
                self._protocol.report(
                    f"{limits.PUBLISHED_MAX:,} values are renewed by this node; what it sets besides lives once"
                )
            self._full = True
            return
        earlier = self._entries.get(key)
        if earlier is not None and rpcudp.encode(earlier.value) != rpcudp.encode(value):
            self._protocol.keeping.bygone.add(key, earlier.value, self._protocol.now)
        entry = self._entries[key] = Entry(value, life_s, publication.life.stamp)
        entry.running = True
        publication.whole.then(partial(self._published, key, entry))

    def forget(self, key: bytes) -> bool:
        """Publish a value no more: it dies when its life ends; return whether it was one of ours."""
        return self._entries.pop(key, None) is not None

    def all(self) -> list[Kept]:
        """Return all values, to be restored after a restart."""
        return [Kept(key, entry.value, entry.life_s, entry.stamp) for key, entry in self._entries.items()]

    def restore(self, values: Iterable[Kept]) -> None:
        """Take over what was published in an earlier life, before `start`."""
        for key, value, life_s, stamp in values:
            self._entries[key] = Entry(value, life_s, stamp)

    # -- time ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to live: what is remembered is published again within half an hour."""
        for key, entry in self._entries.items():
            entry.running = False
            self._put_off(key, entry, self._protocol.chance.between(0, int(limits.RESUME_SPREAD_S)))

    def tick(self, now: float) -> None:
        """Queue what is due, if there is anybody to take it."""
        if self.deadline() > now:
            return
        due = []
        while self._due and self._due[0][0] <= now:
            _, key = heappop(self._due)
            entry = self._entries.get(key)
            if entry is not None and not entry.running and entry.due_at <= now:
                entry.running = True
                due.append(key)
        if due:
            self._jobs.add([self._renewal_of(key) for key in due])

    def deadline(self) -> float:
        """Return when `tick` has something to do next."""
        if not self._due or not self._protocol.contacts.any_live():
            return FOREVER
        return self._due[0][0]

    def _renewal_of(self, key: bytes) -> Job:
        return lambda: self._renew(key)

    def _renew(self, key: bytes) -> Operation[Any] | None:
        """Publish a value again; return the operation that tells whether anybody answered."""
        protocol = self._protocol
        entry = self._entries.get(key)
        if entry is None or protocol.stopped:
            return None
        protocol.look_at_clock()
        held = protocol.keeping.held(key)
        if held is not None and held[1].stamp > entry.stamp:
            self.forget(key)
            return None
        publication = protocol.publishing(key, entry.value, Life(entry.stamp, protocol.now + entry.life_s))
        publication.whole.then(partial(self._published, key, entry))
        return mapped(publication.operation, lambda _accepted: publication.anybody_answered)

    def _published(self, key: bytes, entry: Entry, result: PublishResult) -> None:
        """See when it is due again."""
        entry.running = False
        if self._entries.get(key) is not entry or self._protocol.stopped:  # forgotten, or set anew
            return
        if result.refused:
            entry.running = True
            protocol = self._protocol
            mostly = len(result.refused) > len(result.stored)
            protocol.search(key, protocol.router.ksize).then(partial(self._compared, key, entry, mostly))
        elif result.stored and not self._is_thin(result):
            self._settle(key, entry)
        else:
            self._try_again(key, entry)

    def _is_thin(self, result: PublishResult) -> bool:
        """Return whether more should have it: of the k closest some were silent, as when the network is found again."""
        protocol = self._protocol
        answered = len(result.stored) + len(result.refused) + result.kept_here
        is_lost = protocol.upkeep.adrift or bool(result.silent or protocol.contacts.failing)
        return answered < protocol.router.ksize and is_lost

    def _compared(self, key: bytes, entry: Entry, mostly: bool, found: FetchResult) -> None:
        """See why some, or most, refused it: for something newer, for want of room, or because of a clock.

        What they have may be a value that we ourselves published before, and that a node of a published release brought
        back: then ours is the newer one, and is dated anew.
        """
        entry.running = False
        protocol = self._protocol
        if self._entries.get(key) is not entry or protocol.stopped:
            return
        is_ours = found.value is not None and rpcudp.encode(found.value) == rpcudp.encode(entry.value)
        if found.value is not None and not is_ours and protocol.keeping.bygone.has(key, found.value, protocol.now):
            entry.stamp = protocol.keeping.new_life(entry.life_s, key, int((found.stamp or 0.0) * 1000) + 1).stamp
            self._put_off(key, entry, 0.0)
        elif mostly and (found.deleted or (found.value is not None and not is_ours)):
            self.forget(key)
        elif mostly:  # of stamps that are far ahead holders know the second only: of a renewal it may be the one before
            self._try_again(key, entry)
        else:
            self._settle(key, entry)

    def _settle(self, key: bytes, entry: Entry) -> None:
        """Be content until it has to be renewed."""
        entry.tries = 0
        after = entry.life_s * limits.RENEW_AFTER
        self._put_off(key, entry, self._protocol.chance.jittered(after, limits.RENEW_JITTER))

    def _try_again(self, key: bytes, entry: Entry) -> None:
        """Wait, for somebody who takes it."""
        if not self._protocol.contacts.any_live():
            self._put_off(key, entry, 0.0)
        else:
            wait = min(limits.PUBLISH_RETRY_MIN_S * 2**entry.tries, limits.PUBLISH_RETRY_MAX_S)
            entry.tries = min(entry.tries + 1, 10)
            self._put_off(key, entry, self._protocol.chance.jittered(wait, limits.JITTER))

    def _put_off(self, key: bytes, entry: Entry, seconds: float) -> None:
        entry.due_at = self._protocol.now + seconds
        heappush(self._due, (entry.due_at, key))
        if len(self._due) > 2 * len(self._entries) + STALE_MAX:  # a program sets the same keys again and again
            self._due = sorted((entry.due_at, key) for key, entry in self._entries.items() if not entry.running)
