"""The one-shot commands against a running network: what they print, and the exit code of everything that can happen."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from tests.cli.cli_processes import RunningNode, complaint, environment, finished, kademlia, started

import kademlia as package

pytestmark = pytest.mark.processes


@contextmanager
def silent_socket() -> Iterator[socket.socket]:
    """Make a socket that answers nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        yield silent


@contextmanager
def silence() -> Iterator[str]:
    """Make an address where nobody answers."""
    with silent_socket() as silent:
        yield f"127.0.0.1:{silent.getsockname()[1]}"


# -- set, get, ping ----------------------------------------------------------------------------------------------------


def test_what_one_command_sets_another_gets(network_address: str) -> None:
    result = kademlia("set", "greeting", "hello, wörld\n", "--bootstrap", network_address)
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout.startswith(b"stored greeting on 2 nodes until ")
    result = kademlia("get", "greeting", "--bootstrap", network_address)
    assert (result.returncode, result.stdout, result.stderr) == (0, "hello, wörld\n".encode(), b"")


@pytest.mark.parametrize(
    ("kind", "text", "printed"),
    [("int", "-5", b"-5"), ("float", "1e3", b"1000.0"), ("bool", "no", b"false"), ("bytes", "00ff0a", b"\x00\xff\n")],
)
def test_a_value_has_a_type_and_is_printed_exactly(network_address: str, kind: str, text: str, printed: bytes) -> None:
    """No line end is added: what a script reads is what was stored."""
    assert kademlia("set", "--type", kind, "--", f"typed-{kind}", text, bootstrap=network_address).returncode == 0
    assert kademlia("get", f"typed-{kind}", bootstrap=network_address).stdout == printed


def test_a_list_or_map_is_written_and_printed_as_json(network_address: str) -> None:
    """One line, whose bytes are there for `jq` and for `kademlia set --type json` to read again."""
    result = kademlia(
        "set", "--type", "json", "ada", '{"born":1815,  "fields": ["maths", null]}', bootstrap=network_address
    )
    assert (result.returncode, result.stderr) == (0, b"")
    result = kademlia("get", "ada", bootstrap=network_address)
    assert (result.returncode, result.stdout) == (0, b'{"born": 1815, "fields": ["maths", null]}')


def test_bytes_can_be_looked_at_in_hexadecimal(network_address: str) -> None:
    kademlia("set", "--type", "bytes", "raw", "00ff", bootstrap=network_address)
    assert kademlia("get", "--hex", "raw", bootstrap=network_address).stdout == b"00ff"


def test_get_says_on_stderr_that_nobody_has_a_key(network_address: str) -> None:
    result = kademlia("get", "nobody's", bootstrap=network_address)
    assert (result.returncode, result.stdout) == (1, b"")
    assert complaint(result) == "not found: nobody's"


def test_ping_prints_who_is_there_and_how_far(network_address: str) -> None:
    result = kademlia("ping", network_address)
    assert result.returncode == 0
    where, _, rest = result.stdout.decode().partition(" is node ")
    assert where == network_address
    assert rest.split(", ")[0].isalnum()
    assert rest.endswith(" ms\n")


