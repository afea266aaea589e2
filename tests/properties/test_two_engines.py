"""A few engines and a hostile third party on a bad network, whatever happens in whatever order.

They join, set, get, delete, wait and restart, while datagrams are lost, doubled and overtaken. Mallory sees every
datagram. She sends changed copies from an address of her own, where she answers nothing, and exact copies in the names
of others, as often and as late as she likes. The model is what was set, in order; the engines may forget, but not
mistake.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.hostile.strangers import REQUEST, Stranger, Watched, answer, knows

from kademlia.engine.operation import Operation
from kademlia.engine.published import Kept
from kademlia.node import ID_BYTES, Address, Node
from kademlia.protocol import KademliaProtocol
from kademlia.sim.trace import SENT
from kademlia.storage import ForgetfulStorage, state
from kademlia.utils import digest
from kademlia.wire import trailer
from kademlia.wire.packed import TOMBSTONE

K = 4
KEYS = [digest("one"), digest("two")]

#: Datagrams that Mallory remembers: the latest.
SEEN_MAX = 200

#: Shares of datagrams that are lost, doubled and overtaken, while the network is bad.
LOST, DOUBLED, OVERTAKEN = 0.15, 0.2, 0.3

#: Values live for a day; the story ends before that, so that none dies of age.
STORY_S = 70_000.0

#: Who she says she is, and what she says.
MALLORY = digest("mallory")
LIES = [MALLORY, True, {"value": "a lie"}, [[MALLORY, "203.0.113.66", 8468]], []]

cast_of = st.integers(0, 2)
keys = st.sampled_from(KEYS)
seen = st.integers(0, SEEN_MAX - 1)


class Machine(RuleBasedStateMachine):
    """The engines, Mallory, and what was set."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.world = Watched(1)
        self.world.listeners.append(self._see)
        self.seen: list[tuple[bytes, Address, Address]] = []
        self.mallory = Stranger(self.world, ("203.0.113.66", 8468))
        self.nodes = [self.world.add(digest(name), ksize=K) for name in ("alice", "bob", "carol")]
        self.homes = {node.address: node.node.id for node in self.nodes}
        self.versions: dict[bytes, list[Any]] = {key: [] for key in KEYS}  # what was set, in order
        self.newest: dict[tuple[Address, bytes], int] = {}  # the newest version that a node ever held
        self.under_way: list[tuple[str, int, float, Operation[Any]]] = []

    def teardown(self) -> None:
        self.folder.cleanup()

    def _see(self, what: bytes, datagram: bytes, source: Address, target: Address) -> None:
        if what == SENT and self.mallory.address not in {source, target}:
            self.seen.append((datagram, source, target))
            del self.seen[:-SEEN_MAX]

    def begin(self, name: str, who: int, operation: Operation[Any]) -> None:
        """Remember what has to end, and let a moment pass: two versions are never of the same millisecond."""
        self.under_way.append((name, who, self.world.now, operation))
        self.world.run(0.005)

    # -- what happens ------------------------------------------------------------------------------------------------

    @initialize()
    def meet(self) -> None:
        for node in self.nodes[1:]:
            self.world.finish(node.protocol.join([self.nodes[0].address]))

    @rule(one=cast_of, other=cast_of)
    def join(self, one: int, other: int) -> None:
        self.begin("join", one, self.nodes[one].protocol.join([self.nodes[other].address]))

    @rule(who=cast_of, key=keys)
    def set(self, who: int, key: bytes) -> None:
        value = f"{len(self.versions[key])} of {who}"
        self.versions[key].append(value)
        self.begin("set", who, self.nodes[who].protocol.publish(key, value, renew=who == 0))

    @rule(who=cast_of, key=keys)
    def delete(self, who: int, key: bytes) -> None:
        self.versions[key].append(TOMBSTONE)
        self.begin("delete", who, self.nodes[who].protocol.delete(key).operation)

    @rule(who=cast_of, key=keys)
    def get(self, who: int, key: bytes) -> None:
        def is_known(value: object) -> None:
            assert value is None or value in self.versions[key], f"got {value!r}, which nobody set"

        operation = self.nodes[who].protocol.fetch(key)
        operation.then(is_known)
        self.begin("get", who, operation)

    @rule(seconds=st.sampled_from([0.1, 1.0, 6.0, 60.0, 700.0, 4000.0]))
    def wait(self, seconds: float) -> None:
        if self.world.now + seconds < STORY_S:
            self.world.run(seconds)

    @rule(bad=st.booleans())
    def weather(self, bad: bool) -> None:
        links = self.world.links
        links.loss, links.duplication, links.reordering = (LOST, DOUBLED, OVERTAKEN) if bad else (0.0, 0.0, 0.0)

    @rule(who=cast_of, with_values=st.booleans())
    def restart(self, who: int, with_values: bool) -> None:
        """Come back from a state file, with the values on disk or without any."""
        old = self.nodes[who].protocol
        path = Path(self.folder.name, f"state-{who}")
        published = [tuple(kept) for kept in old.upkeep.published.all()]
        contacts = [(node.id, *node.address) for node in old.router.contacts()]
        state.save(
            path, state.State(K, 3, old.source_node.id, [contact[1:] for contact in contacts], contacts, published)
        )
        self.nodes[who].die()
        self.under_way = [entry for entry in self.under_way if entry[1] != who]
        saved = state.load(path)
        storage = old.storage if with_values else ForgetfulStorage(clock=lambda: self.world.now)
        address = self.nodes[who].address
        if not with_values:
            self.newest = {at: version for at, version in self.newest.items() if at[0] != address}

        def restored(node: Node, storage: Any, ksize: int) -> KademliaProtocol:
            protocol = KademliaProtocol(node, storage, ksize)
            protocol.restore(
                [Node(*one) for one in saved.contacts], saved.neighbors, [Kept(*one) for one in saved.published]
            )
            return protocol

        kind = cast("type[KademliaProtocol]", restored)
        self.nodes[who] = self.world.add(saved.id, ksize=K, storage=storage, protocol_class=kind, address=address)

    @rule(
        index=st.integers(0, SEEN_MAX),
        to=cast_of,
        at=st.integers(0, 120),
        change=st.binary(max_size=6),
        cut=st.booleans(),
    )
    def inject(self, index: int, to: int, at: int, change: bytes, cut: bool) -> None:
        """Send a changed copy from an address that never answers."""
        if self.seen:
            datagram = self.seen[index % len(self.seen)][0]
            changed = datagram[:at] + change + (b"" if cut else datagram[at + len(change) :])
            self.mallory.send(changed, self.nodes[to])
            self.world.run(0.05)

    @rule(index=st.integers(0, 6), lie=st.sampled_from(LIES))
    def answer_for_another(self, index: int, lie: object) -> None:
        """Answer a request that somebody else was asked just now, sooner than they can, from her own address."""
        asked = [copy for copy in self.seen if copy[0][:1] == REQUEST][-1 - index :]
        if asked:
            datagram, asker, _ = asked[0]
            reply = trailer.append(answer(datagram, lie), {trailer.NODE_ID: MALLORY})
            self.world.carry(reply, self.mallory.address, asker)
            self.world.run(0.05)

    @rule(index=seen, times=st.integers(1, 3))
    def replay(self, index: int, times: int) -> None:
        """Send an exact copy again, in the name of whoever sent it."""
        if self.seen:
            copy = self.seen[index % len(self.seen)]
            for _ in range(times):
                self.world.carry(*copy)
            self.world.run(0.05)

    # -- what has to hold --------------------------------------------------------------------------------------------

    @invariant()
    def nothing_went_wrong(self) -> None:
        for node in self.nodes:
            assert node.protocol.stats().internal_errors == 0

    @invariant()
    def values_are_those_set_and_never_replaced_by_older_ones(self) -> None:
        for node in self.nodes:
            storage = cast("ForgetfulStorage", node.protocol.storage)
            assert set(storage.data) <= set(KEYS)
            for key, (_, value) in storage.data.items():
                version = self.version(key, value, self.newest.get((node.address, key), 0))
                self.newest[node.address, key] = version

    def version(self, key: bytes, value: object, since: int) -> int:
        """Return which version a value is, from some version on: deletions are all alike."""
        versions = self.versions[key]
        assert value in versions, f"{value!r} is kept, which nobody set"
        assert value in versions[since:], f"{value!r} is kept, where {versions[since]!r} was: it is older"
        return versions.index(value, since)

    @invariant()
    def tables_hold_nodes_that_are_there(self) -> None:
        for node in self.nodes:
            assert not knows(node, self.mallory.address)
            for contact in node.protocol.router.contacts():
                assert len(contact.id) == ID_BYTES
                assert self.homes[contact.address] == contact.id

    @invariant()
    def whatever_was_begun_ends(self) -> None:
        self.under_way = [entry for entry in self.under_way if not entry[3].done]
        for name, _, begun_at, _ in self.under_way:
            assert self.world.now < begun_at + 300, f"{name} has not ended"


TestTwoEngines = pytest.mark.slow(Machine.TestCase)
TestTwoEngines.settings = settings(max_examples=120, stateful_step_count=40)
