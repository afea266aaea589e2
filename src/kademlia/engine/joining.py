"""Joining a network: ask the given addresses who they are, then look up the own id (section 2.3; R23).

The refreshing of every level farther away than the closest neighbour, which fills our buckets and makes us known,
follows in the background: `upkeep`.

A lookup that found fewer than k may have found all there are. It may also have been told of nobody near us but the
dead: then nobody there knows of us, and nobody will for long, so it is tried again (`Upkeep.adrift`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kademlia.engine.operation import Operation
from kademlia.node import Address, Node, stranger
from kademlia.wire import rpcudp

if TYPE_CHECKING:
    from kademlia.protocol import KademliaProtocol


class Joining:
    """One attempt to join by some addresses; it ends with the nodes found, none if nobody answered.

    Who asked for it is told of each address in vain; attempts that a node makes by itself are `quiet`.
    """

    def __init__(self, protocol: KademliaProtocol, addresses: list[Address], *, quiet: bool = False) -> None:
        self.operation: Operation[list[Node]] = Operation()
        self._protocol = protocol
        self._waiting = list(dict.fromkeys(addresses))
        self._silent = list(self._waiting)  # addresses from which nothing came yet
        self._found: list[Node] = []
        self._walking = False
        self.quiet = quiet

    def start(self) -> Operation[list[Node]]:
        """Start with a ping to each address."""
        if not self._waiting:
            self.operation.finish([])
        for address in list(self._waiting):
            _Knock(self, address).start()
        return self.operation

    def answered(self, address: Address, node: Node | None) -> None:
        """Learn who lives at an address, or that nobody answers there."""
        if node is not None:
            self._found.append(node)
        self.late(address, final=True)

    def heard(self, address: Address) -> None:
        """Learn that there is no need to try an address again: somebody answers there, or nobody ever can."""
        if address in self._silent:
            self._silent.remove(address)

    def late(self, address: Address, final: bool = False) -> None:
        """Stop waiting for an address, unless it is all we have."""
        if (self._found or final) and address in self._waiting:
            self._waiting.remove(address)
        if not self._waiting and not self._walking:
            self._walking = True
            self._walk()

    def _walk(self) -> None:
        protocol = self._protocol
        if self._found:
            protocol.lookup(protocol.source_node, self._found).then(self._walked)
        else:
            self._walked([])

    def _walked(self, nodes: list[Node]) -> None:
        upkeep = self._protocol.upkeep
        few = len(nodes) < self._protocol.router.ksize  # a small network, or a small part of a large one
        upkeep.adrift = not nodes or (few and (bool(self._silent) or not self._are_all_there_are()))
        upkeep.refresh_levels(nodes)
        self.operation.finish(nodes)

    def _are_all_there_are(self) -> bool:
        """Return whether the lookup found all the nodes there are: everybody that it was told of answered."""
        protocol = self._protocol
        return protocol.survey.holders(protocol.source_node, protocol.now) is not None


class _Knock:
    """One address being asked who lives there."""

    def __init__(self, joining: Joining, address: Address) -> None:
        self._joining = joining
        self._protocol = joining._protocol
        self._address = address

    def start(self) -> None:
        host, port = self._address
        self._protocol.resolve(host).then(lambda ip: self._ping(ip, port))

    def _ping(self, ip: str | None, port: int) -> None:
        if ip is None:
            self._give_up("the name is unknown")
        elif not self._protocol.reaches(ip):
            self._joining.heard(self._address)
            self._give_up("its address family is not the one this node listens on")
        else:
            self._protocol.asking.ping(stranger((ip, port)), self)

    def settled(self, node: Node, happened: bool, result: object) -> None:
        """Take the answer to the ping: the id of whoever lives there."""
        if happened or result is self._protocol.source_node:
            self._joining.heard(self._address)
        if happened and rpcudp.is_id(result) and result != self._protocol.source_node.id:
            assert isinstance(result, bytes)
            self._joining.answered(self._address, Node(result, node.ip, node.port))
        elif happened:
            self._give_up("it answered, but not with a node id")
        elif result is self._protocol.source_node:
            self._give_up("it is this very node")
        else:
            self._give_up("no answer; is a node running there, and does the port let UDP through?")

    def slow(self, node: Node) -> None:
        """Go on with the others if somebody answered."""
        self._joining.late(self._address)

    def _give_up(self, reason: str) -> None:
        host, port = self._address
        if not self._protocol.stopped and not self._joining.quiet:
            where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            self._protocol.report(f"cannot bootstrap from {where}: {reason}")
        self._joining.answered(self._address, None)
