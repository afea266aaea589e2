"""`kademlia sim`: what is printed, in JSON and for people, and the one line of everything that is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.cli_processes import complaint, environment, finished, kademlia, started
from tests.documented_api.program_runner import run_code

from kademlia.cli import faults
from kademlia.cli.sim import command, reproducing
from kademlia.sim.experiments import EXPERIMENTS, Experiment, Options, Row

SMALL = ("sim", "run", "--nodes", "60", "--lookups", "30", "--seconds", "10", "--k", "8")


def told(*arguments: str, hash_seed: str = "0") -> dict[str, Any]:
    """Return the JSON object that a run prints, in a process whose sets are in another order."""
    command_line = [sys.executable, "-m", "kademlia", *SMALL, *arguments, "--json"]
    result = subprocess.run(
        command_line, capture_output=True, timeout=60, env=environment(PYTHONHASHSEED=hash_seed), check=True
    )
    assert result.stderr == b""
    said: dict[str, Any] = json.loads(result.stdout)
    return said


# -- sim run -----------------------------------------------------------------------------------------------------------


@pytest.mark.processes
def test_json_has_all_that_a_program_needs_and_the_same_seed_gives_the_same_trace() -> None:
    """In two processes with other hash seeds: the order of a set must not decide anything."""
    arguments = ("--seed", "5", "--churn", "exp:100", "--dead", "0.1", "--loss", "0.02", "--b", "1")
    one, two = told(*arguments, hash_seed="1"), told(*arguments, hash_seed="2")
    wanted = (
        "nodes start b lookups found hops latency_ms rpcs_per_lookup messages bytes events events_per_s bytes_per_node "
        "trace seed k exact_share first_holder_ms ended_ms virtual_seconds seconds"
    )
    assert set(wanted.split()) <= set(one)
    assert {"mean", "p50", "p99"} <= set(one["hops"])
    assert {"p50", "p90", "p99"} <= set(one["latency_ms"])
    assert (one["nodes"], one["start"], one["b"], one["k"], one["seed"], one["lookups"]) == (60, "filled", 1, 8, 5, 30)
    assert len(one["trace"]) == 32
    assert one["bytes_per_node"] > 0
    measured = ("seconds", "build_seconds", "cpu_seconds", "events_per_s", "bytes_per_node")
    for name in measured:
        one.pop(name), two.pop(name)
    assert one == two


@pytest.mark.processes
def test_people_get_a_table_that_fits_a_terminal() -> None:
    command_line = [sys.executable, "-m", "kademlia", *SMALL, "--dead", "0.1"]
    result = subprocess.run(command_line, capture_output=True, env=environment(COLUMNS="80"), timeout=60, check=True)
    printed = result.stdout.decode()
    assert all(len(line) <= 80 for line in printed.splitlines())
    assert printed.startswith("60 nodes, k = 8, b = 5, alpha = 3, filled tables, seed 1\nlatency king, dead 10 %\n")
    for word in ("hops", "first holder, ms", "p99", "found", "requests", "trace"):
        assert word in printed


@pytest.mark.processes
def test_a_file_says_what_is_run_options_override_it_and_plots_are_drawn(tmp_path: Path) -> None:
    file = tmp_path / "scenario.toml"
    file.write_text('nodes = 30\nlookups = 10\nworkload = "sets+gets"\nseconds = 5\nslow = 0.1\n')
    result = kademlia("sim", "run", file, "--nodes", "20", "--plot", tmp_path / "plots", "--plot-format", "svg")
    assert (result.returncode, result.stderr) == (0, b"")
    printed = result.stdout.decode()
    assert printed.startswith("20 nodes, k = 20")
    assert "slow 10 %" in printed
    assert "set, ms" in printed
    assert f"plot  {tmp_path / 'plots' / 'latency.svg'}" in printed
    assert (tmp_path / "plots" / "health.svg").is_file()


@pytest.mark.processes
def test_each_mistake_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    """Processes that all start at once: each takes its time to start, and none does anything."""
    (tmp_path / "no.toml").write_text("nodes = \n")
    (tmp_path / "unknown.toml").write_text("node = 5\n")
    (tmp_path / "taken").write_text("")
    mistakes = {
        ("--nodes", "1"): "nodes has to be a whole number from 2 to 1,000,000, not 1",
        ("--matrix", "absent.u16"): "latency: cannot read absent.u16: No such file or directory",
        ("--matrix", "a", "--latency", "map"): "--latency and --matrix exclude each other",
        ("absent.toml",): "cannot read absent.toml: No such file or directory",
        (str(tmp_path / "no.toml"),): f"{tmp_path}/no.toml: this is no TOML: ",
        (str(tmp_path / "unknown.toml"),): f"{tmp_path}/unknown.toml: no field is called 'node'; did you mean nodes?",
        ("--plot", str(tmp_path / "taken")): f"cannot make the folder {tmp_path}/taken: File exists",
        ("--nodes", "many"): "Invalid value for '--nodes'",
    }
    running = {arguments: started("sim", "run", *arguments) for arguments in mistakes}
    for arguments, said in mistakes.items():
        result = finished(running[arguments])
        assert (result.returncode, result.stdout) == (faults.WRONG_USE, b"")
        assert complaint(result).startswith(said)


@pytest.mark.processes
def test_without_matplotlib_the_remedy_is_said_before_anything_runs() -> None:
    """An hour's run must not end with it. Blocking an import is what a missing package looks like."""
    program = (
        "import sys\nsys.modules['matplotlib'] = None\nfrom kademlia.cli.app import run\n"
        "sys.argv = ['kademlia', 'sim', 'run', '--nodes', '1000000', '--plot', 'plots']\nsys.stderr = sys.stdout\n"
        "print(run())"
    )
    remedy = "kademlia: plots need matplotlib; install it: pip install 'kademlia[sim]'"
    assert run_code(program).splitlines() == [remedy, "2"]


