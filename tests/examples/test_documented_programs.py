"""What README.md and docs/ show works: programs are run, commands are run, names exist."""

from __future__ import annotations

import ast
import importlib
import re
import socket
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import pytest
from tests.examples.programs import EXAMPLES, first_node, running

ROOT = EXAMPLES.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    """Return the code of a page in one language; "" is what has none."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def python_of_all_pages() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for number, code in enumerate(blocks(page, "python"), 1):
            if not code.startswith("--8<--"):
                yield f"{page.name}-{number}", code


PYTHON = dict(python_of_all_pages())
PROGRAMS = [name for name, code in PYTHON.items() if "asyncio.run(" in code or "reactor.run()" in code]


def free_ports(count: int) -> list[int]:
    """Return UDP ports that were free a moment ago: what is shown to people has its ports written into it."""
    with ExitStack() as sockets:
        bound = [sockets.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(count)]
        for sock in bound:
            sock.bind(("127.0.0.1", 0))
        return [sock.getsockname()[1] for sock in bound]


@pytest.mark.processes
@pytest.mark.parametrize("name", PROGRAMS)
async def test_a_program_prints_what_its_page_says(name: str, tmp_path: Path):
    """On other ports; the network that one of them joins is there."""
    one, two = free_ports(2)
    async with first_node() as (_, port):
        code = PYTHON[name].replace('("192.0.2.7", 8468)', f'("127.0.0.1", {port})')
        program = tmp_path / "program.py"
        program.write_text(code.replace("8468", str(one)).replace("8469", str(two)))
        async with running(sys.executable, program) as process:
            printed = await process.output()
    assert re.search(r"^hello$|Key result: a value$", printed, re.MULTILINE), printed
    assert "Traceback" not in printed


def test_every_page_with_a_first_program_has_it_run():
    """The check above finds programs by how they end; none may slip through."""
    pages = {name.rpartition("-")[0] for name in PROGRAMS}
    assert pages == {"README.md", "index.md", "getting-started.md", "from-0x.md"}


@pytest.mark.parametrize("name", PYTHON)
def test_a_piece_of_python_compiles(name: str):
    compile(PYTHON[name], name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.processes
async def test_the_commands_of_the_readme_work_in_their_order(tmp_path: Path):
    """The nodes go on running, the other commands end well; `demo` has its own tests."""
    one, two = free_ports(2)
    (tmp_path / "pairs.csv").write_text("ada,Lovelace\n")
    shown = next(block for block in blocks(ROOT / "README.md", "") if block.startswith("kademlia node"))
    commands = [line.split("#")[0].split() for line in shown.splitlines()]
    assert [command[1] for command in commands] == ["node", "node", "set", "get", "delete", "ping", "import", "demo"]

    outputs = []
    async with AsyncExitStack() as nodes:
        for _, name, *arguments in commands[:-1]:
            command = [sys.executable, "-m", "kademlia", name, *arguments]
            command = [part.replace("8468", str(one)).replace("8469", str(two)) for part in command]
            if name == "node":
                port = [] if "--port" in command else ["--port", one]
                node = await nodes.enter_async_context(running(*command, *port, "--interface", "127.0.0.1"))
                await node.prints(r"^(alone|joined)")
            else:
                async with running(*command, cwd=tmp_path) as process:
                    outputs.append(await process.output())
    assert outputs[1] == "hello"


@pytest.mark.parametrize("page", [*PAGES, EXAMPLES / "README.md", ROOT / "CHANGELOG.md"], ids=lambda page: page.name)
def test_every_link_inside_of_the_project_leads_somewhere(page: Path):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_both_columns_of_the_table_of_names_are_the_same():
    """Who looks up an old name finds the new one, and both work."""
    page = (ROOT / "docs/from-0x.md").read_text()
    rows = re.findall(r"^\| `(\w+)\.(\w+)`(?: \(0\.6\))? \| `(\w+)\.(\w+)` \|$", page, re.MULTILINE)
    assert len(rows) > 40
    modules = ["network", "protocol", "crawling", "routing", "node", "storage", "utils"]
    homes = {name: importlib.import_module(f"kademlia.{name}") for name in modules}
    classes = {name: value for home in homes.values() for name, value in vars(home).items()}
    for owner, old, new_owner, new in rows:
        assert owner == new_owner
        home = {**classes, **homes}[owner]
        value = getattr(home, old)
        # An attribute's old spelling is a property; a storage written for 0.x may iterate over keys.
        assert isinstance(value, property) or old == "iteritems" or value == getattr(home, new), old


def test_the_table_of_limits_has_every_limit():
    """It is made from the source when the documentation is built."""
    sys.path.insert(0, str(ROOT / "docs/hooks"))
    try:
        tables = importlib.import_module("tables")
    finally:
        sys.path.pop(0)
    limits = importlib.import_module("kademlia.engine.limits")
    listed = re.findall(r"^\| `(\w+)` \| [\d,.]+ \| ", "\n".join(tables.limits()), re.MULTILINE)
    assert listed == [name for name in vars(limits) if name.isupper()]
