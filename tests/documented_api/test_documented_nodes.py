"""`kademlia.node` as documented: ids and distance, and the heap of the nearest, in the documentation's spelling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kademlia.node import Node, NodeHeap

ids = st.binary(min_size=20, max_size=20)


def numbered(number: int, port: int | None = None) -> Node:
    return Node(number.to_bytes(20, "big"), "127.0.0.1" if port else None, port)


def numbers(nodes: list[Node]) -> list[int]:
    return [node.long_id for node in nodes]


class TestANode:
    def test_is_a_tuple_for_who_wants_one(self) -> None:
        """`tuple(node)` is what travels in an answer to find_node."""
        assert tuple(Node(b"a" * 20, "192.0.2.1", 8468)) == (b"a" * 20, "192.0.2.1", 8468)

    def test_has_an_address_only_if_it_is_given_one(self) -> None:
        """A key is a node without an address."""
        assert tuple(Node(b"a" * 20)) == (b"a" * 20, None, None)

    def test_knows_its_id_as_a_big_endian_number(self) -> None:
        assert Node(b"\x01" + bytes(19)).long_id == 2**152

    @given(ids, ids)
    def test_measures_distance_as_the_xor_of_both_ids(self, one: bytes, two: bytes) -> None:
        wanted = int.from_bytes(one, "big") ^ int.from_bytes(two, "big")
        assert Node(one).distanceTo(Node(two)) == Node(two).distance_to(Node(one)) == wanted

    def test_is_at_home_where_ip_and_port_are(self) -> None:
        """Whatever their ids: a node that came back with a new id lives where the old one did."""
        alice = Node(b"a" * 20, "192.0.2.1", 8468)
        assert alice.sameHomeAs(Node(b"b" * 20, "192.0.2.1", 8468))
        assert not alice.sameHomeAs(Node(b"a" * 20, "192.0.2.1", 8469))
        assert not alice.sameHomeAs(Node(b"a" * 20, "192.0.2.2", 8468))

    def test_equals_only_itself(self) -> None:
        """As in every release; ids are compared by who wants to compare ids."""
        assert Node(b"a") != Node(b"a")

    def test_shows_itself_as_in_every_release(self) -> None:
        node = Node(b"\x00\x05", "192.0.2.1", 8468)
        assert repr(node) == "[5, '192.0.2.1', 8468]"
        assert str(node) == "192.0.2.1:8468"
        assert str(Node(b"\x05")) == "None:None"

    @pytest.mark.parametrize(
        ("wrong", "error"), [(5, TypeError), ("text", TypeError), (None, TypeError), (b"", ValueError)]
    )
    def test_refuses_what_is_no_id(self, wrong: object, error: type[Exception]) -> None:
        """It used to fail somewhere inside, with AttributeError."""
        with pytest.raises(error, match="20"):
            Node(wrong)  # type: ignore[arg-type]


class TestANodeHeap:
    def test_shows_the_nearest_in_order(self) -> None:
        heap = NodeHeap(numbered(0), 3)
        heap.push([numbered(number) for number in (5, 1, 4, 2, 3)])
        assert numbers(list(heap)) == [1, 2, 3]
        assert len(heap) == 3
        assert heap.getIDs() == [numbered(number).id for number in (1, 2, 3)]

    def test_takes_one_node_or_a_list(self) -> None:
        heap = NodeHeap(numbered(0), 3)
        heap.push(numbered(2))
        heap.push([numbered(1), numbered(3)])
        heap.push([])
        assert numbers(list(heap)) == [1, 2, 3]

    def test_shows_a_hidden_node_when_a_visible_one_is_removed(self) -> None:
        """So a lookup that loses a node to a time-out has the next one at hand."""
        heap = NodeHeap(numbered(0), 3)
        heap.push([numbered(number) for number in range(1, 6)])
        heap.remove([numbered(1).id, numbered(3).id])
        assert numbers(list(heap)) == [2, 4, 5]

    def test_passes_over_ids_it_does_not_have_when_removing(self) -> None:
        heap = NodeHeap(numbered(0), 3)
        heap.push(numbered(1))
        heap.remove([numbered(9).id])
        assert len(heap) == 1

    def test_keeps_the_first_node_of_an_id(self) -> None:
        """A liar who is heard later cannot move a node elsewhere."""
        first, second = numbered(1, 1001), numbered(1, 1002)
        heap = NodeHeap(numbered(0), 3)
        heap.push([first, second])
        assert list(heap) == [first]
        assert heap.getNodeById(first.id) is first

    def test_finds_hidden_nodes_by_id_too(self) -> None:
        heap = NodeHeap(numbered(0), 1)
        near, far = numbered(1), numbered(2)
        heap.push([near, far])
        assert heap.getNodeById(far.id) is far
        assert heap.getNodeById(numbered(3).id) is None

    def test_gives_its_nearest_away_until_it_is_empty(self) -> None:
        heap = NodeHeap(numbered(0), 3)
        heap.push([numbered(2), numbered(1)])
        nearest = heap.popleft()
        assert nearest is not None
        assert nearest.long_id == 1
        assert len(heap) == 1

    def test_remembers_who_was_contacted(self) -> None:
        heap = NodeHeap(numbered(0), 2)
        one, two, hidden = numbered(1), numbered(2), numbered(3)
        heap.push([one, two, hidden])
        heap.markContacted(one)
        assert heap.getUncontacted() == [two]
        assert not heap.allBeenContacted()
        heap.markContacted(two)
        assert heap.allBeenContacted()

    def test_of_nothing_has_contacted_everybody(self) -> None:
        assert NodeHeap(numbered(0), 2).allBeenContacted()

    def test_contains_by_id(self) -> None:
        """Since 0.5; before, only the very object counted."""
        heap = NodeHeap(numbered(0), 2)
        heap.push(numbered(1, 1001))
        assert numbered(1) in heap
        assert numbered(2) not in heap

    def test_is_false_while_it_is_empty(self) -> None:
        assert not NodeHeap(numbered(0), 2)
        assert NodeHeap(numbered(0), 2).popleft() is None

    @given(st.lists(ids, unique=True, max_size=30), ids, st.integers(1, 10))
    def test_shows_what_sorting_by_distance_shows(self, pushed: list[bytes], target: bytes, maxsize: int) -> None:
        heap = NodeHeap(Node(target), maxsize)
        heap.push([Node(node_id) for node_id in pushed])
        nearest = sorted(pushed, key=lambda node_id: int.from_bytes(node_id, "big") ^ int.from_bytes(target, "big"))
        assert heap.get_ids() == nearest[:maxsize]
