"""What programs may pass: wrong arguments raise in the call itself, with the value and the remedy.

All of these raise TypeError for what is of the wrong kind, and ValueError for what is out of range.
"""

from __future__ import annotations

from collections.abc import Iterable

from kademlia.address import plain_ip
from kademlia.engine import limits
from kademlia.node import ID_BYTES, Address
from kademlia.storage import IStorage
from kademlia.storage.shelf import RECORD_BYTES, Shelf
from kademlia.wire import rpcudp

#: What the address of a socket bound to all interfaces, `sockname` of most nodes, means to who sends there.
THIS_MACHINE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


#: What a node keeps in memory if it is given no storage, in bytes.
MEMORY_BYTES_MAX = limits.MEMORY_BYTES_MAX

#: Where the look into a list or map ends, in bytes that it takes at least, packed: no datagram of UDP holds so many.
#: A list that holds one list ten times, and so on 16 levels deep, is quick to make, and would be looked at for years.
LOOKED_AT_BYTES_MAX = 1 << 16

#: How much of a map's key a message shows, in characters.
KEY_SHOWN_CHARACTERS = 40

_REMEDIES = {
    "NoneType": "None says that there is no value",
    "tuple": "it would come back as a list; pass list(...)",
    "set": "pass a list",
    "frozenset": "pass a list",
    "bytearray": "pass bytes(...)",
    "memoryview": "pass bytes(...)",
    "datetime": "pass its isoformat() or timestamp()",
}


def check_dht_value_type(value: object) -> bool:
    """Return whether a value is an int, float, bool, str or bytes, and no subclass; the same as in 2.x.

    These are what travels from node to node. `Server.set` takes lists and maps of them too (`check_value`).
    """
    return type(value) in rpcudp.VALUE_TYPES


def check_value(value: object) -> None:
    """Refuse what `Server.set` cannot store, and name where in the value it is, as `value["a"][3]`.

    An int, float, bool, str or bytes can be stored; so can a list, and a map with text as keys, of these, of None, and
    of lists and maps, up to `rpcudp.NESTING_MAX` levels. No subclass of any, since it would come back as what it is
    not; so a tuple is refused too.

    Raises:
        TypeError: Something is of another type.
        ValueError: An int is beyond 64 bits; a list or map holds text that is no UTF-8, holds itself, is nested too
            deeply, or takes over 64 KiB (what a datagram holds is looked at when it is packed).
    """
    if type(value) is list or type(value) is dict:
        _Look().into(value)
        return
    if not check_dht_value_type(value):
        raise TypeError(
            f"a value is an int, float, bool, str or bytes, or a list or map of these, "
            f"not {type(value).__name__}: {value!r:.60}{_remedy(value)}"
        )
    if type(value) is int:
        _check_int(value, "")


def _remedy(value: object) -> str:
    remedy = _REMEDIES.get(type(value).__name__)
    return f"; {remedy}" if remedy else ""


def _check_int(value: int, where: str) -> None:
    if not rpcudp.INT_MIN <= value <= rpcudp.INT_MAX:
        digits = f"{value}" if value.bit_length() < 256 else f"one of {value.bit_length()} bits"
        raise ValueError(
            f"{where}an int is stored in 64 bits, -2**63 to 2**64-1, and {digits} is beyond; store it as text"
        )


class _Look:
    """One look into a list or map, which knows where it is."""

    def __init__(self) -> None:
        self._within: list[object] = []
        self._path: list[str | int] = []
        self._room = LOOKED_AT_BYTES_MAX

    def into(self, value: object) -> None:
        """Look at a part of the value, and at all there is in it."""
        self._room -= 1 + (len(value) if isinstance(value, (str, bytes)) else 0)
        if self._room < 0:
            raise ValueError(
                f"the value is over {LOOKED_AT_BYTES_MAX} bytes packed, and a datagram holds "
                f"{rpcudp.REQUEST_BODY_BYTES_MAX}; split it over several keys"
            )
        if type(value) is list:
            self._enter(value)
            self._at_each(enumerate(value))
        elif type(value) is dict:
            self._enter(value)
            self._at_each((self._checked_key(key), item) for key, item in value.items())
        else:
            self._at_leaf(value)

    def _enter(self, value: object) -> None:
        if any(outer is value for outer in self._within):
            raise ValueError(f"{self._where()} is {_a(value)} that holds itself, and would have no end")
        if len(self._within) == rpcudp.NESTING_MAX:
            raise ValueError(
                f"{self._where()} is nested over {rpcudp.NESTING_MAX} levels deep; make the value flatter, "
                "or store its parts under keys of their own"
            )
        self._within.append(value)

    def _at_each(self, parts: Iterable[tuple[str | int, object]]) -> None:
        for place, part in parts:
            self._path.append(place)
            self.into(part)
            self._path.pop()
        self._within.pop()

    def _checked_key(self, key: object) -> str:
        if type(key) is not str:
            raise TypeError(
                f"{self._where()} has {_a(key)} as a key, {key!r:.60}; a map's keys are text: pass str(...)"
            )
        self._check_text(key, "a key of ")
        self._room -= len(key)
        return key

    def _at_leaf(self, value: object) -> None:
        if type(value) is str:
            self._check_text(value)
        elif type(value) is int:
            _check_int(value, f"{self._where()}: " if value.bit_length() > 63 else "")
        elif value is not None and type(value) not in rpcudp.VALUE_TYPES:
            raise TypeError(
                f"{self._where()} is {_a(value)}, and a value holds int, float, bool, str, bytes, None, lists and maps"
                f": {value!r:.60}{_remedy(value)}"
            )

    def _check_text(self, text: str, what: str = "") -> None:
        try:
            text.encode()
        except UnicodeEncodeError as fault:
            raise ValueError(f"{what}{self._where()} is no UTF-8: {fault.reason}, {text!r:.60}") from None

    def _where(self) -> str:
        return "value" + "".join(f"[{_shown(place)}]" for place in self._path)


