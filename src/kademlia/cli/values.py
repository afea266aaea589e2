"""Values between the command line, where all is text, and the network, where they have a type."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from kademlia.cli.faults import WrongUse

Value = str | int | float | bool | bytes

_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Kind(StrEnum):
    """The types that a value can have on the network."""

    text = "text"
    int = "int"
    float = "float"
    bool = "bool"
    bytes = "bytes"


def parse(text: str, kind: Kind) -> Value:
    """Return the value that a text stands for.

    Raises:
        WrongUse: The text is not one of that type.
    """
    try:
        return _PARSERS[kind](text)
    except (ValueError, KeyError):
        raise WrongUse(f"{text!r:.60} is no {kind.value}; {_SPELLINGS[kind]}") from None


def _text(text: str) -> str:
    text.encode()  # the command line gives bytes that are not UTF-8 as half surrogates, which nobody can store
    return text


_PARSERS: dict[Kind, Callable[[str], Value]] = {
    Kind.text: _text,
    Kind.int: int,
    Kind.float: float,
    Kind.bool: lambda text: _TRUTH[text.lower()],
    Kind.bytes: bytes.fromhex,
}

_SPELLINGS = {
    Kind.text: "write it in UTF-8, or use --type bytes",
    Kind.int: "write digits, like 42",
    Kind.float: "write it like 3.14",
    Kind.bool: "write true or false",
    Kind.bytes: "write two hexadecimal digits a byte, like 00ff10",
}


def shown(value: Value) -> bytes:
    """Return what a user reads of a value: text as UTF-8, bytes as they are, true or false, a number's digits."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, bool):
        return b"true" if value else b"false"
    return str(value).encode()
