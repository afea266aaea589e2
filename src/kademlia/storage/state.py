"""What a node needs to come back after a restart, in a file.

The rule: the file on disk is always whole, the old one or the new one, whatever fails while it is written;
and nothing that stands in a file can do more than be refused. It is JSON with a version. Files of the
releases up to 2.2.3, which are pickles, are read by `pickles`.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from kademlia.storage import pickles
from kademlia.storage.shelf import VALUE_TYPES

_pack = msgspec.msgpack.encode

FORMAT = "kademlia state"
VERSION = 2  # 1, of the first 3.0, has nothing that was published

STATE_BYTES_MAX = 64 * 2**20  # a contact takes 70 bytes: room for 200,000, where a table has 160 * k at most
PUBLISHED_BYTES_MAX = 40 * 2**20  # of that for values, as they stand in the file
ID_BYTES = 20
K_MAX = 65_535  # far above any use; a number that a hostile file may not exceed

StrPath = str | os.PathLike[str]


@dataclass(frozen=True)
class State:
    """What a node keeps over a restart.

    Args:
        ksize: the k parameter from the paper.
        alpha: the alpha parameter from the paper.
        id: the node's own id, 20 bytes.
        neighbors: (ip, port) of the nearest contacts, to bootstrap from.
        contacts: (id, ip, port) of the whole table.
        published: (key, value, seconds to live, stamp in milliseconds) of each value that the node keeps alive.
    """

    ksize: int
    alpha: int
    id: bytes
    neighbors: list[tuple[str, int]]
    contacts: list[tuple[bytes, str, int]]
    published: list[tuple[bytes, Any, float, int]] = field(default_factory=list)


Count = Annotated[int, Meta(ge=1, le=K_MAX)]
HexId = Annotated[str, Meta(pattern=r"\A[0-9a-f]{40}\Z")]
Host = Annotated[str, Meta(max_length=255, pattern=r"\A[!-~]+\Z")]  # an address or a name: ASCII without spaces
Port = Annotated[int, Meta(ge=1, le=65_535)]


class _Header(msgspec.Struct, frozen=True):
    """What every version of the file starts with."""

    format: str
    version: int


class _Value(msgspec.Struct, frozen=True, array_like=True):
    """One published value; its bytes are msgpack, in base64: JSON knows neither bytes nor all floats."""

    key: HexId
    packed: bytes
    life_s: Annotated[float, Meta(gt=0)]
    stamp: Annotated[int, Meta(ge=0, lt=2**53)]


class _Document(msgspec.Struct, frozen=True):
    """The file."""

    format: str
    version: int
    ksize: Count
    alpha: Count
    id: HexId
    neighbors: Annotated[list[tuple[Host, Port]], Meta(max_length=K_MAX)]
    contacts: list[tuple[HexId, Host, Port]]
    published: list[_Value] = []


def save(path: StrPath, state: State) -> int:
    """Write a state, in place of what the file held.

    The new file is complete and on the disk before it takes the old one's name.

    Args:
        path: the file. Where it is a symbolic link, the file it leads to.
        state: what to write.

    Returns:
        How many of the published values there was no room for.

    Raises:
        ValueError: the state could not be read again: an id of other than 20 bytes, a port out of range.
        OSError: the file could not be written; the old one is untouched.
    """
    document = _document_of(state)
    data = msgspec.json.encode(document) + b"\n"
    _check(path, data)
    target = Path(path).resolve()
    _replace(target, data)
    _sync_folder(target.parent)
    return len(state.published) - len(document.published)


def load(path: StrPath) -> State:
    """Read a state that `save` wrote, or `saveState` of release 0.4 to 2.2.3.

    Args:
        path: the file.

    Returns:
        The state. Files of earlier releases have no contacts, only neighbors.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file cannot be read or holds anything else; the message says what, and what to do.
    """
    data = _contents(path)
    try:
        return _check(path, data)
    except ValueError as error:
        raise ValueError(f"{error}. Move it away, and the node starts with a new id") from error


def _document_of(state: State) -> _Document:
    return _Document(
        format=FORMAT,
        version=VERSION,
        ksize=state.ksize,
        alpha=state.alpha,
        id=_hex(state.id),
        neighbors=state.neighbors,
        contacts=[(_hex(node_id), host, port) for node_id, host, port in state.contacts],
        published=_fitting(
            _Value(_hex(key), _pack(value), float(life_s), stamp) for key, value, life_s, stamp in state.published
        ),
    )


def _fitting(values: Iterable[_Value]) -> list[_Value]:
    """Return as many values as there is room for."""
    fitting, size = [], 0
    for value in values:
        size += len(value.packed) * 4 // 3 + 100
        if size > PUBLISHED_BYTES_MAX:
            break
        fitting.append(value)
    return fitting


def _check(path: StrPath, data: bytes) -> State:
    """Read a state from bytes that stand in a file, or will: every fault is one ValueError."""
    name = os.fspath(path)
    if len(data) > STATE_BYTES_MAX:
        raise ValueError(f"{name} is no state file: more than {STATE_BYTES_MAX:,} bytes")
    try:
        return _state(_document(data))
    except RecursionError as error:
        raise ValueError(f"{name} is no state file: its parts are nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"{name} is no state file: {error}") from error


def _document(data: bytes) -> _Document:
    if not data.lstrip().startswith(b"{"):  # no pickle does
        fields = pickles.read(data)
        current = {"format": FORMAT, "version": VERSION, "id": _hex(fields["id"]), "contacts": []}
        return msgspec.convert({**fields, **current}, _Document)
    header = msgspec.json.decode(data, type=_Header)
    if header.format != FORMAT:
        raise ValueError(f"its format is not {FORMAT!r}")
    if not 1 <= header.version <= VERSION:
        raise ValueError(f"its version is {header.version}, and this release reads versions 1 to {VERSION}")
    return msgspec.json.decode(data, type=_Document)


def _hex(id: object) -> str:
    if not isinstance(id, bytes) or len(id) != ID_BYTES:
        size = f"{len(id)} bytes" if isinstance(id, bytes) else f"of type {type(id).__name__}"
        raise ValueError(f"the id is {size}, not {ID_BYTES} bytes")
    return id.hex()


def _state(document: _Document) -> State:
    return State(
        ksize=document.ksize,
        alpha=document.alpha,
        id=bytes.fromhex(document.id),
        neighbors=document.neighbors,
        contacts=[(bytes.fromhex(node_id), host, port) for node_id, host, port in document.contacts],
        published=[
            (bytes.fromhex(value.key), _unpack(value.packed), value.life_s, value.stamp) for value in document.published
        ],
    )


def _unpack(data: bytes) -> Any:
    """Read a value; what is no value that travels is a fault of the file."""
    value = msgspec.msgpack.decode(data)
    if type(value) not in VALUE_TYPES:
        raise ValueError(f"a published value is of type {type(value).__name__}")
    return value


def _contents(path: StrPath) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(STATE_BYTES_MAX + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ValueError(f"{os.fspath(path)} cannot be read: {error.strerror}. Name a file that can") from error


def _replace(target: Path, data: bytes) -> None:
    """Write a new file beside the old one and put it in place, or leave nothing."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=".kademlia-", dir=target.parent)
    except OSError as error:
        error.filename = os.fspath(target)  # the file that the caller knows of
        raise
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    """Ask for the new name to survive a power cut too. The file is in place; a refusal changes nothing."""
    if os.name != "posix":  # elsewhere folders cannot be opened
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
