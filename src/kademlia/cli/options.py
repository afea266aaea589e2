"""Arguments and options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from kademlia.cli.faults import WrongUse

BOOTSTRAP_VARIABLE = "KADEMLIA_BOOTSTRAP"

Bootstrap = Annotated[
    list[str] | None,
    typer.Option(
        "--bootstrap",
        "-b",
        envvar=BOOTSTRAP_VARIABLE,
        metavar="HOST:PORT",
        help="A node of the network to talk to; [b]may be repeated[/]. In the variable, separate them by commas.",
        show_default=False,
    ),
]


def utf8(text: str) -> str:
    """Return a text that can be a key: the command line gives bytes that are not UTF-8 as half surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise WrongUse(f"the key {text!r:.60} is not UTF-8") from None
    return text


Key = Annotated[str, typer.Argument(metavar="KEY", help="The key, a text.", show_default=False, callback=utf8)]
