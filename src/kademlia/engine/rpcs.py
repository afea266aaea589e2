"""Which requests a protocol answers: the five documented ones, checked and quick, and a program's own.

A program adds RPCs by subclassing the protocol with methods named `rpc_x`, plain, `async def` or returning a
Deferred. One that overrides a documented method is honoured; its arguments are checked all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cache
from typing import Any

from kademlia.wire import rpcudp

Check = Callable[[object], bool]


def is_value(value: object) -> bool:
    """Return whether a decoded value may be stored: int, float, bool, str or bytes, and nothing else."""
    return type(value) in rpcudp.VALUE_TYPES


#: What the arguments of the documented RPCs must be; the first of any is the sender's id.
ARGUMENTS: dict[str, tuple[Check, ...]] = {
    "ping": (rpcudp.is_id,),
    "stun": (),
    "store": (rpcudp.is_id, rpcudp.is_id, is_value),
    "find_node": (rpcudp.is_id, rpcudp.is_id),
    "find_value": (rpcudp.is_id, rpcudp.is_id),
}

#: Those that may answer with contacts.
FINDING = ("find_node", "find_value")


@dataclass(frozen=True, slots=True)
class Rpc:
    """One RPC of a class of protocols."""

    method: str  #: the name of the method that answers
    checks: tuple[Check, ...] | None  #: of the arguments; None for a program's own, which check themselves
    own: bool  #: whether the method is a program's, so that it may do and return anything

    def accepts(self, arguments: list[Any]) -> bool:
        """Return whether the arguments are of the right number and kinds, and not absurdly nested."""
        checks = self.checks
        if checks is None:
            return rpcudp.nested_within(arguments, rpcudp.NESTING_MAX)
        return len(checks) == len(arguments) and all(
            check(argument) for check, argument in zip(checks, arguments, strict=True)
        )


@cache
def rpcs_of(protocol_class: Hashable, base: Hashable) -> dict[str, Rpc]:
    """Return the RPCs of a class by their remote names; `base` is the class whose methods are ours."""
    names = [name[4:] for name in dir(protocol_class) if name.startswith("rpc_")]
    return {
        name: Rpc(f"rpc_{name}", ARGUMENTS.get(name), overrides(protocol_class, base, f"rpc_{name}"))
        for name in names
        if callable(getattr(protocol_class, f"rpc_{name}"))
    }


@cache
def overrides(protocol_class: Hashable, base: Hashable, name: str) -> bool:
    """Return whether a class has another method of this name than its base."""
    return getattr(protocol_class, name, None) is not getattr(base, name, None)
