"""Networks of real processes, some of the published release 2.2.3, some of ours."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import kademlia

#: The program that every process runs.
WORKER = Path(__file__).with_name("node_worker.py")

#: Longest line that a process may write, in bytes.
LINE_BYTES_MAX = 1 << 20

#: How long an order may take, in seconds: an old node's lookup waits five for each round with a dead node in it.
ORDER_S = 60.0

OLD, OURS = "old", "ours"


class Process:
    """One process with nodes in it.

    Args:
        kind: `OLD` or `OURS`.
        python: The interpreter that has the release in question.
        log: A file for what it says on stderr.
    """

    def __init__(self, kind: str, python: Path, log: Path) -> None:
        self.kind = kind
        self.log = log
        self._python = python
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._numbers = itertools.count()

    async def __aenter__(self) -> Self:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        if self.kind == OURS:
            environment["PYTHONPATH"] = str(Path(kademlia.__file__).parent.parent)
        with self.log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                self._python,
                WORKER,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=environment,
                limit=LINE_BYTES_MAX,
            )
        self._reading = asyncio.create_task(self._read())
        assert await self.order("version") == {OLD: "2.2.3", OURS: kademlia.__version__}[self.kind]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 10)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await self._reading

    async def order(self, do: str, **details: object) -> Any:
        """Have something done; return its result.

        Raises:
            RuntimeError: It raised there.
            TimeoutError: It took a minute.
        """
        number = next(self._numbers)
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"number": number, "do": do, **details}).encode() + b"\n")
        await self._process.stdin.drain()
        return await asyncio.wait_for(future, ORDER_S)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            said = json.loads(line)
            future = self._waiting.pop(said["number"])
            if future.done():
                continue
            if "fault" in said:
                future.set_exception(RuntimeError(f"{self.kind}: {said['fault']}"))
            else:
                future.set_result(said["result"])
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(RuntimeError(f"{self.kind} process ended: {self.log.read_text()[-2000:]}"))


@dataclass(frozen=True)
class Peer:
    """One node, in its process."""

    process: Process
    number: int
    id: str
    address: tuple[str, int]

    @property
    def kind(self) -> str:
        """`OLD` or `OURS`."""
        return self.process.kind

    def __str__(self) -> str:
        return f"{self.kind} {self.id[:6]} at {self.address[1]}"

    async def bootstrap(self, *others: Peer) -> list[str]:
        """Join by others; return the ids found."""
        addresses = [list(other.address) for other in others]
        found: list[str] = await self.process.order("bootstrap", node=self.number, addresses=addresses)
        return found

    async def store(self, key: str, value: object) -> bool:
        """Store a value."""
        accepted: bool = await self.process.order("set", node=self.number, key=key, value=_packed(value))
        return accepted

    async def find(self, key: str) -> Any:
        """Find a value, in its own type."""
        return _unpacked(await self.process.order("get", node=self.number, key=key))

    async def holds(self, key: str) -> bool:
        """Return whether this node keeps the value itself."""
        held: bool = await self.process.order("holds", node=self.number, key=key)
        return held

    async def neighbours(self, key: str) -> list[str]:
        """Return the ids that a search for a key would start from."""
        ids: list[str] = await self.process.order("neighbours", node=self.number, key=key)
        return ids

    async def search(self, node_id: str) -> bool:
        """Search for a value as near to an id as there is (ours only)."""
        found: bool = await self.process.order("search", node=self.number, digest=node_id)
        return found

    async def stats(self) -> dict[str, int]:
        """Return what went wrong so far (ours only)."""
        counts: dict[str, int] = await self.process.order("stats", node=self.number)
        return counts

    async def contacts(self) -> set[str]:
        """Return the ids in its routing table."""
        return set(await self.process.order("contacts", node=self.number))


async def add(process: Process, k: int, node_id: bytes | None = None, **options: object) -> Peer:
    """Let a node live in a process."""
    made = await process.order("add", k=k, node_id=node_id.hex() if node_id else None, **options)
    ip, port = made["address"]
    return Peer(process, made["node"], made["id"], (ip, port))


def our_python() -> Path:
    """Return the interpreter that runs us."""
    return Path(sys.executable)


def _packed(value: object) -> list[object]:
    if isinstance(value, bytes):
        return ["bytes", base64.b64encode(value).decode()]
    return [type(value).__name__, repr(value) if isinstance(value, float) else value]


def _unpacked(packed: list[Any]) -> Any:
    kind, value = packed
    if kind == "bytes":
        return base64.b64decode(value)
    if kind == "float":
        return float(value)
    assert type(value).__name__ == kind
    return value
