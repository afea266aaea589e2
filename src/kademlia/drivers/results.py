"""What a batch of operations is to an asyncio program: something to await, or to go through as results come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator, Hashable
from typing import Any

from kademlia.engine.batch import Batch


class Results:
    """Results under way. `await` it for a dict of all, or `async for key, result in` it for each as it comes.

    Who stops waiting, or leaves the loop, ends the batch: nothing more is begun.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, batch: Batch[Any]) -> None:
        self._loop = loop
        self._batch = batch
        batch.start()

    def __await__(self) -> Generator[Any, None, dict[Hashable, Any]]:
        """Wait for all results."""
        return self._all().__await__()

    async def _all(self) -> dict[Hashable, Any]:
        done = self._loop.create_future()
        self._batch.operation.then(lambda _results: None if done.done() else done.set_result(None))
        try:
            await done
        finally:
            self._batch.stop()
        return self._batch.results

    async def __aiter__(self) -> AsyncIterator[tuple[Hashable, Any]]:
        """Go through the results as they come, those that are there already first."""
        waiting: asyncio.Queue[tuple[Hashable, Any] | None] = asyncio.Queue()
        for pair in self._batch.results.items():
            waiting.put_nowait(pair)
        self._batch.listeners.append(lambda key, result: waiting.put_nowait((key, result)))
        self._batch.operation.then(lambda _results: waiting.put_nowait(None))
        try:
            while (result := await waiting.get()) is not None:
                yield result
        finally:
            self._batch.stop()
