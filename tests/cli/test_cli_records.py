"""Files of records: what is read, what is bad, and that bad lines cost nobody else anything."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kademlia.cli.faults import WrongUse
from kademlia.cli.records import LINE_BYTES_MAX, Bad, Format, Record, format_of, opened, read


def jsonl(text: str | bytes) -> list[Record | Bad]:
    data = text.encode() if isinstance(text, str) else text
    return list(read(io.BufferedReader(io.BytesIO(data)), Format.jsonl))


def csv(text: str | bytes) -> list[Record | Bad]:
    data = text.encode() if isinstance(text, str) else text
    return list(read(io.BufferedReader(io.BytesIO(data)), Format.csv))


def pairs(found: list[Record | Bad]) -> list[tuple[str, object]]:
    return [(record.key, record.value) for record in found if isinstance(record, Record)]


def bad_lines(found: list[Record | Bad]) -> list[int]:
    return [record.line for record in found if isinstance(record, Bad)]


def test_json_lines_are_objects_or_pairs_of_any_plain_type() -> None:
    found = jsonl('{"key": "a", "value": "x", "note": 1}\n["b", 2]\r\n\n[3, 1.5]\n["d", true]')
    assert found == [Record(1, "a", "x"), Record(2, "b", 2), Record(4, "3", 1.5), Record(5, "d", True)]


def test_json_lines_may_hold_lists_and_maps() -> None:
    found = jsonl('{"key": "a", "value": {"b": [1, null]}}\n["c", []]\n["d", ["e", "f"]]')
    assert found == [Record(1, "a", {"b": [1, None]}), Record(2, "c", []), Record(3, "d", ["e", "f"])]


def test_in_csv_a_list_is_a_text() -> None:
    assert pairs(csv('a,"[1, 2]"\n')) == [("a", "[1, 2]")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("nonsense", "no JSON"),
        ('{"key": "a"', "no JSON"),
        ('{"key": "a"}', "neither"),
        ('["a"]', "neither"),
        ('"a"', "neither"),
        ("[" * 9000, "nested|no JSON"),
        ('["a", null]', "not null"),
        ('["a", ["\\ud800"]]', "no JSON|not UTF-8"),
        ('["a", ' + "[" * 9000, "nested|no JSON"),
        ('[null, "a"]', "a key is"),
        ('[true, "a"]', "a key is"),
        ('["a", NaN]', "no JSON"),
        ('["a", "\\ud800"]', "no JSON|not UTF-8"),
        (b'["a", "\xff"]', "no JSON|not UTF-8"),
        ('["a", "' + "x" * LINE_BYTES_MAX + '"]', "longer than"),
    ],
)
def test_a_malformed_line_is_named_and_the_next_is_read(line: str | bytes, reason: str) -> None:
    data = line.encode() if isinstance(line, str) else line
    bad, good = jsonl(data + b'\n["good", 1]\n')
    assert good == Record(2, "good", 1)
    assert isinstance(bad, Bad)
    assert bad.line == 1
    assert re.search(reason, bad.reason)


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    assert jsonl(b'\xef\xbb\xbf["a", 1]') == [Record(1, "a", 1)]
    assert csv(b"\xef\xbb\xbfkey,value\na,1\n") == [Record(2, "a", "1")]


def test_csv_is_two_columns_or_those_that_a_header_names() -> None:
    assert pairs(csv("a,1\nb,\n\n")) == [("a", "1"), ("b", "")]
    assert pairs(csv("Value,id, KEY\nx,7,a\ny,8,b\n")) == [("a", "x"), ("b", "y")]


def test_a_quoted_csv_field_keeps_its_commas_quotes_and_line_ends() -> None:
    found = csv('a,"1,""2"""\r\nb,"x\r\n\ny"\r\nc,5" pipe\n')
    assert found == [Record(1, "a", '1,"2"'), Record(2, "b", "x\r\n\ny"), Record(5, "c", '5" pipe')]


def test_a_quote_that_is_never_closed_costs_its_own_line_only() -> None:
    """The csv module alone would swallow the rest of the file."""
    found = csv('a,1\nb,"2\n' + "".join(f"k{number},v\n" for number in range(20_000)))
    assert bad_lines(found) == [2]
    assert len(pairs(found)) == 20_001


@pytest.mark.parametrize("line", [b"one", b"a,b,c", b'a,"b"c', b"a,\xff", b"a,\0\xff", b"a," + b"x" * LINE_BYTES_MAX])
def test_a_malformed_csv_line_is_named_and_the_next_is_read(line: bytes) -> None:
    found = csv(b"first,1\n" + line + b"\nlast,3\n")
    assert pairs(found) == [("first", "1"), ("last", "3")]
    assert bad_lines(found) == [2]


@given(st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"")), max_size=6))
def test_no_line_whatever_stops_the_rest(lines: list[bytes]) -> None:
    assert jsonl(b"\n".join([*lines, b'["last", 1]']))[-1] == Record(len(lines) + 1, "last", 1)
    if not any(b'"' in line for line in lines):
        found = csv(b"key,value\n" + b"\n".join([*lines, b"last,1"]))
        assert found[-1] == Record(len(lines) + 2, "last", "1")


def test_a_file_is_read_piece_by_piece(tmp_path: Path) -> None:
    """A file of any length takes little memory."""
    path = tmp_path / "many.jsonl"
    path.write_text('["a", 1]\n' * 100_000)
    with opened(path) as file:
        assert next(read(file, Format.jsonl)) == Record(1, "a", 1)
        assert file.tell() < 1000


@pytest.mark.parametrize(
    ("name", "wanted", "format"),
    [
        ("x.csv", None, Format.csv),
        ("x.JSONL", None, Format.jsonl),
        ("x.ndjson", None, Format.jsonl),
        ("x.csv", Format.jsonl, Format.jsonl),
    ],
)
def test_the_format_is_what_the_user_or_the_name_says(name: str, wanted: Format | None, format: Format) -> None:
    assert format_of(Path(name), wanted) is format


def test_a_name_that_says_nothing_is_wrong_use() -> None:
    with pytest.raises(WrongUse, match="--format"):
        format_of(Path("people.txt"), None)


def test_what_cannot_be_opened_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="No such file"):
        opened(tmp_path / "absent.csv")
    with pytest.raises(WrongUse, match="directory"):
        opened(tmp_path)
