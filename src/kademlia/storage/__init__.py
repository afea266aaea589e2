"""Where a node keeps the values it holds for the network.

The rule: a user's storage stays the user's object. `interface` says what it must be able to do, `adapter`
reads it whichever release it was written for, and `memory` is the one used when none is given. `state` and
`pickles` keep what a node needs to come back after a restart.
"""

from kademlia.storage.adapter import check_storage, pairs, pairs_older_than
from kademlia.storage.interface import IStorage
from kademlia.storage.memory import ForgetfulStorage

__all__ = ["ForgetfulStorage", "IStorage", "check_storage", "pairs", "pairs_older_than"]
