"""`kademlia set KEY VALUE`: store a value."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from kademlia.cli import outcomes, quantities, screen, values
from kademlia.cli.client import network
from kademlia.cli.faults import NotFound, Unreachable, WrongUse
from kademlia.cli.options import Bootstrap, Key, Ttl

EXAMPLES = [
    ("kademlia set greeting 'hello, world' -b 192.0.2.1:8468", "a text"),
    ("kademlia set --type int answer 42", "a number, with KADEMLIA_BOOTSTRAP set"),
    ("kademlia set --type int -- depth -11034", "-- before what begins with a minus"),
    ("kademlia set --type bytes logo 89504e47", "bytes, in hexadecimal"),
    ("""kademlia set --type json ada '{"born": 1815, "fields": ["mathematics"]}'""", "a map; in it a list"),
    ("kademlia set --ttl 7d motto 'fiat lux'", "for a week instead of a day"),
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
    ttl: Ttl = None,
) -> None:
    """Store a value under a key.

    The value goes to the nodes closest to the key. It lives for a day unless --ttl says otherwise: this command is gone
    then, and nobody else renews it, so set it again before. Up to about 8 kB fit into one value. Releases before 3.0
    read a list or map as bytes.
    """
    asyncio.run(store(key, values.parse(value, kind), bootstrap, ttl))


async def store(key: str, value: values.Value, bootstrap: list[str] | None, ttl: float | None = None) -> None:
    """Store one value on the network, and tell who took it."""
    async with network(bootstrap) as server:
        try:
            result = await server.publish(key, value, ttl=ttl, renew=False)
        except ValueError as fault:
            raise WrongUse(f"cannot store {key!r:.60}: {fault}") from None
    if not result:
        fault_of = NotFound if result.refused else Unreachable
        raise fault_of(f"no node took the value of {key!r:.60}: {outcomes.why_nobody(result)}")
    until = quantities.moment(result.expires_at)
    line = f"stored {screen.one_line(key)} {outcomes.where(result)} until {until}{outcomes.others(result)}"
    screen.out().print(line, markup=False)
