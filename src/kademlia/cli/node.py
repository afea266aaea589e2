"""`kademlia node`: run a node until it is told to end."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from kademlia.cli import addresses, limiting, quantities
from kademlia.cli.faults import WrongUse
from kademlia.cli.folder import STATE, Room
from kademlia.cli.life import Life, Plan
from kademlia.cli.options import Bootstrap

EXAMPLES = [
    ("kademlia node", "the first node of a network, on port 8468"),
    ("kademlia node --bootstrap 192.0.2.1:8468", "one more, on another machine"),
    ("kademlia node --port 0 --interface 127.0.0.1 -b 127.0.0.1:8468", "one more on this machine"),
    ("kademlia node --data /var/lib/kademlia", "one that keeps its id, its contacts and its values over a restart"),
    ("kademlia node --data ada --commit always --max-bytes 20G", "more of them, and safe from a power failure at once"),
    ("kademlia node --state node.json", "come back as the same node, without its values"),
    ("kill -USR1 PID", "have a running node print what it counted"),
]


class Commit(StrEnum):
    """When a node on disk says that it keeps a value."""

    interval = "interval"
    always = "always"


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
Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        "-d",
        metavar="DIR",
        help="Keep id, contacts and values in this folder, and come back with them; it is made if it is not there.",
    ),
]
WhenSafe = Annotated[
    Commit | None,
    typer.Option(
        "--commit",
        help="With --data: a value is on disk within 50 ms (interval), or before the answer leaves (always, slower).",
        show_default="interval",
    ),
]
MaxBytes = Annotated[
    int | None,
    typer.Option(
        "--max-bytes",
        metavar="SIZE",
        parser=quantities.size,
        help="Room for values, like 512M or 20G, with about 250 bytes for each besides its own. When it is full, the "
        "dead give way, and then those of whoever stored the most.",
        show_default="1G with --data, else 256M",
    ),
]
MaxRecords = Annotated[
    int | None, typer.Option("--max-records", min=1, metavar="N", help="Keep so many values at most.")
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
    data: Data = None,
    commit: WhenSafe = None,
    max_bytes: MaxBytes = None,
    max_records: MaxRecords = None,
    state: StateFile = None,
    ksize: Ksize = None,
    alpha: Alpha = None,
    one_network: limiting.OneNetwork = False,
    contacts_per_network: limiting.ContactsPerNetwork = None,
    requests_per_second: limiting.RequestsPerSecond = None,
    network_requests_per_second: limiting.NetworkRequestsPerSecond = None,
    records_per_source: limiting.RecordsPerSource = None,
    bytes_per_source: limiting.BytesPerSource = None,
    verbose: Verbose = False,
) -> None:
    """Run a node: it keeps values of others, and helps everybody find theirs.

    It prints its address and id, and what happens to it. While it knows nobody it tries the --bootstrap addresses again
    by itself, for ever.

    Ctrl-C and SIGTERM end it: it hands its values to the nodes that keep them from then on, for five seconds at most. A
    second signal ends it at once.
    """
    if data is not None and state is not None:
        raise WrongUse(f"--data has the state in it, as {data / STATE}; move {state} there and leave --state out")
    if data is None and commit is not None:
        raise WrongUse("--commit is about values on disk; name a folder for them with --data, or leave it out")
    room = Room(max_bytes, max_records)
    wanted = limiting.Wanted(
        one_network=one_network,
        contacts_per_network=contacts_per_network,
        requests_per_second=requests_per_second,
        network_requests_per_second=network_requests_per_second,
        records_per_source=records_per_source,
        bytes_per_source=bytes_per_source,
    )
    plan = Plan(
        port,
        interface,
        addresses.parse_all(bootstrap or []),
        state=state,
        data=data,
        room=room,
        commit=(commit or Commit.interval).value,
        ksize=ksize,
        alpha=alpha,
        limits=wanted.limits(room, on_disk=data is not None),
        verbose=verbose,
    )
    asyncio.run(Life(plan).run())
