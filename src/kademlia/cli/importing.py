"""`kademlia import FILE`: store the records of a file, many at once, and say what could not be stored."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from kademlia.cli import records, screen
from kademlia.cli.client import network
from kademlia.cli.faults import NotFound, Unreachable
from kademlia.cli.options import Bootstrap, Ttl
from kademlia.cli.records import Bad, Format, Record
from kademlia.network import Server

EXAMPLES = [
    ("kademlia import people.jsonl", 'lines like {"key": "ada", "value": {"born": 1815}} or ["ada", "Lovelace"]'),
    ("kademlia import people.csv", "lines like ada,Lovelace, or any columns with a header that names key and value"),
    ("kademlia import --format csv people.txt --parallel 8", "gently"),
    ("kademlia import --ttl 7d people.csv", "for a week instead of a day"),
]

#: Records read from the file in one go.
BATCH = 64

#: Stores in a row that no node accepted, after which the network counts as lost.
GIVE_UP_AFTER = 100


def import_(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="JSON lines or CSV, in UTF-8.", show_default=False)],
    bootstrap: Bootstrap = None,
    format: Annotated[
        Format | None, typer.Option("--format", "-f", help="How FILE is written; by default its name says.")
    ] = None,
    parallel: Annotated[
        int, typer.Option("--parallel", "-j", min=1, max=512, metavar="N", help="Values on their way at once.")
    ] = 32,
    ttl: Ttl = None,
) -> None:
    """Store all records of a file.

    They live for a day unless --ttl says otherwise; import the file again before that is over.

    A line that is no record, or whose value cannot be stored, is named on stderr with the reason, and the rest goes
    on; the exit code is then 1. CSV values are texts; JSON values are texts, numbers, true or false, lists and maps.
    """
    with records.opened(path) as file:
        written = records.format_of(path, format)
        asyncio.run(Import(path, file, written, parallel, ttl).run(bootstrap))


@dataclass(slots=True)
class Tally:
    """What became of the records so far."""

    stored: int = 0
    failed: int = 0
    refused_in_a_row: int = 0
    begun: float = field(default_factory=time.perf_counter)

    @property
    def total(self) -> int:
        """Records seen."""
        return self.stored + self.failed

    def said(self) -> str:
        """Return it as a line."""
        seconds = time.perf_counter() - self.begun
        failed = f", {self.failed:,} failed" if self.failed else ""
        return f"stored {self.stored:,} of {self.total:,} records in {seconds:.1f} s{failed}"


class Import:
    """One file on its way into the network."""

    def __init__(self, path: Path, file: BinaryIO, format: Format, parallel: int, ttl: float | None = None) -> None:
        self._path = path
        self._file = file
        self._records = records.read(file, format)
        self._parallel = parallel
        self._ttl = ttl
        self._tally = Tally()
        self._progress = _progress()

    async def run(self, bootstrap: list[str] | None) -> None:
        """Store everything.

        Raises:
            NotFound: Some records could not be stored.
            Unreachable: The network is lost.
        """
        async with network(bootstrap) as server:
            self._tally = Tally()
            with self._progress:
                await self._store_all(server)
        if self._tally.refused_in_a_row >= GIVE_UP_AFTER:
            raise Unreachable(f"gave up: {GIVE_UP_AFTER} values in a row found no node; {self._tally.said()}")
        if self._tally.failed:
            raise NotFound(self._tally.said())
        screen.out().print(self._tally.said())

    async def _store_all(self, server: Server) -> None:
        whole = self._path.stat().st_size if self._file.seekable() else None
        bar = self._progress.add_task("importing", total=whole, news="")
        slots = asyncio.Semaphore(self._parallel)
        async with asyncio.TaskGroup() as tasks:
            while batch := await asyncio.to_thread(_batch, self._records):
                for record in batch:
                    await slots.acquire()
                    if self._tally.refused_in_a_row >= GIVE_UP_AFTER:
                        return
                    tasks.create_task(self._store(server, record)).add_done_callback(lambda _: slots.release())
                read = self._file.tell() if whole is not None else None
                self._progress.update(bar, completed=read, news=self._tally.said())

    async def _store(self, server: Server, record: Record | Bad) -> None:
        if isinstance(record, Bad):
            self._fail(record.line, record.reason)
            return
        try:
            stored = await server.set(record.key, record.value, ttl=self._ttl, renew=False)
        except (TypeError, ValueError) as fault:
            self._fail(record.line, str(fault))
            return
        self._tally.refused_in_a_row = 0 if stored else self._tally.refused_in_a_row + 1
        if stored:
            self._tally.stored += 1
        else:
            self._fail(record.line, "no node took it")

    def _fail(self, line: int, reason: str) -> None:
        self._tally.failed += 1
        self._progress.console.print(screen.one_line(f"{self._path}:{line}: {reason}"), markup=False, style="red")


def _batch(found: Iterator[Record | Bad]) -> list[Record | Bad]:
    return list(islice(found, BATCH))


def _progress() -> Progress:
    """Return a bar on stderr: bytes of the file read. Without a terminal there is none."""
    console = screen.err()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[news]}"),
    )
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
