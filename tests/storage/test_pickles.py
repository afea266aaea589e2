"""State files of the published releases are read, and none of them is executed."""

from __future__ import annotations

import contextlib
import pickle
import struct
import tracemalloc
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kademlia.storage import pickles

# Bytes that every way of writing them has trouble with: controls, quotes, backslash, above ASCII.
AWKWARD_ID = b"\x00\n\r\x1a'\"\\\x80\xffA\t ~\x7f\xc8\x01\x02\x03\x04\x05"

# Written by Python 2.7.18, as releases up to 0.6 do: ksize 20, alpha 3, AWKWARD_ID, and the neighbors
# ("127.0.0.1", 8468), ("10.0.0.2", 65535L), (u"10.0.0.3", 1). saveState uses protocol 0 of `pickle`.
PYTHON2: dict[str, bytes] = {
    "pickle 0": (
        b"(dp0\nS'neighbors'\np1\n(lp2\n(S'127.0.0.1'\n"
        b"p3\nI8468\ntp4\na(S'10.0.0.2'\np5\nL65535L\ntp"
        b"6\na(V10.0.0.3\np7\nI1\ntp8\nasS'alpha'\np9\nI3"
        b"\nsS'ksize'\np10\nI20\nsS'id'\np11\nS'\\x00\\n\\r"
        b"\\x1a\\'\"\\\\\\x80\\xffA\\t ~\\x7f\\xc8\\x01\\x02\\x"
        b"03\\x04\\x05'\np12\ns."
    ),
    "pickle 1": (
        b"}q\x00(U\tneighborsq\x01]q\x02((U\t127.0.0.1q\x03M\x14!tq"
        b"\x04(U\x0810.0.0.2q\x05L65535L\ntq\x06(X\x08\x00\x00\x0010.0.0.3q"
        b"\x07K\x01tq\x08eU\x05alphaq\tK\x03U\x05ksizeq\nK\x14U\x02idq\x0bU\x14\x00\n\r"
        b"\x1a'\"\\\x80\xffA\t ~\x7f\xc8\x01\x02\x03\x04\x05q\x0cu."
    ),
    "pickle 2": (
        b"\x80\x02}q\x00(U\tneighborsq\x01]q\x02(U\t127.0.0.1q\x03M\x14!\x86"
        b"q\x04U\x0810.0.0.2q\x05\x8a\x03\xff\xff\x00\x86q\x06X\x08\x00\x00\x0010.0.0.3q\x07K\x01\x86"
        b"q\x08eU\x05alphaq\tK\x03U\x05ksizeq\nK\x14U\x02idq\x0bU\x14\x00\n\r\x1a'\"\\"
        b"\x80\xffA\t ~\x7f\xc8\x01\x02\x03\x04\x05q\x0cu."
    ),
    "cPickle 0": (
        b"(dp1\nS'neighbors'\np2\n(lp3\n(S'127.0.0.1'\n"
        b"p4\nI8468\ntp5\na(S'10.0.0.2'\np6\nL65535L\ntp"
        b"7\na(V10.0.0.3\np8\nI1\ntp9\nasS'alpha'\np10\nI"
        b"3\nsS'ksize'\np11\nI20\nsS'id'\np12\nS'\\x00\\n\\"
        b"r\\x1a\\'\"\\\\\\x80\\xffA\\t ~\\x7f\\xc8\\x01\\x02\\"
        b"x03\\x04\\x05'\np13\ns."
    ),
    "cPickle 1": (
        b"}q\x01(U\tneighborsq\x02]q\x03((U\t127.0.0.1q\x04M\x14!tq"
        b"\x05(U\x0810.0.0.2q\x06L65535L\ntq\x07(X\x08\x00\x00\x0010.0.0.3q"
        b"\x08K\x01tq\teU\x05alphaq\nK\x03U\x05ksizeq\x0bK\x14U\x02idq\x0cU\x14\x00\n\r"
        b"\x1a'\"\\\x80\xffA\t ~\x7f\xc8\x01\x02\x03\x04\x05q\ru."
    ),
    "cPickle 2": (
        b"\x80\x02}q\x01(U\tneighborsq\x02]q\x03(U\t127.0.0.1q\x04M\x14!\x86"
        b"q\x05U\x0810.0.0.2q\x06\x8a\x03\xff\xff\x00\x86q\x07X\x08\x00\x00\x0010.0.0.3q\x08K\x01\x86"
        b"q\teU\x05alphaq\nK\x03U\x05ksizeq\x0bK\x14U\x02idq\x0cU\x14\x00\n\r\x1a'\"\\"
        b"\x80\xffA\t ~\x7f\xc8\x01\x02\x03\x04\x05q\ru."
    ),
}

