"""The values that a node keeps for the network, and the life of each.

A life is given by whoever publishes: a time stamp by that node's wall clock, and an end. Both go with the value from
holder to holder (`wire.life`), so that no replication makes a life longer, and nothing older replaces what is newer: in
the published releases values live for ever, and a holder that missed an update brings the old value back.

A storage is its owner's and knows values only. Lives are kept beside it: in its own dict `lives` if it has one, as
`ForgetfulStorage`, so that they stay with the values.

Those releases send no stamp. What they store is an update made now, unless it is what is kept here already.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from kademlia.engine import limits
from kademlia.storage import pairs, pairs_older_than
from kademlia.wire import life as wire_life
from kademlia.wire import rpcudp

if TYPE_CHECKING:
    from kademlia.protocol import KademliaProtocol
    from kademlia.storage import IStorage

#: Lives are looked through for those whose value is gone when there are twice as many as the last time, but not sooner.
PRUNED_FROM = 1024

#: Whose request is in hand, and what its trailer says of a life. A program's own coroutine that answers it goes on
#: later; tasks and coroutines of both worlds keep the context in which they began.
_hint: ContextVar[tuple[object, bytes | None]] = ContextVar("hint", default=(None, None))


class Life(NamedTuple):
    """From when a value is, and until when it is kept."""

    stamp: int  #: milliseconds since 1970, by the clock of its publisher; 0 where that is not known: older than all
    ends_at: float  #: in the time of `now`


class Keeping:
    """The own store of one node."""

    def __init__(self, protocol: KademliaProtocol, storage: IStorage) -> None:
        self._protocol = protocol
        self._prune_at = PRUNED_FROM
        self._last_stamp = 0
        self.use(storage)

    def use(self, storage: IStorage) -> None:
        """Keep values there from now on."""
        self.storage = storage
        lives = getattr(storage, "lives", None)
        self._lives: dict[bytes, complex] = lives if isinstance(lives, dict) else {}

    @property
    def hint(self) -> bytes | None:
        """What the trailer of the request in hand says of the life of a value (`wire.life`), or None."""
        keeping, told = _hint.get()
        return told if keeping is self else None

    @hint.setter
    def hint(self, told: bytes | None) -> None:
        _hint.set((self, told) if told is not None else (None, None))

    def get(self, key: bytes) -> Any:
        """Return a value that is alive, or None."""
        value = self.storage.get(key, None)
        if value is not None:
            life = self._lives.get(key)
            if life is not None and life.imag <= self._protocol.now:
                self._drop(key)
                return None
        return value

    def put(self, key: bytes, value: Any, life: Life | None = None) -> bool:
        """Keep a value, unless something newer is kept or its life is over; return whether it is kept now.

        Args:
            key: 20 bytes.
            value: Of a storable type.
            life: What its sender told of it; None if that was nothing.
        """
        now = self._protocol.now
        held = self._lives.get(key)
        kept = self.storage.get(key, None) if held is not None and held.imag > now else None
        if held is not None and kept is not None:
            life = self._of_two(value, life, kept, held)
            if life is None:
                return False
        elif life is None:
            life = self.new_life()
        if life.ends_at <= now:
            return False
        self.storage[key] = value
        self._lives[key] = complex(life.stamp, life.ends_at)  # 84 bytes in a dict; a Life takes 156
        if len(self._lives) >= self._prune_at:
            self._prune()
        return True

    def answer(self, key: bytes, value: Any, *, with_life: bool = False) -> dict[str, Any]:
        """Return the answer to a find_value; the life is for those who ask for it."""
        if with_life or self.hint == wire_life.QUESTION:
            return {"value": value, wire_life.NAME: self.told(self.life_of(key))}
        return {"value": value}

    def touch(self, key: bytes) -> None:
        """Make a value as young as the copies that are sent out now: its next turn is in an hour (R26)."""
        life = self._lives.get(key)
        self.storage[key] = self.storage[key]
        if life is not None:
            self._lives[key] = life

    def due(self, seconds_old: float) -> Iterator[bytes]:
        """Yield the keys of what was neither stored nor touched for so many seconds, the oldest first."""
        return (key for key, _ in pairs_older_than(self.storage, seconds_old))

    def pairs(self) -> Iterator[tuple[bytes, Any]]:
        """Yield all keys with their values; of some the life may be over."""
        return pairs(self.storage)

    # -- lives -----------------------------------------------------------------------------------------------------

    def new_life(self, seconds: float = limits.LIFE_S) -> Life:
        """Return the life of what is published now; of two the later has the later stamp.

        Raises:
            ValueError: The seconds are not above 0, or no number.
        """
        if not seconds > 0:
            raise ValueError(f"a value is kept for a number of seconds above 0, not {seconds!r}")
        protocol = self._protocol
        self._last_stamp = max(self._wall_ms(), self._last_stamp + 1)
        return Life(self._last_stamp, protocol.now + min(seconds, limits.LIFE_S))

    def life_of(self, key: bytes) -> Life:
        """Return the life of a value that is kept; one that was put into the storage by others than us is of old."""
        held = self._lives.get(key)
        return _unpacked(held) if held is not None else Life(0, self._protocol.now + limits.LIFE_S)

    def told(self, life: Life) -> bytes:
        """Return what others are told of a life (`wire.life`)."""
        return wire_life.encode(life.stamp, life.ends_at - self._protocol.now)

    def told_of(self, key: bytes, value: Any) -> bytes | None:
        """Return what others are told of the life of a value if it is kept here, else None."""
        kept = self.get(key)
        return self.told(self.life_of(key)) if kept is not None and _same(kept, value) else None

    def believed(self, told: bytes | None) -> Life | None:
        """Return the life that others told of, within our bounds; None if they told none."""
        read = wire_life.decode(told)
        if read is None:
            return None
        stamp, seconds_left = read
        wall = self._wall_ms()
        if stamp > wall + limits.STAMP_AHEAD_S * 1000:
            stamp = wall
        return Life(stamp, self._protocol.now + min(seconds_left, limits.LIFE_S))

    def cached(self, told: bytes | None, nearer: int) -> Life:
        """Return the life of a copy on the way: half of what is left for every k nodes that are nearer (R20, R21)."""
        protocol = self._protocol
        stamp, ends_at = self.believed(told) or Life(0, protocol.now + limits.REFRESH_S)
        return Life(stamp, protocol.now + (ends_at - protocol.now) * 0.5 ** (nearer / protocol.router.ksize))

    # -- parts -----------------------------------------------------------------------------------------------------

    def _of_two(self, value: Any, life: Life | None, kept: Any, held: complex) -> Life | None:
        """Return the life of a value that is to take the place of what is kept, or None if it is not to."""
        if life is None:
            if _same(value, kept):
                return _unpacked(held)
            life = self.new_life()  # newer than what is held, whosever clock is wrong
            return life if life.stamp > held.real else life._replace(stamp=int(held.real) + 1)
        if life.stamp > held.real:
            return life
        if life.stamp == held.real and _prevails(value, kept):
            return life._replace(ends_at=held.imag)
        return None

    def _wall_ms(self) -> int:
        return int((self._protocol.now + self._protocol.wall_offset) * 1000)

    def _drop(self, key: bytes) -> None:
        """Drop what is dead; a storage that cannot delete goes on having it, and it stays dead."""
        storage: Any = self.storage
        if hasattr(storage, "__delitem__"):
            del storage[key]
            self._lives.pop(key, None)

    def _prune(self) -> None:
        for key in [key for key in self._lives if self.storage.get(key, None) is None]:
            del self._lives[key]
        self._prune_at = max(2 * len(self._lives), PRUNED_FROM)


def _unpacked(held: complex) -> Life:
    return Life(int(held.real), held.imag)


def _same(value: object, other: object) -> bool:
    """Return whether two values are one, the type counted; of floats the bits: nan is nan, and -0.0 is not 0.0."""
    if type(value) is not type(other):
        return False
    return rpcudp.encode(value) == rpcudp.encode(other) if type(value) is float else value == other


def _prevails(value: object, kept: object) -> bool:
    """Return whether a value of the same stamp is to be kept: everywhere the same one of two, whichever came first."""
    return _same(value, kept) or rpcudp.encode(value) > rpcudp.encode(kept)
