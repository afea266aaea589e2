"""The documented helpers, and the mixin that keeps two spellings of a method one.

The rule: nothing here knows about nodes, tables or messages, and importing this module imports neither
asyncio nor Twisted. The two functions that belong to an event loop import it when they are called.
"""

from __future__ import annotations

import hashlib
from itertools import permutations, takewhile
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence

    from twisted.internet.defer import Deferred

K = TypeVar("K")
V = TypeVar("V")


def digest(s: object) -> bytes:
    """Hash a key to its place in the key space.

    Args:
        s: bytes are hashed as they are, anything else as the UTF-8 of its `str()`.

    Returns:
        The 20 bytes of the SHA-1, as in every published release.

    Raises:
        UnicodeEncodeError: the text holds half a surrogate pair, which UTF-8 cannot say.
    """
    data = s if isinstance(s, bytes) else str(s).encode()
    return hashlib.sha1(data).digest()


def shared_prefix(args: Iterable[Sequence[Any]]) -> Any:
    """Find the prefix that all the sequences share: of "blahblah" and "blahwhat" it is "blah".

    Args:
        args: one sequence or more, of anything that can be compared and sliced.

    Returns:
        The beginning of the first sequence, in its own type.

    Raises:
        ValueError: there is no sequence.
    """
    sequences = list(args)
    if not sequences:
        raise ValueError("shared_prefix needs at least one sequence, and got none")
    columns = zip(*sequences, strict=False)
    length = sum(1 for _ in takewhile(_all_equal, columns))
    return sequences[0][:length]


sharedPrefix = shared_prefix  # noqa: N816 - the documented spelling


def _all_equal(items: Sequence[Any]) -> bool:
    return all(item == items[0] for item in items)


def bytes_to_bit_string(bites: Iterable[int]) -> str:
    """Write bytes as zeros and ones, eight to the byte, most significant first.

    Args:
        bites: bytes, or integers from 0 to 255.

    Returns:
        The text: of b"A" it is "01000001".
    """
    return "".join(f"{bite:08b}" for bite in bites)


class OrderedSet(list[V]):
    """A list whose `push` keeps one of each, the latest last."""

    def push(self, thing: V) -> None:
        """Append a thing, in place of an equal one that is there already.

        Args:
            thing: anything that can be compared.
        """
        if thing in self:
            self.remove(thing)
        self.append(thing)


def deferred_dict(d: Mapping[K, Deferred[Any]]) -> Deferred[dict[K, Any]]:
    """Wait for all Deferreds of a dict, and keep their keys.

    Args:
        d: a dict whose values are Deferreds.

    Returns:
        A Deferred of a dict with the same keys and the results as values; for an entry that failed, its
        Failure. It never fails itself, and an empty dict has fired already.

    Raises:
        ImportError: Twisted is not installed.
    """
    try:
        from twisted.internet.defer import DeferredList
    except ImportError as error:
        raise ImportError("deferredDict needs Twisted: pip install kademlia[twisted]") from error
    keys = list(d)
    waiting = DeferredList([d[key] for key in keys], consumeErrors=True)
    return waiting.addCallback(lambda results: {key: result for key, (_, result) in zip(keys, results, strict=True)})


deferredDict = deferred_dict  # noqa: N816 - the documented spelling


async def gather_dict(dic: Mapping[K, Awaitable[V]]) -> dict[K, V]:
    """Await all values of a dict at once, and keep their keys.

    Args:
        dic: a dict whose values are awaitables.

    Returns:
        A dict with the same keys and the results as values. The first exception of a value is raised.
    """
    import asyncio

    results = await asyncio.gather(*dic.values())
    return dict(zip(dic, results, strict=True))


class BothSpellings:
    """A mixin for classes whose methods have two names, as in `addContact = add_contact`.

    Two names are spellings of each other where a class binds them to one object. A subclass that overrides
    one of them overrides both, so an override written to either generation of the documentation is honoured,
    whichever name the package itself calls. A subclass that defines both has taken them apart, and they stay
    apart below it.
    """

    __slots__ = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Give each spelling that the new class leaves out the object of the one it overrides."""
        super().__init_subclass__(**kwargs)
        for name, other in _spellings(cls):
            definer = next(c for c in cls.__mro__ if name in vars(c) or other in vars(c))  # or a mixin's
            if other not in vars(definer):
                setattr(cls, other, vars(definer)[name])


def _spellings(cls: type) -> Iterator[tuple[str, str]]:
    """Yield each two names that the bases of a class bind to one object, in both directions."""
    for base in cls.__mro__[1:]:
        names_of: dict[int, list[str]] = {}
        for name, thing in vars(base).items():
            if hasattr(type(thing), "__get__"):  # methods and properties; equal numbers are no spellings
                names_of.setdefault(id(thing), []).append(name)
        for names in names_of.values():
            yield from (pair for pair in permutations(names, 2) if _are_spellings(cls, *pair))


def _are_spellings(cls: type, name: str, other: str) -> bool:
    """Leave out `__str__ = __repr__`, which are two meanings, and what a nearer base has taken apart."""
    nearest = next(vars(base) for base in cls.__mro__[1:] if name in vars(base) and other in vars(base))
    return nearest[name] is nearest[other] and not (name.startswith("__") and other.startswith("__"))


class Hideable(Generic[V]):
    """A property that gives way to a program's own attribute: 2.x left these names of a Server to its subclasses."""

    def __init__(self, look: Callable[[Any], V]) -> None:
        self._look = look
        self.__doc__ = look.__doc__

    def __get__(self, server: object, owner: type) -> V:
        return self if server is None else self._look(server)  # type: ignore[return-value]  # as properties do
