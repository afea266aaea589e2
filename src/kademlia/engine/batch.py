"""Many operations as one: finding or storing thousands of values, a few at a time.

What each learns of the network serves its neighbours (`engine.survey`). So keys are taken in an order that soon has
some in every place: by the last bits of their ids. In the order of the ids themselves, all keys in one half of a
subtree would be looked up before the other half has its turn, without which the subtree is not known completely.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

from kademlia.engine import limits
from kademlia.engine.operation import Operation
from kademlia.node import Node

T = TypeVar("T")

#: One key of a batch: the program's own, its id, and what begins its operation.
Item = tuple[Hashable, Node, Callable[[], Operation[T]]]


class Batch(Generic[T]):
    """Operations under way together; `operation` ends with a dict of all results, by the program's keys.

    Args:
        items: What is to be done.
        report: Called with a message if `on_result` raises.
        on_result: Called with each key and its result as they come.
    """

    def __init__(
        self,
        items: list[Item[T]],
        report: Callable[[str], None],
        on_result: Callable[[Hashable, T], object] | None = None,
    ) -> None:
        self.operation: Operation[dict[Hashable, T]] = Operation()
        self.results: dict[Hashable, T] = {}
        self.listeners: list[Callable[[Hashable, T], object]] = [on_result] if on_result is not None else []
        self._report = report
        self._left = len(items)
        self._items = sorted(items, key=lambda item: item[1].id[::-1])

    def start(self) -> Operation[dict[Hashable, T]]:
        """Start on all lanes."""
        if not self._items:
            self.operation.finish({})
        length = -(-len(self._items) // limits.BATCH_AT_ONCE)
        lanes = [self._items[start : start + length] for start in range(0, len(self._items), length or 1)]
        self._items = []
        for lane in lanes:
            self._go_on(iter(lane))
        return self.operation

    def stop(self) -> None:
        """Begin nothing more: nobody waits for it. What is under way goes on by itself."""
        self.operation.finish(self.results)

    def _go_on(self, lane: Iterator[Item[T]]) -> None:
        """Do the rest of a lane, one item after the other. Those that end at once must not pile up on the stack."""
        at_once = True
        while at_once and not self.operation.done and (item := next(lane, None)) is not None:
            key, _, begin = item
            operation = begin()
            at_once = operation.done
            if at_once:
                self._done(key, operation.value)
            else:
                operation.then(lambda result, key=key: self._done_later(lane, key, result))  # type: ignore[misc]

    def _done_later(self, lane: Iterator[Item[T]], key: Hashable, result: T) -> None:
        self._done(key, result)
        self._go_on(lane)

    def _done(self, key: Hashable, result: T) -> None:
        self.results[key] = result
        self._left -= 1
        for listener in self.listeners:
            try:
                listener(key, result)
            except Exception as fault:  # noqa: BLE001  # a program's own code may raise anything; the rest goes on
                self._report(f"on_result raised {type(fault).__name__}: {fault}")
        if not self._left:
            self.operation.finish(self.results)
