"""Values as people write them, and as they read them."""

from __future__ import annotations

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
    ],
)
def test_a_value_has_the_type_that_was_asked_for(text: str, kind: Kind, value: object, read: bytes) -> None:
    parsed = parse(text, kind)
    assert (type(parsed), parsed) == (type(value), value)
    assert shown(parsed) == read


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("x", Kind.int),
        ("1.5", Kind.int),
        ("x", Kind.float),
        ("maybe", Kind.bool),
        ("0", Kind.bytes),
        ("\udcff", Kind.text),
    ],
)
def test_what_is_not_of_that_type_is_wrong_use(text: str, kind: Kind) -> None:
    with pytest.raises(WrongUse, match=f"is no {kind.value}"):
        parse(text, kind)
