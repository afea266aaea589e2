"""One worker process, seen from the demo: started, asked, killed."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from itertools import count
from typing import Any

import msgspec

#: Longest answer of a worker, in bytes: the digests of a million keys.
ANSWER_BYTES_MAX = 64 << 20

#: A worker that does not answer for this long has failed; the slowest lookup through dead nodes takes a few seconds.
ANSWER_S = 60.0

#: A worker told to end is given this long before it is killed.
END_S = 5.0


class WorkerFailedError(Exception):
    """A worker process ended, or went silent, without being told to."""


class WorkerProcess:
    """A process with some nodes in it. Make it with `start`."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._numbers = count()
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls) -> WorkerProcess:
        """Start a process without nodes."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "kademlia.cli.demo.worker", stdin=PIPE, stdout=PIPE, limit=ANSWER_BYTES_MAX
        )
        return cls(process)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    async def ask(self, method: str, *arguments: Any) -> Any:
        """Have the worker do something (`worker.Worker`); return what it answers.

        Raises:
            WorkerFailedError: It ended, or does not answer.
        """
        if self._listening.done():
            raise WorkerFailedError(f"process {self.pid} ended by itself")
        number = next(self._numbers)
        self._asked[number] = asyncio.get_running_loop().create_future()
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode((number, method, arguments)) + b"\n")
        try:
            async with asyncio.timeout(ANSWER_S):
                return await self._asked[number]
        except TimeoutError:
            raise WorkerFailedError(f"process {self.pid} did not {method} within {ANSWER_S:.0f} s") from None
        finally:
            del self._asked[number]

    async def kill(self) -> None:
        """Kill the process, so that its nodes vanish without a word to anybody."""
        self._process.kill()
        await self._process.wait()

    async def end(self) -> None:
        """End the process: politely, and if that does not help, otherwise."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(END_S):
                await self._process.wait()
        except TimeoutError:
            await self.kill()
        await self._listening

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            number, result = msgspec.json.decode(line)
            future = self._asked.get(number)
            if future is not None and not future.done():
                future.set_result(result)
        for future in self._asked.values():
            if not future.done():
                future.set_exception(WorkerFailedError(f"process {self.pid} ended by itself"))
