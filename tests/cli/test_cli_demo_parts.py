"""The demo's parts: which nodes die, what the standard library says of itself, worker processes."""

from __future__ import annotations

import ast
import os
import signal
import sys
import sysconfig
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cli.cli_processes import environment

from kademlia.cli.demo.cluster import layout
from kademlia.cli.demo.library import documented_modules, first_line
from kademlia.cli.demo.process import WorkerFailedError, WorkerProcess


@given(st.integers(3, 300), st.integers(2, 40))
def test_the_killed_processes_hold_exactly_a_third_of_the_nodes(nodes: int, processes: int) -> None:
    processes = min(nodes, processes)
    sizes, killed = layout(nodes, processes)
    assert len(sizes) == processes
    assert sum(sizes) == nodes
    assert min(sizes) > 0
    assert 0 < killed < processes
    assert sum(sizes[:killed]) == round(nodes / 3)


@pytest.mark.slow
def test_first_lines_are_those_of_the_whole_sources_and_nothing_is_imported() -> None:
    """Only the beginning of a source is parsed; parsing all of it is the oracle."""
    before = set(sys.modules)
    modules = documented_modules()
    assert {name.partition(".")[0] for name in set(sys.modules) - before} <= {"encodings"}
    assert {"json", "asyncio", "xml.etree.ElementTree", "this"} - set(modules) == {"this"}
    folder = Path(sysconfig.get_path("stdlib"))
    for name, line in modules.items():
        path = folder.joinpath(*name.split("."))
        source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        documentation = ast.get_docstring(ast.parse(source.read_bytes()))
        assert documentation
        assert documentation.strip().splitlines()[0].strip() == line


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ('"""One."""\nimport x', "One."),
        ('# -*- coding: utf-8 -*-\n\nr"""\nTwo \\d\nmore"""', "Two \\d"),
        ("'Thr' 'ee'\n", "Three"),
        ('import x\n"""No."""', ""),
        ('"""Open', ""),
        ('b"bytes"\n', ""),
        ('f"{1}"\n', ""),
        ("", ""),
        ("# only a comment", ""),
        ("\0", ""),
    ],
)
def test_the_first_line_of_a_documentation(source: str, line: str, tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(source)
    assert first_line(path) == line


def test_a_library_without_sources_documents_nothing(tmp_path: Path) -> None:
    assert documented_modules(tmp_path) == {}


@asynccontextmanager
async def worker(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[WorkerProcess]:
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    process = await WorkerProcess.start()
    try:
        yield process
    finally:
        await process.end()


@pytest.mark.processes
async def test_a_worker_s_nodes_store_and_find(monkeypatch: pytest.MonkeyPatch) -> None:
    async with worker(monkeypatch) as process:
        first, *_ = await process.ask("start", [bytes([number] * 20).hex() for number in range(3)], 1)
        for number in (1, 2):
            assert await process.ask("join", number, first) >= 1
        stored, seconds, reason = await process.ask("set", 0, "key", "value")
        assert stored
        assert seconds > 0
        assert reason == ""
        held = [bool(await process.ask("holding", number)) for number in range(3)]
        answers = [await process.ask("get", number, "key") for number in range(3)]
        assert any(held)
        assert not all(held)
        assert [answer[0] for answer in answers] == held
        assert {answer[1] for answer in answers if not answer[0]} == {"value"}
        assert (await process.ask("visit", 0, "key"))[:2] == [False, "value"]


@pytest.mark.processes
async def test_a_worker_that_dies_unasked_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with worker(monkeypatch) as process:
        await process.ask("start", [], 1)
        os.kill(process.pid, signal.SIGKILL)
        for _ in range(2):
            with pytest.raises(WorkerFailedError, match="ended by itself"):
                await process.ask("stats")
