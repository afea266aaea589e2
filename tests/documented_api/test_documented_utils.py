"""`kademlia.utils` as documented: the examples that the documentation gives, and little else."""

from __future__ import annotations

import hashlib

from twisted.internet.defer import Deferred

from kademlia.utils import OrderedSet, deferredDict, digest, sharedPrefix


def test_the_shared_prefix_of_blahblah_and_blahwhat_is_blah() -> None:
    assert sharedPrefix(["blahblah", "blahwhat"]) == "blah"


def test_a_digest_is_the_sha1_of_the_text() -> None:
    assert digest("a key") == hashlib.sha1(b"a key").digest()


def test_an_ordered_set_keeps_one_of_each_in_the_order_of_the_last_push() -> None:
    things = OrderedSet[int]()
    for thing in (1, 1, 2, 1):
        things.push(thing)
    assert things == [2, 1]


def test_a_deferred_dict_ends_with_the_results_under_the_same_keys() -> None:
    first: Deferred[int] = Deferred()
    second: Deferred[int] = Deferred()
    seen: list[dict[str, int]] = []
    deferredDict({"first": first, "second": second}).addCallback(seen.append)
    second.callback(2)
    assert not seen
    first.callback(1)
    assert seen == [{"first": 1, "second": 2}]