def test_the_network_may_be_on_ipv6() -> None:
    """Where this machine has no IPv6 loopback, there is nothing to test."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as trial:
            trial.bind(("::1", 0))
    except OSError:
        pytest.skip("no IPv6 loopback here")
    with RunningNode(interface="::1") as node:
        assert node.address.startswith("[::1]:")
        assert kademlia("set", "six", "6", bootstrap=node.address).returncode == 0
        assert kademlia("get", "six", bootstrap=node.address).stdout == b"6"
        assert kademlia("ping", node.address).returncode == 0


def test_one_answering_node_of_several_is_enough(network_address: str) -> None:
    kademlia("set", "several", "yes", bootstrap=network_address)
    assert kademlia("get", "several", "-b", "nowhere.invalid:1", "-b", network_address).stdout == b"yes"
    assert kademlia("get", "several", bootstrap=f"nowhere.invalid:1, {network_address}").stdout == b"yes"


def test_one_shot_nodes_stay_out_of_the_tables_of_others() -> None:
    """They are gone in a moment: a table full of them would be full of the dead."""
    with RunningNode() as node:
        for number in range(3):
            assert kademlia("set", f"passing-{number}", "x", bootstrap=node.address).returncode == 0
        node.end()
        assert not any("no longer alone" in line for line in node.printed)


# -- import ------------------------------------------------------------------------------------------------------------


def test_import_stores_every_record(network_address: str, tmp_path: Path) -> None:
    path = tmp_path / "many.jsonl"
    path.write_text("".join(f'["import-{number}", {number}]\n' for number in range(300)))
    result = kademlia("import", path, bootstrap=network_address)
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout.startswith(b"stored 300 of 300 records in ")
    assert kademlia("get", "import-299", bootstrap=network_address).stdout == b"299"


def test_import_names_the_lines_that_failed_and_stores_the_rest(network_address: str, tmp_path: Path) -> None:
    path = tmp_path / "some.txt"
    path.write_text(f'key,value\nfirst-csv,1\nonly one\ntoo large,{"x" * 9000}\n"open,2\nlast-csv,"3\n4"\n')
    result = kademlia("import", "--format", "csv", path, bootstrap=network_address)
    assert (result.returncode, result.stdout) == (1, b"")
    *failed, total = result.stderr.decode().splitlines()
    assert sorted(line.split(": ", 1)[0] for line in failed) == [f"{path}:{line}" for line in (3, 4, 5)]
    assert sum("8192" in line for line in failed) == 1
    assert total.startswith("kademlia: stored 2 of 5 records in ")
    assert total.endswith(", 3 failed")
    assert kademlia("get", "last-csv", bootstrap=network_address).stdout == b"3\n4"


def test_import_stores_lists_and_maps_and_names_what_no_value_is(network_address: str, tmp_path: Path) -> None:
    path = tmp_path / "maps.jsonl"
    large = f'["large", ["{"x" * 9000}"]]'
    deep = f'["deep", {"[" * 17}{"]" * 17}]'
    path.write_text(f'["import-map", {{"a": [1, true]}}]\n["none", null]\n{deep}\n["big", [{2**64}]]\n{large}\n')
    result = kademlia("import", path, bootstrap=network_address)
    *failed, total = result.stderr.decode().splitlines()
    assert sorted(line.split(": ", 1)[0] for line in failed) == [f"{path}:{line}" for line in (2, 3, 4, 5)]
    said = "\n".join(failed)
    for reason in ("not null", "nested over 16 levels", "value[0]: an int is stored in 64 bits", "9063 bytes packed"):
        assert reason in said
    assert total.startswith("kademlia: stored 1 of 5 records in ")
    assert kademlia("get", "import-map", bootstrap=network_address).stdout == b'{"a": [1, true]}'


@pytest.mark.slow
def test_import_reads_as_it_goes_and_gives_up_when_the_network_is_lost(tmp_path: Path) -> None:
    """Nobody wants to wait for a hundred thousand time-outs."""
    pipe = tmp_path / "endless.jsonl"
    os.mkfifo(pipe)
    with RunningNode() as node, started("import", pipe, "--parallel", "200", "--bootstrap", node.address) as importing:
        with pipe.open("w") as file:
            file.writelines(f'["piped-{number}", "v"]\n' for number in range(64))
            file.flush()
            while kademlia("get", "piped-63", bootstrap=node.address).returncode:
                assert importing.poll() is None
            node.process.kill()
            file.writelines(f'["lost-{number}", "v"]\n' for number in range(300))
        result = finished(importing)
    assert result.returncode == 3
    assert result.stderr.decode().splitlines()[-1].startswith("kademlia: gave up: 100 values in a row found no node")


# -- what can be wrong -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["get", "k"], 2, "which network? Name one of its nodes: --bootstrap HOST:PORT, or set KADEMLIA_BOOTSTRAP"),
        (["get", "k", "-b", "nonsense"], 2, "'nonsense' is no HOST:PORT; write it like"),
        (["get", "k", "-b", "127.0.0.1:0"], 2, "'127.0.0.1:0' is no HOST:PORT"),
        (["node", "-b", "::1:8468"], 2, "'::1:8468' is no HOST:PORT"),
        (["ping", "nonsense"], 2, "'nonsense' is no HOST:PORT"),
        (["ping", "nowhere.invalid:8468"], 3, "unknown host: nowhere.invalid"),
        (["set", "k", "v", "-b", "nowhere.invalid:8468"], 3, "unknown host: nowhere.invalid"),
        (["set", "k", "-b", "127.0.0.1:1"], 2, "Missing argument 'VALUE'"),
        (["set", "k", "x", "--type", "int", "-b", "127.0.0.1:1"], 2, "'x' is no int; write digits"),
        (["set", "k", "{a: 1}", "--type", "json", "-b", "127.0.0.1:1"], 2, "'{a: 1}' is no json; write it like"),
        (["set", "k", "null", "--type", "json", "-b", "127.0.0.1:1"], 2, "'null' is no json; write it like"),
        (["set", "k", "-5", "-b", "127.0.0.1:1"], 2, "No such option: -5"),
        (["get", b"\xff", "-b", "127.0.0.1:1"], 2, r"the key '\udcff' is not UTF-8"),
        (["import", "absent.csv", "-b", "127.0.0.1:1"], 2, "cannot read absent.csv: No such file or directory"),
        (["import", ".", "-b", "127.0.0.1:1"], 2, "cannot read .: Is a directory"),
        (["import", "README.md", "-b", "127.0.0.1:1"], 2, "is README.md JSON lines or CSV?"),
        (["demo", "--data", "absent.csv"], 2, "cannot read absent.csv: No such file or directory"),
        (["demo", "--nodes", "3", "--processes", "4"], 2, "3 nodes cannot be spread over 4 processes"),
        (["demo", "--nodes", "6", "--ksize", "4"], 2, "with k = 4 each of the 4 nodes that survive"),
        (["set", "k", "v", "--ttl", "soon"], 2, "'soon' is no span of time; write seconds, or like 90m, 12h or 7d"),
        (["set", "k", "v", "--ttl", "8d"], 2, "--ttl is from 5 to 604800 seconds (a week), not 691200.0;"),
        (["get", "k", "--quorum", "0"], 2, "Invalid value for '--quorum'"),
        (["delete", "k"], 2, "which network? Name one of its nodes"),
        (["nothing"], 2, "No such command 'nothing'"),
        (["node", "--port", "70000"], 2, "Invalid value for '--port'"),
    ],
)
def test_wrong_use_is_one_line_that_says_what_to_do(
    arguments: list[str | bytes], code: int, said: str, repo_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repo_root)
    result = kademlia(*arguments)
    assert (result.returncode, result.stdout) == (code, b"")
    assert complaint(result).startswith(said)


@pytest.mark.slow
def test_a_network_that_does_not_answer_is_unreachable(repo_root: Path) -> None:
    commands = (["get", "k"], ["set", "k", "v"], ["import", str(repo_root / "pyproject.toml"), "--format", "csv"])
    with silence() as address, ExitStack() as stack:
        asking = [stack.enter_context(started(*command, "--bootstrap", address)) for command in commands]
        results = [finished(process) for process in asking]
    for result in results:
        assert (result.returncode, result.stdout) == (3, b"")
        said = complaint(result)
        assert said.startswith(f"network unreachable: cannot bootstrap from {address}: no answer; is a node running")


@pytest.mark.slow
def test_ping_says_that_nobody_is_there() -> None:
    with silence() as address:
        result = kademlia("ping", address)
    assert result.returncode == 3
    assert complaint(result).startswith(f"no answer from {address}; is a node running there")


def test_a_value_too_large_is_refused_with_its_size(network_address: str) -> None:
    result = kademlia("set", "large", "x" * 9000, bootstrap=network_address)
    assert (result.returncode, result.stdout) == (2, b"")
    assert "8192" in complaint(result)


def test_a_list_that_cannot_be_stored_is_refused_with_the_place(network_address: str) -> None:
    result = kademlia("set", "--type", "json", "large", f'{{"a": [{2**64}]}}', bootstrap=network_address)
    assert (result.returncode, result.stdout) == (2, b"")
    assert complaint(result).startswith("""cannot store 'large': value["a"][0]: an int is stored in 64 bits""")


def test_a_reader_who_has_enough_is_no_fault(network_address: str) -> None:
    """As in `kademlia get k | head -c 1`."""
    kademlia("set", "long", "x" * 8000, bootstrap=network_address)
    with started("get", "long", "--bootstrap", network_address) as getting:
        assert getting.stdout is not None
        getting.stdout.close()
        assert getting.stderr is not None
        assert getting.stderr.read() == b""
        assert getting.wait() == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the device that is always full is Linux's")
def test_a_value_that_cannot_be_written_is_one_line(network_address: str) -> None:
    kademlia("set", "unwritten", "x", bootstrap=network_address)
    command = [sys.executable, "-m", "kademlia", "get", "unwritten", "--bootstrap", network_address]
    with Path("/dev/full").open("wb") as full:
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, env=environment(), check=False)
    assert result.returncode == 1
    assert complaint(result) == "cannot write the value: No space left on device"


def test_ctrl_c_ends_a_command_without_a_traceback() -> None:
    with silent_socket() as silent, started("ping", f"127.0.0.1:{silent.getsockname()[1]}") as pinging:
        silent.recv(1000)  # it asks
        pinging.send_signal(signal.SIGINT)
        result = finished(pinging)
    assert (result.returncode, result.stdout, result.stderr) == (130, b"", b"")


# -- help --------------------------------------------------------------------------------------------------------------


def test_the_version_is_the_package_s() -> None:
    result = kademlia("--version")
    assert (result.returncode, result.stdout.decode()) == (0, f"kademlia {package.__version__}\n")


def test_help_shows_every_command_and_examples() -> None:
    result = kademlia("--help")
    assert result.returncode == 0
    commands = ("node", "set", "get", "delete", "ping", "import", "demo", "sim run", "sim reproduce")
    assert all(f"│ {command.split()[0]} " in result.stdout.decode() for command in commands)
    with ExitStack() as stack:
        helping = [stack.enter_context(started(*command.split(), "--help")) for command in commands]
        helps = [finished(process).stdout.decode() for process in helping]
    for command, help in zip(commands, helps, strict=True):
        assert "Examples:" in help
        assert f"kademlia {command}" in help.partition("Examples:")[2]


def test_without_a_command_the_help_is_shown() -> None:
    result = kademlia()
    assert result.returncode == 2
    assert result.stdout.strip() == kademlia("--help").stdout.strip()
