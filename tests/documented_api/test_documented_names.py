"""Every name of the package's documentation is there, with its signature, in the spelling of either generation.

The documentation describes release 0.4 and writes camelCase; the 2.x releases write snake_case. One object answers to
both names. What the names do is tested beside this file.
"""

from __future__ import annotations

import importlib
import inspect
import re
from functools import partial
from typing import Any, NamedTuple

import pytest

from kademlia.utils import BothSpellings


class Documented(NamedTuple):
    """One name as the documentation writes it: where it is, its parameters, its name since 2.x."""

    path: str
    parameters: str = ""
    since_2x: str = ""


CONSTRUCTORS = [
    Documented("kademlia.crawling.SpiderCrawl", "protocol, node, peers, ksize, alpha"),
    Documented("kademlia.crawling.NodeSpiderCrawl", "protocol, node, peers, ksize, alpha"),
    Documented("kademlia.crawling.ValueSpiderCrawl", "protocol, node, peers, ksize, alpha"),
    Documented("kademlia.crawling.RPCFindResponse", "response"),
    Documented("kademlia.log.FileLogObserver", "f=None, level=3, default=4"),
    Documented("kademlia.log.Logger", "**kwargs"),
    Documented("kademlia.network.Server", "ksize=20, alpha=3, id=None, storage=None"),
    Documented("kademlia.node.Node", "id, ip=None, port=None"),
    Documented("kademlia.node.NodeHeap", "node, maxsize"),
    Documented("kademlia.protocol.KademliaProtocol", "sourceNode, storage, ksize"),
    Documented("kademlia.routing.KBucket", "rangeLower, rangeUpper, ksize"),
    Documented("kademlia.routing.RoutingTable", "protocol, ksize, node"),
    Documented("kademlia.routing.TableTraverser", "table, startNode"),
    Documented("kademlia.storage.ForgetfulStorage", "ttl=604800"),
]

