"""Reading the state files of releases 0.4 to 2.2.3, which are pickles, without executing any.

The rule: a pickle is a program, and this is an interpreter for the few instructions that the published
`saveState` ever wrote: a dict of numbers, texts, bytes, lists and tuples. A restricted `Unpickler` would not
do, because nine bytes can make one allocate gigabytes. Here nothing grows beyond the file: it is short, every
text in it is short, and no instruction copies. Any other byte is a ValueError. The instruction set is that of
the module `pickletools`.
"""

from __future__ import annotations

import ast
import io
import pickletools
import re
from typing import TYPE_CHECKING, Any, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Callable

PICKLE_BYTES_MAX = 65_536  # k = 20 neighbours take 700 bytes; this is room for k = 1,800
TEXT_CHARS_MAX = 1_024  # a host name has 255 at most; limits what 65,536 bytes of latin1 calls may build to 8 MB
INT_BITS_MAX = 64  # the largest number is a port; limits the digits that Python is asked to multiply

# The text of a Python 2 str: printable ASCII, and the escapes that its repr uses.
PYTHON2_STR = re.compile(
    rb"""
    ' (?: [^\\'\x00-\x1f\x7f-\xff] | \\[\\'nrt] | \\x[0-9a-f]{2} )* '
  | " (?: [^\\"\x00-\x1f\x7f-\xff] | \\[\\nrt]  | \\x[0-9a-f]{2} )* "
    """,
    re.VERBOSE,
)


def read(data: bytes) -> dict[str, Any]:
    """Read what `saveState` of release 0.4 to 2.2.3 wrote.

    Args:
        data: the whole file, of any pickle protocol.

    Returns:
        The entries of its dict. The values are only as well-formed as the file, but where the writer's Python
        had another idea of text they are made alike: `id` is bytes, and the hosts in `neighbors` are str.

    Raises:
        ValueError: the bytes are no such pickle. Nothing else is raised, whatever the bytes.
    """
    if len(data) > PICKLE_BYTES_MAX:
        raise ValueError(f"a pickle of {len(data):,} bytes, where {PICKLE_BYTES_MAX:,} is the most that is read")
    if data.startswith((b"(dp0\r\n", b"(dp1\r\n")):
        data = data.replace(b"\r\n", b"\n")  # 0.x wrote in text mode, which on Windows means this
    state = _Machine().run(io.BytesIO(data))
    if not isinstance(state, dict):
        kind = type(state).__name__
        raise ValueError(f"a pickled {kind}, where saveState wrote a dict")  # noqa: TRY004 - bad bytes
    return {**state, "id": _bytes(state.get("id")), "neighbors": _neighbors(state.get("neighbors"))}


def _bytes(value: object) -> object:
    """Python 2 wrote bytes as what Python 3 reads as text, one character for each."""
    return value.encode("latin1") if isinstance(value, str) else value


def _neighbors(value: object) -> object:
    return [_neighbor(item) for item in value] if isinstance(value, list) else value


def _neighbor(item: object) -> object:
    """2.x kept as bytes the hosts that nodes of 0.4 told it."""
    if not _is_pair(item):
        return item
    host, port = item
    return (host.decode("latin1") if isinstance(host, bytes) else host), port


def _is_pair(item: object) -> TypeGuard[tuple[Any, Any] | list[Any]]:
    return isinstance(item, tuple | list) and len(item) == 2


class _Machine:
    """The pickle machine: a stack, marks in it, and a memo of what may be wanted again."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def run(self, program: io.BytesIO) -> Any:
        """Execute instructions until STOP, and return what is left."""
        while True:
            name, argument = _instruction(program)
            if name == "STOP":
                return self.result()
            INSTRUCTIONS[name](self, argument)

    def result(self) -> Any:
        if len(self.stack) != 1 or self.marks:
            raise ValueError("the pickle stops before it is complete")
        return self.stack[0]

    def push(self, thing: Any) -> None:
        self.stack.append(thing)

    def push_int(self, number: int) -> None:
        if number.bit_length() > INT_BITS_MAX:
            raise ValueError(f"the pickle has a number of {number.bit_length()} bits")
        self.push(number)

    def push_text(self, text: str | bytes) -> None:
        if len(text) > TEXT_CHARS_MAX:
            raise ValueError(f"the pickle has a text of {len(text):,} characters")
        self.push(text)

    def pop(self, count: int) -> list[Any]:
        """Take things off the stack, but none below the last mark."""
        if len(self.stack) - (self.marks[-1] if self.marks else 0) < count:
            raise ValueError("the pickle takes more than it has put down")
        at = len(self.stack) - count
        things = self.stack[at:]
        del self.stack[at:]
        return things

    def top(self, kind: type) -> Any:
        """Look at the uppermost thing, which must be of a kind."""
        (thing,) = self.pop(1)
        if type(thing) is not kind:
            raise ValueError(f"the pickle fills a {type(thing).__name__} as if it were a {kind.__name__}")
        self.push(thing)
        return thing

    def mark(self) -> None:
        self.marks.append(len(self.stack))

    def pop_to_mark(self) -> list[Any]:
        if not self.marks:
            raise ValueError("the pickle looks for a mark that it has not set")
        things = self.pop(len(self.stack) - self.marks[-1])
        self.marks.pop()
        return things

    def remember(self, at: int) -> None:
        (thing,) = self.pop(1)
        self.push(thing)
        self.memo[at] = thing

    def recall(self, at: int) -> None:
        if at not in self.memo:
            raise ValueError("the pickle recalls what it has not put down")
        self.push(self.memo[at])

    def extend(self, things: list[Any]) -> None:
        self.top(list).extend(things)

    def update(self, things: list[Any]) -> None:
        """Set dict items. Keys are texts only: a tuple's hash recurses as deep as the tuple is."""
        keys, values = things[::2], things[1::2]
        if len(keys) != len(values) or not all(isinstance(key, str) for key in keys):
            raise ValueError("the pickle has a dict whose keys are not all texts")
        self.top(dict).update(zip(keys, values, strict=True))

    def dict_from_mark(self) -> None:
        things = self.pop_to_mark()
        self.push({})
        self.update(things)

    def encode(self) -> None:
        """Call the one function there is: how protocols 0 to 2 of Python 3 write bytes."""
        function, arguments = self.pop(2)
        match arguments:
            case (str(text), "latin1") if function is ENCODE:
                self.push(text.encode("latin1"))
            case _:
                raise ValueError("the pickle calls a function other than _codecs.encode(text, 'latin1')")


