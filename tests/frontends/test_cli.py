"""The command line: what it lists, runs and refuses, in words and without a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from paribus.errors import ParibusError
from paribus.execution.pool import prestart, shutdown, workers
from paribus.frontends import cli
from paribus.frontends.cli import app, by_task
from paribus.frontends.discovery import find_suite
from paribus.suites import SUITES


def test_list_names_every_suite() -> None:
    shown = CliRunner().invoke(app, ["list"]).output
    assert [suite.name for suite in SUITES if f"{suite.name}: " not in shown] == []


def test_a_value_without_a_task_goes_to_the_only_one() -> None:
    assert by_task("--data", ["a.csv"], ["water"]) == {"water": "a.csv"}
    assert by_task("--data", ["water=a.csv"], ["energy", "water"]) == {"water": "a.csv"}


def test_a_value_without_a_task_is_refused_where_there_are_several() -> None:
    with pytest.raises(ParibusError) as error:
        by_task("--data", ["a.csv"], ["adding", "energy"])
    assert str(error.value) == (
        "--data: got 'a.csv', expected TASK=VALUE, because these suites have the tasks adding, energy. "
        "Write --data adding=a.csv."
    )


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("absent.py", None, "which is not there"),
        ("has no name.py", "", "the name 'has no name'"),
        ("json.py", "", "which another module has"),
        ("broken_suite.py", "import nothing_like_it", "No module named 'nothing_like_it'"),
        ("wrong_suite.py", "SUITE = 3", "SUITE of type int"),
        ("empty_suite.py", "", "no SUITE"),
    ],
)
def test_a_file_that_is_no_suite_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str | None, message: str
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(ParibusError, match=message):
        find_suite(str(tmp_path / name))


def test_a_mistake_is_one_line_and_status_two(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from paribus.frontends.cli import main; main()",
            "run",
            "optimisers",
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("paribus: suite: got 'optimisers', expected one of ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--arm", "best"], "--arm: got 'best', expected one of default, tuned, both."),
        (
            ["--trials", "0"],
            "number of trials: got 0, expected at least 1. Use --paribus-arm default",
        ),
    ],
)
def test_an_arm_or_trials_that_cannot_be_are_refused(options: list[str], message: str) -> None:
    refused = CliRunner().invoke(app, ["run", "optimizers", *options])
    assert isinstance(refused.exception, ParibusError)
    assert str(refused.exception).startswith(message)


def test_help_names_the_tuned_arm() -> None:
    shown = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"}).invoke(app, ["run", "--help"]).output
    assert "default|tuned|both" in shown
    assert (
        "Trials a variant and seed in the tuned arm (default: the comparison's; 16 for quick)."
        in shown
    )


def test_a_suite_of_ones_own_is_calibrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six seeds find nothing at two repeats; the status says whether all is as it must be."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "toy_suite.py").write_text(
        "from tests.helpers.toys import suite\nSUITE = suite()\n"
    )
    words = ["calibrate", str(tmp_path / "toy_suite.py"), "--repeats", "2", "--seeds", "6"]
    done = CliRunner().invoke(
        app, [*words, "--out", str(tmp_path), "--device", "cpu", "--jobs", "1"]
    )
    told = "Trained against itself: toys: verdict `better` or `worse`: 0 % of 2, expected 5 %"
    assert told in done.output
    assert done.exit_code == 0, done.output
    page = (tmp_path / "calibration.md").read_text(encoding="utf-8")
    assert "- toys, toys: 2 comparisons of 6 paired seeds, each of the baseline with itself" in page
    assert sorted(p.name for p in tmp_path.iterdir() if p.suffix == ".sqlite") == []


@pytest.mark.parametrize(
    ("options", "woken"),
    [
        ([], [3]),
        (["--jobs", "2"], [2]),
        (["--jobs", "1"], []),
        (["--store", "known"], []),
        (["--device", "cuda"], []),
    ],
)
def test_workers_start_at_once_unless_all_may_be_known_and_end_with_a_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], woken: list[int]
) -> None:
    """They import for seconds what this process imports, too."""
    (tmp_path / "known").touch()
    monkeypatch.chdir(tmp_path)
    seen: list[int] = []
    monkeypatch.setattr(cli, "prestart", seen.append)
    monkeypatch.setattr(cli, "available_jobs", lambda: 3)
    monkeypatch.setattr(cli, "shutdown", lambda: seen.append(0))
    monkeypatch.setattr(sys, "argv", ["paribus", "run", "optimisers", *options])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert seen == [*woken, 0]


def test_workers_that_are_still_starting_are_ended_at_once() -> None:
    shutdown()  # those of other tests
    prestart(1)
    (process,) = workers(1)._processes.values()
    shutdown()
    process.join(timeout=30)
    assert process.exitcode is not None
    assert list(workers(1).map(abs, [-2])) == [2]
    shutdown()


OWN = """
from torch import nn

from paribus.experiment.suite import Suite
from paribus.spec import call
from tests.helpers.toys import RECIPE, comparison


class Own(nn.Linear):
    def __init__(self, *, inputs, outputs):
        super().__init__(inputs[0], outputs)


MODEL = call("own_networks:Own")
SUITE = Suite(
    name="own",
    title="Own",
    comparisons=(comparison(recipe=RECIPE.model_copy(update={"model": MODEL})),),
)
"""


def test_workers_find_a_network_that_is_defined_beside_its_suite(tmp_path: Path) -> None:
    """At the first run, too, when they start before the file is looked at."""
    (tmp_path / "own_networks.py").write_text(OWN)
    done = subprocess.run(
        [
            *(sys.executable, "-c", "from paribus.frontends.cli import main; main()", "run"),
            *(str(tmp_path / "own_networks.py"), "--jobs", "2", "--device", "cpu"),
            *("--engine", "loop", "--out", str(tmp_path / "out")),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "own.csv").read_text(encoding="utf-8").count(",completed,") == 4
