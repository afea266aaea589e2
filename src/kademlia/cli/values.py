"""Values between the command line, where all is text, and the network, where they have a type.

Lists and maps are JSON here. It has no bytes: those in a list or map are read as text of hexadecimal digits, as
`kademlia set --type bytes` takes them. It has neither nan nor infinity: they are read as null.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import msgspec

from kademlia.cli.faults import WrongUse

Value = str | int | float | bool | bytes | list[Any] | dict[str, Any]

_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Kind(StrEnum):
    """The types that a value can have on the network."""

    text = "text"
    int = "int"
    float = "float"
    bool = "bool"
    bytes = "bytes"
    json = "json"


def parse(text: str, kind: Kind) -> Value:
    """Return the value that a text stands for.

    Raises:
        WrongUse: The text is not one of that type.
    """
    try:
        return _PARSERS[kind](text)
    except (ValueError, KeyError, RecursionError):
        raise WrongUse(f"{text!r:.60} is no {kind.value}; {_SPELLINGS[kind]}") from None


def _text(text: str) -> str:
    text.encode()  # the command line gives bytes that are not UTF-8 as half surrogates, which nobody can store
    return text


def _json(text: str) -> Value:
    """Return what JSON says, of any type but null, which no value is; `Server.set` looks at it more closely."""
    value: Value | None = msgspec.json.decode(text.encode())
    if value is None:
        raise ValueError("null")
    return value


_PARSERS: dict[Kind, Callable[[str], Value]] = {
    Kind.text: _text,
    Kind.int: int,
    Kind.float: float,
    Kind.bool: lambda text: _TRUTH[text.lower()],
    Kind.bytes: bytes.fromhex,
    Kind.json: _json,
}

_SPELLINGS = {
    Kind.text: "write it in UTF-8, or use --type bytes",
    Kind.int: "write digits, like 42",
    Kind.float: "write it like 3.14",
    Kind.bool: "write true or false",
    Kind.bytes: "write two hexadecimal digits a byte, like 00ff10",
    Kind.json: """write it like '{"a": [1, 2]}', in quotes for the shell; null by itself is no value""",
}


def shown(value: Value) -> bytes:
    """Return what a user reads of a value.

    That is text as UTF-8, bytes as they are, true or false, a number's digits, a list or map as one line of JSON.
    """
    if isinstance(value, bytes):
        return value
    if isinstance(value, (list, dict)):
        return msgspec.json.format(msgspec.json.encode(_for_json(value)), indent=0)
    if isinstance(value, bool):
        return b"true" if value else b"false"
    return str(value).encode()


def _for_json(value: Any) -> Any:
    """Return a part of a list or map with its bytes in hexadecimal; it is 16 levels deep at most."""
    if isinstance(value, list):
        return [_for_json(item) for item in value]
    if isinstance(value, dict):
        return {key: _for_json(item) for key, item in value.items()}
    return value.hex() if isinstance(value, bytes) else value
