"""The values that a node keeps for the network, and the life of each.

A life is given by whoever publishes: a time stamp by that node's wall clock, and an end. Both go with the value from
holder to holder (`wire.life`), so that no replication makes a life longer, and nothing older replaces what is newer: in
the published releases values live for ever, and a holder that missed an update brings the old value back. The stamp
tells when the value was set; its publisher renews it with the same stamp and a later end.

Those releases send no stamp. What they store is an update made now, unless it is what is kept here already, or was kept
here and is no longer (`engine.bygone`). Its stamp is marked as made by a holder, so that others who know the value for
an old one are not taken in either.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from kademlia.engine import limits
from kademlia.engine.admission import Admission
from kademlia.engine.bygone import Bygone
from kademlia.node import Address
from kademlia.storage.beside import shelf_of
from kademlia.storage.shelf import Shelf, record_bytes
from kademlia.wire import life as wire_life
from kademlia.wire import rpcudp
from kademlia.wire.life import BY_HOLDER
from kademlia.wire.packed import TOMBSTONE

if TYPE_CHECKING:
    from kademlia.protocol import KademliaProtocol
    from kademlia.storage import IStorage

#: Who has a request in hand, from where it came, and what its trailer says of a life. A program's own coroutine that
#: answers it goes on later; tasks and coroutines of both worlds keep the context in which they began.
_in_hand: ContextVar[tuple[object, Address | None, bytes | None]] = ContextVar("in_hand", default=(None, None, None))

#: Which value is being sent, and with what life, while a program's own `call_store` has the word: it knows of no lives.
_sent: ContextVar[tuple[object, bytes, bytes]] = ContextVar("sent", default=(None, b"", b""))


class Life(NamedTuple):
    """From when a value is, and until when it is kept."""

    stamp: int  #: milliseconds since 1970, by the clock of its publisher; 0 where that is not known: older than all
    ends_at: float  #: in the time of `now`


class Keeping:
    """The own store of one node.

    Attributes:
        shelf: The storage, as the engine uses it.
        bygone: The values that are no longer.
        admission: What new values have to pass.
    """

    shelf: Shelf
    admission: Admission

    def __init__(self, protocol: KademliaProtocol, storage: IStorage) -> None:
        self.bygone = Bygone(protocol.source_node.id)
        self._protocol = protocol
        self._counts = protocol.counts
        self._last_stamp = 0
        self.use(storage)

    def use(self, storage: IStorage) -> None:
        """Keep values there from now on."""
        self.storage = storage
        self.shelf = shelf_of(storage)
        self._read = self.shelf.read
        self.admission = Admission(self._protocol, self.shelf, self._leave_behind)
        self._admit = self.admission.admit
        self._is_kept = self.admission.room.kept

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept; a program's own storage may always hold something."""
        return self.storage_is_ours and not self.shelf.records

    @property
    def storage_is_ours(self) -> bool:
        """Whether no code of a program's own takes part in reading and writing values."""
        shelf: object = self.shelf
        return shelf is self.storage

    @property
    def hint(self) -> bytes | None:
        """What the trailer of the request in hand says of the life of a value (`wire.life`), or None."""
        keeping, _, told = _in_hand.get()
        return told if keeping is self else None

    @property
    def asker(self) -> Address | None:
        """The address that the request in hand came from, or None."""
        keeping, address, _ = _in_hand.get()
        return address if keeping is self else None

    def take_in_hand(self, address: Address | None, told: bytes | None = None) -> None:
        """Learn whose request is answered next, and what it says of a life; None when that is done."""
        _in_hand.set((self, address, told) if address is not None else (None, None, None))

    def get(self, key: bytes) -> Any:
        """Return a value that is alive, or None; if it was deleted `wire.packed.TOMBSTONE`."""
        held = self._read(key)
        if held is None:
            return None
        value, life = held
        if life is not None and life.imag <= self._protocol.now:
            self._end(key, value)
            return None
        return value

    def held(self, key: bytes) -> tuple[Any, Life] | None:
        """Return a value that is alive with its life, or None; the value is as of `get`."""
        held = self._read(key)
        if held is None:
            return None
        value, life = held
        if life is None:
            return value, Life(0, self._protocol.now + limits.LIFE_S)
        if life.imag <= self._protocol.now:
            self._end(key, value)
            return None
        return value, Life(int(life.real), life.imag)

    def put(self, key: bytes, value: Any, life: Life | None = None, sender: Address | None = None) -> bool:
        """Keep a value, unless something newer is kept, its life is over or there is no room for it.

        Args:
            key: 20 bytes.
            value: Of a storable type.
            life: What its sender told of it; None if that was nothing.
            sender: Who is to be charged for a new value (`engine.ledger`); None if nobody is.

        Returns:
            Whether it is kept now, or was and is over (of a sender that tells no stamps).
        """
        now = self._protocol.now
        held = self._read(key)
        if held is not None and held[1] is not None and held[1].imag <= now:
            self._end(key, held[0])
            held = None
        same = held is not None and _same(value, held[0])
        if life is None or not life.stamp or life.stamp & BY_HOLDER:  # nobody vouches for its date
            if value == TOMBSTONE and life is None:
                return False
            if not same and self.bygone.has(key, value, now):
                return True
        if life is None:
            life = self.life_of(key) if same else self._made_now(held)
        elif held is not None:
            life = _later(value, life, *held)
        if life is None or life.ends_at <= now:
            return False
        kept = held[0] if held is not None else None
        if not (self.admission.renew() if same else self._admit(key, value, kept, sender)):
            return False
        self.shelf.write(key, value, complex(life.stamp, life.ends_at))
        self._is_kept(key)
        return True

    def answer(self, key: bytes, value: Any, *, with_life: bool = False) -> dict[str, Any]:
        """Return the answer to a find_value; the life is for those who ask for it."""
        if with_life or self.hint == wire_life.QUESTION:
            return {"value": value, wire_life.NAME: self.told(self.life_of(key))}
        return {"value": value}

    def due(self, seconds_old: float) -> Iterator[bytes]:
        """Yield the keys of what was neither stored nor touched for so many seconds, the oldest first."""
        return self.shelf.older_than(seconds_old)

    def is_due(self, key: bytes, seconds_old: float) -> bool:
        """Return whether that is still so, as far as the storage tells it."""
        age = self.shelf.age(key)
        return age is None or age >= seconds_old

    def touch(self, key: bytes) -> None:
        """Make a value as young as the copies that are sent out now: its next turn is in an hour (R26)."""
        self.shelf.touch(key)

    # -- lives -----------------------------------------------------------------------------------------------------

    def new_life(self, seconds: float = limits.LIFE_S, key: bytes | None = None, after: int = 0) -> Life:
        """Return the life of what is published now; of two the later has the later stamp.

        Args:
            seconds: How long it is to be kept.
            key: Of what; it is newer than what is kept here of it, whosever clock is wrong.
            after: A stamp that it is to be newer than.

        Raises:
            ValueError: The seconds are not from `LIFE_MIN_S` to `LIFE_MAX_S`, or no number.
        """
        if not limits.LIFE_MIN_S <= seconds <= limits.LIFE_MAX_S:
            raise ValueError(
                f"a value lives for {limits.LIFE_MIN_S:.0f} to {limits.LIFE_MAX_S:.0f} seconds (a week), not "
                f"{seconds!r}; its publisher renews it for as long as it likes"
            )
        protocol = self._protocol
        held = self.held(key) if key is not None else None
        after = max(after, self._last_stamp, held[1].stamp if held is not None else 0)
        self._last_stamp = max(self._wall_ms(), after + 1) + 1 & ~BY_HOLDER
        return Life(self._last_stamp, protocol.now + seconds)

    def life_of(self, key: bytes) -> Life:
        """Return the life of a value that is kept; one that was put into the storage by others than us is of old."""
        held = self._read(key)
        life = held[1] if held is not None else None
        return Life(int(life.real), life.imag) if life is not None else Life(0, self._protocol.now + limits.LIFE_S)

    def told(self, life: Life) -> bytes:
        """Return what others are told of a life (`wire.life`)."""
        age = (self._wall_ms() - life.stamp) / 1000
        return wire_life.encode(life.stamp, age, life.ends_at - self._protocol.now)

    @contextmanager
    def sending(self, key: bytes, life: Life) -> Iterator[None]:
        """Have what a program's own `call_store` sends told with its life, also if it sends it later."""
        before = _sent.set((self, key, self.told(life)))
        try:
            yield
        finally:
            _sent.reset(before)

    def told_of(self, key: bytes, value: Any) -> bytes | None:
        """Return what others are told of the life of a value that is being sent, or is kept here; else None."""
        keeping, sent_key, told = _sent.get()
        if keeping is self and sent_key == key:
            return told
        held = self.held(key)
        return self.told(held[1]) if held is not None and _same(held[0], value) else None

    def believed(self, told: object) -> Life | None:
        """Return the life that others told of, within our bounds; None if they told none."""
        read = wire_life.decode(told)
        if read is None:
            return None
        stamp, age, seconds_left = read
        wall = self._wall_ms()
        if stamp > wall + limits.STAMP_AHEAD_S * 1000:
            stamp = max(wall - age * 1000, 2) & ~BY_HOLDER | stamp & BY_HOLDER
        return Life(stamp, self._protocol.now + min(seconds_left, limits.LIFE_MAX_S))

    def cached(self, told: object, nearer: int) -> Life:
        """Return the life of a copy on the way: half of what is left for every k nodes that are nearer (R20, R21)."""
        protocol = self._protocol
        stamp, ends_at = self.believed(told) or Life(0, protocol.now + limits.REFRESH_S)
        return Life(stamp, protocol.now + (ends_at - protocol.now) * 0.5 ** (nearer / protocol.router.ksize))

    # -- parts -----------------------------------------------------------------------------------------------------

    def _made_now(self, held: tuple[Any, complex | None] | None) -> Life:
        """Return the life of an update that came without one: newer than what is held, whosever clock is wrong."""
        life = self.new_life()
        after = int(held[1].real) if held is not None and held[1] is not None else 0
        return Life(max(life.stamp, after + 1) | BY_HOLDER, life.ends_at)

    def _end(self, key: bytes, value: Any) -> None:
        """Drop what is dead, and remember it."""
        self._leave_behind(key, value)
        self.shelf.drop(key)
        self.admission.ledger.forget(key, record_bytes(value))

    def _leave_behind(self, key: bytes, value: Any) -> None:
        if value != TOMBSTONE and type(value) in rpcudp.VALUE_TYPES:  # a program may have put anything there
            account = self.admission.ledger.of(key)
            self.bygone.add(key, value, self._protocol.now, account.source if account is not None else None)

    def _wall_ms(self) -> int:
        return int((self._protocol.now + self._protocol.wall_offset) * 1000)


def _later(value: object, life: Life, kept: object, held: complex | None) -> Life | None:
    """Return the life of a value that is to take the place of what is kept, or None if it is not to."""
    if held is None or life.stamp > held.real:
        return life
    if life.stamp < held.real or not _prevails(value, kept):
        return None
    return life if life.ends_at > held.imag + limits.RENEWED_BY_S else Life(life.stamp, held.imag)


def _same(value: object, other: object) -> bool:
    """Return whether two values are one, the type counted; of floats the bits: nan is nan, and -0.0 is not 0.0."""
    if type(value) is not type(other):
        return False
    return rpcudp.encode(value) == rpcudp.encode(other) if type(value) is float else value == other


def _prevails(value: object, kept: object) -> bool:
    """Return whether a value of the same stamp is to be kept: everywhere the same one of two, whichever came first."""
    return _same(value, kept) or rpcudp.encode(value) > rpcudp.encode(kept)
