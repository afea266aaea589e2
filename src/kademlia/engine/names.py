"""Names on a protocol: a program's RPCs and the node's own parts share one class, and neither may break the other.

2.x knew none of our names. A subclass that redefines one by accident is refused when it is made. An RPC may have any
name: `protocol.publish(address, ...)` calls the remote `rpc_publish`, since an address comes first in no call of ours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: What programs may override or set, besides `rpc_*` and `call*`; every other public name is the engine's own.
PUBLISHED = frozenset(
    [
        *("alpha", "ephemeral", "latency_aware", "log", "sourceNode"),
        *("handle_call_response", "handleCallResponse", "get_refresh_ids", "getRefreshIDs"),
        *("welcome_if_new", "welcomeIfNewNode", "transfer_key_values", "transferKeyValues"),
    ]
)


def of_engine(*owners: type) -> frozenset[str]:
    """Return the names in these classes that neither documentation nor 2.x knew."""
    names = {name for owner in owners for name in vars(owner) if not name.startswith(("_", "rpc_", "call"))}
    return frozenset(names - PUBLISHED)


def guard(program: type, engine: frozenset[str]) -> None:
    """Refuse a subclass that replaces a part of the node; let its RPCs be called whatever their names.

    Raises:
        TypeError: It defines one of the engine's names.
    """
    for name in sorted(engine):
        if name in vars(program):
            raise TypeError(f"{program.__name__}.{name} would replace a part of the node: choose another name")
        if f"rpc_{name}" in vars(program):
            setattr(program, name, _either(name, getattr(program, name)))


def _either(name: str, own: Callable[..., Any]) -> Callable[..., Any]:
    def either(protocol: Any, *args: Any, **kwargs: Any) -> Any:
        if args and isinstance(args[0], tuple) and [type(part) for part in args[0][:2]] == [str, int]:
            return protocol.call(args[0], name, *args[1:])
        return own(protocol, *args, **kwargs)

    return either
