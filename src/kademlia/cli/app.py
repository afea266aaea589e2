"""The commands put together, and the one place where what went wrong becomes a line and an exit code."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, cast

import typer
from rich.markup import escape

from kademlia import __version__
from kademlia.cli import delete, faults, get, importing, node, ping, screen
from kademlia.cli import set as setting
from kademlia.cli.demo import command as demo
from kademlia.cli.sim import command as sim

#: What typer raises for a command line that it cannot read. Which module this class lives in depends on the release.
Mistake = cast("type[Exception]", next(cls for cls in typer.BadParameter.__mro__ if cls.__name__ == "ClickException"))

# A paragraph that begins with a backspace keeps its lines (click's rule).
HELP = """A distributed hash table: set and get over a network of equals, without a server.

\bStart here:
  [dim]# see it at work[/]
  [bold]kademlia demo[/]
  [dim]# start a network here, and join it from elsewhere[/]
  [bold]kademlia node[/]
  [bold]kademlia node --bootstrap HOST:8468[/]
  [dim]# one that keeps id and values over a restart[/]
  [bold]kademlia node --bootstrap HOST:8468 --data DIR[/]
  [dim]# use it[/]
  [bold]export KADEMLIA_BOOTSTRAP=HOST:8468[/]
  [bold]kademlia set greeting 'hello, world'[/]
  [bold]kademlia get greeting[/]

Every command explains itself: [bold]kademlia COMMAND --help[/]
"""

app = typer.Typer(
    name="kademlia",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        screen.out().print(f"kademlia {__version__}")
        raise typer.Exit


@app.callback(
    invoke_without_command=True,
    help=HELP,
    epilog="Exit codes: 0 done, 1 not found or not done, 2 wrong use, 3 network unreachable.",
)
def kademlia(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001  # `_version` is called with it
        bool, typer.Option("--version", help="Print the version and end.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """Show what there is, if no command is given."""
    if context.invoked_subcommand is None:
        screen.out().print(context.get_help())
        raise typer.Exit(faults.WRONG_USE)


def _add(name: str, command: Callable[..., None], examples: list[tuple[str, str]], to: typer.Typer = app) -> None:
    """Add a command; its help is its docstring with examples below, each under its comment."""
    paragraphs = [" ".join(text.split()) for text in (inspect.getdoc(command) or "").split("\n\n")]
    lines = [f"  [dim]# {escape(meaning)}[/]\n  [bold]{escape(line)}[/]" for line, meaning in examples]
    to.command(name, help="\n\n".join([*paragraphs, "\bExamples:\n" + "\n".join(lines)]))(command)


_add("node", node.node, node.EXAMPLES)
_add("set", setting.set_, setting.EXAMPLES)
_add("get", get.get, get.EXAMPLES)
_add("delete", delete.delete, delete.EXAMPLES)
_add("ping", ping.ping, ping.EXAMPLES)
_add("import", importing.import_, importing.EXAMPLES)
_add("demo", demo.demo, demo.EXAMPLES)

simulator = typer.Typer(rich_markup_mode="rich")
simulator.callback(invoke_without_command=True, help=sim.ABOUT)(sim.sim)
app.add_typer(simulator, name="sim")
_add("run", sim.run, sim.RUN_EXAMPLES, to=simulator)
_add("reproduce", sim.reproduce, sim.REPRODUCE_EXAMPLES, to=simulator)


def run() -> int:
    """Run the command line; return the exit code."""
    screen.forgive_encodings()
    try:
        return int(app(prog_name="kademlia", standalone_mode=False) or faults.DONE)
    except faults.Fault as fault:
        screen.complain(fault)
        return fault.code
    except Mistake as mistake:
        screen.complain(_advice(mistake))
        return faults.WRONG_USE
    except (KeyboardInterrupt, typer.Abort):
        return faults.INTERRUPTED


def _advice(mistake: Exception) -> str:
    """Return what is wrong with a command line, and where to read how it is written."""
    said = getattr(mistake, "format_message", mistake.__str__)()
    context = getattr(mistake, "ctx", None)
    command = context.command_path if context is not None else "kademlia"
    return f"{said.rstrip('.')}. See: {command} --help"
