"""Pytest plugin: what a user types, sees and gets, in pytest runs of their own."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import torch

from paribus.errors import ParibusError
from paribus.execution import executor, session, step_times
from paribus.execution.executor import execute
from paribus.execution.orchestrate import run_comparison, run_suites
from paribus.execution.settings import Settings
from paribus.report import terminal
from paribus.report.figures import learning_curves
from paribus.runs.run import Run, RunResult
from tests.helpers import toys

# pytest-benchmark warns of a file without rows, and this file has a warning for an error.
pytestmark = pytest.mark.filterwarnings("ignore:Not saving anything, no benchmarks have been run!")

ROOT = Path(__file__).parents[2]
CASES = """
import pytest

from paribus.frontends.pytest_session import CLOCK
from paribus.execution.cases import cases
from paribus.spec import call
from tests.helpers.toys import *

SUITES = [{suites}]

@pytest.mark.parametrize("case", cases(SUITES), ids=lambda case: case.name)
@pytest.mark.benchmark(group="training", timer=CLOCK)
def test_training(case, train_case):
    train_case(case)
"""
STEPS = """
@pytest.mark.parametrize("case", cases(SUITES), ids=lambda case: case.name)
@pytest.mark.benchmark(group="step", timer=CLOCK)
def test_step(case, time_case):
    time_case(case)
"""
FRAGILE = 'suite(comparison("recipe.model", {"small": call(Small), "raises": call(Raises)}))'
UNPAIRED = 'suite(comparison(recipe=RECIPE.model_copy(update={"model": call(Unpaired)})))'
MISFIT = 'suite(comparison("recipe.model", {"small": call(Small), "wide": call(Misfit)}))'
SLOW = 'suite(comparison(recipe=RECIPE.model_copy(update={"model": call(Slow)})))'
RAISED = (
    "training of Raises() on 'toy' with seed 0: got RuntimeError: the third step is one too many, expected a "
    "forward and backward pass without an error. Check that the network's output fits the task's loss and the data's "
    "shape."
)


@pytest.fixture(scope="module", autouse=True)
def _all_is_loaded(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Load numpy and torch beforehand: an inner run forgets its modules, and these cannot be loaded twice."""
    out = tmp_path_factory.mktemp("all")
    settings = Settings(jobs=1, device="cpu", out=out, store=out / "runs.sqlite")
    terminal(run_suites([toys.suite()], settings).results)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No GPU, nothing read before, and no figures, which take longer than all the rest."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(executor, "_datasets", {})
    monkeypatch.setattr(learning_curves, "curves", lambda _: None)
    toys.reads.clear()


Runner = Callable[..., pytest.RunResult]


@pytest.fixture
def go(pytester: pytest.Pytester) -> Runner:
    """Return a function that runs pytest in this process on cells of suites, in a folder of its own."""

    def run(*options: str, suites: str = "suite()", steps: bool = False) -> pytest.RunResult:
        text = CASES + STEPS if steps else CASES
        pytester.makepyfile(test_cases=text.format(suites=suites))
        return pytester.runpytest_inprocess(
            "-p", "no:cacheprovider", "--benchmark-json=rows.json", "--paribus-jobs=1", *options
        )

    return run


def _rows(pytester: pytest.Pytester) -> dict[str, dict[str, Any]]:
    """Rows of pytest-benchmark's file by name of the test; without a row there is no file."""
    path = pytester.path / "rows.json"
    told = json.loads(path.read_text()) if path.exists() else {"benchmarks": []}
    return {row["name"]: row for row in told["benchmarks"]}


def _stored(path: Path) -> list[tuple[str, int]]:
    """Optimizer and seed of every run in the store, in the order in which they were added."""
    db = sqlite3.connect(path)
    rows = db.execute("select identity from runs order by rowid").fetchall()
    db.close()
    identities = [json.loads(identity) for (identity,) in rows]
    return [
        (made["recipe"]["optimizer"]["target"].rpartition(":")[2], made["seed"])
        for made in identities
    ]


