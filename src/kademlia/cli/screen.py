"""Where the commands write: results to stdout, everything about them to stderr. Colours only on a terminal.

Text from the network or from files is never read as markup, and what a terminal would obey is shown, not sent.
"""

from __future__ import annotations

import logging
import sys

from rich.console import Console
from rich.text import Text


def out() -> Console:
    """Return the console for results."""
    return Console(highlight=False, soft_wrap=True)


def err() -> Console:
    """Return the console for progress, warnings and faults."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def forgive_encodings() -> None:
    """Show what a terminal's encoding lacks as `?`, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def one_line(text: object) -> str:
    """Return a text as one line without control characters."""
    words = " ".join(str(text).split())
    return "".join(char if char.isprintable() else "?" for char in words)


def complain(text: object, style: str = "red") -> None:
    """Write one line to stderr."""
    err().print(Text.assemble(("kademlia: ", f"bold {style}"), one_line(text)))


class LogLines(logging.Handler):
    """The library's warnings, each as one line on stderr, or gathered for a line of our own.

    Args:
        gather: Keep the messages in `gathered` and write nothing, until `gather` is set to False.
    """

    def __init__(self, gather: bool = False) -> None:
        super().__init__()
        self.gather = gather
        self.gathered: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Take one record of the log."""
        if self.gather:
            self.gathered.append(record.getMessage())
        else:
            complain(record.getMessage(), "yellow" if record.levelno < logging.ERROR else "red")


def show_log(gather: bool = False, verbose: bool = False) -> LogLines:
    """Send the library's log to stderr from now on; return its handler."""
    handler = LogLines(gather)
    logger = logging.getLogger("kademlia")
    logger.addHandler(handler)
    logger.propagate = False
    logger.setLevel(logging.DEBUG if verbose else logging.WARNING)
    return handler
