"""What is fuzzed: something that takes inputs, one after the other, and raises where the program has a fault.

Building an engine takes longer than an input, so a target keeps its world for some inputs, the round, and makes a new
one then. A fault may need several inputs of a round: `fuzz.findings` keeps them all, and leaves out what is not needed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod


class Target(ABC):
    """One thing that is fuzzed.

    Attributes:
        name: As at the command line; the corpus lies in the folder of this name.
        input_bytes_max: Longer inputs are not made.
        inputs_per_round: Inputs that share a world.
    """

    name: str
    input_bytes_max: int = 4096
    inputs_per_round: int = 1

    @abstractmethod
    def begin(self) -> None:
        """Make a new world, and what an earlier one changed as it was before."""

    @abstractmethod
    def take(self, data: bytes) -> None:
        """Do what an input says.

        Raises:
            Exception: The program has a fault.
        """

    @abstractmethod
    def end(self) -> None:
        """Give everything back, and see that it can be: what was begun has to end.

        Raises:
            Exception: The program has a fault.
        """


class Broken(AssertionError):  # noqa: N818  # past participles are news
    """A rule does not hold."""


def must(holds: object, rule: str) -> None:
    """Hold the program to a rule.

    Raises:
        Broken: It does not keep to it.
    """
    if not holds:
        raise Broken(rule)