# cPickle, protocol 0, of an id with a quote in it and no neighbors.
PYTHON2_QUOTE = (
    b"(dp1\nS'neighbors'\np2\n(lp3\nsS'ksize'\np4\nI"
    b"20\nsS'alpha'\np5\nI3\nsS'id'\np6\nS\"it's twen"
    b'ty bytes ok"\np7\ns.'
)

NEIGHBORS = [("127.0.0.1", 8468), ("10.0.0.2", 65535), ("10.0.0.3", 1)]
STATE = {"ksize": 20, "alpha": 3, "id": AWKWARD_ID, "neighbors": NEIGHBORS}

ids = st.binary(min_size=20, max_size=20)
hosts = st.ip_addresses().map(str)
states = st.fixed_dictionaries(
    {
        "ksize": st.integers(1, 300),
        "alpha": st.integers(1, 70_000),
        "id": ids,
        "neighbors": st.lists(st.tuples(hosts, st.integers(1, 65535))),
    }
)
protocols = st.integers(0, pickle.HIGHEST_PROTOCOL)


class TestWhatTheReleasesWrote:
    @pytest.mark.parametrize("name", PYTHON2)
    def test_a_state_of_python_2_is_read(self, name: str) -> None:
        """Its strs are bytes: the id stays 20 bytes, the hosts become text."""
        assert pickles.read(PYTHON2[name]) == STATE

    def test_a_str_of_python_2_may_stand_in_double_quotes(self) -> None:
        assert pickles.read(PYTHON2_QUOTE)["id"] == b"it's twenty bytes ok"

    @pytest.mark.parametrize("name", ["pickle 0", "cPickle 0"])
    def test_a_state_written_on_windows_is_read(self, name: str) -> None:
        """0.x opened the file as text, and Windows ends its lines with two bytes."""
        assert pickles.read(PYTHON2[name].replace(b"\n", b"\r\n")) == STATE

    @pytest.mark.parametrize("protocol", range(6))
    def test_a_state_of_python_3_is_read(self, protocol: int) -> None:
        assert pickles.read(pickle.dumps(STATE, protocol)) == STATE

    @given(states, protocols)
    def test_any_state_of_python_3_is_read(self, state: dict[str, Any], protocol: int) -> None:
        assert pickles.read(pickle.dumps(state, protocol)) == state

    @pytest.mark.parametrize("protocol", range(6))
    def test_a_long_list_of_neighbors_is_read(self, protocol: int) -> None:
        """More than 256 things in the memo, or more than 1000 in a list, are written with other instructions."""
        state = {**STATE, "neighbors": [(f"10.0.{n >> 8}.{n & 255}", n + 1) for n in range(1100)]}
        assert pickles.read(pickle.dumps(state, protocol)) == state

    @pytest.mark.parametrize("protocol", range(6))
    def test_hosts_that_2_x_kept_as_bytes_become_text(self, protocol: int) -> None:
        """A node of 2.x that learned of a contact from one of 0.4 had its ip as bytes."""
        state = {**STATE, "neighbors": [(b"127.0.0.1", 8468), [b"10.0.0.2", 65535]]}
        assert pickles.read(pickle.dumps(state, protocol))["neighbors"] == NEIGHBORS[:2]

    def test_a_state_that_lacks_something_is_read_as_far_as_it_goes(self) -> None:
        """What must be there is for the caller to say."""
        assert pickles.read(pickle.dumps({"ksize": 20})) == {"ksize": 20, "id": None, "neighbors": None}


class Evil:
    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> Any:
        return self.call


def nested(depth: int, opening: bytes) -> bytes:
    return b"\x80\x02" + opening * depth + b"."


