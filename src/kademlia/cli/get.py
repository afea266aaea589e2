"""`kademlia get KEY`: print a value."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from kademlia.cli import findings, quantities, screen, values
from kademlia.cli.client import network, settle
from kademlia.cli.faults import Fault, NotFound, WrongUse
from kademlia.cli.options import Bootstrap, Key

if TYPE_CHECKING:
    from kademlia.searching import FetchResult

EXAMPLES = [
    ("kademlia get greeting -b 192.0.2.1:8468", "by a node that you know"),
    ("kademlia get logo > logo.png", "with KADEMLIA_BOOTSTRAP set; the file holds the value and nothing else"),
    ("kademlia get --hex logo", "to look at bytes"),
    ("kademlia get ada | jq .born", "lists and maps are printed as JSON"),
    ("kademlia get --quorum 3 --verbose greeting", "the newest that three nodes have; who has it, and until when"),
]


def get(
    key: Key,
    bootstrap: Bootstrap = None,
    hexadecimal: Annotated[bool, typer.Option("--hex", "-x", help="Print the value's bytes in hexadecimal.")] = False,
    quorum: Annotated[
        int,
        typer.Option(
            "--quorum", "-q", min=1, metavar="N", help="Ask until so many nodes have told theirs; the newest counts."
        ),
    ] = 1,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Tell on stderr who has it, since when and until when.")
    ] = False,
) -> None:
    """Find the value of a key and print it.

    The value goes to stdout exactly as it was stored, without a line end (a terminal gets one). Lists and maps are one
    line of JSON; bytes in them become text of hexadecimal digits. If nobody has the key, the exit code is 1.

    The first value found ends the search. After an update that some nodes missed it may be the old one: with --quorum
    the newest of several is printed, and those that had an older one are sent it.
    """
    found = asyncio.run(find(key, bootstrap, quorum))
    if verbose:
        screen.err().print(findings.block(found))
    if found.value is None:
        raise NotFound(f"not found: {key}{_deleted(found)}")
    told = len(found.holders) + len(found.stale)
    if told < quorum:
        screen.complain(f"{quantities.counted(told, 'node')} told a value of {key!r:.60}, not {quorum}", "yellow")
    data = values.shown(found.value)
    print_exactly(data.hex().encode() if hexadecimal else data)


def _deleted(found: FetchResult) -> str:
    """Return that a value was deleted, and when, as far as is known."""
    if not found.deleted:
        return ""
    return f" (deleted {quantities.moment(found.stamp)})" if found.stamp is not None else " (deleted)"


async def find(key: str, bootstrap: list[str] | None, quorum: int = 1) -> FetchResult:
    """Find one value on the network. With a quorum of 1 that is as quick as `Server.get`, and tells of deletions."""
    async with network(bootstrap) as server:
        try:
            found: FetchResult = await server.fetch(key, quorum)
        except ValueError as fault:
            raise WrongUse(f"{fault}") from None
        if found.stale:
            await settle(server)
        return found


def print_exactly(data: bytes) -> None:
    """Write bytes to stdout as they are; on a terminal end the line, so that the prompt begins a new one."""
    end = b"\n" if sys.stdout.isatty() else b""
    sys.stdout.flush()
    try:
        sys.stdout.buffer.write(data + end)
        sys.stdout.buffer.flush()
    except OSError as fault:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes again as it ends
        if not isinstance(fault, BrokenPipeError):  # then whoever reads it has enough
            raise Fault(f"cannot write the value: {fault.strerror}") from None
