"""Who keeps which value for how long: the quick way, the plain way and a program's agree with a model of the rules.

The model is written from the rules alone: a stamp says which of two values is newer, no replication makes a life
longer, only a renewal by the publisher does, a store without a stamp is an update made now unless it says nothing new,
and what has been superseded, has died or was deleted is no news either.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.properties.twin_engines import TOP, Twins, contacts_in, encode, request, said

from kademlia.engine import limits
from kademlia.sim.world import WALL_START
from kademlia.wire import life, trailer
from kademlia.wire.packed import TOMBSTONE

ASKER, ADDRESS = b"a" * 20, ("192.0.2.1", 8468)
KEYS = [b"k" * 20, b"l" * 20]
VALUES = ["v", "w", b"v", 1, True, 1.0, 0.0, -0.0, float("nan"), "v" * 1000, b"ends like" + trailer.QUESTION, TOMBSTONE]

#: The place of what stands for a deleted value.
DELETED = VALUES.index(TOMBSTONE)

#: Virtual seconds are multiples of this, so that no sum is rounded.
STEP_S = 1 / 8


@dataclass(frozen=True)
class Told:
    """What a store tells of a life; the stamp is relative to something that is known when it is sent."""

    since: str  # "now", "held" or "epoch"
    milliseconds: int
    seconds_left: int
    age: int = 0

    def stamp(self, now_ms: int, held_ms: int) -> int:
        """Return the stamp that is sent."""
        beginning = {"now": now_ms, "held": held_ms, "epoch": 0}[self.since]
        return min(max(beginning + self.milliseconds, 0), 2**64 - 1)


@dataclass(frozen=True)
class Store:
    """Somebody stores a value."""

    key: int
    value: int
    told: Told | None


@dataclass(frozen=True)
class Find:
    """Somebody looks for a value, and perhaps for its life, known to us or introducing itself."""

    key: int
    asks_life: bool
    introduces: bool


@dataclass(frozen=True)
class Wait:
    """Time passes."""

    steps: int


@dataclass
class Kept:
    """A value of the model."""

    value: object
    stamp: int
    ends_at: float
    written_at: float


class Model:
    """What a node should keep."""

    def __init__(self) -> None:
        self.values: dict[bytes, Kept] = {}
        self.bygone: dict[bytes, dict[bytes, float]] = {}  # until when a value is remembered, by its bytes
        self.own_stamp = 0

    def alive(self, key: bytes, now: float) -> Kept | None:
        """Return what is kept; as with engines, what is dead is dropped when it is looked at."""
        kept = self.values.get(key)
        if kept is not None and now >= kept.written_at + 7 * 86_400:  # the storage forgot it
            del self.values[key]
            return None
        if kept is not None and now >= kept.ends_at:
            self.gone(key, self.values.pop(key).value, now)
            return None
        return kept

    def gone(self, key: bytes, value: object, now: float) -> None:
        """Remember a value for a day; of a key the last four."""
        if value != TOMBSTONE:
            remembered = self.bygone.setdefault(key, {})
            remembered.pop(encode(value), None)
            remembered[encode(value)] = now + 86_400
            self.bygone[key] = dict(list(remembered.items())[-4:])

    def store(self, key: bytes, value: object, told: tuple[int, int, int] | None, now: float) -> bool:
        kept = self.alive(key, now)
        if told is None:
            return self.update(key, value, kept, now)
        stamp, ends_at = believed(*told, now)
        doubtful = stamp == 0 or stamp % 2 == 1
        same = kept is not None and one(kept.value, value)
        if doubtful and not same and self.is_no_news(key, value, now):
            return True
        if kept is not None and stamp <= kept.stamp:
            if stamp < kept.stamp or encode(value) < encode(kept.value):
                return False
            ends_at = ends_at if ends_at > kept.ends_at + 60 else kept.ends_at  # a renewal, or a replication
        return self.keep(key, Kept(value, stamp, ends_at, now), now)

    def update(self, key: bytes, value: object, kept: Kept | None, now: float) -> bool:
        """Take what came without a life."""
        if value == TOMBSTONE:
            return False
        if kept is not None and one(kept.value, value):
            kept.written_at = now
            return True
        if self.is_no_news(key, value, now):
            return True
        stamp = self.now_ms(now)
        if kept is not None:
            stamp = max(stamp, kept.stamp + 1)
        stamp += stamp % 2 == 0  # made by a holder
        return self.keep(key, Kept(value, stamp, now + limits.LIFE_S, now), now)

    def keep(self, key: bytes, new: Kept, now: float) -> bool:
        """Put a value in the place of another."""
        if new.ends_at <= now:
            return False
        kept = self.values.get(key)
        if kept is not None and not one(kept.value, new.value):
            self.gone(key, kept.value, now)
        self.values[key] = new
        return True

    def is_no_news(self, key: bytes, value: object, now: float) -> bool:
        """Return whether a value of no stamp has been here, and is no longer; then it is remembered for another day."""
        remembered = self.bygone.get(key, {}).get(encode(value), now) > now
        if remembered:
            self.gone(key, value, now)
        return remembered

    def now_ms(self, now: float) -> int:
        """Return the stamp of an update made now: no two are the same."""
        stamp = max(milliseconds(now), self.own_stamp + 1)
        self.own_stamp = stamp + stamp % 2
        return self.own_stamp


def believed(stamp: int, age: int, seconds_left: int, now: float) -> tuple[int, float]:
    """Bound a life by what is possible: of a stamp far ahead its age counts, and nothing lives for more than a week."""
    stamp = min(stamp, 2**53)
    if stamp > milliseconds(now) + 300_000:
        told, stamp = stamp, max(milliseconds(now) - age * 1000, 2)
        stamp += (told % 2) - (stamp % 2)
    return stamp, now + min(seconds_left, 7 * 86_400)


def one(value: object, other: object) -> bool:
    """Return whether two values are the same on the wire."""
    return encode(value) == encode(other)


def milliseconds(now: float) -> int:
    """Return the wall-clock time of a node whose clock is right."""
    return int((WALL_START + now) * 1000)


tellings = st.builds(
    Told,
    since=st.sampled_from(["now", "now", "held", "held", "epoch"]),
    milliseconds=st.one_of(
        st.sampled_from([0, 0, 1, -1, 299_999, 300_000, 300_001, -3_600_000, 3_600_000, 2**53, 2**64]),
        st.integers(-(10**6), 10**6),
    ),
    seconds_left=st.one_of(
        st.sampled_from([0, 1, 2, 60, 61, 120, 3600, 604_799, 604_800, 604_801, 2**32 - 1]), st.integers(0, 2**32 - 1)
    ),
    age=st.sampled_from([0, 0, 1, 3600, 2**32 - 1]),
)
keys = st.sampled_from([0, 0, 0, 1])
events = st.one_of(
    st.builds(Store, key=keys, value=st.integers(0, len(VALUES) - 1), told=st.one_of(st.none(), tellings, tellings)),
    st.builds(Store, key=keys, value=st.integers(0, 1), told=tellings),
    st.builds(Find, key=keys, asks_life=st.booleans(), introduces=st.booleans()),
    st.builds(Store, key=keys, value=st.sampled_from([0, 1, DELETED]), told=st.one_of(st.none(), tellings)),
    st.builds(
        Wait,
        steps=st.sampled_from([1, 7, 8, 9, 480, 28_800, 8 * 86_399, 8 * 86_400, 8 * 604_799, 8 * 604_800])
        | st.integers(1, 5000),
    ),
)


class Story:
    """One run of the twins and the model through what was drawn."""

    def __init__(self) -> None:
        self.twins = Twins(4, TOP // 5)
        self.model = Model()
        for resident in self.twins.residents:
            resident.protocol.upkeep.stop()
            resident.protocol.probing.stop()

    def happens(self, event: Store | Find | Wait) -> None:
        if isinstance(event, Wait):
            self.twins.wait(event.steps * STEP_S)
            return
        self.twins.answered(ADDRESS, None)  # a proof does not last as long as we wait
        if isinstance(event, Store):
            self.store(event)
        else:
            self.find(event)

    def store(self, event: Store) -> None:
        key, value, now = KEYS[event.key], VALUES[event.value], self.twins.now
        datagram = request("store", ASKER, key, value)
        told = None
        if event.told is not None:
            kept = self.model.values.get(key)
            stamp = event.told.stamp(milliseconds(now), kept.stamp if kept is not None else 0)
            told = stamp, event.told.age, event.told.seconds_left
            datagram += trailer.of_life(
                stamp.to_bytes(8, "big")
                + event.told.age.to_bytes(4, "big")
                + event.told.seconds_left.to_bytes(4, "big")
            )
        assert self.answer(datagram) is self.model.store(key, value, told, now)

    def find(self, event: Find) -> None:
        key, now = KEYS[event.key], self.twins.now
        question = life.QUESTION if event.asks_life else None
        datagram = request("find_value", ASKER, key)
        if event.introduces:
            datagram = trailer.introduction(datagram, False, 400, question)
        elif question is not None:
            datagram += trailer.of_life(question)
        kept = self.model.alive(key, now)
        reply = self.twins.ask(datagram, ADDRESS)
        if kept is None or (kept.value == TOMBSTONE and not event.asks_life):
            assert contacts_in(reply) == set()
            return
        expected = {"value": kept.value}
        if event.asks_life:
            expected["life"] = life.encode(kept.stamp, (milliseconds(now) - kept.stamp) / 1000, kept.ends_at - now)
        assert reply is not None
        assert encode(said(reply)) == encode(expected)

    def answer(self, datagram: bytes) -> object:
        reply = self.twins.ask(datagram, ADDRESS)
        assert reply is not None
        return said(reply)

    def check(self) -> None:
        """Compare what is left with the model, and see that nothing else is."""
        now = self.twins.now
        for key in KEYS:
            kept = self.model.alive(key, now)
            for protocol in self.twins.all:
                protocol.now = now
                found = protocol.keeping.get(key)
                assert encode(found) == encode(kept.value if kept is not None else None)
                assert kept is None or protocol.keeping.life_of(key) == (kept.stamp, kept.ends_at)


OLDER, SAME, NEWER = Told("held", -1, 3600), Told("held", 0, 604_800), Told("held", 1, 60)


@settings(max_examples=150)
@given(st.lists(events, min_size=1, max_size=25))
@example([Store(0, 0, Told("now", 0, 60)), Store(0, 0, OLDER), Store(0, 1, OLDER), Find(0, True, False)])
@example([Store(0, 0, Told("now", 0, 60)), Store(0, 0, SAME), Wait(480), Find(0, True, False)])
@example([Store(0, 0, Told("now", 0, 60)), Store(0, 0, None), Store(0, 1, None), Find(0, True, True)])
@example([Store(0, 0, Told("now", 300_000, 60)), Store(0, 1, None), Store(0, 0, None), Find(0, True, False)])
@example([Store(0, 0, Told("now", 10**9, 60)), Wait(1), Store(0, 1, Told("now", 0, 60)), Find(0, True, False)])
@example([Store(0, 1, Told("epoch", 0, 0)), Store(0, 1, Told("epoch", 0, 1)), Wait(8), Find(0, False, False)])
@example([Store(0, 8, Told("now", 0, 60)), Store(0, 8, SAME), Store(0, 8, None), Find(0, True, False)])
@example([Store(0, 0, Told("now", 0, 60)), Store(0, 0, Told("held", 0, 121)), Wait(960), Find(0, True, False)])
@example([Store(0, 0, Told("now", 0, 60)), Wait(480), Store(0, 0, None), Wait(8 * 86_400), Store(0, 0, None)])
@example([Store(0, 0, Told("now", 0, 60)), Store(0, DELETED, NEWER), Store(0, 0, None), Find(0, False, True)])
@example([Store(0, 0, Told("now", 10**9, 60, 3600)), Store(0, 1, Told("now", -1000, 60)), Find(0, True, False)])
def test_all_ways_keep_what_the_rules_say_and_as_long(drawn: list[Store | Find | Wait]) -> None:
    """A stamp in the past, equal, newer or ahead, none at all; deletions; and time enough for a life to be over."""
    story = Story()
    for event in drawn:
        story.happens(event)
    story.check()


@settings(max_examples=60)
@given(st.permutations([(value, stamp) for value in range(3) for stamp in (5, 6)]), st.integers(0, 3))
def test_whatever_order_stores_come_in_all_end_with_the_same(order: list[tuple[int, int]], repeated: int) -> None:
    """Of the newest values the one with the greatest bytes is kept: two holders that heard the same agree."""
    story = Story()
    for value, stamp in [*order, *order[:repeated]]:
        story.happens(Store(0, value, Told("epoch", stamp, 60)))
    expected = max(VALUES[:3], key=encode)
    assert msgspec.msgpack.encode(story.twins.quick.keeping.get(KEYS[0])) == encode(expected)
    assert story.twins.quick.keeping.life_of(KEYS[0]) == (6, 60.0)
