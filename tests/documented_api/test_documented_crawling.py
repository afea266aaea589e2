"""`kademlia.crawling` as documented, on a simulated network: the crawls find, the response wrapper reads."""

from __future__ import annotations

import pytest

from kademlia.crawling import NodeSpiderCrawl, RPCFindResponse, SpiderCrawl, ValueSpiderCrawl
from kademlia.node import Node
from kademlia.sim import Resident, World
from kademlia.utils import digest

KSIZE = 4
ALPHA = 3


@pytest.fixture
def world() -> World:
    return World(seed=1)


@pytest.fixture
def residents(world: World) -> list[Resident]:
    """Thirty nodes that have found one another, and no datagram on its way."""
    residents = world.network(30, ksize=KSIZE)
    world.run(60)
    return residents


def closest(residents: list[Resident], key: Node, but: Resident) -> list[bytes]:
    others = sorted((r.node for r in residents if r is not but), key=key.distance_to)
    return [node.id for node in others[:KSIZE]]


def holders(residents: list[Resident], key: Node) -> list[bytes]:
    keeping = [r.node for r in residents if r.protocol.storage.get(key.id) is not None]
    return [node.id for node in sorted(keeping, key=key.distance_to)]


class TestANodeCrawl:
    def test_finds_the_closest_nodes_nearest_first(self, world: World, residents: list[Resident]) -> None:
        alice = residents[0]
        key = Node(digest("a key"))
        peers = alice.protocol.router.findNeighbors(key)
        found = world.finish(NodeSpiderCrawl(alice.protocol, key, peers, KSIZE, ALPHA).find())
        assert [node.id for node in found] == closest(residents, key, but=alice)

    def test_finds_them_from_any_entry_point(self, world: World, residents: list[Resident]) -> None:
        """One contact is enough to reach everybody: that is what bootstrapping is."""
        alice, bob = residents[0], residents[17]
        key = Node(digest("a key"))
        found = world.finish(NodeSpiderCrawl(alice.protocol, key, [bob.node], KSIZE, ALPHA).find())
        assert [node.id for node in found] == closest(residents, key, but=alice)

    def test_finds_only_nodes_that_answer(self, world: World, residents: list[Resident]) -> None:
        alice, *others = residents
        key = Node(digest("a key"))
        dead = next(r for r in others if r.node.id == closest(residents, key, but=alice)[0])
        dead.die()
        peers = alice.protocol.router.findNeighbors(key)
        found = world.finish(NodeSpiderCrawl(alice.protocol, key, peers, KSIZE, ALPHA).find())
        assert [node.id for node in found] == closest([r for r in residents if r.alive], key, but=alice)

    def test_without_peers_finds_nobody(self, world: World, residents: list[Resident]) -> None:
        crawl = NodeSpiderCrawl(residents[0].protocol, Node(digest("a key")), [], KSIZE, ALPHA)
        assert world.finish(crawl.find()) == []

    def test_after_a_quiet_hour_waits_as_long_as_ever(self, world: World, residents: list[Resident]) -> None:
        """A crawl that starts in the past, at the last datagram's time, takes everybody for dead."""
        alice, bob = residents[0], residents[17]
        alice.connected = False
        world.run(3600)
        alice.connected = True
        before = alice.protocol.stats().timeouts
        found = world.finish(NodeSpiderCrawl(alice.protocol, Node(digest("a key")), [bob.node], KSIZE, ALPHA).find())
        assert found
        assert alice.protocol.stats().timeouts == before


