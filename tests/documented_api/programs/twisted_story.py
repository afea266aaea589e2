"""Several nodes in one reactor, written from the documentation alone: camelCase, Deferreds, no other event loop.

Its arguments are a folder to save state in and, optionally, "asyncioreactor". Everything it learns it checks itself.
"""

import sys
from pathlib import Path

if sys.argv[2:] == ["asyncioreactor"]:
    from twisted.internet import asyncioreactor

    asyncioreactor.install()

from twisted.internet import defer, reactor, task
from twisted.python.failure import Failure

from kademlia.network import Server
from kademlia.node import Node
from kademlia.storage import ForgetfulStorage
from kademlia.utils import digest

LOCALHOST = "127.0.0.1"
FOLDER = Path(sys.argv[1])


def listening(server):
    """Have a server listen, and return what the others bootstrap from."""
    port = server.listen(0)
    host = port.getHost()
    assert host.port == server.protocol.transport.getHost().port
    return (LOCALHOST, host.port)


@defer.inlineCallbacks
def nodes_find_one_another():
    """Bootstrapping before listening waits until the node listens."""
    first, second, third = Server(), Server(ksize=20, alpha=3, id=digest("second")), Server(storage=ForgetfulStorage())
    address = listening(first)

    joined = second.bootstrap([address])
    assert isinstance(joined, defer.Deferred)
    assert not joined.called
    listening(second)
    found = yield joined
    assert [type(node) for node in found] == [Node]
    assert (found[0].id, found[0].ip, found[0].port) == (first.node.id, *address)

    reactor.listenUDP(0, third.protocol)  # the same as third.listen(0)
    found = yield third.bootstrap([address])
    assert {node.id for node in found} == {first.node.id, second.node.id}
    return first, second, third


@defer.inlineCallbacks
def values_are_stored_and_found(first, second, third):
    for number, value in enumerate(["text", "grün", b"\x00\xff", 5, -(2**63), 2**64 - 1, 1.5, True, False, 0, ""]):
        key = f"key {number}"
        stored = yield second.set(key, value)
        assert stored is True
        for server in (first, second, third):
            found = yield server.get(key)
            assert (found, type(found)) == (value, type(value))
    nothing = yield third.get("a key that nobody set")
    assert nothing is None


@defer.inlineCallbacks
def values_of_any_size_a_datagram_holds_are_found(first, second, third):
    """Their datagrams are longer than what Twisted reads by itself: 8192 bytes."""
    for number, value in enumerate([b"v" * 8137, "v" * 8137]):
        stored = yield second.set(f"large {number}", value)
        assert stored is True
        del_from(second.storage, first.storage, key=digest(f"large {number}"))
        found = yield first.get(f"large {number}")
        assert found == value


def del_from(*storages, key):
    """Take a value out of storages, so that it has to come over the network: from the one who listens by himself."""
    for storage in storages:
        storage.data.pop(key, None)


def wrong_arguments_raise_at_the_call(server):
    for wrong, error in [(None, TypeError), ({1}, TypeError), ({1: 2}, TypeError), (b"v" * 8138, ValueError)]:
        try:
            server.set("key", wrong)
        except error:
            continue
        raise AssertionError(f"{error} was not raised for {wrong!r:.40}")


@defer.inlineCallbacks
def nodes_know_themselves_and_their_neighbors(first, second, third):
    ips = yield second.inetVisibleIP()
    assert ips == [LOCALHOST, LOCALHOST], ips
    neighbors = second.bootstrappableNeighbors()
    assert sorted(neighbors) == sorted(
        (LOCALHOST, server.protocol.transport.getHost().port) for server in (first, third)
    )
    alone = Server()
    listening(alone)
    nobody = yield alone.inetVisibleIP()
    assert nobody == []
    assert alone.bootstrappableNeighbors() == []
    kept = yield alone.set("key", "value")
    assert kept is False
    yield alone.stop()


@defer.inlineCallbacks
def the_table_is_refreshed(second):
    yield second.refreshTable()


@defer.inlineCallbacks
def state_is_saved_and_loaded(second):
    file = FOLDER / "cache"
    second.saveState(str(file))
    assert file.exists()
    again = Server.loadState(str(file))
    assert isinstance(again, Server)
    assert (again.node.id, again.ksize, again.alpha) == (second.node.id, second.ksize, second.alpha)
    yield second.stop()  # it comes back under the same id
    listening(again)
    found = yield again.get("key 0")
    assert found == "text", found

    regular = FOLDER / "regular"
    loop = again.saveStateRegularly(str(regular), frequency=600)
    assert isinstance(loop, task.LoopingCall)
    assert loop.running
    assert regular.exists()
    return again


def refusal(server):
    """Return what a node says that cannot take an order any more."""
    try:
        server.get("key 0")
    except RuntimeError as error:
        return str(error)
    return "nothing"


@defer.inlineCallbacks
def nodes_stop(*servers):
    for server in servers:
        yield defer.maybeDeferred(server.stop)
        yield defer.maybeDeferred(server.stop)
        message = refusal(server)
        assert "listen" in message, message


@defer.inlineCallbacks
def whole_story():
    first, second, third = yield nodes_find_one_another()
    yield values_are_stored_and_found(first, second, third)
    yield values_of_any_size_a_datagram_holds_are_found(first, second, third)
    wrong_arguments_raise_at_the_call(second)
    yield nodes_know_themselves_and_their_neighbors(first, second, third)
    yield the_table_is_refreshed(second)
    again = yield state_is_saved_and_loaded(second)
    yield nodes_stop(first, again, third)
    left = [call for call in reactor.getDelayedCalls() if "kademlia" in str(call)]
    assert not left, left
    print("all went well on", type(reactor).__name__)


def ended(result):
    if isinstance(result, Failure):
        result.printTraceback(sys.stdout)
    reactor.stop()


reactor.callWhenRunning(lambda: whole_story().addBoth(ended))
reactor.run()
