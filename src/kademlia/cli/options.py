"""Arguments and options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from kademlia.arguments import check_life
from kademlia.cli import quantities
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


def life(text: str) -> float:
    """Return the life of a value, in seconds.

    Raises:
        WrongUse: The text is none, or holders do not keep a value for so short or long.
    """
    span = quantities.seconds(text)
    try:
        return check_life(span)
    except ValueError as fault:
        bounds = str(fault).partition(";")[0]  # what follows there is for programs
        raise WrongUse(f"--{bounds}; set the value again before it ends") from None


Ttl = Annotated[
    float | None,
    typer.Option(
        "--ttl",
        metavar="TIME",
        help="How long the value lives: seconds, or like 90m, 12h, 7d (the most). A day unless given.",
        parser=life,
        show_default=False,
    ),
]
