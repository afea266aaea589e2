"""IStorage is the ABC of 2.x and the interface of 0.x at once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from zope.interface import alsoProvides, classImplements, directlyProvides, implementer, provider
from zope.interface.exceptions import Invalid
from zope.interface.verify import verifyClass, verifyObject

from kademlia.storage import ForgetfulStorage, IStorage
from kademlia.storage import interface as interface_module


class Disk(IStorage):
    """A storage written for 2.x."""

    def __setitem__(self, key: bytes, value: Any) -> None:
        raise NotImplementedError

    def __getitem__(self, key: bytes) -> Any:
        raise KeyError(key)

    def get(self, key: bytes, default: Any = None) -> Any:
        return default

    def iter_older_than(self, seconds_old: float) -> Iterable[tuple[bytes, Any]]:
        return [(b"old", seconds_old)]

    def __iter__(self) -> Iterator[tuple[bytes, Any]]:
        return iter([(b"key", 1)])


class Duck:
    """A storage written for 0.x."""

    def __setitem__(self, key: bytes, value: Any) -> None:
        raise NotImplementedError

    def __getitem__(self, key: bytes) -> Any:
        raise KeyError(key)

    def get(self, key: bytes, default: Any = None) -> Any:
        return default

    def iteritemsOlderThan(self, secondsOld: float) -> Any:
        return iter(())

    def iteritems(self) -> Any:
        return iter(())


class TestAsAbc:
    def test_the_abstract_methods_are_the_five_of_2_x(self) -> None:
        """One more, and a storage written for 2.x could not be made."""
        five = {"__setitem__", "__getitem__", "get", "iter_older_than", "__iter__"}
        assert IStorage.__abstractmethods__ == five

    def test_a_storage_of_2_x_can_be_made(self) -> None:
        assert isinstance(Disk(), IStorage)

    def test_a_storage_that_lacks_one_cannot(self) -> None:
        class Half(IStorage):
            def get(self, key: bytes, default: Any = None) -> Any:
                return default

        with pytest.raises(TypeError, match="__getitem__"):
            Half()  # type: ignore[abstract]

    def test_the_documented_names_come_with_the_new_ones(self) -> None:
        assert list(Disk().iteritemsOlderThan(5)) == [(b"old", 5)]
        assert list(Disk().iteritems()) == [(b"key", 1)]

    def test_the_old_spelling_fulfils_the_abstract_one(self) -> None:
        """1.x had IStorage as a class with iteritemsOlderThan."""

        class FirstEra(IStorage):
            def __setitem__(self, key: bytes, value: Any) -> None: ...
            def __getitem__(self, key: bytes) -> Any: ...
            def get(self, key: bytes, default: Any = None) -> Any: ...
            def __iter__(self) -> Iterator[Any]:
                return iter(())

            def iteritemsOlderThan(self, secondsOld: float) -> Iterable[tuple[bytes, Any]]:
                return [(b"old", secondsOld)]

        assert list(FirstEra().iter_older_than(5)) == [(b"old", 5)]  # type: ignore[abstract]


class TestAsInterface:
    def test_it_has_the_documented_names(self) -> None:
        documented = ["__setitem__", "__getitem__", "get", "iteritemsOlderThan", "iteritems"]
        assert IStorage.names() == documented
        assert [name for name, _ in IStorage.namesAndDescriptions()] == documented

    def test_any_class_can_declare_it(self) -> None:
        @implementer(IStorage)
        class Declared(Duck):
            pass

        assert IStorage.implementedBy(Declared)
        assert IStorage.providedBy(Declared())
        assert verifyClass(IStorage, Declared)
        assert verifyObject(IStorage, Declared())

    def test_declarations_are_inherited(self) -> None:
        class Declared(Duck):
            pass

        class Child(Declared):
            pass

        classImplements(Declared, IStorage)
        assert IStorage.providedBy(Child())

    @pytest.mark.parametrize("declare", [alsoProvides, directlyProvides])
    def test_any_object_can_declare_it(self, declare: Any) -> None:
        duck = Duck()
        assert not IStorage.providedBy(duck)
        declare(duck, IStorage)
        assert IStorage.providedBy(duck)

    def test_a_class_can_be_the_storage_itself(self) -> None:
        @provider(IStorage)
        class Itself(Duck):
            pass

        assert IStorage.providedBy(Itself)
        assert not IStorage.providedBy(Itself())

    @pytest.mark.parametrize("storage", [ForgetfulStorage(), Disk()])
    def test_what_derives_from_it_provides_it(self, storage: IStorage) -> None:
        assert IStorage.providedBy(storage)
        assert IStorage.implementedBy(type(storage))
        assert verifyObject(IStorage, storage)
        assert verifyClass(IStorage, type(storage))

    @pytest.mark.parametrize("thing", [object(), 1, dict])
    def test_other_things_do_not(self, thing: object) -> None:
        assert not IStorage.providedBy(thing)

    def test_a_declaration_without_the_methods_does_not_verify(self) -> None:
        @implementer(IStorage)
        class Empty:
            pass

        with pytest.raises(Invalid):
            verifyObject(IStorage, Empty())

    def test_its_methods_are_described(self) -> None:
        described = dict(IStorage.namesAndDescriptions())
        assert described["get"].getSignatureString() == "(key, default=None)"
        assert "key" in described["__setitem__"].getDoc()

    def test_a_user_of_zope_gets_the_interface_itself(self) -> None:
        (twin,) = IStorage
        assert twin.providedBy(ForgetfulStorage())
        assert twin.getName() == "IStorage"

    def test_without_zope_it_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "zope.interface", None)
        with pytest.raises(ImportError, match=r"pip install kademlia\[twisted\]"):
            interface_module._twin.__wrapped__()


@pytest.mark.processes
def test_it_is_provided_whenever_zope_comes() -> None:
    """It may have looked at the class before the interface was first asked for, and must learn of it."""
    program = (
        "import sys\n"
        "from kademlia.storage import ForgetfulStorage, IStorage\n"
        "storage = ForgetfulStorage()\n"
        "assert 'zope.interface' not in sys.modules\n"
        "from zope.interface import implementedBy, providedBy\n"
        "assert not list(implementedBy(ForgetfulStorage)) and not list(providedBy(storage))\n"
        "assert IStorage.providedBy(storage)\n"
        "assert list(implementedBy(ForgetfulStorage)) == list(providedBy(storage)) == list(IStorage)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