HOSTILE = {
    "nothing": b"",
    "no pickle": b"hello",
    "JSON": b"[]",
    "a call": pickle.dumps({"id": Evil(eval, ("1/0",))}),
    "a call, protocol 0": pickle.dumps({"id": Evil(eval, ("1/0",))}, 0),
    "another codec": b"c_codecs\nencode\n(Vx\nVutf-8\ntR.",
    "a call with more": b"c_codecs\nencode\n(Vx\nVlatin1\nVstrict\ntR.",
    "a call of a text": b"Vx\n(Vx\nVlatin1\ntR.",
    "the function itself": b"c_codecs\nencode\n.",
    "a function with an escape in its name": b"c_co\\decs\nencode\n.",
    "text outside latin1": b"c_codecs\nencode\n(V\\u20ac\nVlatin1\ntR.",
    "an object": pickle.dumps(Evil(object, ())),
    "a float": pickle.dumps({"ksize": 20.0}),
    "a set": pickle.dumps({"neighbors": {1}}),
    "no dict": pickle.dumps([STATE]),
    "an id beyond latin1": pickle.dumps({**STATE, "id": "\u20ac" * 20}),
    "a number as a key": pickle.dumps({1: 2}),
    "a tuple as a key": b"}" + b")" + b"\x85" * 30_000 + b"K\x01s.",
    "a list as a key": b"}]K\x01s.",
    "half a pair": b"}(K\x01u.",
    "an item for a tuple": b")K\x01a.",
    "an item for a dict": b"}K\x01a.",
    "a pair for a list": b"]Vx\nK\x01s.",
    "an item for nothing": b"K\x01a.",
    "an empty stack": b".",
    "two things left": b"}}.",
    "a mark left": b"}(.",
    "no mark": b"}e.",
    "below the mark": b"](a.",
    "a store of nothing": b"q\x00.",
    "a recall of nothing": b"h\x00.",
    "cut short": pickle.dumps(STATE)[:-1],
    "a long length": b"\x80\x02T\xff\xff\xff\x7f" + b"x",
    "a longer length": b"\x80\x04\x8e" + struct.pack("<Q", 2**63 - 1),
    "the longest length": b"\x80\x04\x8d" + struct.pack("<Q", 2**64 - 1),
    "a negative length": b"\x80\x02T\xff\xff\xff\xff",
    "a number of gigabytes": b"\x80\x02\x8b\xff\xff\xff\x7f.",
    "a bytearray of exabytes": b"\x96" + struct.pack("<Q", 2**60) + b".",
    "a long number": b"L" + b"9" * 60_000 + b"L\n.",
    "no number": b"Ix\n.",
    "a long text": b"V" + b"x" * 60_000 + b"\n.",
    "a str without an end": b"S'",
    "a str with two": b"S'a' + 'b'\n.",
    "a str with code": b"S'a'.__class__\n.",
    "a str with an octal escape": b"S'\\101'\n.",
    "an escape of half": b"V\\u12\n.",
    "nested lists": nested(60_000, b"]"),
    "nested marks": nested(60_000, b"("),
    "nested tuples": b")" + b"\x85" * 60_000 + b".",
    "too large": pickle.dumps({**STATE, "more": ["x" * 1000] * 10, "most": b"x" * 70_000}),
}


class TestWhatNobodyWrote:
    @pytest.mark.parametrize("name", HOSTILE)
    def test_it_is_a_value_error(self, name: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            pickles.read(HOSTILE[name])

    @given(st.binary())
    def test_noise_is_a_value_error_or_a_state(self, data: bytes) -> None:
        never_anything_else(data)

    @given(states, protocols, st.data())
    def test_so_is_a_state_with_bytes_changed(self, state: dict[str, Any], protocol: int, data: Any) -> None:
        pickled = bytearray(pickle.dumps(state, protocol))
        for _ in range(data.draw(st.integers(1, 4))):
            pickled[data.draw(st.integers(0, len(pickled) - 1))] = data.draw(st.integers(0, 255))
        never_anything_else(bytes(pickled))

    @given(st.lists(st.sampled_from([*pickles.OPCODES, b"\x00", b"\x01", b"1\n", b"'a'\n"])).map(b"".join))
    @example(b"}\x940.")
    @example(b"](h\x00e.")
    def test_so_is_any_order_of_instructions(self, program: bytes) -> None:
        never_anything_else(program + b".")

    def test_a_function_called_over_and_over_stays_small(self) -> None:
        """One text in the memo, encoded eight bytes a time, would make half a gigabyte of 64 KiB."""
        text = b"V" + b"x" * pickles.TEXT_CHARS_MAX + b"\n"
        words = b"c_codecs\nencode\nq\x00" + text + b"q\x01Vlatin1\nq\x02"
        data = words + b"(" + b"h\x00h\x01h\x02\x86R" * 7000 + b"l."
        assert len(data) < pickles.PICKLE_BYTES_MAX
        assert memory_of(data) < 16 * 2**20

    def test_lists_of_lists_of_lists_stay_small(self) -> None:
        """Forty levels of two references each: going through all of it would never end."""
        levels = b"".join(b"](h%ch%ceq%c" % (n, n, n + 1) for n in range(40))
        data = b"}Vneighbors\n(]q\x00" + levels + b"ls."
        assert len(pickles.read(data)["neighbors"]) == 41
        assert memory_of(data) < 2**20


def never_anything_else(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(pickles.read(data), dict)


def memory_of(data: bytes) -> int:
    """Tell how many bytes reading takes at the most, whether it succeeds or not."""
    tracemalloc.start()
    try:
        never_anything_else(data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
