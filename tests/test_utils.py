"""The documented helpers, and the mixin that keeps two spellings of a method one."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from kademlia.utils import (
    BothSpellings,
    OrderedSet,
    bytes_to_bit_string,
    deferred_dict,
    deferredDict,
    digest,
    gather_dict,
    shared_prefix,
    sharedPrefix,
)


def sha1(data: bytes) -> bytes:
    return hashlib.sha1(data).digest()


class TestDigest:
    def test_bytes_are_hashed_as_they_are(self) -> None:
        """F483's port hashed the text "b'1'": its keys were found by nobody else."""
        assert digest(b"1") == sha1(b"1")

    @pytest.mark.parametrize(("thing", "text"), [("1", b"1"), (1, b"1"), (None, b"None"), ("grün", b"gr\xc3\xbcn")])
    def test_anything_else_is_hashed_as_its_text(self, thing: object, text: bytes) -> None:
        assert digest(thing) == sha1(text)

    def test_half_a_surrogate_pair_is_refused_at_the_call(self) -> None:
        with pytest.raises(UnicodeEncodeError):
            digest("\ud800")


class TestSharedPrefix:
    def test_it_does_what_the_documentation_says(self) -> None:
        assert sharedPrefix(["blahblah", "blahwhat"]) == "blah"

    @pytest.mark.parametrize(
        ("args", "prefix"),
        [
            ([[1, 2, 3], [1, 2, 4]], [1, 2]),
            ([b"\x01\x02", b"\x01"], b"\x01"),
            ([("a",), ("b",)], ()),
            (["", "x"], ""),
            (["alone"], "alone"),
            ([[[1], 2], [[1], 3]], [[1]]),
        ],
    )
    def test_it_takes_any_sequences(self, args: list[Any], prefix: Any) -> None:
        """Items need no hash: lists of lists are fine."""
        assert shared_prefix(args) == prefix

    def test_of_nothing_there_is_no_prefix(self) -> None:
        with pytest.raises(ValueError, match="at least one"):
            shared_prefix([])

    @given(st.lists(st.text(alphabet="ab"), min_size=1))
    def test_it_is_the_longest_beginning_that_all_have(self, words: list[str]) -> None:
        prefix = shared_prefix(words)
        assert all(word.startswith(prefix) for word in words)
        following = {word[len(prefix) : len(prefix) + 1] for word in words}
        assert "" in following or len(following) > 1


def test_bits_are_written_eight_to_the_byte() -> None:
    assert bytes_to_bit_string(b"\x00\x05\xff") == "000000000000010111111111"
    assert bytes_to_bit_string(b"") == ""


class TestOrderedSet:
    def test_a_push_moves_an_equal_thing_to_the_end(self) -> None:
        things: OrderedSet[str] = OrderedSet()
        for thing in "1", "1", "2", "1":
            things.push(thing)
        assert things == ["2", "1"]

    def test_it_is_a_list(self) -> None:
        """Programs index it and slice it."""
        things = OrderedSet(["a", "b"])
        assert isinstance(things, list)
        assert things[0] == "a"


class TestDeferredDict:
    def results(self, waiting: Deferred[dict[str, Any]]) -> dict[str, Any]:
        fired: list[dict[str, Any]] = []
        waiting.addCallback(fired.append)
        assert len(fired) == 1, "the Deferred has not fired"
        return fired[0]

    def test_keys_stay_and_values_are_the_results(self) -> None:
        later: Deferred[int] = Deferred()
        waiting = deferredDict({"now": succeed(1), "later": later})
        later.callback(2)
        assert self.results(waiting) == {"now": 1, "later": 2}

    def test_an_entry_that_failed_holds_its_failure(self) -> None:
        bad: Deferred[int] = fail(ZeroDivisionError())
        results = self.results(deferred_dict({"bad": bad, "good": succeed(1)}))
        assert isinstance(results["bad"], Failure)
        assert results["bad"].type is ZeroDivisionError
        assert results["good"] == 1

    def test_a_failure_is_not_logged_as_unhandled(self) -> None:
        """The release logged a traceback for each, although the caller had got it."""
        bad: Deferred[int] = fail(ZeroDivisionError())
        deferred_dict({"bad": bad})
        assert bad.result is None

    def test_an_empty_dict_fires_at_once(self) -> None:
        assert self.results(deferred_dict({})) == {}

    def test_without_twisted_it_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "twisted.internet.defer", None)
        with pytest.raises(ImportError, match=r"pip install kademlia\[twisted\]"):
            deferred_dict({})


class TestGatherDict:
    async def test_keys_stay_and_values_are_the_results(self) -> None:
        later: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(later.set_result, 2)
        assert await gather_dict({"later": later, "at once": asyncio.sleep(0, 1)}) == {
            "later": 2,
            "at once": 1,
        }

    async def test_an_exception_is_raised(self) -> None:
        async def divide() -> float:
            return 1 / 0

        with pytest.raises(ZeroDivisionError):
            await gather_dict({"bad": divide()})


