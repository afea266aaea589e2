"""`kademlia get KEY`: print a value."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Annotated

import typer

from kademlia.cli import values
from kademlia.cli.client import network
from kademlia.cli.faults import Fault, NotFound
from kademlia.cli.options import Bootstrap, Key

EXAMPLES = [
    ("kademlia get greeting -b 192.0.2.1:8468", "by a node that you know"),
    ("kademlia get logo > logo.png", "with KADEMLIA_BOOTSTRAP set; the file holds the value and nothing else"),
    ("kademlia get --hex logo", "to look at bytes"),
    ("kademlia get ada | jq .born", "lists and maps are printed as JSON"),
]


def get(
    key: Key,
    bootstrap: Bootstrap = None,
    hexadecimal: Annotated[bool, typer.Option("--hex", "-x", help="Print the value's bytes in hexadecimal.")] = False,
) -> None:
    """Find the value of a key and print it.

    The value goes to stdout exactly as it was stored, without a line end (a terminal gets one). Lists and maps are one
    line of JSON; bytes in them become text of hexadecimal digits. If nobody has the key, the exit code is 1.
    """
    value = asyncio.run(find(key, bootstrap))
    if value is None:
        raise NotFound(f"not found: {key}")
    data = values.shown(value)
    print_exactly(data.hex().encode() if hexadecimal else data)


async def find(key: str, bootstrap: list[str] | None) -> values.Value | None:
    """Find one value on the network; None if nobody has it."""
    async with network(bootstrap) as server:
        value: values.Value | None = await server.get(key)
        return value


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
