"""The target `codec`: bytes to messages and back.

The first byte of an input says which part of the codec the rest is for. Whatever the bytes, only the named
`DECODE_ERRORS` come out; what could be decoded is the same after another trip; quick ways say what careful ones do.
"""

from __future__ import annotations

from typing import Any

import msgspec
from fuzz import afresh, limited
from fuzz.cast import CONTACTS
from fuzz.cursor import Cursor
from fuzz.target import Target, must
from fuzz.ways import Ways

from kademlia import address
from kademlia.engine import limits
from kademlia.wire import life, packed, rpcudp, trailer

encode = rpcudp.encode


def told(value: object) -> object:
    """Return what tells any two decoded values apart, nan, -0.0 and msgpack's extensions included."""
    return _encoded(value) or repr(value)


class Codec(Target):
    """`kademlia.wire` and `kademlia.address`."""

    name = "codec"
    input_bytes_max = 2048
    inputs_per_round = 512

    def __init__(self) -> None:
        self.parts = (
            self._request,
            self._answer,
            self._contacts,
            self._value,
            self._trailer,
            self._made_trailer,
            self._life,
            self._packed,
            self._place,
            self._ways,
        )

    def begin(self) -> None:
        """Make the engines that are compared."""
        afresh.forget()
        self._limits = limited.small_limits()
        self._limits.__enter__()
        self._both = Ways()

    def take(self, data: bytes) -> None:
        """Give an input to the part that it is for."""
        cursor = Cursor(data)
        cursor.one_of(self.parts)(cursor)

    def end(self) -> None:
        """Set the limits back."""
        self._limits.__exit__(None, None, None)

    # -- rpcudp ------------------------------------------------------------------------------------------------------

    def _request(self, cursor: Cursor) -> None:
        try:
            name, arguments = rpcudp.decode_request(cursor.rest())
        except rpcudp.DECODE_ERRORS:
            return
        must(type(name) is str and type(arguments) is list, f"{name!r:.80}, {arguments!r:.80}")
        rpcudp.nested_within(arguments, rpcudp.NESTING_MAX)
        again = _encoded((name, arguments))
        if again is not None:
            must(told(rpcudp.decode_request(again)) == told((name, arguments)), "another request after a trip")

    def _answer(self, cursor: Cursor) -> None:
        body = cursor.rest()
        result = _decoded(body)
        if result is None:
            return
        again = _encoded(result[0])
        if again is not None and (second := _decoded(again)) is not None:
            must(told(second[0]) == told(result[0]), "another answer after a trip")
        if len(body) > rpcudp.SMALL_BODY_BYTES:  # it was decoded part by part
            must(told(rpcudp.decode_small(body)) == told(result[0]), "part by part it is another answer")

    def _contacts(self, cursor: Cursor) -> None:
        heard_of = dict(CONTACTS[: cursor.byte() % 4])
        most = 1 + cursor.byte() % limits.CONTACTS_PER_REPLY_MAX
        result = _decoded(cursor.rest())
        found = rpcudp.contacts(result[0], most, heard_of) if result is not None else None
        if found is None:
            return
        must(len(found) <= most, f"{len(found)} contacts, where {most} are read")
        for one in found:
            must(type(one.id) is bytes and len(one.id) == 20, f"the contact {one!r}")
            must(heard_of.get(one.id) != one.address, f"{one!r} was heard of")
            must(0 < one.port < 65536 and address.place(one.ip) is not None, f"the contact at {one.address!r}")
        again = rpcudp.contacts(rpcudp.decode(rpcudp.contacts_body(found)), most) or []
        must(list(map(tuple, again)) == list(map(tuple, found)), "other contacts after a trip")

    def _value(self, cursor: Cursor) -> None:
        result = _decoded(cursor.rest())
        if result is not None:
            storable, value = rpcudp.found_value(result[0])
            must(not storable or type(value) in rpcudp.VALUE_TYPES, f"the value {value!r:.80}")

    # -- trailer -----------------------------------------------------------------------------------------------------

    def _trailer(self, cursor: Cursor) -> None:
        data = bytes(rpcudp.HEADER_BYTES) + cursor.rest()
        readings = trailer.readings(data)
        must(1 <= len(readings) <= 2 and readings[-1] == (data, None), f"read as {readings!r:.200}")
        stripped, hints = trailer.split(data)
        must(data.startswith(stripped), "what is left is not its beginning")
        for key, value in (hints or {}).items():
            must(type(value) is (bool if key == trailer.EPHEMERAL else bytes), f"the hint {key}: {value!r:.80}")
        alone = trailer.life_alone(data)
        if alone is not None:
            before = data[: -len(trailer.of_life(alone))]
            must((stripped, hints) == (before, {trailer.LIFE: alone}), f"the life {alone!r} is not alone")
        request = trailer.without_padding(data)
        if request is not None:
            must(hints is not None, "padding without a trailer")
            asks = {trailer.LIFE: b""} if len(request) > len(stripped) else {}
            must(request.startswith(stripped) and hints == asks, f"{hints!r} beside the padding")

    def _made_trailer(self, cursor: Cursor) -> None:
        size, ephemeral, kind = cursor.number() % 1300, bool(cursor.byte() & 1), cursor.byte() % 4
        about = (None, life.QUESTION, bytes(life.BYTES), cursor.some(life.BYTES).ljust(life.BYTES, b"."))[kind]
        node_id, ping = cursor.some(20).ljust(20, b"."), cursor.some(20).ljust(20, b".")
        datagram = b"\x00" + cursor.rest()
        said = {trailer.LIFE: about} if about is not None else {}
        introduction = trailer.introduction(datagram, ephemeral, size, about)
        known = {trailer.EPHEMERAL: True} if ephemeral else {}
        must(trailer.split(introduction) == (datagram, {**known, **said}), "another introduction after a trip")
        if about is not None:
            must(trailer.split(datagram + trailer.of_life(about)) == (datagram, said), "another life after a trip")
            must(trailer.of_life(about) == trailer.framed(said), "framed otherwise")
        for along in (None, ping):
            hints = {trailer.NODE_ID: node_id} | ({trailer.PING: along} if along is not None else {})
            must(trailer.of_answer(node_id, along) == trailer.framed(hints), "framed otherwise")
            must(trailer.split(trailer.append(datagram, hints)) == (datagram, hints), "other hints after a trip")
        plain = trailer.without_padding(introduction)
        must(plain is None or plain in {datagram, datagram + trailer.QUESTION}, "another request without its padding")

    def _life(self, cursor: Cursor) -> None:
        read = life.decode(cursor.some(cursor.byte() % 24))
        if read is not None:
            must(life.decode(life.encode(*read)) == read, f"another life than {read} after a trip")

    # -- values and addresses ------------------------------------------------------------------------------------------

    def _packed(self, cursor: Cursor) -> None:
        data = cursor.rest()
        value: Any = packed.unpack(packed.LISTS_AND_MAPS + data)
        must(told(packed.unpack(packed.pack(value))) == told(value), f"another value than {value!r:.80}")
        for other in (data, packed.PREFIX + data, packed.LISTS_AND_MAPS + data):
            must(packed.unpack(packed.pack(other)) == other, f"other bytes than {other!r:.80}")

    def _place(self, cursor: Cursor) -> None:
        ip = cursor.rest().decode("utf-8", "replace")
        where = address.place(ip)
        if where is None:
            address.is_numeric(ip)
            return
        must(address.is_numeric(ip), f"{ip!r} lies somewhere, and is no address")
        must(address.place(where.ip) == where, f"{ip!r} lies elsewhere than {where.ip!r}")
        must(bool(where.prefix) == (where.scope is address.Scope.GLOBAL), f"{ip!r} has the prefix {where.prefix!r}")
        must(bool(where.host) and not where.ip.startswith("::ffff:"), f"{ip!r} is the host {where.host!r}")

    def _ways(self, cursor: Cursor) -> None:
        self._both.take(cursor)


def _decoded(body: bytes) -> tuple[Any] | None:
    """Return what a body says, in a tuple since it may be nil; None if it is no msgpack."""
    try:
        return (rpcudp.decode(body),) if body else None
    except rpcudp.DECODE_ERRORS:
        return None


def _encoded(value: object) -> bytes | None:
    """Return a decoded value's bytes; None where what was decoded cannot be written: deep nesting, odd keys."""
    try:
        return encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError):
        return None
