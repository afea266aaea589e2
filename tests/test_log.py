"""The documented log classes, on the Twisted of today."""

from __future__ import annotations

import importlib
import io
import sys
from typing import TYPE_CHECKING, Any

import pytest
from twisted.python import log as twisted_log

from kademlia import log

if TYPE_CHECKING:
    from collections.abc import Iterator

Event = dict[str, Any]

SPEAKERS = {
    "info": log.INFO,
    "debug": log.DEBUG,
    "warning": log.WARNING,
    "error": log.ERROR,
    "critical": log.CRITICAL,
}


@pytest.fixture
def events() -> Iterator[list[Event]]:
    """What arrives at Twisted's log."""
    heard: list[Event] = []
    twisted_log.addObserver(heard.append)
    yield heard
    twisted_log.removeObserver(heard.append)


def event(**entries: Any) -> Event:
    return {"time": 0, "system": "test", "message": ("hello",), "isError": 0, **entries}


def written(observer: log.FileLogObserver, file: io.StringIO, what: Event) -> str:
    observer.emit(what)
    return file.getvalue()


def test_info_is_the_chattiest_level() -> None:
    """So it was documented, and programs say FileLogObserver(sys.stdout, log.INFO) to see everything."""
    assert [log.CRITICAL, log.ERROR, log.WARNING, log.DEBUG, log.INFO] == [1, 2, 3, 4, 5]


class TestFileLogObserver:
    @pytest.mark.parametrize("level", range(1, 6))
    @pytest.mark.parametrize("loglevel", range(1, 6))
    def test_it_writes_what_is_not_chattier_than_its_level(self, level: int, loglevel: int) -> None:
        file = io.StringIO()
        text = written(log.FileLogObserver(file, level), file, event(loglevel=loglevel))
        assert bool(text) == (loglevel <= level)

    def test_it_writes_as_twisted_does(self) -> None:
        file = io.StringIO()
        assert written(log.FileLogObserver(file, log.INFO), file, event()).endswith("[test] hello\n")

    @pytest.mark.parametrize(("default", "seen"), [(log.WARNING, True), (log.DEBUG, False)])
    def test_events_without_a_level_have_the_default_one(self, default: int, seen: bool) -> None:
        file = io.StringIO()
        text = written(log.FileLogObserver(file, log.WARNING, default), file, event())
        assert bool(text) == seen

    @pytest.mark.parametrize("entries", [{"isError": 1}, {"failure": "any"}])
    def test_errors_are_always_written(self, entries: Event) -> None:
        file = io.StringIO()
        observer = log.FileLogObserver(file, log.CRITICAL)
        assert written(observer, file, event(loglevel=log.INFO, **entries))

    def test_without_a_file_it_writes_to_standard_output(self, capsys: pytest.CaptureFixture[str]) -> None:
        log.FileLogObserver().emit(event(loglevel=log.ERROR))
        assert "hello" in capsys.readouterr().out

    def test_a_falsy_file_is_a_file(self) -> None:
        class Buffer(io.StringIO):
            def __len__(self) -> int:
                return len(self.getvalue())

        file = Buffer()
        assert written(log.FileLogObserver(file), file, event(loglevel=log.ERROR))

    def test_twisted_feeds_it(self) -> None:
        """As `application.setComponent(ILogObserver, FileLogObserver(f, INFO).emit)` in a .tac file does."""
        file = io.StringIO()
        emit = log.FileLogObserver(file, log.INFO).emit
        twisted_log.addObserver(emit)
        try:
            log.Logger(system="node").info("joined")
        finally:
            twisted_log.removeObserver(emit)
        assert file.getvalue().endswith("[node] [INFO] joined\n")


class TestLogger:
    @pytest.mark.parametrize(("name", "level"), SPEAKERS.items())
    def test_every_level_is_named_and_numbered(self, events: list[Event], name: str, level: int) -> None:
        getattr(log.Logger(), name)("hello")
        assert events[0]["message"] == (f"[{name.upper()}] hello",)
        assert events[0]["loglevel"] == level

    def test_a_plain_message_has_neither(self, events: list[Event]) -> None:
        log.Logger().msg("hello")
        assert events[0]["message"] == ("hello",)
        assert "loglevel" not in events[0]

    def test_what_the_logger_was_made_with_is_in_every_event(self, events: list[Event]) -> None:
        log.Logger(port=8468).info("hello", peer="alice")
        assert events[0]["port"] == 8468
        assert events[0]["peer"] == "alice"

    def test_a_system_that_is_no_text_is_named_by_its_class(self, events: list[Event]) -> None:
        """Server says Logger(system=self)."""

        class Server:
            pass

        log.Logger(system=Server()).info("hello")
        log.Logger(system="by name").info("hello")
        assert [e["system"] for e in events] == ["Server", "by name"]

    @pytest.mark.parametrize("name", ["msg", *SPEAKERS])
    def test_the_module_speaks_through_one_logger(self, events: list[Event], name: str) -> None:
        getattr(log, name)("hello")
        assert "hello" in events[0]["message"][0]
        assert isinstance(log.theLogger, log.Logger)


def test_without_twisted_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "kademlia.log")
    monkeypatch.setitem(sys.modules, "twisted.python", None)
    with pytest.raises(ImportError, match=r"pip install kademlia\[twisted\]"):
        importlib.import_module("kademlia.log")
