"""Records in files: JSON lines or CSV, read piece by piece, so that a file of any length takes little memory.

The rule: a malformed line becomes a `Bad` with its number and the reason, and the lines after it are read as if it
were not there.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import count, islice
from pathlib import Path
from typing import BinaryIO

import msgspec

from kademlia.cli.faults import WrongUse
from kademlia.cli.values import Value

#: Longest line that is read, in bytes: a value has 8 kB at most, and JSON writes a byte in at most six.
LINE_BYTES_MAX = 1 << 16

#: Longest CSV record with line ends in its fields, in bytes; a quote not closed within is a mistake.
CSV_RECORD_BYTES_MAX = 1 << 16

TOO_LONG = f"longer than {LINE_BYTES_MAX:,} bytes"

BOM = b"\xef\xbb\xbf"


class Format(StrEnum):
    """How records are written in a file."""

    jsonl = "jsonl"
    csv = "csv"


@dataclass(frozen=True, slots=True)
class Record:
    """A key and its value, and where they stand."""

    line: int
    key: str
    value: Value


@dataclass(frozen=True, slots=True)
class Bad:
    """A line that holds no record, and why."""

    line: int
    reason: str


#: The number of a line, and its bytes with the line end; None instead of a line that is too long.
Line = tuple[int, bytes | None]


def format_of(path: Path, wanted: Format | None) -> Format:
    """Return the format that the user wants, or that the file's name says.

    Raises:
        WrongUse: The name says none.
    """
    if wanted is not None:
        return wanted
    suffixes = {".jsonl": Format.jsonl, ".ndjson": Format.jsonl, ".json": Format.jsonl, ".csv": Format.csv}
    found = suffixes.get(path.suffix.lower())
    if found is None:
        raise WrongUse(f"is {path} JSON lines or CSV? Its name does not say; add --format jsonl or --format csv")
    return found


def opened(path: Path) -> BinaryIO:
    """Open a file of records.

    Raises:
        WrongUse: It cannot be opened.
    """
    try:
        file = path.open("rb")
        file.peek(1)
    except OSError as fault:
        raise WrongUse(f"cannot read {path}: {fault.strerror}") from None
    return file


def read(file: BinaryIO, format: Format) -> Iterator[Record | Bad]:
    """Read records, one after the other."""
    lines = _lines(file)
    return _json_records(lines) if format is Format.jsonl else _csv_records(lines)


def _lines(file: BinaryIO) -> Iterator[Line]:
    for number in count(1):
        line = file.readline(LINE_BYTES_MAX)
        if not line:
            return
        if number == 1:
            line = line.removeprefix(BOM)
        if len(line) == LINE_BYTES_MAX and not line.endswith(b"\n"):
            while (rest := file.readline(LINE_BYTES_MAX)) and not rest.endswith(b"\n"):
                pass
            yield number, None
        else:
            yield number, line


# -- JSON lines ----------------------------------------------------------------------------------------------------


def _json_records(lines: Iterable[Line]) -> Iterator[Record | Bad]:
    for number, line in lines:
        if line is None:
            yield Bad(number, TOO_LONG)
        elif line.strip():
            yield _json_record(number, line)


def _json_record(number: int, line: bytes) -> Record | Bad:
    try:
        found = msgspec.json.decode(line)
    except RecursionError:
        return Bad(number, "nested too deeply")
    except ValueError as fault:  # msgspec.DecodeError, UnicodeDecodeError
        return Bad(number, f"no JSON: {fault}")
    if isinstance(found, dict) and "key" in found and "value" in found:
        return _checked(number, found["key"], found["value"])
    if isinstance(found, list) and len(found) == 2:
        return _checked(number, *found)
    return Bad(number, 'neither {"key": ..., "value": ...} nor [key, value]')


def _checked(number: int, key: object, value: object) -> Record | Bad:
    if isinstance(key, bool) or not isinstance(key, (str, int)):
        return Bad(number, f"a key is a text or an integer, not {_written(key)}")
    if not isinstance(value, (str, int, float, list, dict)):
        return Bad(number, f"a value is a text, a number, true or false, a list or a map, not {_written(value)}")
    if not (is_utf8(str(key)) and is_utf8(value)):  # in lists and maps JSON has no other; from CSV come texts only
        return Bad(number, "not UTF-8")
    return Record(number, str(key), value)


def is_utf8(value: object) -> bool:
    """Return whether a value is anything but a text with half surrogates in it, which UTF-8 cannot say."""
    try:
        if isinstance(value, str):
            value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _written(value: object) -> str:
    """Return a JSON value as it stands in the file, or its beginning."""
    return msgspec.json.encode(value).decode()[:40]


# -- CSV -----------------------------------------------------------------------------------------------------------


def _csv_records(lines: Iterable[Line]) -> Iterator[Record | Bad]:
    columns: tuple[int, int] | None = None
    for number, row in _rows(lines):
        if isinstance(row, Bad):
            yield row
        elif columns is None:
            columns = _header(row)
            if columns is None:
                columns = (0, 1)
                yield _csv_record(number, row, columns)
        elif row:
            yield _csv_record(number, row, columns)


def _header(row: list[str]) -> tuple[int, int] | None:
    """Return where key and value stand, if this row is a header that says so."""
    names = [name.strip().lower() for name in row]
    return (names.index("key"), names.index("value")) if "key" in names and "value" in names else None


def _csv_record(number: int, row: list[str], columns: tuple[int, int]) -> Record | Bad:
    if len(row) <= max(columns):
        return Bad(number, f"{len(row)} columns, and key and value need {max(columns) + 1}")
    if columns == (0, 1) and len(row) > 2:
        return Bad(number, f"{len(row)} columns, not key and value; a value with a comma stands in quotes")
    return _checked(number, row[columns[0]], row[columns[1]])


def _rows(lines: Iterable[Line]) -> Iterator[tuple[int, list[str] | Bad]]:
    """Put lines together to rows, as a quoted field may have line ends in it."""
    source = _Rereadable(lines)
    while source.begin():
        try:
            yield source.number, next(csv.reader(source, strict=True))
        except StopIteration:
            yield source.number, source.too_long()
        except csv.Error as fault:
            yield source.number, source.bad(fault)


class _Rereadable:
    """Lines for one row after the other. After a bad row, reading goes on with the line after its first."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self.number = 0  # of the row's first line
        self._lines = iter(lines)
        self._waiting: deque[Line] = deque()
        self._taken: list[Line] = []
        self._bytes = 0

    def begin(self) -> bool:
        """Begin a row; False at the end of the file."""
        self._taken, self._bytes = [], 0
        if not self._waiting:
            self._waiting.extend(islice(self._lines, 1))
        if self._waiting:
            self.number = self._waiting[0][0]
        return bool(self._waiting)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        """Return one more line of the row."""
        if not self._waiting:
            self._waiting.append(next(self._lines))
        line = self._waiting[0][1]
        if line is None or self._bytes > CSV_RECORD_BYTES_MAX:
            raise StopIteration
        self._taken.append(self._waiting.popleft())
        self._bytes += len(line)
        return line.decode(errors="surrogateescape")

    def too_long(self) -> Bad:
        """Pass over a line that is too long."""
        self._waiting.popleft()
        return Bad(self.number, TOO_LONG)

    def bad(self, fault: csv.Error) -> Bad:
        """Give back every line but the first; return what is wrong with that one."""
        self._waiting.extendleft(reversed(self._taken[1:]))
        unclosed = "unexpected end of data" in str(fault)
        return Bad(self.number, "a quote is opened and never closed" if unclosed else f"no CSV: {fault}")
