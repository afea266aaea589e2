"""Values as people write them, and as they read them."""

from __future__ import annotations

import math

import pytest

from kademlia.cli.faults import WrongUse
from kademlia.cli.values import Kind, parse, shown


@pytest.mark.parametrize(
    ("text", "kind", "value", "read"),
    [
        ("grüße", Kind.text, "grüße", "grüße".encode()),
        ("", Kind.text, "", b""),
        ("-42", Kind.int, -42, b"-42"),
        ("2.50", Kind.float, 2.5, b"2.5"),
        ("Yes", Kind.bool, True, b"true"),
        ("0", Kind.bool, False, b"false"),
        ("00ff 41", Kind.bytes, b"\0\xffA", b"\0\xffA"),
        (
            '{"b":[1, 2.0,true,null],"a":{}}',
            Kind.json,
            {"b": [1, 2.0, True, None], "a": {}},
            b'{"b": [1, 2.0, true, null], "a": {}}',
        ),
        ('["grüße\\n"]', Kind.json, ["grüße\n"], '["grüße\\n"]'.encode()),
        ('"text"', Kind.json, "text", b"text"),
        (" 7 ", Kind.json, 7, b"7"),
    ],
)
def test_a_value_has_the_type_that_was_asked_for(text: str, kind: Kind, value: object, read: bytes) -> None:
    parsed = parse(text, kind)
    assert (type(parsed), parsed) == (type(value), value)
    assert shown(parsed) == read


def test_lists_and_maps_are_read_as_one_line_of_json() -> None:
    """What JSON does not have is written as text or null: bytes in hexadecimal, as `--type bytes` takes them."""
    value = {
        "b": [1, 2.0, True, None, "grüße\n\x1b"],
        "a": {},
        "raw": [b"\0\xff", {"": b""}],
        "no": [math.inf, math.nan],
    }
    line = '{"b": [1, 2.0, true, null, "grüße\\n\\u001b"], "a": {}, "raw": ["00ff", {"": ""}], "no": [null, null]}'
    assert shown(value) == line.encode()
    assert shown([]) == b"[]"
    assert shown(parse(line, Kind.json)) == line.encode()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("x", Kind.int),
        ("1.5", Kind.int),
        ("x", Kind.float),
        ("maybe", Kind.bool),
        ("0", Kind.bytes),
        ("\udcff", Kind.text),
        ("", Kind.json),
        ("null", Kind.json),
        ("[1,]", Kind.json),
        ("{'a': 1}", Kind.json),
        ("[NaN]", Kind.json),
        ("[1e999]", Kind.json),
        ('["\udcff"]', Kind.json),
        ("[" * 9000, Kind.json),
    ],
)
def test_what_is_not_of_that_type_is_wrong_use(text: str, kind: Kind) -> None:
    with pytest.raises(WrongUse, match=f"is no {kind.value}"):
        parse(text, kind)
