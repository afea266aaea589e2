"""A Server keeps its values in whatever storage a program brings, written to the contract of either generation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.compat_2x.nodes import address_of, network, protocol_of

from kademlia.node import Node
from kademlia.storage import ForgetfulStorage, IStorage
from kademlia.utils import digest

KEY = digest("a key")


class Of2x(IStorage):
    """Derives from the ABC and has exactly its five abstract methods."""

    def __init__(self) -> None:
        self.values: dict[bytes, Any] = {}

    def __setitem__(self, key: bytes, value: Any) -> None:
        self.values[key] = value

    def __getitem__(self, key: bytes) -> Any:
        return self.values[key]

    def get(self, key: bytes, default: Any = None) -> Any:
        return self.values.get(key, default)

    def iter_older_than(self, seconds_old: float) -> list[tuple[bytes, Any]]:
        return list(self.values.items())

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values.items())


class Of2xWithLen(Of2x):
    """False while it is empty: published releases put one of their own in its place."""

    def __len__(self) -> int:
        return len(self.values)


class Of0x:
    """As the documentation has it: no base class, `iteritems` and `iteritemsOlderThan`; iterating it gives keys."""

    def __init__(self) -> None:
        self.values: dict[bytes, Any] = {}

    def __setitem__(self, key: bytes, value: Any) -> None:
        self.values[key] = value

    def __getitem__(self, key: bytes) -> Any:
        return self.values[key]

    def get(self, key: bytes, default: Any = None) -> Any:
        return self.values.get(key, default)

    def iteritems(self) -> Iterator[Any]:
        return iter(self.values.items())

    def iteritemsOlderThan(self, secondsOld: float) -> Iterator[Any]:
        return iter(self.values.items())

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    def __len__(self) -> int:
        return len(self.values)


class Counting(ForgetfulStorage):
    """A subclass of the package's own that looks at what is set."""

    def __init__(self) -> None:
        super().__init__()
        self.sets = 0

    def __setitem__(self, key: bytes, value: Any) -> None:
        self.sets += 1
        super().__setitem__(key, value)


@pytest.mark.parametrize("kind", [Of2x, Of2xWithLen, Of0x, Counting, ForgetfulStorage])
class TestAStorageOfOnesOwn:
    async def test_is_the_one_used(self, kind: Any) -> None:
        storage = kind()
        async with network(1) as [alice], network(1, storage=storage) as [carol]:
            await carol.bootstrap([address_of(alice)])
            assert carol.storage is protocol_of(carol).storage is storage
            assert await alice.set("a key", "a value") is True
            assert storage.get(KEY) == "a value"

    async def test_is_read_for_get_and_for_others(self, kind: Any) -> None:
        async with network(2) as [alice, bob], network(1, storage=kind()) as [carol]:
            carol.storage[KEY] = "carol's"
            assert await carol.get("a key") == "carol's"
            await carol.bootstrap([address_of(alice)])
            assert await bob.get("a key") == "carol's"

    async def test_is_handed_over_to_newcomers(self, kind: Any) -> None:
        async with network(1) as [alice], network(1, storage=kind()) as [carol]:
            carol.storage[KEY] = "carol's"
            transfer = protocol_of(carol).transfer_key_values(Node(alice.node.id, *address_of(alice)))
            assert await transfer == [(True, True)]
            assert alice.storage.get(KEY) == "carol's"

    async def test_is_republished_from(self, kind: Any) -> None:
        """Its keys are digests already; hashed twice, as 0.x did, they would never be found."""
        async with network(1) as [alice], network(1, storage=kind()) as [carol]:
            await carol.bootstrap([address_of(alice)])
            carol.storage[KEY] = "carol's"
            if isinstance(carol.storage, ForgetfulStorage):  # the others call everything old
                birthday, value = carol.storage.data[KEY]
                carol.storage.data[KEY] = (birthday - 3601, value)
            await carol.refresh_table()
            assert alice.storage.get(KEY) == "carol's"


def test_a_storage_with_a_method_missing_cannot_be_made() -> None:
    """As in 2.x, the ABC says so."""

    class Half(IStorage):
        def get(self, key: bytes, default: Any = None) -> Any:
            return default

    with pytest.raises(TypeError, match="abstract"):
        Half()  # type: ignore[abstract]


def test_the_package_s_storage_gives_pairs_when_iterated() -> None:
    storage = ForgetfulStorage(10)
    storage[b"one"] = "two"
    assert list(storage) == [(b"one", "two")]
    assert storage.iter_older_than(0) == [(b"one", "two")]
