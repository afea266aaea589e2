"""`kademlia node`: run a node until it is told to end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from kademlia.cli import addresses
from kademlia.cli.life import Life, Plan
from kademlia.cli.options import Bootstrap

EXAMPLES = [
    ("kademlia node", "the first node of a network, on port 8468"),
    ("kademlia node --bootstrap 192.0.2.1:8468", "one more, on another machine"),
    ("kademlia node --port 0 --interface 127.0.0.1 -b 127.0.0.1:8468", "one more on this machine"),
    ("kademlia node --state node.json", "come back as the same node"),
    ("kill -USR1 PID", "have a running node print what it counted"),
]


Port = Annotated[
    int, typer.Option("--port", "-p", min=0, max=65535, metavar="PORT", help="UDP port; 0 takes any free one.")
]
Interface = Annotated[
    str, typer.Option("--interface", "-i", metavar="ADDRESS", help="Address to listen on; [b]::[/] for IPv6 and IPv4.")
]
StateFile = Annotated[
    Path | None,
    typer.Option(
        "--state",
        "-s",
        metavar="FILE",
        help="Come back with the id and contacts in this file, if there is one; save them there every ten minutes and "
        "at the end.",
    ),
]
Ksize = Annotated[
    int | None,
    typer.Option(
        "--ksize", "-k", min=1, metavar="K", help="Holders of a value, contacts in a bucket: 20, or as the state says."
    ),
]
Alpha = Annotated[
    int | None,
    typer.Option("--alpha", "-a", min=1, metavar="N", help="Requests at once in a lookup: 3, or as the state says."),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Tell whenever the number of contacts changes.")]


def node(
    port: Port = 8468,
    interface: Interface = "0.0.0.0",  # noqa: S104  # a node is there to be reached
    bootstrap: Bootstrap = None,
    state: StateFile = None,
    ksize: Ksize = None,
    alpha: Alpha = None,
    verbose: Verbose = False,
) -> None:
    """Run a node: it keeps values of others, and helps everybody find theirs.

    It prints its address and id, and what happens to it. Ctrl-C and SIGTERM end it. While it knows nobody it tries the
    --bootstrap addresses again by itself, for ever.
    """
    plan = Plan(port, interface, addresses.parse_all(bootstrap or []), state, ksize, alpha, verbose)
    asyncio.run(Life(plan).run())
