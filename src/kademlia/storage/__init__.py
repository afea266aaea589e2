"""Where a node keeps the values it holds for the network.

The rule: a user's storage stays the user's object. `interface` says what it must be able to do, `adapter`
reads it whichever release it was written for, and `memory` is the one used when none is given; `sqlite` is one
in a file, and is loaded when it is asked for. `state` and `pickles` keep what a node needs to come back after a
restart.
"""

from typing import TYPE_CHECKING, Any

from kademlia.storage.adapter import check_storage, pairs, pairs_older_than
from kademlia.storage.interface import IStorage
from kademlia.storage.memory import ForgetfulStorage

if TYPE_CHECKING:
    from kademlia.storage.disk.database import SQLiteStorage

__all__ = ["ForgetfulStorage", "IStorage", "SQLiteStorage", "check_storage", "pairs", "pairs_older_than"]


def __getattr__(name: str) -> Any:
    """Load SQLiteStorage, and sqlite3 with it, when it is asked for."""
    if name != "SQLiteStorage":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from kademlia.storage.disk.database import SQLiteStorage

    return SQLiteStorage
