"""When what is kept on disk is committed: by the node's world, which has a thread for it, and not on its loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kademlia.engine.operation import Operation, finished
from kademlia.engine.records import FOREVER
from kademlia.storage.shelf import Saved

if TYPE_CHECKING:
    from kademlia.protocol import KademliaProtocol

#: The share of what a slow commit took that the next is given at least: one in ten or so takes several times as long as
#: the others, since SQLite puts its log back into the database then.
REMEMBERED = 0.98

#: The share of the interval that is left for the system's own delays.
SPARE = 0.1


class Saving:
    """The commits of one node; nothing to do where values are kept in memory."""

    def __init__(self, protocol: KademliaProtocol) -> None:
        self._protocol = protocol
        self._due_at = FOREVER
        self._committing = False
        self._failed = False  # the last commit; the next is tried when the shelf says so
        self._began_at = 0.0  # the last commit
        self._takes_s = 0.0  # a commit, from when it was due
        self._waiting: list[Operation[bool]] = []  # for the next commit
        self._shelf: Saved | None = None
        self.use()

    def use(self) -> None:
        """Look where values are kept from now on."""
        shelf = self._protocol.keeping.shelf
        self._shelf = shelf if isinstance(shelf, Saved) else None
        if self._shelf is not None:
            self._takes_s = self._shelf.commit_every_s / 2  # until it is known

    def start(self) -> None:
        """Tell the operator what is to be said of the file."""
        for line in self._shelf.notices() if self._shelf is not None else ():
            self._protocol.report(line)

    @property
    def always(self) -> bool:
        """Whether an answer that says "kept" waits until it is true after a crash, too."""
        return self._shelf is not None and self._shelf.always

    def saved(self) -> Operation[bool]:
        """Return what ends once all that was put so far is committed: with True, or with False if it failed."""
        shelf = self._shelf
        if shelf is None or not (self._committing or shelf.unsaved):  # nothing was put, or it cannot be tried again yet
            return finished(not self._failed)
        operation: Operation[bool] = Operation()
        self._waiting.append(operation)
        return operation

    def tick(self, now: float) -> None:
        """Begin a commit if it is time."""
        if now >= self.deadline():
            self._commit()

    def deadline(self) -> float:
        """Return when the next commit is due."""
        shelf = self._shelf
        if shelf is None or self._committing or not shelf.unsaved:
            self._due_at = FOREVER
        elif self._waiting:
            self._due_at = self._protocol.now
        elif self._due_at == FOREVER:
            self._due_at = self._due_from(shelf, self._protocol.now)
        return self._due_at

    def stop(self) -> None:
        """Commit what waits, here and now; who waits for it is told."""
        if self._shelf is not None and self._shelf.unsaved and not self._committing:
            waiting, self._waiting = self._waiting, []
            self._ended(self._shelf, self._shelf.commit()(), waiting)

    def _commit(self) -> None:
        protocol, shelf = self._protocol, self._shelf
        assert shelf is not None
        waiting, self._waiting = self._waiting, []
        self._committing = True
        due_at, self._due_at = self._due_at, FOREVER
        self._began_at = protocol.now
        work = shelf.commit()
        done = protocol.host.work(work) if protocol.host is not None else finished(work())

        def ended(fault: Exception | None) -> None:
            protocol.look_at_clock()
            self._takes_s = max(protocol.now - due_at, self._takes_s * REMEMBERED)
            self._ended(shelf, fault, waiting)

        done.then(ended)

    def _due_from(self, shelf: Saved, since: float) -> float:
        """Return when a commit has to begin so that it is done in time for what waits since then.

        It is not sooner than after half of the interval: a disk that takes longer than the other half is too slow.
        """
        every_s = shelf.commit_every_s
        return since + max((1 - SPARE) * every_s - self._takes_s, every_s / 2)

    def _ended(self, shelf: Saved, fault: Exception | None, waiting: list[Operation[bool]]) -> None:
        self._committing = False
        self._failed = fault is not None
        news = shelf.committed(fault)
        if shelf.unsaved:  # it may wait since the commit began
            self._due_at = self._due_from(shelf, self._began_at)
        else:  # what was put meanwhile was nothing, or cannot be tried yet
            waiting, self._waiting = waiting + self._waiting, []
        if news:
            self._protocol.report(news)
        for operation in waiting:
            operation.finish(fault is None)
        self._protocol.wake()