def _text(result: pytest.RunResult) -> str:
    return result.stdout.str() + result.stderr.str()


def _usage_error(result: pytest.RunResult) -> str:
    """Return the one message of a run that was refused."""
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "Traceback" not in _text(result)
    assert "INTERNALERROR" not in _text(result)
    (message,) = (line for line in result.stderr.lines if line.startswith("ERROR: "))
    return message.removeprefix("ERROR: ")


# Cells that pass


@pytest.fixture
def thousands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every training takes a thousand seconds more than it does, and the second seed's two thousand."""

    def slowly(
        runs: Sequence[Run], *, keep: Callable[[Run, RunResult], None], **settings: Any
    ) -> dict[str, ParibusError]:
        def later(run: Run, record: RunResult) -> None:
            keep(run, replace(record, seconds=record.seconds + 1000.0 * (run.seed + 1)))

        return execute(runs, keep=later, **settings)

    monkeypatch.setattr(session, "execute", slowly)


@pytest.mark.usefixtures("thousands")
def test_a_cell_is_a_benchmark_whose_seconds_are_those_of_its_runs(
    go: Runner, pytester: pytest.Pytester
) -> None:
    """Trained now, then found in the store: the seconds are the same, and the row says which."""
    measured = []
    for stored, origin in ((0.0, "measured now"), (2.0, "from the store")):
        result = go("--benchmark-only")
        result.assert_outcomes(passed=2, skipped=2)
        rows = _rows(pytester)
        assert [*rows] == ["test_training[toys-sgd-cpu]", "test_training[toys-adam-cpu]"]
        for row in rows.values():
            assert row["stats"]["total"] == pytest.approx(3000, abs=100)
            assert row["stats"]["rounds"] == row["stats"]["iterations"] == 1
            told = dict(row["extra_info"])
            assert 0 < told.pop("log_loss") < 2
            assert told == {"runs": 2.0, "stored": stored, "seconds": origin, "completed": 2.0}
            assert {type(value) for value in row["extra_info"].values()} == {float, str}
        measured.append(sum(row["stats"]["total"] for row in rows.values()))
    assert measured[1] == pytest.approx(measured[0], abs=1)
    assert _stored(pytester.path / "results/latest/runs.sqlite") == [
        ("SGD", 0),
        ("SGD", 1),
        ("Adam", 0),
        ("Adam", 1),
    ]


def test_the_end_shows_verdicts_and_where_the_pages_are(
    go: Runner, pytester: pytest.Pytester
) -> None:
    result = go("--benchmark-only", "--paribus-out=made/here", "--paribus-seeds=3")
    result.stdout.fnmatch_lines(
        [
            "*= paribus: verdicts =*",
            "toys on cpu, 3 seeds: Which toy is best?",
            "toys on cuda: skipped, no CUDA device was found",
            "pages: made/here/README.md",
        ]
    )
    made = {path.name for path in (pytester.path / "made/here").iterdir()}
    assert {"README.md", "toys.md", "toys.csv", "runs.sqlite"} <= made
    assert not (pytester.path / "results").exists()


def test_cells_of_a_device_that_is_not_here_are_skipped_with_the_reason(go: Runner) -> None:
    result = go("-rs", "-k", "cuda", suites="suite(), suite(name='others')")
    result.assert_outcomes(skipped=4)
    result.stdout.fnmatch_lines(["SKIPPED [[]4[]] *: no CUDA device was found"])
    result.stdout.fnmatch_lines(["toys on cuda: skipped, no CUDA device was found"])
    assert result.ret == pytest.ExitCode.OK


def test_a_device_that_was_asked_for_is_the_only_one(go: Runner) -> None:
    result = go("--paribus-device=cpu")
    result.assert_outcomes(passed=2, deselected=2)


