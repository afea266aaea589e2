"""Whom to believe and whom to give up: the one place where nodes enter and leave the routing table.

A node becomes a contact once its address proved itself and told its id in an answer to us; after that every message
from there counts as seen (Kademlia, section 2.2; R5). An id in a request alone is a claim, to be checked by a ping.
A contact that leaves calls unanswered is told to nobody and rests for a doubling time (R30); after five in a row it
is given up: the newest replacement takes its place, if there is one (R31), and it is remembered, to be asked now and
then. A known id that shows up at a new address takes it only after the old address was asked again and again, and did
not answer.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

from kademlia.address import prefix
from kademlia.bucket import KBucket
from kademlia.engine import limits
from kademlia.engine.diversity import Diversity
from kademlia.engine.link import Link
from kademlia.engine.records import FOREVER, NEVER, Lapse, Record, Records
from kademlia.engine.survey import Survey
from kademlia.engine.telling import Telling
from kademlia.node import Address, Node
from kademlia.routing import RoutingTable


class Contacts:
    """The routing table as the engine uses it.

    Args:
        router: The table.
        records: What is known of each address.
        survey: What our lookups found, to be forgotten when the network changes under our eyes.
        ask: Called with a record whose node is to be pinged.
        welcome: Called with a node that is to become a contact.
        diversity: How many nodes of one network there may be.
    """

    def __init__(
        self,
        router: RoutingTable,
        records: Records,
        survey: Survey,
        ask: Callable[[Record], None],
        welcome: Callable[[Node], None],
        diversity: Diversity,
    ) -> None:
        self.link = Link()
        self.failing: set[bytes] = set()  # ids of contacts with strikes; only ever asked for membership
        self.telling = Telling(router, self.failing)
        self._router = router
        self._records = records
        self._survey = survey
        self._ask = ask
        self._welcome = welcome
        self._diversity = diversity
        self.lost: dict[bytes, Node] = {}  # contacts given up, the longest not asked first
        self._suspects: list[tuple[float, int, int, Record]] = []  # heap of when to ask which contact again
        self._turns = count()  # two records may have one id and one time, and are in no order themselves
        self._moved: dict[bytes, Record] = {}  # ids seen at a new address, until their old one was asked

    # -- reading -------------------------------------------------------------------------------------------------

    def to_tell(self, target: Node, exclude: Address | None) -> list[Node]:
        """Return what an asker is told: the k closest contacts, without any that let us down."""
        return self._router.closest(target, self._router.ksize, exclude, self.failing)

    def to_ask(self, target: Node, count: int = 0) -> list[Node]:
        """Return whom to ask about a target: the k (or so many) closest contacts; failing ones for want of others."""
        count = count or self._router.ksize
        return self._router.closest(target, count, None, self.failing) or self._router.closest(target, count)

    def holders(self, target: Node) -> list[Node]:
        """Return the k closest contacts to a key that may hold its value: a few of each network."""
        count = self._router.ksize
        closest = self.to_ask(target)
        if self._diversity.is_spread(closest):
            return closest
        return self._diversity.holders(self.to_ask(target, len(self._router)), count)

    def any_live(self) -> bool:
        """Return whether any contact is without strikes."""
        return len(self._router) > len(self.failing)

    def must_prove(self, node: Node) -> bool:
        """Return whether a node's address is one that we heard from and that has not told us this id in an answer.

        It is asked who it is, then; the answer makes it a contact.
        """
        record = self._records.known(node.address)
        if record is None or (record.node is not None and record.node.id == node.id):
            return False
        unproved = record.credit > 0 or record.heard_at > NEVER
        if unproved:
            self._ask(record)
        return unproved

    def resting(self, node: Node, now: float) -> bool:
        """Return whether a node is not to be asked now, after calls it did not answer (R30)."""
        record = self._records.known(node.address)
        return record is not None and record.lapse is not None and now < record.locked_until

    # -- news ----------------------------------------------------------------------------------------------------

    def answered(self, record: Record, node_id: bytes | None, asked: Node | None, now: float) -> None:
        """Learn that an address answered us, and the id it gave, if it gave one."""
        record.proved_at = now
        record.credit = 0  # nobody is to find it who gets this address afterwards
        if not record.pinged:
            record.requests = 0
        if node_id is not None:
            self._lives_here(record, node_id, asked)
        if record.node is not None:
            was_contact = record.bucket is not None
            self._touch(record, record.node, now)
            if asked is None and not was_contact and record.bucket is not None:
                self._survey.forget()  # who came by itself may be new, and not the only one
            return
        self._heard(record, now)
        if asked is not None and self._router.has_room(asked.long_id):
            self._ask(record)  # an old node's answer without an id: it would be a contact if it is who we think

    def requested(self, record: Record, claimed: bytes, wanted: bool, now: float) -> None:
        """Learn that an address asked us something, claiming an id; `wanted`: something is held for it."""
        record.asked_us_at = now
        node = record.node
        if node is not None and node.id == claimed and record.verified(now):
            self._touch(record, node, now)
            return
        if not record.pinged:
            record.requests += 1
        if wanted or self.wants_proof(record, claimed):
            self._ask(record)

    def unanswered(self, record: Record, asked: Node | None, sent_at: float, now: float) -> None:
        """Learn that a call got no answer. Calls that crossed an earlier strike or a later answer do not count."""
        if sent_at < max(record.heard_at, record.struck_at):
            return
        if not record.strikes and self.link.silent(record, sent_at):  # of who was silent before, it tells nothing
            self.suspect_link()
        record.struck(now, counts=not self.link.down)
        node = record.node or asked
        if node is None or not record.strikes or not self._is_contact(node):
            return
        self._flag(node)
        if node.id in self._moved and _may_move(record, self._moved[node.id], now):
            self._take_address(node, self._moved.pop(node.id), now)
        elif record.strikes >= limits.STRIKES_UNTIL_STALE and not self.link.down:
            self._give_up(node)
        else:
            heappush(self._suspects, (record.locked_until, node.long_id, next(self._turns), record))

    def suspect_link(self) -> None:
        """Take our own link for down until somebody is heard, and forgive whom we blamed meanwhile."""
        self._survey.forget()
        for record in self.link.suspect():
            self._forgive(record)

    def seen(self, record: Record, now: float) -> None:
        """Move a node that was heard just now to its bucket's tail, or let it in (R5, R29)."""
        node = record.node
        assert node is not None
        self.lost.pop(node.id, None)
        bucket = self._router.bucket_of(node.long_id)
        known = bucket.nodes.get(node.id)
        if known is None:
            if not record.ephemeral:
                self._newcomer(node, record, bucket, now)
        elif known.address == record.address:
            record.bucket = bucket
            self._unflag(node)
            self._moved.pop(node.id, None)
            bucket.nodes[node.id] = bucket.nodes.pop(node.id)
        elif node.id not in self._moved:
            self._moved[node.id] = record
            old = self._records.of(known.address)
            old.bucket = bucket
            self._ask(old)

    def forget(self, node: Node) -> None:
        """Take a contact out of the table; its bucket's newest replacement takes its place."""
        self._unflag(node)
        self._moved.pop(node.id, None)
        record = self._records.known(node.address)
        if record is not None:
            record.bucket = None
        self._router.remove_contact(node)

    def doubt(self, record: Record) -> None:
        """Tell nobody of a contact until it is heard."""
        if record.node is not None:
            record.lapse = record.lapse or Lapse()  # without a strike: it left nothing unanswered
            self._flag(record.node)

    def restore(self, nodes: list[Node]) -> None:
        """Put contacts of an earlier life into the table: told to nobody and asked first who they are."""
        for node in nodes:
            admitted = self._diversity.admits(node.address, self._router.bucket_of(node.long_id))
            if admitted and self._router.add_contact(node):
                record = self._records.of(node.address)
                record.doubted()
                record.bucket = self._router.bucket_of(node.long_id)
                self._flag(node)
                heappush(self._suspects, (NEVER, node.long_id, next(self._turns), record))

    # -- time ----------------------------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Ask the contacts again whose rest is over."""
        while self._suspects and self._suspects[0][0] <= now:
            record = heappop(self._suspects)[-1]
            if record.strikes and not record.pinged and record.locked_until <= now:
                self._ask(record)

    def deadline(self) -> float:
        """Return when `tick` has something to do next."""
        return self._suspects[0][0] if self._suspects else FOREVER

    # -- parts ---------------------------------------------------------------------------------------------------

    def _touch(self, record: Record, node: Node, now: float) -> None:
        """Take note that a node was heard, without a look at the table where it is known to be or to have no room."""
        link = self.link
        link.heard_at = record.heard_at = now
        if link.in_doubt or record.lapse is not None:
            self._heard(record, now)
        bucket = record.bucket
        if bucket is not None and bucket.nodes.get(node.id) is node and not self._moved:
            bucket.nodes[node.id] = bucket.nodes.pop(node.id)  # to the tail
        elif bucket is not None or now >= record.replacement_noted_at + limits.REPLACEMENT_NOTED_S:
            self.seen(record, now)

    def _heard(self, record: Record, now: float) -> None:
        self.link.heard(now)
        record.heard_at = now
        if record.lapse is not None:
            self._forgive(record)
            record.lapse = None

    def _forgive(self, record: Record) -> None:
        record.forgiven()
        if record.node is not None:
            self._unflag(record.node)

    def _lives_here(self, record: Record, node_id: bytes, asked: Node | None) -> None:
        """Note who lives at an address; whoever we thought lived there, or asked there, is a ghost."""
        for ghost in (record.node, asked):
            if ghost is not None and ghost.id != node_id and self._is_contact(ghost):
                self.forget(ghost)
        if record.node is None or record.node.id != node_id:
            record.node = Node.shared(node_id, record.address)

    def _newcomer(self, node: Node, record: Record, bucket: KBucket, now: float) -> None:
        if now < record.replacement_noted_at + limits.REPLACEMENT_NOTED_S:
            return
        if not self._diversity.make_way(node.address, bucket):
            record.replacement_noted_at = now
            return
        if len(bucket.nodes) < bucket.ksize or self._router.has_room(node.long_id):
            self._welcome(node)  # which adds it, unless a program's own method decides otherwise
            if node.id not in bucket.nodes:  # or was it split?
                bucket = self._router.bucket_of(node.long_id)
            record.bucket = bucket if node.id in bucket.nodes else None
            return
        self._router.add_contact(node)  # into the replacement cache: its bucket is full
        record.replacement_noted_at = now
        bucket = self._router.bucket_of(node.long_id)
        head = self._records.of(bucket.head().address)
        head.bucket = bucket
        if not head.calls and now > max(head.heard_at + limits.HEAD_SILENT_S, head.locked_until):
            self._ask(head)  # ping before evict: it is replaced only if it fails again and again (R6, R31)

    def _take_address(self, node: Node, record: Record, now: float) -> None:
        self.forget(node)
        if record.node is not None and record.node.id == node.id:
            self.seen(record, now)

    def wants_proof(self, record: Record, claimed: bytes) -> bool:
        """Return whether it is worth a ping to know who asks: it would be a contact, or asks again and again."""
        if record.ephemeral or record.pinged:
            return False
        if record.requests >= limits.REQUESTS_UNTIL_PING:
            return True
        long_id = int.from_bytes(claimed, "big")
        if not self._router.has_room(long_id):
            return False
        return self._diversity.admits(record.address, self._router.bucket_of(long_id))

    def _flag(self, node: Node) -> None:
        if node.id not in self.failing:
            self.failing.add(node.id)
            self._router.changes.count += 1  # what is told of the table changes

    def _unflag(self, node: Node) -> None:
        if node.id in self.failing:
            self.failing.discard(node.id)
            self._router.changes.count += 1

    def _is_contact(self, node: Node) -> bool:
        known = self._router.bucket_of(node.long_id).nodes.get(node.id)
        return known is not None and known.address == node.address

    def _give_up(self, node: Node) -> None:
        """Let a replacement take a stale contact's place, if there is one; remember the contact."""
        self.forget(node)
        self.lost[node.id] = node
        if len(self.lost) > limits.LOST_MAX:
            del self.lost[next(iter(self.lost))]


def _may_move(old: Record, new: Record, now: float) -> bool:
    """Return whether an old address was silent for so long that a new one may take over its id."""
    if old.lapse is None or old.strikes < limits.STRIKES_UNTIL_MOVED:
        return False
    near = prefix(old.address[0]) == prefix(new.address[0])
    return near or now >= old.lapse.since + limits.MOVED_FAR_AFTER_S
