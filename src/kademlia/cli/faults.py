"""How a command fails: one line that says what to do next, and an exit code. Never a traceback."""

from __future__ import annotations

DONE = 0
NOT_FOUND = 1
WRONG_USE = 2
UNREACHABLE = 3

#: What shells expect of a program that was interrupted from the keyboard: 128 + SIGINT.
INTERRUPTED = 130


class Fault(Exception):  # noqa: N818  # of the wish or of the world, not of the program
    """A command that cannot do what it was asked; its text is the line that the user reads."""

    code = NOT_FOUND


class NotFound(Fault):
    """What was asked for is not there, or not all of the work could be done."""


class WrongUse(Fault):
    """The command cannot be done as it was given."""

    code = WRONG_USE


class Unreachable(Fault):
    """Nobody on the network answers."""

    code = UNREACHABLE
