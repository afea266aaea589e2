"""The documented log classes, for programs that log through Twisted.

The rule: the numbers are those of the documentation's era, where INFO is the chattiest level, not the third.
The package itself does not use this module: it needs Twisted, and an engine does not log.
"""

from __future__ import annotations

import sys
from typing import Any

try:
    from twisted.python import log as twisted_log
except ImportError as missing:
    raise ImportError("kademlia.log needs Twisted: pip install kademlia[twisted]") from missing

INFO = 5
DEBUG = 4
WARNING = 3
ERROR = 2
CRITICAL = 1


class FileLogObserver(twisted_log.FileLogObserver):
    """Write the events of Twisted's log up to a level to a file.

    Args:
        f: where to write; standard output if it is None.
        level: the chattiest level that is written. INFO writes everything, ERROR only errors and worse.
        default: the level of events that do not say theirs, such as Twisted's own.
    """

    def __init__(self, f: Any = None, level: int = WARNING, default: int = DEBUG) -> None:
        super().__init__(sys.stdout if f is None else f)  # type: ignore[no-untyped-call]
        self.level = level
        self.default = default

    def emit(self, eventDict: dict[str, Any]) -> None:
        """Write one event, unless it is chattier than the level. Errors are always written.

        Args:
            eventDict: the event, as Twisted's log hands it to observers.
        """
        is_error = eventDict.get("isError") or "failure" in eventDict
        if is_error or self.level >= eventDict.get("loglevel", self.default):
            super().emit(eventDict)


class Logger:
    """Send messages to Twisted's log, each with its level in front.

    Args:
        **kwargs: entries for every event. A `system` that is no text, such as `self`, is named by its class.
    """

    def __init__(self, **kwargs: Any) -> None:
        self.kwargs = kwargs

    def msg(self, message: object, **kw: Any) -> None:
        """Log a message as it is, without a level.

        Args:
            message: the text.
            **kw: further entries of the event; those given to the constructor prevail.
        """
        event = {**kw, **self.kwargs}
        if "system" in event and not isinstance(event["system"], str):
            event["system"] = type(event["system"]).__name__
        twisted_log.msg(message, **event)

    def info(self, message: object, **kw: Any) -> None:
        """Log what is normal. Arguments as for `msg`."""
        self.msg(f"[INFO] {message}", **{**kw, "loglevel": INFO})

    def debug(self, message: object, **kw: Any) -> None:
        """Log what helps to find a fault. Arguments as for `msg`."""
        self.msg(f"[DEBUG] {message}", **{**kw, "loglevel": DEBUG})

    def warning(self, message: object, **kw: Any) -> None:
        """Log what may become a fault. Arguments as for `msg`."""
        self.msg(f"[WARNING] {message}", **{**kw, "loglevel": WARNING})

    def error(self, message: object, **kw: Any) -> None:
        """Log what failed. Arguments as for `msg`."""
        self.msg(f"[ERROR] {message}", **{**kw, "loglevel": ERROR})

    def critical(self, message: object, **kw: Any) -> None:
        """Log what ends the program. Arguments as for `msg`."""
        self.msg(f"[CRITICAL] {message}", **{**kw, "loglevel": CRITICAL})


theLogger = Logger()  # noqa: N816 - the published spelling

msg = theLogger.msg
info = theLogger.info
debug = theLogger.debug
warning = theLogger.warning
error = theLogger.error
critical = theLogger.critical
