"""`kademlia set KEY VALUE`: store a value."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from kademlia.cli import screen, values
from kademlia.cli.client import network
from kademlia.cli.faults import Unreachable, WrongUse
from kademlia.cli.options import Bootstrap, Key

EXAMPLES = [
    ("kademlia set greeting 'hello, world' -b 192.0.2.1:8468", "a text"),
    ("kademlia set --type int answer 42", "a number, with KADEMLIA_BOOTSTRAP set"),
    ("kademlia set --type int -- depth -11034", "-- before what begins with a minus"),
    ("kademlia set --type bytes logo 89504e47", "bytes, in hexadecimal"),
    ("""kademlia set --type json ada '{"born": 1815, "fields": ["mathematics"]}'""", "a map; in it a list"),
]


def set_(
    key: Key,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="The value, a text unless --type says otherwise.")],
    bootstrap: Bootstrap = None,
    kind: Annotated[
        values.Kind,
        typer.Option(
            "--type", "-t", help="What the value is; bytes are written in hexadecimal, lists and maps in JSON."
        ),
    ] = values.Kind.text,
) -> None:
    """Store a value under a key.

    The value goes to the nodes closest to the key, which keep it for a week. Up to about 8 kB fit into one value.
    Releases before 3.0 read a list or map as bytes.
    """
    asyncio.run(store(key, values.parse(value, kind), bootstrap))


async def store(key: str, value: values.Value, bootstrap: list[str] | None) -> None:
    """Store one value on the network."""
    async with network(bootstrap) as server:
        try:
            stored = await server.set(key, value)
        except ValueError as fault:
            raise WrongUse(f"cannot store {key!r:.60}: {fault}") from None
        if not stored:
            raise Unreachable(f"no node took the value of {key!r:.60}; try again, or another --bootstrap")
    screen.out().print(f"stored {screen.one_line(key)}", markup=False)
