"""What fuzzing begins with, besides the corpus: made anew each time, and so never out of date.

Seeds are the zoo of hostile datagrams and answers, the requests and answers of real nodes, files as every release wrote
them, and what can be done to a database. What fuzzing adds to that lies in `fuzz/corpus`.
"""

from __future__ import annotations

import hashlib
import pickle
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

from fuzz import targets
from fuzz.cast import CONTACTS, KEYS, OWN_ID, SOURCES
from fuzz.codec import Codec
from fuzz.cursor import piece
from fuzz.database import KEYS as STORED
from fuzz.database import STATEMENTS, sound
from fuzz.receive import STEPS_S, VALUES, Receive
from tests.hostile.datagrams import DATAGRAMS_OF_ALL_KINDS
from tests.hostile.strangers import Stranger
from tests.hostile.test_hostile_replies import LIES
from tests.storage.test_pickles import PYTHON2

from kademlia.sim import World
from kademlia.storage import state
from kademlia.wire import life, packed, rpcudp, trailer

encode = rpcudp.encode

#: Seeds are cut to this: what is longer does not show more.
SEED_BYTES_MAX = 1400

LIFE = life.encode(1_700_000_000_000, 5, 3600)

#: Where addresses lie, and where none do.
PLACES = (
    "127.0.0.1", "10.1.2.3", "192.168.0.1", "172.31.255.255", "100.64.0.1", "169.254.1.1", "198.51.100.7", "8.8.8.8",
    "0.0.0.0", "255.255.255.255", "224.0.0.1", "240.0.0.1", "::", "::1", "::ffff:1.2.3.4", "::ffff:127.0.0.1",
    "64:ff9b::1.2.3.4", "64:ff9b::7f00:1", "64:ff9b:1::1", "2a00:1450::1", "2001:db8::1", "fc00::1", "fe80::1%eth0",
    "fe80::1", "ff02::1", "4000::1", "::1.2.3.4", "2002:7f00:1::", "1.2.3", "01.2.3.4", "localhost", "1.2.3.4%x", "",
)  # fmt: skip


def event(name: str, *parts: int | bytes) -> bytes:
    """Return one event of `receive` by the name of its method: numbers are bytes, bytes are pieces."""
    methods = [cast("Any", method).__name__ for method in Receive().events]
    told = (bytes((part,)) if isinstance(part, int) else piece(part) for part in parts)
    return bytes((methods.index(f"_{name}"),)) + b"".join(told)


def part(name: str, data: bytes) -> bytes:
    """Return an input of `codec` for one of its parts."""
    methods = [cast("Any", method).__name__ for method in Codec().parts]
    return bytes((methods.index(f"_{name}"),)) + data


def lies() -> list[bytes]:
    """Return the bodies of hostile answers."""
    evil = cast("Stranger", _Evil())
    return [lie(evil, OWN_ID)[:SEED_BYTES_MAX] for lie in LIES.values()]


class _Evil:
    address = SOURCES[2]


def requests(sender: bytes) -> list[bytes]:
    """Return what nodes ask, without type and message id: of old ones, and of ours."""
    calls = [("ping", sender), ("find_node", sender, KEYS[2]), ("find_value", sender, KEYS[0]), ("stun",)]
    calls += [("find_value", sender, KEYS[1]), *[("store", sender, KEYS[3], value) for value in VALUES]]
    bodies = [rpcudp.call(name, *arguments) for name, *arguments in cast("Any", calls)]
    head = b"\x00" + bytes(20)
    ours = [head + body + trailer.of_life(LIFE) for body in bodies if b"store" in body]
    ours += [head + body + trailer.QUESTION for body in bodies[2:5]]
    for body in bodies[:6]:
        ours += [trailer.introduction(head + body, True, 0), trailer.introduction(head + body, False, 300)]
    ours.append(trailer.introduction(head + bodies[2], False, 300, life.QUESTION))
    return bodies + [datagram[21:] for datagram in ours]


