"""What a Twisted program may do besides the usual: RPCs of its own, overriding, stopping in the middle of things."""

import socket
import sys
import warnings

from twisted.internet import defer, reactor, task
from twisted.internet.error import CannotListenError
from twisted.python.failure import Failure

from kademlia.network import Server
from kademlia.node import Node
from kademlia.protocol import KademliaProtocol
from kademlia.utils import digest

LOCALHOST = "127.0.0.1"

# Twisted leaves the socket of a port that it could not bind to the garbage collector.
warnings.filterwarnings("ignore", category=ResourceWarning)


def listening(server):
    return (LOCALHOST, server.listen(0).getHost().port)


@defer.inlineCallbacks
def pair(one=None, two=None):
    """Return two nodes that know each other."""
    one, two = one or Server(), two or Server()
    address = listening(one)
    listening(two)
    yield two.bootstrap([address])
    return one, two


class Silent:
    """A port of this machine where nobody answers."""

    def __enter__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((LOCALHOST, 0))
        return self.socket.getsockname()

    def __exit__(self, *_exception):
        self.socket.close()


class Documented(KademliaProtocol):
    """RPCs that answer now, later, or never; and the documented methods overridden in the documented spelling."""

    def __init__(self, sourceNode, storage, ksize):
        KademliaProtocol.__init__(self, sourceNode, storage, ksize)
        self.responses = []
        self.transfers = []
        self.asked = []

    def rpc_double(self, sender, nodeid, number):
        return 2 * number

    def rpc_double_later(self, sender, nodeid, number):
        return task.deferLater(reactor, 0.01, lambda: 2 * number)

    @defer.inlineCallbacks
    def rpc_double_by_and_by(self, sender, nodeid, number):
        yield task.deferLater(reactor, 0.01, lambda: None)
        return 2 * number

    async def rpc_double_awaited(self, sender, nodeid, number):
        return await task.deferLater(reactor, 0.01, lambda: 2 * number)

    def rpc_fails(self, sender, nodeid):
        raise ZeroDivisionError("now")

    def rpc_fails_later(self, sender, nodeid):
        return defer.fail(ZeroDivisionError("later"))

    def rpc_store(self, sender, nodeid, key, value):
        self.log_of_stores = [*getattr(self, "log_of_stores", []), value]
        return KademliaProtocol.rpc_store(self, sender, nodeid, key, value)

    def handleCallResponse(self, result, node):
        self.responses.append(result[0])
        return KademliaProtocol.handleCallResponse(self, result, node)

    def transferKeyValues(self, node):
        self.transfers.append(node.id)
        return KademliaProtocol.transferKeyValues(self, node)

    def callFindValue(self, nodeToAsk, nodeToFind):
        self.asked.append(nodeToAsk.id)
        address = (nodeToAsk.ip, nodeToAsk.port)
        d = self.find_value(address, self.sourceNode.id, nodeToFind.id)
        return d.addCallback(self.handleCallResponse, nodeToAsk)


class DocumentedServer(Server):
    protocol_class = Documented


@defer.inlineCallbacks
def own_rpcs_answer_now_or_later():
    one, two = yield pair(DocumentedServer(), DocumentedServer())
    address = (LOCALHOST, one.protocol.transport.getHost().port)
    for name in ("double", "double_later", "double_by_and_by", "double_awaited"):
        call = getattr(two.protocol, name)(address, two.node.id, 21)
        assert isinstance(call, defer.Deferred)
        answer = yield call
        assert answer == (True, 42), (name, answer)
    yield defer.DeferredList([one.stop(), two.stop()])


@defer.inlineCallbacks
def own_rpcs_that_fail_leave_their_caller_without_an_answer():
    one, two = yield pair(DocumentedServer(), DocumentedServer())
    address = (LOCALHOST, one.protocol.transport.getHost().port)
    calls = [getattr(two.protocol, name)(address, two.node.id) for name in ("fails", "fails_later")]
    answer = yield two.protocol.double_later(address, two.node.id, 21)
    assert answer == (True, 42), answer
    assert one.stats().rpc_errors == 2
    assert not any(call.called for call in calls)
    yield two.stop()
    answers = yield defer.gatherResults(calls)
    assert answers == [(False, None), (False, None)], answers
    yield one.stop()


@defer.inlineCallbacks
def overridden_methods_are_called_by_the_node_itself():
    one, two = yield pair(DocumentedServer(), DocumentedServer())
    stored = yield two.set("a key", "a value")
    assert stored is True
    assert one.protocol.log_of_stores == ["a value"]
    assert two.protocol.responses
    assert all(two.protocol.responses)
    assert two.protocol.transfers == [one.node.id]
    two.storage.data.clear()
    found = yield two.get("a key")
    assert found == "a value", found
    assert two.protocol.asked == [one.node.id]
    yield defer.DeferredList([one.stop(), two.stop()])


