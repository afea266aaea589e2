"""What a field of a scenario may hold: a rule checks a value and says in words what is allowed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

#: Longest text of a wrong value that is repeated in a message, in characters.
SHOWN_CHARS_MAX = 60


@dataclass(frozen=True, slots=True)
class Rule:
    """What is allowed.

    Attributes:
        says: In words, to be read after "has to be".
        allows: Whether a value is.
    """

    says: str
    allows: Callable[[Any], bool]

    def check(self, name: str, value: object) -> None:
        """Let a value pass.

        Raises:
            ValueError: It is not allowed; the text names the field and says what is.
        """
        try:
            allowed = self.allows(value)
        except ValueError as reason:  # a text that its parser refused, with what it takes instead
            raise ValueError(f"{name}: {reason}") from None
        if not allowed:
            raise ValueError(f"{name} has to be {self.says}, not {shown(value)}")


def shown(value: object) -> str:
    """Return a value as it stands in a message."""
    text = repr(value)
    return text if len(text) <= SHOWN_CHARS_MAX else f"{text[: SHOWN_CHARS_MAX - 3]}..."


def whole(low: int, high: int) -> Rule:
    """Allow whole numbers, both ends included."""
    return Rule(f"a whole number from {low:,} to {high:,}", lambda value: type(value) is int and low <= value <= high)


def number(low: float, high: float, what: str) -> Rule:
    """Allow numbers of something, both ends included."""
    return Rule(
        f"{what} from {low:,g} to {high:,g}", lambda value: type(value) in {int, float} and low <= value <= high
    )


def share() -> Rule:
    """Allow shares of all."""
    return number(0, 1, "a share of all")


def flag() -> Rule:
    """Allow yes and no."""
    return Rule("true or false", lambda value: type(value) is bool)


def one_of(*names: str) -> Rule:
    """Allow some names."""
    return Rule(f"one of {', '.join(names)}", lambda value: value in names)


def text(says: str, parse: Callable[[str], object]) -> Rule:
    """Allow what a parser reads without a ValueError."""

    def allows(value: object) -> bool:
        if not isinstance(value, str):
            return False
        parse(value)
        return True

    return Rule(says, allows)


def or_none(rule: Rule) -> Rule:
    """Allow None besides."""
    return Rule(rule.says, lambda value: value is None or rule.allows(value))


def ruled(default: Any, rule: Rule) -> Any:
    """Return the field of a dataclass with a default and a rule."""
    return field(default=default, metadata={"rule": rule})
