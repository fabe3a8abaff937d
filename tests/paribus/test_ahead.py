"""Machine code made ahead of time: which steps, and what is said of each."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from paribus import cli, engines
from paribus.ahead import compile_steps
from paribus.cli import app
from paribus.comparison import Budget, Suite
from paribus.engines import NotCompiledError
from paribus.progress import Progress
from paribus.run import Run
from paribus.settings import Settings
from paribus.spec import call
from tests.toys import ADAM, SGD, comparison

LONG = {"quick": Budget(seeds=6, steps=600, seconds=1)}
RATES = {"sgd": SGD, "fast": call("torch.optim:SGD", lr=1.0), "adam": ADAM}
SUITE = Suite(name="a", title="A", comparisons=(comparison(levels=RATES, budgets=LONG),))


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[list[Run]]:
    """The cohorts that are compiled, which takes no time here."""
    found: list[list[Run]] = []

    def measured(runs: list[Run], _fold: object, make_from: float) -> float:
        assert make_from == 0.0
        if runs[0].recipe.optimizer == ADAM:
            raise NotCompiledError("no compiler")
        found.append(runs)
        return 0.0001

    monkeypatch.setattr(engines, "_compiled_seconds", measured)
    monkeypatch.setattr(engines, "_stacked_seconds", lambda *_args: (0.0005, 0.0))
    return found


def test_every_cohort_is_compiled_as_it_will_be_trained(
    compiled: list[list[Run]], tmp_path: Path
) -> None:
    """Two rates of six seeds; an optimizer that cannot be compiled says why, and no folder is made."""
    settings = Settings(device="cpu", jobs=1, out=tmp_path / "out")
    lines = list(compile_steps([SUITE], settings, Progress(shown=False)))
    assert [line.partition(": ")[2] for line in lines] == [
        "500 µs a step of 12 at once, 100 compiled",
        "not compiled: no compiler",
    ]
    assert lines[0].startswith("Small() on toy with SGD(lr=")
    assert lines[0].partition(": ")[0].endswith(", 600 steps")
    assert [len(runs) for runs in compiled] == [12]
    assert not (tmp_path / "out").exists()


def test_short_trainings_are_left_as_they_are(compiled: list[list[Run]]) -> None:
    short = {"quick": Budget(seeds=6, steps=499, seconds=1)}
    suite = Suite(name="a", title="A", comparisons=(comparison(budgets=short),))
    lines = list(compile_steps([suite], Settings(device="cpu", jobs=1), Progress(shown=False)))
    assert {line.partition(": ")[2] for line in lines} == {
        "not compiled: it has fewer than 500 steps"
    }
    assert compiled == []


def test_the_command_prints_a_line_for_each(
    compiled: list[list[Run]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "find_suite", {"a": SUITE}.__getitem__)
    done = CliRunner().invoke(
        app, ["compile", "a", "--device", "cpu", "--jobs", "1", "--seeds", "3"]
    )
    assert done.exit_code == 0
    assert "500 µs a step of 6 at once, 100 compiled" in done.output
    assert "not compiled: no compiler" in done.output
    assert len(compiled) == 1


def test_the_status_tells_that_nothing_was_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    short = {"quick": Budget(seeds=6, steps=499, seconds=1)}
    suite = Suite(name="a", title="A", comparisons=(comparison(budgets=short),))
    monkeypatch.setattr(cli, "find_suite", {"a": suite}.__getitem__)
    done = CliRunner().invoke(app, ["compile", "a", "--device", "cpu", "--jobs", "1"])
    assert done.exit_code == 1
