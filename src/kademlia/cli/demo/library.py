"""What the demo stores unless told otherwise: the standard library's modules and what they say they are.

No module is imported, and only the beginning of a source is read, up to the end of its first statement.
"""

from __future__ import annotations

import ast
import sys
import sysconfig
import tokenize
from collections.abc import Iterator
from pathlib import Path

#: Folders of the library that are not part of what it offers.
PASSED_OVER = {"test", "tests", "idle_test", "__pycache__", "site-packages"}


def documented_modules(folder: Path | None = None) -> dict[str, str]:
    """Return the first line of the documentation of each standard-library module that has one, by its name.

    Args:
        folder: Where the library's sources are; this Python's own if None.
    """
    folder = folder or Path(sysconfig.get_path("stdlib"))
    lines = {
        name: first_line(path) for name in sorted(sys.stdlib_module_names) for name, path in _sources(folder, name)
    }
    return {name: line for name, line in lines.items() if line}


def _sources(folder: Path, name: str) -> Iterator[tuple[str, Path]]:
    """Find the sources of a module, or of a package and all that is in it."""
    module = folder / f"{name}.py"
    if module.is_file():
        yield name, module
    for path in sorted((folder / name).rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        if PASSED_OVER.isdisjoint(parts):
            yield ".".join(parts).removesuffix(".__init__"), path


def first_line(path: Path) -> str:
    """Return the first line of the documentation in a Python source, or nothing."""
    try:
        source = _first_statement(path)
        documentation = ast.get_docstring(ast.parse(source)) or ""
    except (OSError, SyntaxError, ValueError, tokenize.TokenError):  # no Python of this release
        return ""
    return documentation.strip().partition("\n")[0].strip()


def _first_statement(path: Path) -> str:
    """Return a source up to the end of its first statement, if that is a text; else nothing."""
    with path.open("rb") as file:
        lines: list[str] = []
        for token in tokenize.tokenize(file.readline):
            if token.type == tokenize.NEWLINE:
                return "".join(lines)
            if token.type == tokenize.STRING:
                lines.append(token.string)
            elif token.type not in (tokenize.ENCODING, tokenize.COMMENT, tokenize.NL):
                return ""
    return ""
