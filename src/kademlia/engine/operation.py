"""An operation: something under way in an engine that will have one result.

The engine knows neither futures nor Deferreds; a host turns an operation into what its world awaits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")
U = TypeVar("U")


class Operation(Generic[T]):
    """A result that is not there yet, and who waits for it. It ends once; later endings change nothing."""

    __slots__ = ("_waiting", "done", "value")

    value: T

    def __init__(self) -> None:
        self.done = False
        self._waiting: list[Callable[[T], None]] = []

    def finish(self, value: T) -> None:
        """End with a value and tell everybody who waits; the first call wins."""
        if self.done:
            return
        self.done = True
        self.value = value
        waiting, self._waiting = self._waiting, []
        for callback in waiting:
            callback(value)

    def then(self, callback: Callable[[T], None]) -> None:
        """Call back with the value, now if it is there already."""
        if self.done:
            callback(self.value)
        else:
            self._waiting.append(callback)


def finished(value: T) -> Operation[T]:
    """Return an operation that has ended with this value."""
    operation: Operation[T] = Operation()
    operation.finish(value)
    return operation


def mapped(operation: Operation[T], function: Callable[[T], U]) -> Operation[U]:
    """Return the operation that ends, as soon as this one does, with what a function that never raises makes of it."""
    changed: Operation[U] = Operation()
    operation.then(lambda value: changed.finish(function(value)))
    return changed


def gathered(operations: Iterable[Operation[T]]) -> Operation[list[T]]:
    """Return the operation that ends with all the values, in order, when the last one is there."""
    operations = list(operations)
    whole: Operation[list[T]] = Operation()
    left = len(operations)

    def one_done(_value: T) -> None:
        nonlocal left
        left -= 1
        if not left:
            whole.finish([operation.value for operation in operations])

    if not operations:
        whole.finish([])
    for operation in operations:
        operation.then(one_done)
    return whole