@pytest.mark.processes
def test_the_command_line_starts_without_the_simulator() -> None:
    """A shell has 100 ms for `kademlia get`."""
    loaded = run_code("import sys\nimport kademlia.cli.app\nprint(*sorted(sys.modules))").split()
    assert {"kademlia.sim", "matplotlib", "numpy"}.isdisjoint(loaded)


@pytest.mark.processes
def test_help_has_examples_and_the_name_alone_shows_the_commands() -> None:
    asked = [("sim",), ("sim", "run", "--help"), ("sim", "reproduce", "--help")]
    alone, run, reproduce = [finished(process) for process in [started(*arguments) for arguments in asked]]
    assert (alone.returncode, run.returncode, reproduce.returncode) == (2, 0, 0)
    assert all(f"│ {name} " in alone.stdout.decode() for name in ("run", "reproduce"))
    for helped, name in ((run, "run"), (reproduce, "reproduce")):
        assert f"kademlia sim {name}" in helped.stdout.decode().partition("Examples:")[2]
    assert "kademlia[sim]" in run.stdout.decode()


# -- sim reproduce -----------------------------------------------------------------------------------------------------


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """Return an experiment that is there for the time of a test: it counts, and misses a target if told to."""

    def run(options: Options) -> Iterator[Row]:
        if options.matrix is not None:
            options.matrix.read_bytes()
        for seed in options.seeds:
            options.progress(f"seed {seed}")
            setting = f"n = {options.nodes or 1000:,}, seed {seed}"
            yield Row(setting=setting, what="hops, mean", ours=2.3142, target=2.3, within=0.15, source="table 5.1")
            yield Row(setting=setting, what="found, share", ours=0.9612, target=0.95, at_most=False)
            yield Row(setting=setting, what="events a second", ours=15212.4, target=None)
            if seed == 13:
                yield Row(setting=setting, what="p99, ms", ours=641.4, target=600, source="T8")

    experiment = Experiment(name="counted", question="How many are there?", run=run, takes="1 s", needs_matrix=False)
    monkeypatch.setitem(EXPERIMENTS, "counted", experiment)
    return experiment


@pytest.mark.usefixtures("counted")
def test_rows_stand_below_the_setting_that_they_share(capsys: pytest.CaptureFixture[str]) -> None:
    assert reproducing.reproduce("counted", (1, 2), 500, None, False)
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    rows = ["hops, mean 2.31 2.30 ±0.15 yes table 5.1", "found, share 0.961 >= 0.95 yes", "events a second 15,212 -"]
    assert lines == [
        "How many are there?",
        *["", "n = 500, seed 1 ours target met", *rows],
        *["", "n = 500, seed 2 ours target met", *rows],
    ]


@pytest.mark.usefixtures("counted")
def test_a_missed_target_is_an_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert not reproducing.reproduce("counted", (13,), None, None, False)
    assert "641        <= 600  no   T8" in capsys.readouterr().out


@pytest.mark.usefixtures("counted")
def test_rows_for_programs_are_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert not reproducing.reproduce("counted", (13,), None, None, True)
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["met"] for row in rows] == [True, True, None, False]
    assert rows[0]["setting"] == "n = 1,000, seed 13"
    reproducing.show_list(True)
    assert {"name": "counted", "question": "How many are there?", "takes": "1 s", "needs_matrix": False} in json.loads(
        capsys.readouterr().out
    )


@pytest.mark.usefixtures("counted")
def test_what_an_experiment_cannot_read_is_named() -> None:
    with pytest.raises(faults.WrongUse, match=r"^cannot read absent\.u16: No such file or directory$"):
        reproducing.reproduce("counted", (1,), None, Path("absent.u16"), False)
    with pytest.raises(faults.WrongUse, match=r"no experiment is called 'discounted'; there are: .*counted"):
        reproducing.reproduce("discounted", (1,), None, None, False)


@pytest.mark.usefixtures("counted")
def test_the_list_says_what_is_asked_and_how_long_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    reproducing.show_list(False)
    assert "How many are there? (1 s)" in capsys.readouterr().out


@pytest.mark.parametrize(("text", "seeds"), [("1-5", (1, 2, 3, 4, 5)), ("7", (7,)), ("1,3,8-9", (1, 3, 8, 9))])
def test_seeds_are_written_as_pages_of_a_printer(text: str, seeds: tuple[int, ...]) -> None:
    assert command.read_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "x", "5-1", "1,,2", "-3"])
def test_what_is_no_list_of_seeds_is_said(text: str) -> None:
    with pytest.raises(faults.WrongUse, match=r"^--seeds is a list as 1-5 or 1,2,7, not "):
        command.read_seeds(text)
