"""The target `state`: files that are no state, nearly one, or one that means harm, pickles of old releases included.

An input is the file. Reading it ends with a state within all bounds or with a `ValueError`, and executes nothing.
"""

from __future__ import annotations

import codecs
import sys
import tempfile
from pathlib import Path
from typing import Any

from fuzz.target import Target, must

from kademlia.engine.published import Kept
from kademlia.node import Node
from kademlia.protocol import KademliaProtocol
from kademlia.storage import ForgetfulStorage, state
from kademlia.storage.shelf import VALUE_TYPES

#: What no reading of a file may do (`sys.addaudithook`).
FORBIDDEN = (
    "exec",
    "os.exec",
    "os.posix_spawn",
    "os.system",
    "pickle.find_class",
    "socket.connect",
    "subprocess.Popen",
)

#: Codecs that readers of text use: they are loaded, which executes, at their first use.
CODECS = ("latin1", "ascii", "utf-8", "raw-unicode-escape", "unicode-escape")


class Watch:
    """Notes what is executed while it is on. A hook is never taken out again, so that there is one for all."""

    def __init__(self) -> None:
        self.on = False
        self.seen: list[str] = []
        self._hooked = False

    def begin(self) -> None:
        """Look from now on."""
        for name in CODECS:
            codecs.lookup(name)
        if not self._hooked:
            sys.addaudithook(self._hook)
            self._hooked = True
        self.seen.clear()
        self.on = True

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.on and event in FORBIDDEN:
            self.seen.append(f"{event}{arguments!r:.200}")


watch = Watch()


def memory_folder() -> Path | None:
    """Return a folder in memory, where the system has one: there a file takes microseconds."""
    folder = Path("/dev/shm")  # a temporary folder of one's own is made in it
    return folder if folder.is_dir() else None


class StateFile(Target):
    """`storage.state.load`."""

    name = "state"
    input_bytes_max = 4096
    inputs_per_round = 1000

    def begin(self) -> None:
        """Make a folder for the files."""
        self._folder = tempfile.TemporaryDirectory(prefix="kademlia-fuzz-", dir=memory_folder())
        self._path = Path(self._folder.name, "state")
        state.save(self._path, state.State(20, 3, bytes(20), [], []))  # at its first use msgspec reads annotations:
        state.load(self._path)  # that executes them

    def take(self, data: bytes) -> None:
        """Read a file; what could be read is written, and read again."""
        self._path.write_bytes(data)
        watch.begin()
        try:
            found = state.load(self._path)
        except ValueError:
            return
        finally:
            watch.on = False
            must(not watch.seen, f"reading a file did {watch.seen}")
        self._check(found)
        state.save(self._path, found)
        again = state.load(self._path)
        must(repr(again) == repr(found), f"{found!r:.200} was written, {again!r:.200} read")
        self._restore(found)

    def end(self) -> None:
        """Leave no file."""
        watch.on = False
        self._folder.cleanup()

    def _check(self, found: state.State) -> None:
        must(type(found.id) is bytes and len(found.id) == 20, f"the id {found.id!r}")
        must(1 <= found.ksize <= state.K_MAX and 1 <= found.alpha <= state.K_MAX, f"{found.ksize}, {found.alpha}")
        addresses = [*found.neighbors, *[contact[1:] for contact in found.contacts]]
        must(all(type(host) is str and host and 0 < port < 65536 for host, port in addresses), f"{addresses!r:.200}")
        must(all(len(contact[0]) == 20 for contact in found.contacts), f"{found.contacts!r:.200}")
        for key, value, life_s, stamp in found.published:
            must(len(key) == 20 and type(value) in VALUE_TYPES, f"{value!r:.80} under {key!r}")
            must(life_s > 0 and 0 <= stamp < 2**53, f"a life of {life_s} s, stamp {stamp}")

    def _restore(self, found: state.State) -> None:
        """Begin a life with it, as `Server.load_state` does."""
        protocol = KademliaProtocol(Node(found.id), ForgetfulStorage(clock=lambda: 0.0), min(found.ksize, 1000))
        contacts = [Node(*contact) for contact in found.contacts]
        protocol.restore(contacts, found.neighbors, [Kept(*kept) for kept in found.published])
        must(len(protocol.router) <= len(contacts), "more contacts than there were")