METHODS = [
    Documented("kademlia.crawling.NodeSpiderCrawl.find"),
    Documented("kademlia.crawling.ValueSpiderCrawl.find"),
    Documented("kademlia.crawling.RPCFindResponse.getNodeList", "", "get_node_list"),
    Documented("kademlia.crawling.RPCFindResponse.getValue", "", "get_value"),
    Documented("kademlia.crawling.RPCFindResponse.happened"),
    Documented("kademlia.crawling.RPCFindResponse.hasValue", "", "has_value"),
    Documented("kademlia.log.FileLogObserver.emit", "eventDict"),
    Documented("kademlia.log.Logger.critical", "message, **kw"),
    Documented("kademlia.log.Logger.debug", "message, **kw"),
    Documented("kademlia.log.Logger.error", "message, **kw"),
    Documented("kademlia.log.Logger.info", "message, **kw"),
    Documented("kademlia.log.Logger.msg", "message, **kw"),
    Documented("kademlia.log.Logger.warning", "message, **kw"),
    Documented("kademlia.network.Server.bootstrap", "addrs"),
    Documented("kademlia.network.Server.bootstrappableNeighbors", "", "bootstrappable_neighbors"),
    Documented("kademlia.network.Server.get", "key"),
    Documented("kademlia.network.Server.inetVisibleIP", "", "inet_visible_ip"),
    Documented("kademlia.network.Server.listen", "port"),
    Documented("kademlia.network.Server.refreshTable", "", "refresh_table"),
    Documented("kademlia.network.Server.saveState", "fname", "save_state"),
    Documented("kademlia.network.Server.saveStateRegularly", "fname, frequency=600", "save_state_regularly"),
    Documented("kademlia.network.Server.set", "key, value"),
    Documented("kademlia.node.Node.__iter__"),
    Documented("kademlia.node.Node.distanceTo", "node", "distance_to"),
    Documented("kademlia.node.Node.sameHomeAs", "node", "same_home_as"),
    Documented("kademlia.node.NodeHeap.allBeenContacted", "", "have_contacted_all"),
    Documented("kademlia.node.NodeHeap.getIDs", "", "get_ids"),
    Documented("kademlia.node.NodeHeap.getNodeById", "id", "get_node"),
    Documented("kademlia.node.NodeHeap.getUncontacted", "", "get_uncontacted"),
    Documented("kademlia.node.NodeHeap.markContacted", "node", "mark_contacted"),
    Documented("kademlia.node.NodeHeap.popleft"),
    Documented("kademlia.node.NodeHeap.push", "nodes"),
    Documented("kademlia.node.NodeHeap.remove", "peerIDs"),
    Documented("kademlia.protocol.KademliaProtocol.callFindNode", "nodeToAsk, nodeToFind", "call_find_node"),
    Documented("kademlia.protocol.KademliaProtocol.callFindValue", "nodeToAsk, nodeToFind", "call_find_value"),
    Documented("kademlia.protocol.KademliaProtocol.callPing", "nodeToAsk", "call_ping"),
    Documented("kademlia.protocol.KademliaProtocol.callStore", "nodeToAsk, key, value", "call_store"),
    Documented("kademlia.protocol.KademliaProtocol.getRefreshIDs", "", "get_refresh_ids"),
    Documented("kademlia.protocol.KademliaProtocol.handleCallResponse", "result, node", "handle_call_response"),
    Documented("kademlia.protocol.KademliaProtocol.rpc_find_node", "sender, nodeid, key"),
    Documented("kademlia.protocol.KademliaProtocol.rpc_find_value", "sender, nodeid, key"),
    Documented("kademlia.protocol.KademliaProtocol.rpc_ping", "sender, nodeid"),
    Documented("kademlia.protocol.KademliaProtocol.rpc_store", "sender, nodeid, key, value"),
    Documented("kademlia.protocol.KademliaProtocol.rpc_stun", "sender"),
    Documented("kademlia.protocol.KademliaProtocol.transferKeyValues", "node", "transfer_key_values"),
    Documented("kademlia.routing.KBucket.addNode", "node", "add_node"),
    Documented("kademlia.routing.KBucket.depth"),
    Documented("kademlia.routing.KBucket.getNodes", "", "get_nodes"),
    Documented("kademlia.routing.KBucket.hasInRange", "node", "has_in_range"),
    Documented("kademlia.routing.KBucket.head"),
    Documented("kademlia.routing.KBucket.isNewNode", "node", "is_new_node"),
    Documented("kademlia.routing.KBucket.removeNode", "node", "remove_node"),
    Documented("kademlia.routing.KBucket.split"),
    Documented("kademlia.routing.KBucket.touchLastUpdated", "", "touch_last_updated"),
    Documented("kademlia.routing.RoutingTable.addContact", "node", "add_contact"),
    Documented("kademlia.routing.RoutingTable.findNeighbors", "node, k=None, exclude=None", "find_neighbors"),
    Documented("kademlia.routing.RoutingTable.flush"),
    Documented("kademlia.routing.RoutingTable.getBucketFor", "node", "get_bucket_for"),
    Documented("kademlia.routing.RoutingTable.getLonelyBuckets", "", "lonely_buckets"),
    Documented("kademlia.routing.RoutingTable.isNewNode", "node", "is_new_node"),
    Documented("kademlia.routing.RoutingTable.removeContact", "node", "remove_contact"),
    Documented("kademlia.routing.RoutingTable.splitBucket", "index", "split_bucket"),
    Documented("kademlia.routing.TableTraverser.next", "", "__next__"),
    Documented("kademlia.storage.ForgetfulStorage.__getitem__", "key"),
    Documented("kademlia.storage.ForgetfulStorage.__setitem__", "key, value"),
    Documented("kademlia.storage.ForgetfulStorage.cull"),
    Documented("kademlia.storage.ForgetfulStorage.get", "key, default=None"),
    Documented("kademlia.storage.ForgetfulStorage.iteritems"),
    Documented("kademlia.storage.ForgetfulStorage.iteritemsOlderThan", "secondsOld", "iter_older_than"),
    Documented("kademlia.storage.IStorage.iteritemsOlderThan", "secondsOld", "iter_older_than"),
    Documented("kademlia.storage.IStorage.__setitem__", "key, value"),
    Documented("kademlia.storage.IStorage.iteritems"),
    Documented("kademlia.utils.OrderedSet.push", "thing"),
]

CLASS_METHODS = [Documented("kademlia.network.Server.loadState", "fname", "load_state")]

FUNCTIONS = [
    Documented("kademlia.utils.deferredDict", "d", "deferred_dict"),
    Documented("kademlia.utils.digest", "s"),
    Documented("kademlia.utils.sharedPrefix", "args", "shared_prefix"),
]

EVERYTHING = [*CONSTRUCTORS, *METHODS, *CLASS_METHODS, *FUNCTIONS]

#: Parameters that 2.x calls by another word altogether; whoever passes them by name is a 2.x program.
OTHER_WORDS = {"peer_ids": "peers"}


def found(path: str) -> Any:
    """Return what a dotted path of at least a package and a module leads to."""
    package, module, *names = path.split(".")
    thing = importlib.import_module(f"{package}.{module}")
    for name in names:
        thing = getattr(thing, name)
    return thing


def snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def spelled_alike(name: str) -> str:
    """Parameters are named in snake_case, as in 2.x; two old ones keep their documented names in 2.x too."""
    snake = snake_case(name)
    return OTHER_WORDS.get(snake, snake)


def documented_parameters(text: str) -> list[tuple[str, Any]]:
    """Return names and defaults; a name with stars stays starred."""
    parameters = [part.strip().partition("=") for part in text.split(",")] if text else []
    defaults = {"None": None}
    return [
        (name, inspect.Parameter.empty if not equals else defaults.get(default, default))
        for name, equals, default in parameters
    ]


