"""IStorage: what a storage of values must be able to do.

The rule: it is an ABC with the five abstract methods of the 2.x releases, so classes derive from it, and
where zope.interface is installed it also serves as the interface of the 0.x releases:
`@implementer(IStorage)`, `IStorage.providedBy(storage)`, `verifyObject(IStorage, storage)`. No class can be
both an ABC and an interface; this one keeps a twin interface that is made, and zope.interface imported, when
it is first asked for. Whatever else in zope.interface wants an interface takes the twin, which is
`next(iter(IStorage))`.
"""

from __future__ import annotations

import functools
from abc import ABCMeta, abstractmethod
from typing import TYPE_CHECKING, Any

from kademlia.utils import BothSpellings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DOCUMENTED_NAMES = ("__setitem__", "__getitem__", "get", "iteritemsOlderThan", "iteritems")


class StorageType(ABCMeta):
    """The type of `IStorage`: an ABCMeta that shows zope.interface the twin."""

    def __iter__(cls) -> Iterator[Any]:
        """Yield the twin: zope's declarations look into whatever they are given that is no interface."""
        yield _twin()

    def providedBy(cls, candidate: object) -> bool:
        """Tell whether an object declares, or its class inherits, that it is a storage.

        Args:
            candidate: any object.

        Returns:
            True if it does. That it has the methods is another question: `verifyObject(IStorage, candidate)`.

        Raises:
            ImportError: zope.interface is not installed.
        """
        return bool(_twin().providedBy(candidate))

    def implementedBy(cls, candidate: type) -> bool:
        """Tell whether the instances of a class declare that they are storages.

        Args:
            candidate: any class.

        Returns:
            True if they do.

        Raises:
            ImportError: zope.interface is not installed.
        """
        return bool(_twin().implementedBy(candidate))

    def names(cls, all: bool = False) -> list[str]:
        """List the documented methods of a storage.

        Args:
            all: as in zope.interface, include inherited ones; there are none.

        Returns:
            Their names, in the spelling of the documentation.

        Raises:
            ImportError: zope.interface is not installed.
        """
        return list(_twin().names(all))

    def namesAndDescriptions(cls, all: bool = False) -> list[tuple[str, Any]]:
        """List the documented methods with zope's description of each.

        Args:
            all: as in zope.interface, include inherited ones; there are none.

        Returns:
            Pairs of a name and its `zope.interface.interfaces.IMethod`.

        Raises:
            ImportError: zope.interface is not installed.
        """
        return list(_twin().namesAndDescriptions(all))


class IStorage(BothSpellings, metaclass=StorageType):
    """Local storage for a node: what `Server(storage=...)` accepts.

    Keys are the 20 bytes of a digest. A value comes back in the type it was set in. Deriving from this class
    is one way to write a storage; declaring it with zope.interface, or just having the methods, are two
    others.
    """

    @abstractmethod
    def __setitem__(self, key: bytes, value: Any) -> None:
        """Set a key to the given value."""

    @abstractmethod
    def __getitem__(self, key: bytes) -> Any:
        """Get the value of a key. KeyError if there is none."""

    @abstractmethod
    def get(self, key: bytes, default: Any = None) -> Any:
        """Get the value of a key.

        Args:
            key: the key's digest.
            default: what to return where there is none.

        Returns:
            The value, or the default.
        """

    @abstractmethod
    def iter_older_than(self, seconds_old: float) -> Iterable[tuple[bytes, Any]]:
        """Go through what was set a given time ago or earlier, the oldest first.

        Args:
            seconds_old: the least age, in seconds.

        Returns:
            An iterable of (key, value).
        """

    iteritemsOlderThan = iter_older_than

    @abstractmethod
    def __iter__(self) -> Iterator[tuple[bytes, Any]]:
        """Go through everything, as (key, value)."""

    def iteritems(self) -> Iterator[tuple[bytes, Any]]:
        """Go through everything, as (key, value): the documented name of `iter(storage)`."""
        return iter(self)


# The second spelling comes with the first (BothSpellings); the abstract methods are the five of 2.x.
IStorage.__abstractmethods__ -= {"iteritemsOlderThan"}


@functools.cache
def _twin() -> Any:
    """Make the interface of 0.x, and declare that everything derived from IStorage provides it."""
    try:
        from zope.interface import Interface, classImplements
        from zope.interface.interface import InterfaceClass, fromMethod
    except ImportError as error:
        raise ImportError("interfaces need zope.interface: pip install kademlia[twisted]") from error
    methods = {name: fromMethod(vars(IStorage)[name], name=name) for name in DOCUMENTED_NAMES}
    twin = InterfaceClass("IStorage", (Interface,), methods, __doc__=IStorage.__doc__, __module__=__name__)
    classImplements(IStorage, twin)
    return twin
