"""A user's own data in a comparison: the problem, the options and the split that they bring."""

from __future__ import annotations

from pathlib import Path

import pytest

from paribus.data.in_memory import read_data
from paribus.execution.own_data import with_own_data
from paribus.execution.settings import Settings
from paribus.experiment.comparison import Comparison
from paribus.suites.optimizers import SUITE
from paribus.suites.recurrent import SUITE as RECURRENT
from tests.data.readers.test_table_roles import CLASSES, X, written
from tests.helpers.refusals import refused

SUBJECTS = [i // 5 for i in range(60)]


def own(path: Path, task: str = "tabular", **settings: object) -> Comparison:
    suite = SUITE if task == "tabular" else RECURRENT
    declared = next(c for c in suite.comparisons if c.task.name == task)
    return with_own_data(declared, Settings(data={task: str(path)}, out=path.parent, **settings))  # type: ignore[arg-type]


def test_values_bring_their_loss_scores_and_dummy_and_are_not_asked_claims_of_classes(
    tmp_path: Path,
) -> None:
    path = written(tmp_path, x=X[::-1], y=X)
    made = own(path)
    assert made.task.loss.target == "paribus.metrics:squared_error"
    assert [m.name for m in made.task.metrics] == ["mse"]
    assert [*made.task.dummy] == ["mean_target"]
    assert made.claims == ()
    assert made.target is None


def test_classes_keep_what_the_task_declares(tmp_path: Path) -> None:
    made = own(written(tmp_path, x=X, y=CLASSES))
    assert made.task.loss == SUITE.comparisons[0].task.loss
    assert made.claims == SUITE.comparisons[0].claims


def test_the_problem_may_be_said(tmp_path: Path) -> None:
    path = written(tmp_path, x=X, y=[1, 2, 3] * 20)
    assert own(path).task.primary.name == "log_loss"
    assert own(path, problems={"tabular": "regression"}).task.primary.name == "mse"


def test_groups_and_folds_reach_reader_and_split(tmp_path: Path) -> None:
    path = written(tmp_path, patient=SUBJECTS, x=X, y=CLASSES)
    task = own(path, targets={"tabular": "y"}, groups={"tabular": "patient"}, folds=4).task
    assert task.reader.kwargs["group"] == "patient"
    assert task.split.kwargs == {"folds": 4}
    assert task.read(0).features == ("x",)


def test_a_series_has_no_folds(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("t,v\n" + "\n".join(f"2024-01-01 {h:02d}:00,{h}" for h in range(24)))
    assert refused(own, path, "series", folds=5) == (
        "--paribus-folds: got 5 for task 'series', expected a task whose splits are drawn at random. "
        "Leave --paribus-folds out: a series is split by time."
    )


def test_an_option_that_the_reader_has_not_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    assert refused(own, path, "series", groups={"series": "v"}) == (
        "--paribus-group: got 'v' for task 'series', expected a file whose reader has such columns. "
        "Leave --paribus-group out."
    )


@pytest.mark.parametrize("kind", ["frame", "path"])
def test_groups_of_frames_are_those_of_files(tmp_path: Path, kind: str) -> None:
    import pandas as pd

    path = written(tmp_path, patient=SUBJECTS, x=X, y=CLASSES)
    data = path if kind == "path" else pd.read_csv(path)
    made = read_data(data, "y", group="patient")
    assert made.features == ("x",)
    assert made.groups is not None
    assert len({*zip(SUBJECTS, made.groups.tolist(), strict=True)}) == 12
    assert len({*made.groups.tolist()}) == 12


def test_groups_need_columns() -> None:
    message = refused(read_data, ([[1.0]], [0]), group="patient")
    assert message == (
        "group=: got 'patient' beside tuple, expected a column of a DataFrame or of a CSV file. "
        "Give a DataFrame with target= and group=."
    )
