"""Fuzzing without a guide, where atheris cannot be had: the corpus, and then seeded random changes to it.

It finds less, as nothing tells it which change reached new code; it is repeatable from its seed.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from fuzz.session import Session

#: Changes made to one input at the most.
CHANGES_MAX = 6

#: Bytes that mean something to one of the targets.
TOKENS = (
    b"\xc1", b"\xc4\x14", b"\x92", b"\x93", b"\xa4ping", b"\xa5store", b"\xa9find_node", b"\xaafind_value",
    b"\xa5value", b"\x00", b"\xff", b"\x81", b"\xdf\xff\xff\xff\xff", b"\xc1km\x01", b"\xc1kd\x01", b"\x00\x00",
)  # fmt: skip


def run(session: Session, corpus: list[bytes], seed: int) -> None:
    """Give a session the corpus, and changed inputs until it is done."""
    chance = random.Random(seed)
    for data in corpus:
        session.take(data)
    while not session.done:
        changed = bytearray(chance.choice(corpus)) if corpus else bytearray()
        for _ in range(chance.randint(1, CHANGES_MAX)):
            chance.choice(CHANGES)(changed, chance, corpus)
        session.take(bytes(changed[: session.target.input_bytes_max]))


def _set(data: bytearray, chance: random.Random, _corpus: list[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] = chance.randrange(256)


def _turn(data: bytearray, chance: random.Random, _corpus: list[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _cut(data: bytearray, chance: random.Random, _corpus: list[bytes]) -> None:
    start = chance.randint(0, len(data))
    del data[start : start + chance.randint(1, 32)]


def _double(data: bytearray, chance: random.Random, _corpus: list[bytes]) -> None:
    start = chance.randint(0, len(data))
    data[start:start] = data[start : start + chance.randint(1, 64)]


def _insert(data: bytearray, chance: random.Random, _corpus: list[bytes]) -> None:
    start = chance.randint(0, len(data))
    data[start:start] = chance.choice(TOKENS) if chance.random() < 0.5 else chance.randbytes(chance.randint(1, 8))


def _join(data: bytearray, chance: random.Random, corpus: list[bytes]) -> None:
    other = chance.choice(corpus) if corpus else b""
    del data[chance.randint(0, len(data)) :]
    data += other[chance.randint(0, len(other)) :]


CHANGES: tuple[Callable[[bytearray, random.Random, list[bytes]], None], ...] = (
    _set, _set, _turn, _cut, _double, _insert, _join,
)  # fmt: skip
