"""Reading a user's storage, whichever release it was written for.

The rule: the user's object is never wrapped, copied or replaced. In 0.x a storage had `iteritems` and
`iteritemsOlderThan`, and iterating it gave keys or was impossible; in 1.x `items`; since 2.0 iterating it
gives (key, value), and there is `iter_older_than`. These functions find what is there. A caller who wants to
know whether there is a storage at all asks `storage is None`: an empty one may well be false.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from kademlia.storage.memory import ForgetfulStorage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ALL = ("iteritems", "__iter__", "items")
OLDER = ("iter_older_than", "iteritemsOlderThan")
NEEDED = (("__setitem__",), ("__getitem__",), ("get",), OLDER, ALL)

# What a key may come back as, from a dict, a shelve or a database; a pair is none of these.
KEY_TYPES = (bytes, str, bytearray, memoryview)

GONE = object()


def check_storage(storage: Any) -> None:
    """Refuse an object that cannot serve as a storage.

    Args:
        storage: what the user gave as one.

    Raises:
        TypeError: it is a class, or lacks methods; the message names them.
    """
    if isinstance(storage, type):
        raise TypeError(f"storage is the class {storage.__name__}: pass an instance, {storage.__name__}(...)")
    missing = [" or ".join(spellings) for spellings in NEEDED if _method(storage, spellings) is None]
    if missing:
        raise TypeError(
            f"storage of type {type(storage).__name__} lacks {', '.join(missing)}:"
            " kademlia.storage.IStorage says what a storage has"
        )


def pairs(storage: Any) -> Iterator[tuple[bytes, Any]]:
    """Go through everything in a storage.

    Args:
        storage: one that `check_storage` accepts.

    Returns:
        An iterator of (key, value), over a copy, so that the storage may change meanwhile. Keys whose value
        is gone when their turn comes are left out.

    Raises:
        TypeError: the storage yields neither keys nor pairs, or cannot be gone through.
    """
    items = _call(storage, ALL)
    return _pairs(storage, items if type(storage) is ForgetfulStorage else list(items))  # ours bears changes


def pairs_older_than(storage: Any, seconds_old: float) -> Iterator[tuple[bytes, Any]]:
    """Go through what was set in a storage a given time ago or earlier.

    Args:
        storage: one that `check_storage` accepts.
        seconds_old: the least age, in seconds.

    Returns:
        An iterator of (key, value), in the storage's order: the oldest first, if it keeps to its contract.

    Raises:
        TypeError: the storage yields neither keys nor pairs, or cannot tell ages.
    """
    return _pairs(storage, list(_call(storage, OLDER, seconds_old)))


def _pairs(storage: Any, items: Iterable[Any]) -> Iterator[tuple[bytes, Any]]:
    for item in items:
        if not isinstance(item, KEY_TYPES):
            yield _pair(storage, item)
        elif (value := _value(storage, item)) is not GONE:
            yield cast("bytes", item), value


def _pair(storage: Any, item: Any) -> tuple[bytes, Any]:
    try:
        key, value = item
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"storage of type {type(storage).__name__} yielded an item of type {type(item).__name__}:"
            " going through a storage must yield (key, value)"
        ) from error
    return key, value


def _value(storage: Any, key: Any) -> Any:
    try:
        return storage[key]
    except KeyError:  # it grew too old since the storage yielded it
        return GONE


def _call(storage: Any, spellings: tuple[str, ...], *args: Any) -> Iterable[Any]:
    name = _method(storage, spellings)
    if name is None:
        raise TypeError(f"storage of type {type(storage).__name__} lacks {' or '.join(spellings)}")
    return cast("Iterable[Any]", getattr(storage, name)(*args))


def _method(storage: Any, spellings: tuple[str, ...]) -> str | None:
    """Choose the spelling that the most derived class defines: there the user's own word stands.

    Methods that are no part of the class, as of an object that forwards to another one, are found last.
    """
    present = [name for name in spellings if getattr(storage, name, None) is not None]
    classes = type(storage).__mro__
    in_classes = (name for cls in classes for name in present if name in vars(cls))
    return next(in_classes, present[0] if present else None)