def test_a_selected_variant_brings_its_baselines_runs(
    go: Runner, pytester: pytest.Pytester
) -> None:
    go("-k", "adam and cpu", "--paribus-store=kept.sqlite").assert_outcomes(passed=1, deselected=3)
    assert [*_rows(pytester)] == ["test_training[toys-adam-cpu]"]
    assert _stored(pytester.path / "kept.sqlite") == [
        ("SGD", 0),
        ("SGD", 1),
        ("Adam", 0),
        ("Adam", 1),
    ]


def test_more_seeds_train_the_rest_and_fresh_trains_all(
    go: Runner, pytester: pytest.Pytester
) -> None:
    for options, stored in (
        (("--paribus-seeds=3",), 0.0),
        (("--paribus-seeds=5",), 3.0),
        (("--paribus-seeds=5",), 5.0),
        (("--paribus-seeds=5", "--paribus-retrain"), 0.0),
    ):
        result = go("-k", "cpu", *options)
        rows = _rows(pytester)
        assert [row["extra_info"]["stored"] for row in rows.values()] == [stored, stored]
    result.stdout.fnmatch_lines(["*= paribus: verdicts =*"])


def test_a_step_is_a_benchmark_too(
    go: Runner, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variant and baseline are timed as one; the row has the variant's median seconds."""
    timing = step_times.Timing([2000.0, 6000.0, 4000.0], [1000.0, 2000.0, 4000.0])
    monkeypatch.setattr(step_times, "time_steps", lambda variants, _: [timing] * len(variants))
    for origin in ("measured now", "from the store"):
        go("-k", "step and cpu", steps=True).assert_outcomes(passed=2, deselected=6)
        rows = _rows(pytester)
        assert [*rows] == ["test_step[toys-sgd-cpu]", "test_step[toys-adam-cpu]"]
        for row in rows.values():
            assert row["stats"]["total"] == pytest.approx(4000, abs=100)
            assert row["extra_info"] == {"seconds": origin, "ratio to baseline": 2.0}


def test_collecting_trains_nothing_and_opens_no_store(
    go: Runner, pytester: pytest.Pytester
) -> None:
    result = go("--collect-only", "-q")
    result.stdout.fnmatch_lines(
        [
            "test_cases.py::test_training[[]toys-sgd-cpu]",
            "test_cases.py::test_training[[]toys-adam-cpu]",
            "test_cases.py::test_training[[]toys-sgd-cuda]",
            "test_cases.py::test_training[[]toys-adam-cuda]",
        ]
    )
    assert toys.reads == []
    assert not (pytester.path / "results").exists()
    assert "paribus: verdicts" not in _text(result)


# Cells that fail


def test_a_failed_cell_stands_in_no_table_but_as_failed(
    go: Runner, pytester: pytest.Pytester
) -> None:
    """Its network raises in the third step, which no trial pass reaches."""
    result = go("-k", "cpu", suites=FRAGILE)
    result.assert_outcomes(passed=1, failed=1, deselected=2)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert [*_rows(pytester)] == ["test_training[toys-small-cpu]"]
    table = [line for line in result.stdout.lines if line.startswith("test_training[")]
    assert len(table) == 1
    assert table[0].startswith("test_training[toys-small-cpu] ")
    result.stdout.fnmatch_lines(["raises *failed*"])
    page = (pytester.path / "results/latest/toys.md").read_text()
    assert "failed: training of Raises() on 'toy' with seed 0" in page


def test_a_step_that_cannot_be_timed_costs_its_row_and_no_score(
    go: Runner, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise RuntimeError("no clock")

    monkeypatch.setattr(step_times, "time_steps", never)
    result = go("-k", "cpu", steps=True)
    result.assert_outcomes(passed=2, failed=2, deselected=4)
    result.stdout.fnmatch_lines(["training of *: got RuntimeError: no clock*"])
    assert [*_rows(pytester)] == ["test_training[toys-sgd-cpu]", "test_training[toys-adam-cpu]"]
    page = (pytester.path / "results/latest/toys.md").read_text(encoding="utf-8")
    assert "failed" not in page
    assert "| adam" in page


def test_a_failed_cell_is_told_in_a_sentence_without_a_traceback(go: Runner) -> None:
    result = go("-k", "cpu", suites=FRAGILE)
    lines = result.stdout.lines
    (start,) = (i for i, line in enumerate(lines) if "test_training[toys-raises-cpu] _" in line)
    assert lines[start + 1] == RAISED
    assert "Traceback" not in _text(result)
    assert "toys.py:" not in _text(result)


def test_a_test_that_fails_after_training_has_no_row_either(
    go: Runner, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where somebody asserts more of a cell than that it trains."""
    demanding = CASES + '    assert "sgd" in case.name, "only SGD will do"\n'
    monkeypatch.setattr(sys.modules[__name__], "CASES", demanding)
    result = go("-k", "cpu")
    result.assert_outcomes(passed=1, failed=1, deselected=2)
    assert [*_rows(pytester)] == ["test_training[toys-sgd-cpu]"]
    assert [
        line for line in result.stdout.lines if line.startswith("test_training[toys-adam")
    ] == []
    result.stdout.fnmatch_lines(["adam *failed: only SGD will do*"])


def test_a_baseline_that_fails_takes_the_verdicts_with_it(
    go: Runner, pytester: pytest.Pytester
) -> None:
    made = 'suite(comparison("recipe.model", {"raises": call(Raises), "small": call(Small)}))'
    result = go("-k", "cpu", suites=made)
    result.assert_outcomes(failed=2, deselected=2)
    assert _rows(pytester) == {}
    assert "INTERNALERROR" not in _text(result)


def test_broken_control_turns_the_run_red(go: Runner) -> None:
    result = go("-k", "cpu", suites=UNPAIRED)
    result.assert_outcomes(passed=2, deselected=2)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "CONTROL BROKE, verdicts are withheld:",
            "init of seed 0 differs between 'sgd' and 'adam'",
            "init of seed 1 differs between 'sgd' and 'adam'",
        ]
    )


def test_an_error_of_another_kind_keeps_its_traceback(
    go: Runner, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistake of ours is not dressed up as one of the user's."""
    monkeypatch.setattr(session, "execute", None)
    result = go("-k", "cpu")
    result.assert_outcomes(failed=2, deselected=2)
    assert "TypeError: 'NoneType' object is not callable" in _text(result)
    assert _rows(pytester) == {}


def test_a_run_without_cases_imports_no_torch(tmp_path: Path) -> None:
    """Every pytest run in an environment that has paribus loads the plugin."""
    (tmp_path / "test_plain.py").write_text(
        "import sys\n\ndef test_plain(pytestconfig):\n"
        "    assert pytestconfig.getoption('--paribus-budget') == 'quick'\n"
        "    assert not {'torch', 'numpy', 'pydantic'} & sys.modules.keys()\n"
    )
    done = subprocess.run(_command("-q"), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


# What is refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--paribus-budget=huge",),
            "--paribus-budget: got 'huge', expected one of quick, full. Choose one of these.",
        ),
        (
            ("--paribus-data=toy",),
            "--paribus-data: got 'toy', expected TASK=VALUE, such as tabular=patients.csv. "
            "Write --paribus-data tabular=... with no spaces round the equals sign.",
        ),
        (
            ("--paribus-data=water=a.csv",),
            "task in --paribus-data: got 'water', expected one of toy. Name a task of a selected suite.",
        ),
        (
            ("--paribus-budget=full",),
            "budget of comparison 'toys': got 'full', expected one of quick. "
            "Choose one of these with --paribus-budget.",
        ),
        (
            ("--paribus-out=test_cases.py/pages", "--paribus-store=kept.sqlite"),
            "folder for pages: got test_cases.py/pages, where test_cases.py is no folder that can be written, "
            "expected a folder, or a path where one can be made. Name another with --paribus-out.",
        ),
        (
            ("-k", "nonsense"),
            "selection of suites: got -k 'nonsense', which matches none, expected words from their names: toys. "
            "pytest benchmarks --collect-only -q lists every name.",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_work_is_refused_in_a_sentence_with_status_4(
    go: Runner, pytester: pytest.Pytester, options: tuple[str, ...], message: str
) -> None:
    assert _usage_error(go(*options)) == message
    assert not (pytester.path / "results/latest/README.md").exists()


def test_a_file_that_is_not_there_is_refused_by_name(go: Runner) -> None:
    message = _usage_error(go("--paribus-data=toy=nowhere/patients.csv"))
    assert "nowhere/patients.csv" in message


def test_a_column_that_is_not_there_is_refused_by_name(
    go: Runner, pytester: pytest.Pytester
) -> None:
    (pytester.path / "mine.csv").write_text("x,class\n" + "1,a\n2,b\n" * 20)
    message = _usage_error(go("--paribus-data=toy=mine.csv", "--paribus-target=toy=klass"))
    assert message.startswith("label column of mine.csv: got 'klass', expected one of x, class.")


def test_a_network_that_does_not_fit_is_refused_before_the_first_test(go: Runner) -> None:
    result = go(suites=MISFIT)
    assert _usage_error(result).startswith("variant 'wide' on points: got ValueError: wants three")
    assert "test_training" not in result.stdout.str()


def test_cases_of_a_suite_that_is_not_listed_are_refused(pytester: pytest.Pytester) -> None:
    unlisted = CASES.replace("SUITES = ", "MINE = ").replace("cases(SUITES)", "cases(MINE)")
    pytester.makepyfile(test_unlisted=unlisted.format(suites="suite()"))
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "--paribus-jobs=1")
    assert _usage_error(result) == (
        "suite of the cases of test_unlisted.py: got 'toys', expected a suite in SUITES of that file, or a registered "
        "one. Write SUITES = [...] there, and parametrise over cases(SUITES)."
    )


def test_a_store_that_is_something_else_is_refused(go: Runner, pytester: pytest.Pytester) -> None:
    (pytester.path / "notes.txt").write_text("not a database, but long enough to look like one")
    assert _usage_error(go("--paribus-store=notes.txt")) == (
        "the store of runs: got notes.txt (file is not a database), expected a file that can be written and that "
        "paribus made, or none yet. Name another file with --paribus-store, or move this one away."
    )


def test_ordinary_tests_may_be_selected_where_there_are_cells(
    go: Runner, pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(test_ordinary="def test_of_mine(): pass")
    go("-k", "mine").assert_outcomes(passed=1, deselected=4)


# What a test of one's own may ask


def test_the_compare_fixture_gives_a_verdict_to_assert(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from tests.helpers.toys import comparison

        def test_adam_is_no_better(compare):
            contrast = compare(comparison(), seeds=6)["adam"]
            assert (contrast.variant, contrast.baseline, contrast.n) == ("adam", "sgd", 6)
            assert contrast.decision in ("worse", "undecided")
        """
    )
    result = pytester.runpytest_inprocess("--paribus-jobs=1", "--paribus-store=kept.sqlite")
    result.assert_outcomes(passed=1)
    assert len(_stored(pytester.path / "kept.sqlite")) == 12


def test_a_failed_assertion_of_a_verdict_shows_table_interval_and_next_step(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        """
        from tests.helpers.toys import comparison

        def test_adam_is_identical(compare):
            assert compare(comparison(), seeds=6)["adam"].decision == "identical"
        """
    )
    result = pytester.runpytest_inprocess("--paribus-jobs=1")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*paribus: what compare() found*",
            "*on cpu, 6 seeds: *",
            "variant * difference * verdict*",
            "sgd * baseline*",
            "adam against sgd: *; difference * [[]*, *] (95 %); *; 6 seeds",
            "Next: *",
        ]
    )


def test_a_failed_test_that_compared_nothing_shows_no_verdicts(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile("def test_of_mine(compare): assert not compare")
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    assert "what compare() found" not in _text(result)


# Side by side, by pytest-xdist


NOTED = """
from pathlib import Path
from paribus.execution import session

trained = session.execute

def noted(runs, **settings):
    with Path("trained.txt").open("a") as file:
        file.writelines(f"{run.key}\\n" for run in runs)
    return trained(runs, **settings)

session.execute = noted
"""


def test_workers_take_turns_and_train_each_run_once(pytester: pytest.Pytester) -> None:
    """Benchmarks among them are skipped with the reason; the verdicts are those of one process."""
    pytester.makeconftest(NOTED)
    compared = """
        from tests.helpers.toys import comparison

        def test_adam(compare):
            contrast = compare(comparison(), seeds=6)["adam"]
            assert contrast.difference.mean == EXPECTED
        """
    alone = run_comparison(
        toys.comparison(), Settings(jobs=1, seeds=6, device="cpu", out=pytester.path / "alone")
    )
    text = dedent(compared).replace("EXPECTED", repr(alone.contrasts["adam"].difference.mean))
    pytester.makepyfile(test_one=text, test_two=text, test_cases=CASES.format(suites="suite()"))
    done = subprocess.run(
        _command("-n", "2", "-rs", "--paribus-jobs=1", "--paribus-device=cpu"),
        cwd=pytester.path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 passed, 2 skipped" in done.stdout
    assert "benchmarks take turns, and each trains on all cores: leave -n out" in done.stdout
    keys = (pytester.path / "trained.txt").read_text().split()
    assert (len(keys), len({*keys})) == (12, 12)


def test_benchmarks_side_by_side_are_refused(go: Runner) -> None:
    assert _usage_error(go("--benchmark-only", "-n", "2")) == (
        "-n: got 2 beside --benchmark-only, expected one process of pytest: benchmarks take turns, and each trains on "
        "all cores. Leave -n out, or write -n 0."
    )


# In a process of its own


def _command(*options: str) -> list[str]:
    return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]


def test_ordinary_tests_do_not_load_torch_and_see_nothing_of_paribus(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makepyfile(
        test_ordinary="""
        import sys

        def test_what_is_loaded():
            loaded = {name.partition(".")[0] for name in sys.modules}
            assert "paribus.frontends.pytest_plugin" in sys.modules
            assert not loaded & {"torch", "numpy", "pandas", "matplotlib", "sklearn", "scipy", "multiprocessing"}
        """
    )
    result = pytester.run(*_command("--no-header"))
    result.assert_outcomes(passed=1)
    assert "paribus" not in _text(result)
    assert [path.name for path in pytester.path.glob("results*")] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, pytest.ExitCode.INTERRUPTED), (signal.SIGTERM, 143)]
)
def test_a_request_to_stop_keeps_what_was_finished_and_writes_the_pages(
    number: int, status: int, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a terminal, the signal goes to the workers, too."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makeconftest("from paribus.execution import stopping\nstopping.PAGES_SECONDS = 100")
    pytester.makepyfile(test_cases=CASES.format(suites=SLOW))
    out = pytester.path / "out"
    options = ("-k", "cpu", "--paribus-jobs=2", "--paribus-seeds=500", f"--paribus-out={out}")
    options += (
        "--paribus-engine=loop",
    )  # one run after another, so that some are left to interrupt
    with subprocess.Popen(
        _command(*options),
        cwd=pytester.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # Whoever runs tests in the background ignores Ctrl-C, and so would this.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - one thread
    ) as process:
        deadline = time.monotonic() + 120
        while not _finished(out / "runs.sqlite") and time.monotonic() < deadline:
            assert process.poll() is None, process.stdout.read()
            time.sleep(0.1)
        os.killpg(process.pid, number)
        try:
            text, _ = process.communicate(timeout=180)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    assert process.returncode == status, text
    kept = _stored(out / "runs.sqlite")
    assert 0 < len(kept) < 500
    assert {optimizer for optimizer, _ in kept} == {"SGD"}
    assert "INTERNALERROR" not in text
    assert f"pages: {out / 'README.md'}" in text
    assert (out / "toys.md").exists()


def _finished(path: Path) -> int:
    """Return how many runs the store has, as far as it is there."""
    if not path.exists():
        return 0
    db = sqlite3.connect(path)
    try:
        return int(db.execute("select count(*) from runs").fetchone()[0])
    except sqlite3.OperationalError:
        return 0
    finally:
        db.close()


# The tuned arm


def test_options_choose_the_arm_and_the_trials(go: Runner, pytester: pytest.Pytester) -> None:
    imports = "__import__('paribus.experiment.tuning').experiment.tuning.Tuning"
    made = (
        f"suite(comparison(tuning={imports}(spaces=__import__('paribus.experiment.search_space').experiment.search_space.space("
        "lr=__import__('paribus.experiment.search_space').experiment.search_space.LogUniform(low=0.001, high=1.0)), "
        "trials={'quick': 4}, widen=False)))"
    )
    result = go(
        "--benchmark-only",
        "--paribus-arm=tuned",
        "--paribus-trials=2",
        "--paribus-engine=loop",
        suites=made,
    )
    result.assert_outcomes(passed=2, skipped=2, deselected=4)
    rows = _rows(pytester)
    assert [*rows] == ["test_training[toys-sgd-tuned-cpu]", "test_training[toys-adam-tuned-cpu]"]
    assert {row["extra_info"]["trials"] for row in rows.values()} == {4.0}
    assert {row["extra_info"]["runs"] for row in rows.values()} == {2.0}


def test_the_tuned_arm_alone_is_refused_where_none_is_declared(go: Runner) -> None:
    assert _usage_error(go("--benchmark-only", "--paribus-arm=tuned")) == (
        "arm: got 'tuned', and no selected comparison is tuned at budget 'quick', expected a comparison that "
        "declares trials. Use --paribus-arm both, or another budget."
    )


# A sequence of seeds

TWINS = (
    'suite(comparison(levels={"sgd": SGD, "same": call("torch.optim:SGD", lr=0.1, momentum=0.0)}))'
)


def test_a_sequence_adds_seeds_after_the_last_cell_to_what_is_open(
    go: Runner, pytester: pytest.Pytester
) -> None:
    """The two tie for ever, so eight seeds are followed by two more, which is the cap."""
    result = go("-k", "cpu", "--paribus-sequential", "--paribus-cap=10", suites=TWINS)
    rows = _rows(pytester)
    assert {row["extra_info"]["runs"] for row in rows.values()} == {8.0}
    stored = _stored(pytester.path / "results/latest/runs.sqlite")
    assert sorted(seed for _, seed in stored) == sorted([*range(10), *range(10)])
    result.stdout.fnmatch_lines(["same *0 of 10 *10 *undecided (floor)*"])


def test_a_sequence_beside_a_fixed_number_of_seeds_is_refused(go: Runner) -> None:
    message = _usage_error(go("--paribus-sequential", "--paribus-seeds=10"))
    assert message.startswith("--paribus-seeds: got it beside --paribus-sequential")


def test_another_projects_cases_are_left_alone(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "import pytest\n"
        "class Case:\n    pass\n"
        "@pytest.mark.parametrize('case', [Case()])\n"
        "def test_it(case):\n    assert case\n"
    )
    assert pytester.runpytest_subprocess("-q").ret == 0