def _a(value: object) -> str:
    name = type(value).__name__
    return f"an {name}" if name[0] in "aeiouAEIOU" else f"a {name}"


def _shown(place: str | int) -> str:
    return str(place) if isinstance(place, int) else f'"{repr(place[:KEY_SHOWN_CHARACTERS])[1:-1]}"'


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
    ip = plain_ip(pair[0])
    return (THIS_MACHINE.get(ip, ip), pair[1])


def check_port(port: object) -> None:
    """Refuse what is no port to listen on; 0 lets the system choose."""
    if isinstance(port, bool) or not isinstance(port, int):
        raise TypeError(f"port is a number from 0 to 65535, not {port!r}")
    if not 0 <= port < 65536:
        raise ValueError(f"port is a number from 0 to 65535, not {port}")


def check_life(ttl: object) -> float:
    """Return how many seconds a value is to live: a day for None; refuse what is no such number."""
    if ttl is None:
        return limits.LIFE_S
    if isinstance(ttl, bool) or not isinstance(ttl, (int, float)):
        raise TypeError(f"ttl is a number of seconds, or None for a day, not {ttl!r}")
    if not limits.LIFE_MIN_S <= ttl <= limits.LIFE_MAX_S:
        raise ValueError(
            f"ttl is from {limits.LIFE_MIN_S:.0f} to {limits.LIFE_MAX_S:.0f} seconds (a week), not {ttl!r}; "
            "this node renews the value until forget(key)"
        )
    return float(ttl)


def checked_limits(bounds: object) -> limits.Limits:
    """Return what others may take of a node: what is usual for None; refuse what is no `Limits`."""
    if bounds is None:
        return limits.Limits()
    if not isinstance(bounds, limits.Limits):
        raise TypeError(f"limits is a kademlia.Limits(...), or None for what is usual, not {bounds!r:.60}")
    return bounds


def check_quotas(bounds: limits.Limits, storage: IStorage) -> None:
    """Refuse quotas of one source that are no quotas on a storage.

    Args:
        bounds: What others may take of the node.
        storage: Where its values are kept; how much a program's own holds is its own matter.

    Raises:
        ValueError: A source may have more than there is room for in all, or less than any value takes.
    """
    if bounds.bytes_per_source is not None and bounds.bytes_per_source < RECORD_BYTES:
        raise ValueError(
            f"bytes_per_source is {bounds.bytes_per_source}, and the smallest value takes {RECORD_BYTES}: nobody could "
            "store anything; raise it, or pass None for a fair share"
        )
    if not isinstance(storage, Shelf):
        return
    for quota, room in (("records_per_source", "max_records"), ("bytes_per_source", "max_bytes")):
        most, whole = getattr(bounds, quota), getattr(storage, room)
        if most is not None and whole is not None and most > whole:
            raise ValueError(
                f"{quota} is {most}, and the storage's {room} {whole}: one source could have all the room; lower "
                f"{quota}, raise {room}, or pass {quota}=None for a fair share"
            )


def check_quorum(quorum: object, ksize: int) -> None:
    """Refuse what is no number of holders: there are k."""
    if isinstance(quorum, bool) or not isinstance(quorum, int):
        raise TypeError(f"quorum is a number of holders, not {quorum!r}")
    if not 1 <= quorum <= ksize:
        raise ValueError(f"quorum is from 1 to {ksize}, the k of this node, not {quorum}")