class TestAValueCrawl:
    def test_finds_a_value(self, world: World, residents: list[Resident]) -> None:
        alice, key = residents[0], Node(digest("a key"))
        world.finish(residents[9].protocol.publish(key.id, "a value"))
        peers = alice.protocol.router.findNeighbors(key)
        assert world.finish(ValueSpiderCrawl(alice.protocol, key, peers, KSIZE, ALPHA).find()) == "a value"

    @pytest.mark.parametrize("value", [5, -1, 2**63, 1.5, True, False, 0, "", "text", b"", b"\xff\x00bytes"])
    def test_finds_a_value_of_any_type_as_it_was_stored(
        self, world: World, residents: list[Resident], value: object
    ) -> None:
        """Also the false ones: 0 is a value, not the absence of one."""
        alice, key = residents[0], Node(digest("a key"))
        world.finish(residents[9].protocol.publish(key.id, value))
        peers = alice.protocol.router.findNeighbors(key)
        found = world.finish(ValueSpiderCrawl(alice.protocol, key, peers, KSIZE, ALPHA).find())
        assert (found, type(found)) == (value, type(value))

    def test_finds_none_where_there_is_no_value(self, world: World, residents: list[Resident]) -> None:
        """And not the closest nodes, whatever its documentation said."""
        alice, key = residents[0], Node(digest("a key"))
        peers = alice.protocol.router.findNeighbors(key)
        assert world.finish(ValueSpiderCrawl(alice.protocol, key, peers, KSIZE, ALPHA).find()) is None

    def test_without_peers_finds_none(self, world: World, residents: list[Resident]) -> None:
        crawl = ValueSpiderCrawl(residents[0].protocol, Node(digest("a key")), [], KSIZE, ALPHA)
        assert world.finish(crawl.find()) is None

    def test_leaves_a_copy_with_the_nearest_node_that_had_none(self, world: World, residents: list[Resident]) -> None:
        """Caching on the path: a key that everybody wants does not weigh on its k holders alone (section 2.3)."""
        alice = residents[0]
        key = Node(digest("a key"))
        far = max((r for r in residents if r is not alice), key=lambda r: r.node.distance_to(key))
        far.protocol.storage[key.id] = "a value"
        asked = sorted((r for r in residents if r not in (alice, far)), key=lambda r: r.node.distance_to(key))[:2]
        peers = [*(r.node for r in asked), far.node]
        assert world.finish(ValueSpiderCrawl(alice.protocol, key, peers, KSIZE, ALPHA).find()) == "a value"
        world.run(5)
        assert holders(residents, key) == [asked[0].node.id, far.node.id]


@pytest.mark.parametrize("kind", [SpiderCrawl, NodeSpiderCrawl, ValueSpiderCrawl])
def test_a_crawl_shows_what_it_was_given(kind: type[SpiderCrawl], residents: list[Resident]) -> None:
    alice, bob = residents[:2]
    key = Node(digest("a key"))
    crawl = kind(alice.protocol, key, [bob.node], KSIZE, ALPHA)
    assert (crawl.protocol, crawl.node, crawl.ksize, crawl.alpha) == (alice.protocol, key, KSIZE, ALPHA)
    assert [node.id for node in crawl.nearest] == [bob.node.id]
    assert crawl.lastIDsCrawled == []


class TestAFindResponse:
    def test_that_did_not_happen_holds_nobody(self) -> None:
        response = RPCFindResponse((False, None))
        assert not response.happened()
        assert not response.hasValue()
        assert response.getNodeList() == []

    @pytest.mark.parametrize("key", ["value", b"value"])
    def test_may_hold_a_value(self, key: str | bytes) -> None:
        """Nodes of the Python 2 era write the word as bytes."""
        response = RPCFindResponse((True, {key: 5}))
        assert response.happened()
        assert response.hasValue()
        assert response.getValue() == 5

    @pytest.mark.parametrize("entry", [(b"a" * 20, "192.0.2.1", 8468), [b"a" * 20, b"192.0.2.1", 8468]])
    def test_may_hold_nodes(self, entry: object) -> None:
        response = RPCFindResponse((True, [entry]))
        assert response.happened()
        assert not response.hasValue()
        assert [tuple(node) for node in response.getNodeList()] == [(b"a" * 20, "192.0.2.1", 8468)]

    def test_with_nonsense_among_its_nodes_holds_the_others(self) -> None:
        """A liar's entry costs the liar that entry."""
        entries = [None, (b"short", "192.0.2.1", 1), (b"a" * 20, "192.0.2.1", 0), (b"b" * 20, "192.0.2.2", 8468)]
        assert [node.id for node in RPCFindResponse((True, entries)).getNodeList()] == [b"b" * 20]

    def test_without_a_value_has_none_to_give(self) -> None:
        with pytest.raises(KeyError):
            RPCFindResponse((True, {})).getValue()
