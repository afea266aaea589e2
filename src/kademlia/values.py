"""What a program does with values: the half of `Server` that is about keys.

Values are packed on their way in and unpacked on their way out (`wire.packed`); the engine knows what travels only.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import partial
from typing import Any

from kademlia.arguments import check_id, check_life, check_quorum, check_value
from kademlia.engine.batch import Batch, Item
from kademlia.engine.operation import Operation, mapped
from kademlia.engine.publication import Publication
from kademlia.node import Node
from kademlia.protocol import KademliaProtocol
from kademlia.searching import FetchResult
from kademlia.utils import BothSpellings, digest
from kademlia.wire import packed, rpcudp


class Values(BothSpellings):
    """Set, get and what goes with it."""

    node: Node

    @abstractmethod
    def _ready(self) -> KademliaProtocol:
        """Return the engine of a node that listens.

        Raises:
            RuntimeError: It does not.
        """

    def get(self, key: object) -> Any:
        """Find the value of a key: in the own store, else on the network; ends with None if nobody has it."""
        return self.get_digest(digest(key))

    def get_digest(self, dkey: bytes) -> Any:
        """Find a value by the 20-byte SHA-1 of its key."""
        check_id("a key's digest", dkey)
        protocol = self._ready()
        return protocol.awaitable(mapped(protocol.fetch(dkey), packed.unpack))

    def set(self, key: object, value: Any, *, ttl: float | None = None, renew: bool = True) -> Any:
        """Store a value at the k nodes closest to its key, and keep it alive there until `forget` or `delete`.

        With no neighbour yet it is kept here, and stored at others when there are any.

        Args:
            key: Anything; bytes are hashed as they are, the rest as text (`kademlia.utils.digest`).
            value: int, float, bool, str or bytes; or a list or a dict with str keys, of these, of None, and of further
                lists and dicts, 16 levels deep at most. It is copied at the call. Nodes before 3.0 have lists and dicts
                as bytes (`kademlia.wire.packed`).
            ttl: How many seconds others keep it after it was published, 5 to 604,800 (a week); a day if None.
            renew: Whether this node publishes it again before that is over; if not, it is gone then.

        Returns:
            What ends with True if at least one other node accepted the value, else False.

        Raises:
            TypeError: The value, or something in it, is of another type; subclasses and tuples do not count.
            ValueError: It is too large for a datagram (8137 bytes, of UTF-8 if a text, packed if a list or dict), holds
                an int beyond 64 bits, or is nested too deeply; or `ttl` is out of range.
        """
        if ttl is None and renew:
            return self.set_digest(digest(key), value)
        return self.set_digest(digest(key), value, ttl=ttl, renew=renew)

    def set_digest(self, dkey: bytes, value: Any, *, ttl: float | None = None, renew: bool = True) -> Any:
        """Store a value under the 20-byte SHA-1 of its key; else as `set`."""
        check_id("a key's digest", dkey)
        return self._set_out(dkey, value, ttl, renew, lambda publication: publication.operation)

    def publish(self, key: object, value: Any, *, ttl: float | None = None, renew: bool = True) -> Any:
        """Store a value as `set` does, and tell who took it.

        Returns:
            What ends with a `PublishResult`: `stored`, `refused` and `silent` are lists of `Node`s, `kept_here` says
            whether this node is one of the holders, `expires_at` and `stamp` are seconds since 1970. It waits for
            every answer: 5 s for a node that is gone.
        """
        return self._set_out(digest(key), value, ttl, renew, lambda publication: publication.whole)

    def _set_out(
        self, dkey: bytes, value: Any, ttl: float | None, renew: bool, outcome: Callable[[Publication], Operation[Any]]
    ) -> Any:
        check_value(value)
        life_s = check_life(ttl)
        protocol = self._ready()
        self._warn_if_alone(f"{dkey.hex()} is", renew)
        return protocol.awaitable(outcome(protocol.set_out(dkey, packed.pack(value), life_s, renew=renew)))

    def _warn_if_alone(self, what: str, renew: bool) -> None:
        protocol = self._ready()
        if not len(protocol.router):
            then = ", and stored at others when there are any" if renew else ""
            protocol.report(f"no known neighbours: {what} kept on this node only{then}; bootstrap() first")

    def fetch(self, key: object, quorum: int = 1) -> Any:
        """Find the newest value that some holders of a key have, and tell who has it.

        Args:
            key: As for `get`.
            quorum: How many holders are to answer, this node included: with more than one, an update that some of them
                missed is found, and they are sent it. If fewer have a value, all are asked.

        Returns:
            What ends with a `FetchResult`: `value` (None if nobody has one), `holders` and `stale`, lists of `Node`s,
            `stamp` and `expires_at` in seconds since 1970, `deleted`, `hops`, `asked` and `duration` in seconds.

        Raises:
            TypeError, ValueError: `quorum` is no number, or not from 1 to k.
        """
        protocol = self._ready()
        check_quorum(quorum, protocol.router.ksize)
        return protocol.awaitable(mapped(protocol.search(digest(key), quorum), _unpacked))

    def delete(self, key: object) -> Any:
        """Delete the value of a key, whoever published it: `get` ends with None from now on.

        A deletion is a mark with a time stamp. Nodes before 3.0 do not understand it, and keep the value until it
        expires there. Whoever sets the key again later brings it back.

        Returns:
            What ends with a `PublishResult`, as that of `publish`: `stored` are those that have the mark.
        """
        protocol = self._ready()
        return protocol.awaitable(protocol.delete(digest(key)).whole)

    def forget(self, key: object) -> bool:
        """Keep a value of this node's alive no longer: it dies when its time is over.

        Returns:
            Whether it was one that this node published.
        """
        return self._ready().forget(digest(key))

    def get_many(self, keys: Iterable[Hashable], on_result: Callable[[Any, Any], object] | None = None) -> Any:
        """Find the values of many keys: neighbouring keys share what they learn of the network.

        It starts at once, with at most 16 keys under way.

        Args:
            keys: As for `get`, and hashable.
            on_result: Called with each key and its value as it is found, or None.

        Returns:
            What ends with a dict of key: value, None where nobody has one. Under asyncio also
            `async for key, value in server.get_many(keys)`.
        """
        protocol = self._ready()
        targets = [(key, Node(digest(key))) for key in dict.fromkeys(keys)]

        def begin(node: Node) -> Operation[Any]:
            return mapped(protocol.fetch(node.id), packed.unpack)

        return self._together([(key, node, partial(begin, node)) for key, node in targets], on_result)

    def set_many(
        self,
        pairs: Mapping[Any, Any] | Iterable[tuple[Hashable, Any]],
        on_result: Callable[[Any, Any], object] | None = None,
        *,
        ttl: float | None = None,
        renew: bool = True,
    ) -> Any:
        """Store many values, each at the k nodes closest to its key: neighbouring keys share lookups.

        It starts at once, with at most 16 keys under way. On a network of n nodes it takes a few times n / k
        lookups, not one for each value.

        Args:
            pairs: A mapping, or (key, value) pairs, of which the last with a key counts; as for `set`.
            on_result: Called with each key and True or False as it is done.
            ttl: As for `set`, of all of them.
            renew: As for `set`, of all of them.

        Returns:
            What ends with a dict of key: True if at least one other node accepted the value, else False. Under asyncio
            also `async for key, stored in server.set_many(pairs)`.

        Raises:
            TypeError, ValueError: As `set`, for any of the values; then none is stored.
        """
        protocol = self._ready()
        life_s = check_life(ttl)
        values = dict(pairs)
        for value in values.values():
            check_value(value)
        targets = [(key, Node(digest(key)), packed.pack(value)) for key, value in values.items()]
        for _, node, value in targets:
            rpcudp.check_size("store", (self.node.id, node.id, value))
        if targets:
            self._warn_if_alone(f"{len(targets)} values are", renew)

        def begin(node: Node, value: Any) -> Operation[bool]:
            return protocol.publish(node.id, value, life_s, renew=renew)

        return self._together([(key, node, partial(begin, node, value)) for key, node, value in targets], on_result)

    def _together(self, items: list[Item[Any]], on_result: Callable[[Any, Any], object] | None) -> Any:
        protocol = self._ready()
        return protocol.results(Batch(items, protocol.report, on_result))


def _unpacked(result: FetchResult) -> FetchResult:
    result.value = packed.unpack(result.value)
    return result
