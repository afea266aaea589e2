"""Faults planted into the engine: each replaces one of its functions by one that makes a mistake somebody could make.

They prove that the swarm has teeth. Each is a context manager; afterwards the engine is as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from kademlia.bucket import KBucket
from kademlia.engine.answering import Answering
from kademlia.engine.calls import Call, Calls
from kademlia.engine.contacts import Contacts
from kademlia.engine.keeping import Keeping, Life
from kademlia.engine.lookup import Lookup
from kademlia.engine.operation import Operation
from kademlia.engine.records import Record
from kademlia.engine.replication import Replication
from kademlia.engine.telling import Telling
from kademlia.node import Address, Node
from kademlia.protocol import KademliaProtocol
from kademlia.utils import digest
from kademlia.wire import rpcudp


@contextmanager
def _replaced(*replacements: tuple[type, str, Any]) -> Iterator[None]:
    """Give some classes other methods for a while."""
    before = [(kind, name, getattr(kind, name)) for kind, name, _ in replacements]
    for kind, name, replacement in replacements:
        setattr(kind, name, replacement)
    try:
        yield
    finally:
        for kind, name, original in before:
            setattr(kind, name, original)


def evict_on_one_timeout() -> AbstractContextManager[None]:
    """Give up a contact at its first unanswered call, as the published releases do (against R31)."""
    original = Contacts.unanswered

    def unanswered(self: Contacts, record: Record, asked: Node | None, *rest: Any) -> None:
        original(self, record, asked, *rest)
        node = record.node or asked
        if node is not None and record.strikes:
            self.forget(node)

    return _replaced((Contacts, "unanswered", unanswered))


def hash_a_key_twice() -> AbstractContextManager[None]:
    """Take the digest of what is a digest already, in sets and gets alike, so that all seems well."""
    publish, fetch = KademliaProtocol.publish, KademliaProtocol.fetch

    def published(self: KademliaProtocol, key: bytes, *what: Any) -> Operation[bool]:
        return publish(self, digest(key), *what)

    def fetched(self: KademliaProtocol, key: bytes) -> Operation[Any]:
        return fetch(self, digest(key))

    return _replaced((KademliaProtocol, "publish", published), (KademliaProtocol, "fetch", fetched))


def accept_a_reply_from_any_address() -> AbstractContextManager[None]:
    """Match answers by their message id alone."""
    original = Calls.answered

    def answered(self: Calls, message_id: bytes, record: Record, now: float) -> Call | None:
        call = self.pending(message_id)
        return original(self, message_id, record if call is None else call.record, now)

    return _replaced((Calls, "answered", answered))


def skip_the_k_burst() -> AbstractContextManager[None]:
    """Ask alpha at a time to the very end (against R14)."""
    original = Lookup.next

    def asked_next(self: Lookup) -> list[Node]:
        self._fruitless = 0
        return original(self)

    return _replaced((Lookup, "next", asked_next))


def lose_a_contact_at_a_bound() -> AbstractContextManager[None]:
    """Split a bucket with < where <= belongs: whoever is the last of the lower half falls out of the table."""
    original = KBucket.split

    def split(self: KBucket) -> tuple[KBucket, KBucket]:
        lower, upper = original(self)
        for node in lower.get_nodes():
            if node.long_id == lower.range[1]:
                del lower.nodes[node.id]
        return lower, upper

    return _replaced((KBucket, "split", split))


def answer_with_contacts_known_dead() -> AbstractContextManager[None]:
    """Tell of the k closest contacts, whether they let us down or not."""

    def about(self: Telling, key: bytes, record: Record) -> bytes:
        router = self._router
        return rpcudp.contacts_body(router.closest(Node(key), router.ksize, record.address))

    def to_tell(self: Contacts, target: Node, exclude: Address | None) -> list[Node]:
        return self._router.closest(target, self._router.ksize, exclude)

    return _replaced((Telling, "about", about), (Contacts, "to_tell", to_tell))


def drop_a_held_answer() -> AbstractContextManager[None]:
    """Forget what was held for a stranger at the moment it proved its address."""

    def release(self: Answering, record: Record, now: float) -> None:
        self.held.release(record.address)

    return _replaced((Answering, "release", release))


def renew_an_age_on_replication() -> AbstractContextManager[None]:
    """Store again what is kept as if it were published now, as the published releases do (against R18)."""

    def held_as_new(self: Keeping, key: bytes) -> tuple[Any, Life] | None:
        found = held(self, key)
        return None if found is None else (found[0], self.new_life())

    def of(self: Replication, key: bytes) -> Operation[bool]:
        with _replaced((Keeping, "held", held_as_new)):
            return replicate(self, key)

    held, replicate = Keeping.held, Replication.of
    return _replaced((Replication, "of", of))


#: Each fault, with words of the violation by which the swarm is to find it.
FAULTS: dict[Callable[[], AbstractContextManager[None]], str] = {
    evict_on_one_timeout: "gave up its contact",
    hash_a_key_twice: "under which nobody set it|where nobody set it",
    accept_a_reply_from_any_address: "under which nobody set it|no such node ever lived",
    skip_the_k_burst: "round trips",
    lose_a_contact_at_a_bound: "gave up its contact|did not find",
    answer_with_contacts_known_dead: "who let it down",
    drop_a_held_answer: "was never answered",
    renew_an_age_on_replication: "too long",
}