@pytest.mark.processes
def test_importing_it_imports_no_event_loop() -> None:
    """A Twisted program does not want asyncio, nor the other way round; and zope is needed by few."""
    program = (
        "import sys, kademlia.utils, kademlia.storage\n"
        "print(sorted({'asyncio', 'twisted', 'zope.interface'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True)
    assert run.stdout.strip() == b"[]"


class Table(BothSpellings):
    """A class with two spellings for everything, as the documented ones have."""

    size = 20
    limit = 20

    def add_contact(self, who: str) -> list[str]:
        return ["table " + who]

    addContact = add_contact

    def join(self, who: str) -> list[str]:
        """Stands for the package's own calls."""
        return self.add_contact(who)

    @staticmethod
    def find_it(what: int) -> int:
        return what

    findIt = find_it

    @classmethod
    def load_it(cls) -> str:
        return cls.__name__

    loadIt = load_it

    @property
    def last_updated(self) -> int:
        return 1

    lastUpdated = last_updated

    def __repr__(self) -> str:
        return "table"

    __str__ = __repr__

    def __next__(self) -> int:
        return 1

    next = __next__


class TestBothSpellings:
    def test_an_override_of_the_old_spelling_is_honoured_by_our_own_calls(self) -> None:
        """A program of 2014 overrides addContact; the package calls add_contact."""

        class Mine(Table):
            def addContact(self, who: str) -> list[str]:
                return ["mine", *super().addContact(who)]

        assert Mine().join("alice") == ["mine", "table alice"]

    def test_an_override_of_the_new_spelling_is_honoured_under_the_old_one(self) -> None:
        class Mine(Table):
            def add_contact(self, who: str) -> list[str]:
                return ["mine", *super().add_contact(who)]

        assert Mine().addContact("alice") == ["mine", "table alice"]

    def test_super_may_be_called_through_the_other_spelling(self) -> None:
        class Mine(Table):
            def add_contact(self, who: str) -> list[str]:
                return ["mine", *super().addContact(who)]

        class Yours(Mine):
            def addContact(self, who: str) -> list[str]:
                return ["yours", *super().add_contact(who)]

        assert Yours().join("alice") == Yours().addContact("alice") == ["yours", "mine", "table alice"]

    def test_a_class_that_defines_both_keeps_both(self) -> None:
        class Mine(Table):
            def add_contact(self, who: str) -> list[str]:
                return ["new"]

            def addContact(self, who: str) -> list[str]:
                return ["old"]

        assert Mine().add_contact("alice") == ["new"]
        assert Mine().addContact("alice") == ["old"]

    def test_what_a_class_took_apart_stays_apart_below_it(self) -> None:
        """Else an override that calls super() would come round to itself, for ever."""

        class Mine(Table):
            def add_contact(self, who: str) -> list[str]:
                return ["new"]

            def addContact(self, who: str) -> list[str]:
                return ["old", *self.add_contact(who)]

        class Yours(Mine):
            def addContact(self, who: str) -> list[str]:
                return ["yours", *super().addContact(who)]

        assert Yours().addContact("alice") == ["yours", "old", "new"]

    def test_static_and_class_methods_and_properties_have_two_spellings_too(self) -> None:
        class Mine(Table):
            @staticmethod
            def findIt(what: int) -> int:
                return -what

            @classmethod
            def load_it(cls) -> str:
                return "mine " + super().loadIt()

            @property
            def lastUpdated(self) -> int:
                return 2

        assert Mine.find_it(1) == Mine().find_it(1) == -1
        assert Mine.loadIt() == "mine Mine"
        assert Mine().last_updated == 2

    def test_equal_numbers_are_no_spellings(self) -> None:
        class Mine(Table):
            size = 8

        assert Mine.limit == 20

    def test_two_special_methods_are_no_spellings_but_one_may_have_a_name(self) -> None:
        class Mine(Table):
            def __repr__(self) -> str:
                return "mine"

            def next(self) -> int:
                return 2

        assert str(Mine()) == "table"
        assert next(Mine()) == 2

    def test_a_plain_mixin_before_the_base_is_honoured(self) -> None:
        class Loud:
            def addContact(self, who: str) -> list[str]:
                return ["loud", *super().addContact(who)]  # type: ignore[misc]

        class Mine(Loud, Table):
            pass

        assert Mine().join("alice") == ["loud", "table alice"]

    def test_a_diamond_calls_everybody_once(self) -> None:
        class Left(Table):
            def addContact(self, who: str) -> list[str]:
                return ["left", *super().addContact(who)]

        class Right(Table):
            def add_contact(self, who: str) -> list[str]:
                return ["right", *super().add_contact(who)]

        class Both(Left, Right):
            pass

        assert Both().join("a") == Both().addContact("a") == ["left", "right", "table a"]

    def test_a_subclass_of_a_subclass_may_use_the_other_spelling(self) -> None:
        class Mine(Table):
            def add_contact(self, who: str) -> list[str]:
                return ["mine"]

        class Silent(Mine):
            pass

        class Yours(Silent):
            def addContact(self, who: str) -> list[str]:
                return ["yours"]

        assert Silent().addContact("a") == ["mine"]
        assert Yours().join("a") == ["yours"]

    def test_a_new_pair_in_a_subclass_is_a_pair_below_it(self) -> None:
        class Mine(Table):
            def drop_it(self) -> str:
                return "mine"

            dropIt = drop_it

        class Yours(Mine):
            def dropIt(self) -> str:
                return "yours"

        assert Yours().drop_it() == "yours"

    def test_slots_stay_slots(self) -> None:
        """Node has a hundred thousand instances in a simulation."""

        class Small(BothSpellings):
            __slots__ = ("id",)

        assert not hasattr(Small(), "__dict__")

    def test_arguments_of_the_class_statement_go_on(self) -> None:
        class Named:
            label = ""

            def __init_subclass__(cls, label: str = "", **kwargs: Any) -> None:
                super().__init_subclass__(**kwargs)
                cls.label = label

        class Mine(Table, Named, label="mine"):
            pass

        assert Mine.label == "mine"