def actual_parameters(thing: Any, bound: bool) -> list[inspect.Parameter]:
    parameters = list(inspect.signature(thing).parameters.values())
    return parameters if bound else parameters[1:]


@pytest.mark.parametrize("documented", EVERYTHING, ids=lambda documented: documented.path)
def test_a_documented_name_takes_the_documented_arguments(documented: Documented) -> None:
    """In the documented order and with the documented defaults; what we added comes after them and has a default."""
    actual = actual_parameters(found(documented.path), bound=documented not in METHODS)
    wanted = documented_parameters(documented.parameters)
    for parameter, (name, default) in zip(actual, wanted, strict=False):
        if name.startswith("**"):
            assert parameter.kind is inspect.Parameter.VAR_KEYWORD
            continue
        assert spelled_alike(parameter.name) in {spelled_alike(name), f"node_{name}"}
        if (documented.path, name) != ("kademlia.node.Node", "id"):  # `node_id=` is as good, so neither is demanded
            shown = parameter.default
            assert (shown if shown in (inspect.Parameter.empty, None) else str(int(shown))) == default
    assert len(actual) >= len(wanted)
    for added in actual[len(wanted) :]:
        assert added.default is not inspect.Parameter.empty or added.kind is inspect.Parameter.VAR_KEYWORD


@pytest.mark.parametrize(
    "documented", [entry for entry in EVERYTHING if entry.since_2x], ids=lambda documented: documented.path
)
def test_both_spellings_are_one_thing(documented: Documented) -> None:
    owner, _, old_name = documented.path.rpartition(".")
    holder = found(owner) if owner.count(".") > 1 else importlib.import_module(owner)
    in_class = partial(inspect.getattr_static, holder)
    assert in_class(documented.since_2x) is in_class(old_name)


@pytest.mark.parametrize("documented", CLASS_METHODS, ids=lambda documented: documented.path)
def test_a_documented_class_method_is_one(documented: Documented) -> None:
    owner = documented.path.rpartition(".")[0]
    assert found(documented.path).__self__ is found(owner)


@pytest.mark.parametrize(
    ("derived", "base"),
    [
        ("kademlia.crawling.NodeSpiderCrawl", "kademlia.crawling.SpiderCrawl"),
        ("kademlia.crawling.ValueSpiderCrawl", "kademlia.crawling.SpiderCrawl"),
        ("kademlia.storage.ForgetfulStorage", "kademlia.storage.IStorage"),
    ],
)
def test_a_documented_class_has_its_documented_base(derived: str, base: str) -> None:
    assert issubclass(found(derived), found(base))


def test_an_ordered_set_is_a_list() -> None:
    assert issubclass(found("kademlia.utils.OrderedSet"), list)


def test_the_log_observer_is_one_of_twisted_s() -> None:
    from twisted.python.log import FileLogObserver

    assert issubclass(found("kademlia.log.FileLogObserver"), FileLogObserver)


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        ("kademlia.crawling.SpiderCrawl", "lastIDsCrawled"),
        ("kademlia.crawling.ValueSpiderCrawl", "nearestWithoutValue"),
        ("kademlia.network.Server", "refreshLoop"),
        ("kademlia.protocol.KademliaProtocol", "sourceNode"),
        ("kademlia.protocol.KademliaProtocol", "welcomeIfNewNode"),
        ("kademlia.routing.KBucket", "lastUpdated"),
        ("kademlia.routing.KBucket", "replacementNodes"),
    ],
)
def test_an_attribute_of_the_old_classes_is_there_under_its_old_name(owner: str, name: str) -> None:
    """The documentation does not list attributes; programs read them all the same."""
    assert hasattr(found(owner), name)


@pytest.mark.parametrize("name", ["CRITICAL", "ERROR", "WARNING", "DEBUG", "INFO"])
def test_the_documented_log_levels_are_numbers(name: str) -> None:
    assert isinstance(found(f"kademlia.log.{name}"), int)


def test_the_release_says_which_one_it_is() -> None:
    """0.x said it with `version` and `version_info`, 2.x says it with `__version__`."""
    import kademlia

    assert kademlia.version == kademlia.__version__
    assert ".".join(map(str, kademlia.version_info)) == kademlia.version


@pytest.mark.parametrize(
    "name",
    [
        "kademlia.crawling.SpiderCrawl",
        "kademlia.crawling.RPCFindResponse",
        "kademlia.network.Server",
        "kademlia.node.Node",
        "kademlia.node.NodeHeap",
        "kademlia.protocol.KademliaProtocol",
        "kademlia.routing.KBucket",
        "kademlia.routing.RoutingTable",
        "kademlia.routing.TableTraverser",
        "kademlia.storage.IStorage",
    ],
)
def test_a_class_with_two_spellings_lets_a_program_override_either(name: str) -> None:
    """A subclass written for one generation must be honoured where the package calls the other's name."""
    assert issubclass(found(name), BothSpellings)
