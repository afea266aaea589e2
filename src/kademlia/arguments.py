"""What programs may pass: wrong arguments raise in the call itself, with the value and the remedy.

All of these raise TypeError for what is of the wrong kind, and ValueError for what is out of range.
"""

from __future__ import annotations

from kademlia.node import ID_BYTES, Address
from kademlia.wire import rpcudp

#: What the address of a socket bound to all interfaces, `sockname` of most nodes, means to who sends there.
THIS_MACHINE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


def check_dht_value_type(value: object) -> bool:
    """Return whether a value is of a type that can be stored: int, float, bool, str, bytes, and no subclass."""
    return type(value) in rpcudp.VALUE_TYPES


def check_value(value: object) -> None:
    """Refuse what cannot be stored."""
    if not check_dht_value_type(value):
        raise TypeError(f"a value is an int, float, bool, str or bytes, not {type(value).__name__}: {value!r:.60}")
    if type(value) is int and not rpcudp.INT_MIN <= value <= rpcudp.INT_MAX:
        raise ValueError(f"an int is stored in 64 bits, -2**63 to 2**64-1, and {value} is beyond; store it as text")


def check_positive(name: str, value: float) -> None:
    """Refuse what is no number above zero."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} is a number, not {value!r}")
    if not value > 0:
        raise ValueError(f"{name} is more than zero, not {value!r}")


def check_id(what: str, value: object) -> None:
    """Refuse what is no id or digest."""
    if not isinstance(value, bytes):
        raise TypeError(f"{what} is {ID_BYTES} bytes, not {value!r:.60}")
    if len(value) != ID_BYTES:
        raise ValueError(
            f"{what} is {ID_BYTES} bytes, not {len(value)}; kademlia.utils.digest(x) makes them: {value!r:.60}"
        )


def checked_address(address: object) -> Address:
    """Return a (host, port) pair to ask, or refuse it."""
    pair = tuple(address) if isinstance(address, (list, tuple)) else ()
    if len(pair) < 2 or not isinstance(pair[0], str) or isinstance(pair[1], bool) or not isinstance(pair[1], int):
        raise TypeError(f'an address is a pair like ("192.0.2.1", 8468), not {address!r:.60}')
    if not pair[0] or not 0 < pair[1] < 65536:
        raise ValueError(f"an address is a host and a port from 1 to 65535, not {address!r:.60}")
    ip = rpcudp.plain_ip(pair[0])
    return (THIS_MACHINE.get(ip, ip), pair[1])


def check_port(port: object) -> None:
    """Refuse what is no port to listen on; 0 lets the system choose."""
    if isinstance(port, bool) or not isinstance(port, int):
        raise TypeError(f"port is a number from 0 to 65535, not {port!r}")
    if not 0 <= port < 65536:
        raise ValueError(f"port is a number from 0 to 65535, not {port}")
