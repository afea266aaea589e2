"""How a server under measurement is spoken to: a line of JSON in, a line of JSON out; the end of the input ends it.

Standard library only: the peers run this in environments of their own.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from typing import Any

Commands = dict[str, Callable[..., Any]]


def say(answer: Any) -> None:
    """Write one line."""
    print(json.dumps(answer), flush=True)


def obey(line: str, commands: Commands) -> None:
    """Do what a line asks for, `["name", argument, ...]`, and write what comes of it."""
    name, *arguments = json.loads(line)
    say(time.process_time_ns() if name == "cpu" else commands[name](*arguments))


async def serve(port: int, commands: Commands) -> None:
    """Tell the port, then obey until the input ends; in between the loop is free for its sockets."""
    over = asyncio.Event()

    def readable() -> None:
        line = sys.stdin.readline()
        if line:
            obey(line, commands)
        else:
            over.set()

    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), readable)
    say(port)
    await over.wait()
    loop.remove_reader(sys.stdin.fileno())


def serve_blocking(port: int, commands: Commands) -> None:
    """As `serve`, for a server whose work is done by threads of its own."""
    say(port)
    for line in sys.stdin:
        obey(line, commands)