def answers(node_id: bytes) -> list[bytes]:
    """Return what nodes answer, without type and message id."""
    contacts = encode([(node_id, *address) for node_id, address in CONTACTS])
    few = encode([[KEYS[2][:-1] + bytes((number,)), f"45.9.20.{number}", 8468] for number in range(12)])
    values = [encode({"value": value}) for value in VALUES]
    dated = [encode({"value": value, "life": LIFE}) for value in VALUES]
    old = [encode({b"value": b"old"}), b"\x93" + encode(node_id) + encode(b"1.2.3.4") + encode(8468)]
    bodies = [encode(node_id), encode(True), encode(False), encode([]), contacts, few, *values, *dated, *old]
    hints: list[trailer.Trailer] = [
        {trailer.NODE_ID: node_id},
        {trailer.NODE_ID: node_id, trailer.PING: b"p" * 20},
        {trailer.EPHEMERAL: True},
    ]
    return bodies + [trailer.append(b"\x01" + bytes(20) + body, told)[21:] for body in bodies[:6] for told in hints]


def traffic() -> list[bytes]:
    """Return the datagrams of a small network at work, each kind and size once."""
    kinds: dict[tuple[bytes, int], bytes] = {}

    def listen(_what: bytes, datagram: bytes, _source: object, _target: object) -> None:
        kinds.setdefault((datagram[:1] + datagram[21:30], len(datagram) // 16), datagram)

    world = World(1)
    world.listeners.append(listen)
    nodes = world.network(8, ksize=4)
    for number, node in enumerate(nodes):
        world.finish(node.protocol.publish(KEYS[number], VALUES[number]))
        world.finish(node.protocol.fetch(KEYS[0]))
        world.finish(node.protocol.search(KEYS[0], 2))
    world.finish(nodes[1].protocol.delete(KEYS[1]).operation)
    world.run(4000)
    return list(kinds.values())


def of_receive() -> Iterator[bytes]:
    """Yield sequences of events."""
    for number, datagram in enumerate(DATAGRAMS_OF_ALL_KINDS):
        data = datagram[:SEED_BYTES_MAX]
        yield event("datagram", number % len(CONTACTS), data)
        yield event("datagram", 12, data)
    for number, body in enumerate([*requests(CONTACTS[1][0]), *requests(KEYS[4])]):
        yield event("request", 1, body) + event("request", 11 + number % 13, body) + event("pass_time", 2)
    for number, body in enumerate([*lies(), *answers(CONTACTS[0][0]), *answers(KEYS[4])]):
        begun = event("begin", number % 12, number % len(KEYS), number % len(VALUES))
        told = event("answer", 0, 0, body) + event("answer", 1, 0, body) + event("answer", 0, 250, body)
        yield begun + told + event("be_honest", 7) + event("pass_time", number % len(STEPS_S)) + told
    for datagram in traffic():
        yield event("datagram", 3, datagram[:SEED_BYTES_MAX]) + event(
            "answer", 0, 0, datagram[21 : 21 + SEED_BYTES_MAX]
        )
    for kind in range(12):
        honest = event("be_honest", 7) + event("pass_time", 1)
        yield event("begin", kind, kind % len(KEYS), kind % len(VALUES)) + honest * 4 + event("pass_time", 7)
    ping = b"\x00" + bytes(20) + rpcudp.call("ping", KEYS[2])
    yield event("press", 1) + event("flood", 11, 0, ping) + event("flood", 11, 9, ping) + event("press", 0)
    yield (
        event("begin", 0, 2, 0)
        + event("echo", 0, 0)
        + bytes(2)
        + piece(b"")
        + event("echo", 1, 200)
        + bytes(2)
        + piece(b"\x01")
    )
    yield event("leap", 0) + event("sleep", 2) + event("leap", 6) + event("sleep", 3) + event("be_honest", 7)


def of_codec() -> Iterator[bytes]:
    """Yield bodies, trailers, values and addresses."""
    bodies = [*lies(), *answers(CONTACTS[0][0])]
    for body in bodies:
        yield part("answer", body)
        yield part("contacts", b"\x01\x3f" + body)
        yield part("value", body)
    for body in requests(CONTACTS[1][0]):
        yield part("request", body)
        yield part("trailer", b"\x00" + bytes(20) + body)
        yield part("ways", b"\x01\x00\x00" + bytes(20) + body)
        yield part("ways", b"\x0c\xf5\x00" + bytes(20) + body)
    for datagram in DATAGRAMS_OF_ALL_KINDS:
        yield part("trailer", datagram[:SEED_BYTES_MAX])
        yield part("ways", b"\x02\x00" + datagram[:SEED_BYTES_MAX])
        yield part("request", datagram[21 : 21 + SEED_BYTES_MAX])
    for kind in range(8):
        yield part("made_trailer", bytes((1, kind * 20, kind & 1, kind)) + LIFE + bytes(40) + b"a datagram")
    yield part("life", b"\x10" + LIFE)
    containers: list[Any] = [[1, {"a": None}], {"k": [b"x"]}, b"\xc1k", {}, [[[[]]]]]
    for value in containers:
        yield part("packed", packed.pack(value)[4:])
    yield from [part("place", ip.encode()) for ip in PLACES]


def of_state() -> Iterator[bytes]:
    """Yield state files: ours, old ones, hostile ones."""
    published = [(KEYS[0], value, 60.0, 7) for value in VALUES[:4]]
    contacts = [(node_id, *address) for node_id, address in CONTACTS]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "state")
        for kept in (published, []):
            for known in (contacts, []):
                state.save(path, state.State(20, 3, KEYS[0], [contact[1:] for contact in known], known, kept))
                yield path.read_bytes()
    yield b'{"format":"kademlia state","version":1}'
    yield b"{" * 900
    old = {"ksize": 20, "alpha": 3, "id": KEYS[0], "neighbors": [address for _, address in CONTACTS]}
    yield from [pickle.dumps(old, protocol) for protocol in range(6)]
    yield from PYTHON2.values()
    yield from (b"cos\nsystem\n(S'true'\ntR.", b"c_codecs\nencode\n(V\xe9\nVlatin1\ntR.", b"\x80\x04(" * 300)


def of_database() -> Iterator[bytes]:
    """Yield files, changes to a sound one, and rows."""
    file, log = sound()
    yield b"\x00" + file[:8000]
    yield b"\x00" + file[:1024]
    yield b"\x00"
    yield b"\x00SQLite format 3\x00"
    for at in (16, 18, 24, 28, 44, 56, 60, 68, 100, 103, 512, 520, 1024, 1536):
        yield b"\x01\xff" + at.to_bytes(2, "big") + b"\x03\xff\xff\xff\xff"
    yield from [b"\x01" + bytes((kept,)) for kept in (0, 20, 60, 120, 190)]
    for at in (0, 8, 12, 32, 36, 56, 600, len(log) - 4):
        yield b"\x02\xff" + at.to_bytes(2, "big") + b"\x01\xff\xff"
    for kind in range(len(STATEMENTS)):
        yield b"\x03" + bytes((kind,)) + _row(8, 4, 4, 6, 7)
    for kind in range(9):
        yield b"\x03" + b"".join(
            _row(*(8, 6, 6, 6, 7)[:column], kind, *(8, 6, 6, 6, 7)[column + 1 :]) for column in range(5)
        )
    yield b"\x03" + b"".join(_row(1, 6, 6, 6, 7) for _ in STORED)


def _row(*kinds: int) -> bytes:
    return b"\xff" + b"".join(bytes((9 * 3 + kind,)) + b"\x41\xff" * 4 for kind in kinds)


SEEDS: dict[str, Callable[[], Iterator[bytes]]] = {
    "receive": of_receive,
    "codec": of_codec,
    "state": of_state,
    "database": of_database,
}


def of(name: str) -> list[bytes]:
    """Return the seeds of a target, each once, in the order of their digests: which order is as good as any."""
    most = targets.KINDS[name].input_bytes_max
    seeds = {hashlib.sha1(data).hexdigest(): data for data in SEEDS[name]() if len(data) <= most}
    return [seeds[digest] for digest in sorted(seeds)]


def write(name: str, folder: Path) -> None:
    """Write the seeds of a target into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for data in of(name):
        (folder / hashlib.sha1(data).hexdigest()[:12]).write_bytes(data)