def _instruction(program: io.BytesIO) -> tuple[str, Any]:
    """Read the next instruction and its argument, if it is one of those we follow."""
    code = program.read(1)
    if not code:
        raise ValueError("the pickle ends before its last instruction")
    opcode = OPCODES.get(code)
    if opcode is None:
        raise ValueError(f"no pickle of saveState holds the instruction {code!r}")
    if opcode.name in READERS:
        return opcode.name, READERS[opcode.name](program)
    return opcode.name, opcode.arg.reader(program) if opcode.arg else None


def _python2_str(program: io.BytesIO) -> str:
    """Read a Python 2 str by its repr."""
    literal = program.readline().removesuffix(b"\n")
    if not PYTHON2_STR.fullmatch(literal):
        raise ValueError("the pickle has a str that Python 2 would not write so")
    text: bytes = ast.literal_eval("b" + literal.decode("ascii"))
    return text.decode("latin1")


def _function(program: io.BytesIO) -> object:
    """Read the name of a function, in two lines. There is one."""
    if program.readline() + program.readline() != b"_codecs\nencode\n":
        raise ValueError("the pickle wants a function other than _codecs.encode")
    return ENCODE


ENCODE = object()

# Where pickletools of Python 3.11 fails: it takes no byte from 0x80 in a str, and warns of escapes in a name.
READERS: dict[str, Callable[[io.BytesIO], object]] = {"STRING": _python2_str, "GLOBAL": _function}

# Every instruction that Python 2.6 to 3.14 writes for a state, and no other.
INSTRUCTIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": lambda _machine, _version: None,
    "FRAME": lambda _machine, _length: None,
    "STOP": lambda _machine, _: None,
    "MARK": lambda machine, _: machine.mark(),
    "NONE": _Machine.push,
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "INT": _Machine.push_int,
    "BININT": _Machine.push_int,
    "BININT1": _Machine.push_int,
    "BININT2": _Machine.push_int,
    "LONG": _Machine.push_int,
    "LONG1": _Machine.push_int,
    "STRING": _Machine.push_text,
    "BINSTRING": _Machine.push_text,
    "SHORT_BINSTRING": _Machine.push_text,
    "UNICODE": _Machine.push_text,
    "BINUNICODE": _Machine.push_text,
    "SHORT_BINUNICODE": _Machine.push_text,
    "BINBYTES": _Machine.push_text,
    "SHORT_BINBYTES": _Machine.push_text,
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "DICT": lambda machine, _: machine.dict_from_mark(),
    "SETITEM": lambda machine, _: machine.update(machine.pop(2)),
    "SETITEMS": lambda machine, _: machine.update(machine.pop_to_mark()),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "LIST": lambda machine, _: machine.push(machine.pop_to_mark()),
    "APPEND": lambda machine, _: machine.extend(machine.pop(1)),
    "APPENDS": lambda machine, _: machine.extend(machine.pop_to_mark()),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.pop_to_mark())),
    "TUPLE1": lambda machine, _: machine.push(tuple(machine.pop(1))),
    "TUPLE2": lambda machine, _: machine.push(tuple(machine.pop(2))),
    "TUPLE3": lambda machine, _: machine.push(tuple(machine.pop(3))),
    "PUT": _Machine.remember,
    "BINPUT": _Machine.remember,
    "LONG_BINPUT": _Machine.remember,
    "MEMOIZE": lambda machine, _: machine.remember(len(machine.memo)),
    "GET": _Machine.recall,
    "BINGET": _Machine.recall,
    "LONG_BINGET": _Machine.recall,
    "GLOBAL": _Machine.push,
    "REDUCE": lambda machine, _: machine.encode(),
}

OPCODES = {op.code.encode("latin1"): op for op in pickletools.opcodes if op.name in INSTRUCTIONS}
