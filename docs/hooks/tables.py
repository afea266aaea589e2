"""A hook of the docs build: what is made from the source, so that it cannot be out of date.

`<!-- limits -->` in a page becomes the table of limits, `<!-- operator_limits -->` that of those an operator may set,
`<!-- modules -->` that of the modules, `<!-- counts -->` that of the counts, `<!-- changelog -->` the changelog.
"""

from __future__ import annotations

import ast
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src/kademlia"

#: Which files are listed, what a user meets first.
LISTED = (
    *("*.py", "engine/*.py", "wire/*.py", "storage/*.py", "storage/disk/*.py"),
    *("drivers/*.py", "sim/*.py", "cli/__init__.py"),
)


def on_page_markdown(markdown: str, **_kwargs: Any) -> str:
    """Put in place of each mark what it stands for."""
    return re.sub(r"^( *)<!-- (\w+) -->$", _made, markdown, flags=re.MULTILINE)


def _made(mark: re.Match[str]) -> str:
    """Return what a mark stands for, as far to the right as the mark is: it may stand inside of a block."""
    return "\n".join(mark[1] + line for line in MADE[mark[2]]())


def limits() -> Iterator[str]:
    """Yield a row for each limit, with the `#:` comment above it; groups share one."""
    path = PACKAGE / "engine/limits.py"
    values = runpy.run_path(str(path))
    yield from ("| limit | value | what, and why |", "|---|---:|---|")
    reason: list[str] = []
    for line in path.read_text().splitlines():
        if section := re.match(r"# -- (.+?) -+$", line):
            yield f"| **{section[1]}** | | |"
        elif line.startswith("#:"):
            reason.append(line.removeprefix("#:").strip())
        elif constant := re.match(r"([A-Z0-9_]+) = ", line):
            yield f"| `{constant[1]}` | {_shown(values[constant[1]])} | {' '.join(reason)} |"
            reason.clear()


def operator_limits() -> Iterator[str]:
    """Yield a row for each field of Limits, with its line of the docstring."""
    yield from ("| limit | unless set | what |", "|---|---:|---|")
    tree = ast.parse((PACKAGE / "engine/operator_limits.py").read_text())
    limits = next(node for node in tree.body if isinstance(node, ast.ClassDef))
    said = dict(re.findall(r"^    (\w+): (.+(?:\n        .+)*)", ast.get_docstring(limits) or "", flags=re.MULTILINE))
    for field in limits.body:
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and field.value is not None:
            name = field.target.id
            yield f"| `{name}` | {ast.unparse(field.value)} | {' '.join(said[name].split())} |"


def counts() -> Iterator[str]:
    """Yield a row for each field of Stats, with the `#:` comment beside it."""
    yield from ("| field | what |", "|---|---|")
    for line in (PACKAGE / "engine/stats.py").read_text().splitlines():
        if field := re.match(r"    (\w+): (?:int|bool)(?:  #: (.+))?$", line):
            yield f"| `{field[1]}` | {field[2] or field[1].replace('_', ' ')} |"


def modules() -> Iterator[str]:
    """Yield a row for each module, with the first sentence of its docstring."""
    yield from ("| module | what |", "|---|---|")
    for pattern in LISTED:
        for path in sorted(PACKAGE.glob(pattern)):
            document = ast.get_docstring(ast.parse(path.read_text())) or ""
            yield f"| `{path.relative_to(PACKAGE)}` | {_first_sentence(document)} |"


def changelog() -> Iterator[str]:
    """Yield the changelog, whose links start at the root of the project."""
    yield from (ROOT / "CHANGELOG.md").read_text().replace("](docs/", "](").splitlines()


def _shown(value: float) -> str:
    return f"{value:.6f}" if 0 < value < 0.001 else f"{value:,}"


def _first_sentence(document: str) -> str:
    paragraph = " ".join(document.partition("\n\n")[0].split())
    return re.split(r"(?<=\.)\s+(?=[A-Z`\"])", paragraph, maxsplit=1)[0].replace("|", "\\|")


MADE = {
    "limits": limits,
    "operator_limits": operator_limits,
    "counts": counts,
    "modules": modules,
    "changelog": changelog,
}
