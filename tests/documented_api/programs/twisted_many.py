"""Many values at once in a Twisted program: Deferreds of dicts, results as they come, giving up."""

import contextlib
import sys
import warnings

from twisted.internet import defer, reactor
from twisted.python.failure import Failure

from kademlia.network import Server
from kademlia.utils import digest

LOCALHOST = "127.0.0.1"

#: So many that no batch of them ends before it is given up.
MANY = {f"key {number}": number for number in range(3000)}

# Twisted leaves the socket of a port that it could not bind to the garbage collector.
warnings.filterwarnings("ignore", category=ResourceWarning)


def listening(server):
    return (LOCALHOST, server.listen(0).getHost().port)


@defer.inlineCallbacks
def network(size):
    """Return nodes that know each other; each value is kept by three of them."""
    servers = [Server(ksize=3) for _ in range(size)]
    address = listening(servers[0])
    for server in servers[1:]:
        listening(server)
        yield server.bootstrap([address])
    return servers


def stopped(servers):
    return defer.DeferredList([server.stop() for server in servers])


def kept(servers):
    return sum(len(dict(server.storage)) for server in servers)


@defer.inlineCallbacks
def settled(server):
    """Let everything end that is under way."""
    for number in range(20):
        nothing = yield server.get(f"nobody's {number}")
        assert nothing is None
    assert server.stats().in_flight == 0


@defer.inlineCallbacks
def they_are_deferreds_of_dicts():
    servers = yield network(5)
    values = {f"key {number}": [number, {"a": None}] if number % 2 else number for number in range(100)}
    storing = servers[0].set_many(values)
    assert isinstance(storing, defer.Deferred)
    assert not storing.called
    stored = yield storing
    assert stored == dict.fromkeys(values, True), stored
    found = yield servers[3].get_many([*values, "nobody's"])
    assert found == {**values, "nobody's": None}, found
    for nothing in (servers[0].get_many([]), servers[0].set_many({})):
        empty = yield nothing
        assert empty == {}
    yield stopped(servers)


@defer.inlineCallbacks
def on_result_is_told_each_in_the_order_of_the_dict():
    servers = yield network(5)
    values = {f"key {number}": number for number in range(100)}
    told = []
    stored = yield servers[0].set_many(values, on_result=lambda key, done: told.append((key, done)))
    assert told == list(stored.items())
    told.clear()
    found = yield servers[1].get_many(values, lambda key, value: told.append((key, value)))
    assert told == list(found.items())
    assert found == values
    yield stopped(servers)


@defer.inlineCallbacks
def an_on_result_that_raises_does_no_harm():
    servers = yield network(3)
    stored = yield servers[0].set_many({"one": 1, "two": 2}, lambda key, done: 1 // 0)
    assert stored == {"one": True, "two": True}
    yield stopped(servers)


@defer.inlineCallbacks
def the_own_values_are_there_at_once():
    server = Server()
    listening(server)
    values = {number: number for number in range(10_000)}
    for key, value in values.items():
        server.storage[digest(key)] = value
    finding = server.get_many(values)
    assert finding.called
    found = yield finding
    assert found == values
    yield server.stop()


@defer.inlineCallbacks
def cancelling_ends_the_batch():
    servers = yield network(5)
    begun = defer.Deferred()
    storing = servers[0].set_many(MANY, lambda key, done: begun.called or begun.callback(key))
    first = yield begun
    storing.cancel()
    assert storing.called
    results = yield storing
    assert first in results
    assert len(results) < len(MANY)
    yield settled(servers[0])
    before = kept(servers)
    assert before < len(MANY)
    yield settled(servers[0])
    assert kept(servers) == before
    storing.cancel()  # twice does no harm
    yield stopped(servers)


@defer.inlineCallbacks
def a_time_out_ends_the_batch():
    servers = yield network(5)
    storing = servers[0].set_many(MANY)
    storing.addTimeout(0.01, reactor)
    with contextlib.suppress(defer.TimeoutError):
        yield storing
    yield settled(servers[0])
    before = kept(servers)
    assert before < len(MANY)
    yield settled(servers[0])
    assert kept(servers) == before
    yield stopped(servers)


@defer.inlineCallbacks
def wrong_arguments_raise_at_the_call():
    servers = yield network(3)
    good = {f"key {number}": number for number in range(40)}
    for wrong, error in [(None, TypeError), ([{1}], TypeError), (b"v" * 8138, ValueError), (2**64, ValueError)]:
        for place in ("key 0", "key 20", "key 39"):
            assert raises(error, lambda wrong=wrong, place=place: servers[0].set_many({**good, place: wrong}))
    assert raises(TypeError, lambda: servers[0].get_many(["a key", ["a list"]]))
    yield settled(servers[0])
    assert kept(servers) == 0
    yield stopped(servers)
    assert raises(RuntimeError, lambda: servers[0].get_many(["a key"]))
    assert raises(RuntimeError, lambda: Server().set_many({"a key": 1}))


def raises(error, call):
    try:
        call()
    except error:
        return True
    return False


@defer.inlineCallbacks
def stopping_the_node_ends_its_batches_with_a_result_for_every_key():
    servers = yield network(5)
    few = {key: MANY[key] for key in list(MANY)[:1000]}
    begun = defer.Deferred()
    storing = servers[0].set_many(few, lambda key, done: begun.called or begun.callback(key))
    finding = servers[1].get_many(few)
    yield begun
    yield stopped(servers)
    assert storing.called
    assert finding.called
    stored, found = yield defer.gatherResults([storing, finding])
    assert set(stored) == set(found) == set(few)
    assert set(stored.values()) == {True, False}
    assert all(value in (None, few[key]) for key, value in found.items())


STORIES = [
    they_are_deferreds_of_dicts,
    on_result_is_told_each_in_the_order_of_the_dict,
    an_on_result_that_raises_does_no_harm,
    the_own_values_are_there_at_once,
    cancelling_ends_the_batch,
    a_time_out_ends_the_batch,
    wrong_arguments_raise_at_the_call,
    stopping_the_node_ends_its_batches_with_a_result_for_every_key,
]


@defer.inlineCallbacks
def all_stories():
    for story in STORIES:
        if sys.argv[1:] in ([], [story.__name__]):
            yield story()
            left = [call for call in reactor.getDelayedCalls() if "kademlia" in str(call)]
            assert not left, left
            print(story.__name__)


def ended(result):
    if isinstance(result, Failure):
        result.printTraceback(sys.stdout)
    reactor.stop()


if __name__ == "__main__":
    reactor.callWhenRunning(lambda: all_stories().addBoth(ended))
    reactor.run()
