"""The machine of one node: bytes and the time go in, bytes and deadlines come out.

It opens no socket, reads no clock, starts no task and draws no randomness of its own: a `host` (a driver, or the
simulator) calls `receive` with each datagram and `tick` when the `deadline` has come, sends the answers that
`receive` returns and what lies in the outbox, and turns operations into what its world awaits. So what is proved in
simulation is true of the shipped code.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

from kademlia.address import place, scope
from kademlia.engine import limits
from kademlia.engine.answering import Answering
from kademlia.engine.asking import Asking
from kademlia.engine.budgets import Budgets
from kademlia.engine.calls import Calls
from kademlia.engine.chance import Chance
from kademlia.engine.contacts import Contacts
from kademlia.engine.diversity import Diversity
from kademlia.engine.host import Host
from kademlia.engine.hosted import Hosted
from kademlia.engine.keeping import Keeping
from kademlia.engine.probing import Probing
from kademlia.engine.proximity import Proximity
from kademlia.engine.published import Kept
from kademlia.engine.records import FOREVER, NEVER, Record, Records
from kademlia.engine.rpcs import overrides
from kademlia.engine.saving import Saving
from kademlia.engine.stats import Counts, Stats
from kademlia.engine.straight import Straight
from kademlia.engine.survey import Survey
from kademlia.engine.triage import Triage
from kademlia.engine.upkeep import Upkeep
from kademlia.node import Address, Node
from kademlia.routing import RoutingTable
from kademlia.storage import IStorage
from kademlia.wire import rpcudp

if TYPE_CHECKING:
    from kademlia.protocol import KademliaProtocol

_DATAGRAM_BYTES_MIN = rpcudp.DATAGRAM_BYTES_MIN
_REQUEST = rpcudp.REQUEST
_VERIFIED_S = limits.VERIFIED_S
_RESPONSE = rpcudp.RESPONSE


class Machine(Hosted):
    """All parts of one node, and what drives them.

    Args:
        source_node: The own node; its id is 20 bytes.
        storage: Where values are kept, an `IStorage`.
        ksize: The k of the paper.
        documented: The class whose methods are ours; what a subclass overrides is a program's.
    """

    #: Whether datagrams come faster than they can be answered, as its driver sees it.
    pressed = False

    def __init__(self, source_node: Node, storage: IStorage, ksize: int, documented: type) -> None:
        super().__init__()
        whole = cast("KademliaProtocol", self)  # which is what every machine is a part of
        self.source_node = source_node
        self.wall_offset = 0.0  # wall-clock time minus `now`; only time stamps use it
        self.stopped = False
        self.limits = limits.Limits()  # what others may take of this node
        self.counts = Counts()
        self.chance = Chance()
        self.records = Records()
        self.budgets = Budgets(whole)
        self.keeping = Keeping(whole, storage)
        self.saving = Saving(whole)
        self.router = RoutingTable(whole, ksize, source_node, clock=lambda: self.now)
        self.proximity = Proximity(self.router, self.records)
        self.calls = Calls(self.counts, self.proximity.measured)
        self.triage = Triage(self.records, self.calls, self.counts)
        self.asking = Asking(whole, documented)
        self.survey = Survey(ksize)
        self.diversity = Diversity(whole)
        self.contacts = Contacts(self.router, self.records, self.survey, self.asking.who, self._welcome, self.diversity)
        self.answering = Answering(whole, documented)
        self._shorten_ways()
        self.upkeep = Upkeep(whole)
        self.probing = Probing(whole)
        kind: Any = type(self)
        self._welcomes_itself = any(  # a program's own method decides who is welcome, or what is handed over
            overrides(kind, documented, name) for name in ("welcome_if_new", "transfer_key_values")
        )

    @property
    def storage(self) -> IStorage:
        """Where values are kept; another one may be set at any time."""
        return self.keeping.storage

    @storage.setter
    def storage(self, storage: IStorage) -> None:
        self.keeping.use(storage)
        self.saving.use()
        self._shorten_ways()

    def _shorten_ways(self) -> None:
        """Have all requests answered straight that no code of a program's own takes part in."""
        self.straight = Straight(cast("KademliaProtocol", self), self.answering.names_of_ours())

    # -- the host's side: datagrams and time -----------------------------------------------------------------------

    def start(self, host: Host, now: float, wall: float) -> None:
        """Begin to live in a world, at its monotonic and its wall-clock time in seconds."""
        self.host = host
        self.stopped = False
        self.now = now
        self.wall_offset = wall - now
        self.chance = Chance(host.random_bytes)
        for bucket in self.router.buckets:
            bucket.last_updated = now
        self.upkeep.start(now)
        self.probing.start(now)
        self.saving.start()

    def receive(self, data: bytes, address: Address, now: float) -> bytes | None:
        """Take one datagram; return the answer's bytes to be sent back, or None.

        Nothing that arrives raises: what is not of this protocol is counted and dropped.
        """
        self.now = now
        counts = self.counts
        counts.received += 1
        counts.received_bytes += len(data)
        record = self.records.known(address) or self._met(address)
        if record is None:
            return None
        verified = record.bucket is not None or now < record.proved_at + _VERIFIED_S
        if not verified:
            record.credit += len(data)
        if len(data) >= _DATAGRAM_BYTES_MIN:
            kind = data[0]
            if kind == _REQUEST:
                if record.tokens:
                    record.tokens -= 1
                elif not self.budgets.grant(record, now):
                    counts.limited += 1
                    return None
                straight = self.straight.reply if verified else self.straight.first
                return straight(data, record, now) or self.answering.request(data, record, now)
            if kind == _RESPONSE:
                self.asking.response(data, record, now)
                return None
        counts.malformed += 1
        return None

    def _met(self, address: Address) -> Record | None:
        """Return a record for an address that a datagram came from, or None if nobody can live there."""
        if not address[1] or place(address[0]) is None:
            self.counts.unroutable += 1
            return None
        return self.records.of(address)

    def tick(self, now: float) -> None:
        """Do what is due at this time; see `deadline`."""
        self.now = now
        late, ended = self.calls.expired(now)
        for call in late:
            call.asker.slow(call.node)
        for call in ended:
            self.asking.unanswered(call, now)
        self.answering.held.expire(now)
        self.contacts.tick(now)
        self.upkeep.tick(now)
        self.probing.tick(now)
        self.saving.tick(now)

    def deadline(self) -> float | None:
        """Return when `tick` has something to do next, in the time of `now`, or None if never."""
        at = min(
            self.calls.deadline(),
            self.answering.held.deadline(),
            self.contacts.deadline(),
            self.upkeep.deadline(),
            self.probing.deadline(),
            self.saving.deadline(),
        )
        return at if at < FOREVER else None

    @property
    def pressing(self) -> bool:
        """Whether `tick` has something to do at once; what comes next besides is a time-out of 0.2 s or longer."""
        return self.upkeep.pressing or self.saving.deadline() < FOREVER

    def wall_clock(self, now: float, wall: float) -> None:
        """Learn the wall-clock time, each minute or so; a leap means that the machine slept, so our link was down."""
        leap = wall - now - self.wall_offset
        if abs(leap) > limits.SLEEP_GAP_S:
            self.contacts.suspect_link()
            self.report(
                f"the machine slept, or its clock was set {abs(leap):.0f} s {'ahead' if leap > 0 else 'back'}: "
                "values keep what was left of their lives"
            )
        self.wall_offset = wall - now

    def take_outbox(self) -> list[tuple[bytes, Address]]:
        """Return the datagrams to be sent, with their addresses, and forget them."""
        if not self.calls.outbox:
            return []
        outbox, self.calls.outbox = self.calls.outbox, []
        return outbox

    def restore(self, contacts: list[Node], addresses: list[Address], published: Iterable[Kept] = ()) -> None:
        """Take over table, bootstrap addresses and what was published of an earlier life, before `start`."""
        self.upkeep.published.restore(published)
        self.contacts.restore([node for node in contacts if node.id != self.source_node.id])
        self.upkeep.remember(addresses)

    def stop(self) -> None:
        """End everything under way as if all others were dead, and do nothing more."""
        self.stopped = True
        self.upkeep.stop()
        self.probing.stop()
        self.answering.held.clear()
        self.saving.stop()
        for call in self.calls.end_all():
            call.asker.settled(call.node, False, None)

    def stats(self) -> Stats:
        """Return all counts, and what is held now."""
        return Stats(
            **self.counts.as_dict(),
            contacts=len(self.router),
            failing=len(self.contacts.failing),
            replacements=sum(len(bucket.replacement_nodes) for bucket in self.router.buckets),
            buckets=len(self.router.buckets),
            records=len(self.records),
            in_flight=self.calls.in_flight,
            queued=self.calls.queued,
            holding=len(self.answering.held),
            values=self.keeping.shelf.records,
            published=len(self.upkeep.published),
            link_down=self.contacts.link.down,
        )

    # -- what its parts share ----------------------------------------------------------------------------------------

    def send(self, datagram: bytes, address: Address) -> None:
        """Put a datagram into the outbox."""
        self.calls.outbox.append((datagram, address))

    def askable(self, nodes: list[Node], teller: Node) -> list[Node]:
        """Return those of some nodes that a lookup may ask: of our address family, and not resting (R30).

        Nor may they be of a narrower scope than who told of them: what it calls 10.0.0.1 is not what we call so, and
        what it calls 127.0.0.1 are we.
        """
        reached = {":" in ip: self.reaches(ip) for ip in ("0.0.0.0", "::")}  # noqa: S104  # one of each family
        resting, now, least = self.contacts.resting, self.now, scope(teller.address[0])
        return [
            node
            for node in nodes
            if scope(node.address[0]) >= least and reached[":" in node.address[0]] and not resting(node, now)
        ]

    def told_by(self, teller: Node, answer: Sequence[Any]) -> list[Node]:
        """Return the contacts of an answer that a lookup may ask."""
        return self.askable(rpcudp.contacts(answer, limits.CONTACTS_PER_REPLY_MAX) or [], teller)

    def _welcome(self, node: Node) -> None:
        if self._welcomes_itself:
            cast("KademliaProtocol", self).welcome_if_new(node)
        elif self.router.add_contact(node) and self.records.of(node.address).asked_us_at > NEVER:
            self.upkeep.handoff.to(node)  # as `welcome_if_new`; whom we came upon was there before us, and has them