@defer.inlineCallbacks
def what_is_under_way_ends_when_the_node_stops():
    with Silent() as silent:
        one, two = yield pair()
        yield one.stop()  # two's only contact is dead now
        pending = {
            "get": (two.get("a key"), None),
            "set": (two.set("a key", "a value"), False),
            "bootstrap": (two.bootstrap([silent]), []),
            "ips": (two.inetVisibleIP(), []),
            "ping": (two.protocol.callPing(Node(digest("silent"), *silent)), (False, None)),
            "raw": (two.protocol.ping(silent, two.node.id), (False, None)),
        }
        assert not any(deferred.called for deferred, _ in pending.values())
        yield two.stop()
        for name, (deferred, wanted) in pending.items():
            assert deferred.called, name
            result = yield deferred
            assert result == wanted, (name, result)


@defer.inlineCallbacks
def a_bootstrap_that_waits_for_listening_ends_when_the_node_stops():
    server = Server()
    joined = server.bootstrap([(LOCALHOST, 9)])
    assert not joined.called
    yield defer.gatherResults([server.stop(), server.stop()])
    assert joined.called
    found = yield joined
    assert found == []


@defer.inlineCallbacks
def a_node_listens_again_after_it_was_stopped():
    one, two = yield pair()
    yield two.stop()
    listening(two)
    found = yield two.bootstrap([(LOCALHOST, one.protocol.transport.getHost().port)])
    assert [node.id for node in found] == [one.node.id]
    yield defer.DeferredList([one.stop(), two.stop()])


@defer.inlineCallbacks
def a_node_listens_again_when_the_program_closes_and_opens_its_port():
    one, two = yield pair()
    port = two.protocol.transport
    yield port.stopListening()
    assert refusal(two), "a node without a port took an order"
    reactor.listenUDP(0, two.protocol)
    found = yield two.bootstrap([(LOCALHOST, one.protocol.transport.getHost().port)])
    assert [node.id for node in found] == [one.node.id]
    yield two.stop()
    reactor.listenUDP(0, two.protocol)
    found = yield two.bootstrap([(LOCALHOST, one.protocol.transport.getHost().port)])
    assert [node.id for node in found] == [one.node.id]
    yield defer.DeferredList([one.stop(), two.stop()])


def refusal(server):
    try:
        server.get("key")
    except RuntimeError as error:
        return str(error)
    return ""


@defer.inlineCallbacks
def a_port_in_use_is_told_at_once():
    one = Server()
    _, port = listening(one)
    two = Server()
    try:
        two.listen(port)
    except CannotListenError:
        listening(two)  # and another one will do
        yield defer.DeferredList([one.stop(), two.stop()])
        return
    raise AssertionError("two nodes on one port")


@defer.inlineCallbacks
def what_cannot_be_reached_costs_nothing_but_its_answer():
    one, two = yield pair()
    found = yield two.bootstrap([("::1", 8468), ("no.such.host.invalid", 8468)])
    assert found == [], found
    call = two.protocol.ping(("::1", 8468), two.node.id)
    stored = yield two.set("a key", "a value")
    assert stored is True
    assert two.stats().unsent > 0
    yield defer.DeferredList([one.stop(), two.stop()])
    answer = yield call
    assert answer == (False, None), answer


@defer.inlineCallbacks
def a_node_on_both_families_talks_to_either():
    if not has_ipv6():
        return
    both, four, six = Server(), Server(), Server()
    port = both.listen(0, "::").getHost().port
    six.listen(0, interface="::1")
    found = yield both.bootstrap([listening(four)])
    assert [node.ip for node in found] == [LOCALHOST]
    found = yield six.bootstrap([("::1", port)])
    assert [node.ip for node in found] == ["::1"]
    stored = yield four.set("a key", "four's")
    assert stored is True
    found = yield both.get("a key")
    assert found == "four's"
    ips = yield both.inetVisibleIP()
    assert sorted(ips) == [LOCALHOST, "::1"]
    yield defer.DeferredList([both.stop(), four.stop(), six.stop()])


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as six:
            six.bind(("::1", 0))
    except OSError:
        return False
    return True


STORIES = [
    own_rpcs_answer_now_or_later,
    own_rpcs_that_fail_leave_their_caller_without_an_answer,
    overridden_methods_are_called_by_the_node_itself,
    what_is_under_way_ends_when_the_node_stops,
    a_bootstrap_that_waits_for_listening_ends_when_the_node_stops,
    a_node_listens_again_after_it_was_stopped,
    a_node_listens_again_when_the_program_closes_and_opens_its_port,
    a_port_in_use_is_told_at_once,
    what_cannot_be_reached_costs_nothing_but_its_answer,
    a_node_on_both_families_talks_to_either,
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
