"""A Griffe extension for the docs build: it shows older spellings and attributes, which carry no docstring.

`addContact = add_contact` gets one that names the method. A class's attribute gets the `#:` comment above it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import griffe


class Spellings(griffe.Extension):
    """Describes attributes as the source does."""

    def on_class_members(self, *, cls: griffe.Class, **_kwargs: Any) -> None:
        """Describe the attributes of a class."""
        for attribute in cls.attributes.values():
            _describe(attribute, _spelling_of(attribute, cls) or _comment(attribute))

    def on_module_members(self, *, mod: griffe.Module, **_kwargs: Any) -> None:
        """Describe the older spellings of functions."""
        for attribute in mod.attributes.values():
            _describe(attribute, _spelling_of(attribute, mod))


def _describe(attribute: griffe.Attribute, text: str) -> None:
    if text and attribute.docstring is None and not attribute.is_private:
        attribute.docstring = griffe.Docstring(text, parent=attribute)


def _spelling_of(attribute: griffe.Attribute, owner: griffe.Class | griffe.Module) -> str:
    named = owner.members.get(str(attribute.value))
    if named is None or not (named.is_function or "property" in named.labels):
        return ""
    return f"An older spelling of [`{named.name}`][{named.canonical_path}]."


def _comment(attribute: griffe.Attribute) -> str:
    """Return the `#:` lines right above an attribute."""
    if not isinstance(attribute.filepath, Path) or attribute.lineno is None:
        return ""
    lines = attribute.filepath.read_text().splitlines()[: attribute.lineno - 1]
    words: list[str] = []
    while lines and lines[-1].strip().startswith("#:"):
        words.insert(0, lines.pop().strip().removeprefix("#:").strip())
    return " ".join(words)
