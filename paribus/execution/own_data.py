"""A user's own data in a comparison: what stands in for its task's, and the problem that they pose."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paribus.errors import ParibusError
from paribus.execution.executor import dataset_of
from paribus.experiment.comparison import Comparison
from paribus.experiment.short_form import usual_scores
from paribus.experiment.task import Task
from paribus.spec import Call, call

if TYPE_CHECKING:
    from paribus.execution.settings import Settings

TABLE = "paribus.data.readers.table:read_table"
IMAGES = "paribus.data.readers.image_folder:read_image_folder"
CLASS_LOSS = "paribus.metrics:log_loss"
YESTERDAY = "same_time_yesterday"  # the embedded series has a day of 96 steps
VALUE_LOSS = "paribus.metrics:squared_error"


def with_own_data(comparison: Comparison, settings: Settings) -> Comparison:
    """Return a comparison on the data that the settings give for its task, or as it is where they give none.

    A table of values to predict makes a task of classes one of values, whose loss and scores are squared errors; what
    was claimed of its own scores is then not asked. The problem is noted in the settings, so that pages can be made
    again without the file.

    Raises:
        ParibusError: the data cannot be read, or the task's reader has no such option.
    """
    name = comparison.task.name
    path = settings.data.get(name)
    if path is None:
        return comparison
    reader = comparison.task.reader
    pictures = reader.target == TABLE and Path(path).is_dir()
    if pictures:
        reader = call(IMAGES)
    about = ("group", "test", "inputs", "panel")
    given = (settings.groups, settings.tests, settings.inputs, settings.panels)
    options: dict[str, Any] = {o: values.get(name) for o, values in zip(about, given, strict=True)}
    problem = settings.problems.get(name)
    if problem is None and comparison.task.loss.target == VALUE_LOSS:
        problem = "regression" if _takes(reader, "problem") else None
    options["problem"] = problem
    options = {option: value for option, value in options.items() if value is not None}
    _refuse_options(comparison.task, reader, options)
    task = comparison.task.model_copy(
        update={
            "path": path,
            "target": settings.targets.get(name),
            "reader": _with(reader, options),
        }
    )
    if YESTERDAY in task.dummy:
        task = task.model_copy(update={"dummy": _own_season(task)})
    if settings.folds is not None:
        task = task.model_copy(update={"split": _folds(task, settings.folds)})
    if problem is None and _takes(reader, "problem"):
        problem = dataset_of(task, 0).kind
        settings.problems[name] = problem
        task = task.model_copy(update={"reader": _with(task.reader, {"problem": problem})})
    if problem == "regression" and task.loss.target == CLASS_LOSS:
        return comparison.model_copy(
            update={"task": _of_values(task), "claims": (), "target": None, "frontier": ()}
        )
    # What is claimed of tables is not asked of images.
    unasked: dict[str, Any] = {"claims": ()} if pictures else {}
    return comparison.model_copy(update={"task": task, **unasked})


def _own_season(task: Task) -> dict[str, Call]:
    """Return dummy predictors of which the one of yesterday looks back over the season that the data have."""
    season = call("paribus.data.dummy:seasonal_naive")
    return {
        "a_season_before" if name == YESTERDAY else name: season if name == YESTERDAY else predictor
        for name, predictor in task.dummy.items()
    }


def _takes(reader: Call, option: str) -> bool:
    return option in inspect.signature(reader.resolve()).parameters


def _with(reader: Call, options: Mapping[str, Any]) -> Call:
    return reader.model_copy(update={"kwargs": {**reader.kwargs, **options}})


def _refuse_options(task: Task, reader: Call, options: Mapping[str, Any]) -> None:
    for option, value in options.items():
        if not _takes(reader, option):
            raise ParibusError(
                f"--paribus-{option}",
                got=f"{value!r} for task {task.name!r}",
                expected="a file whose reader has such columns",
                fix=f"Leave --paribus-{option} out.",
            )


def _folds(task: Task, folds: int) -> Call:
    if task.split.target != "paribus.data.splits:random_split":
        raise ParibusError(
            "--paribus-folds",
            got=f"{folds} for task {task.name!r}",
            expected="a task whose splits are drawn at random",
            fix="Leave --paribus-folds out: a series is split by time.",
        )
    return call("paribus.data.splits:k_fold_split", folds=folds)


def _of_values(task: Task) -> Task:
    """Return the task with the loss, scores and dummy predictor of values."""
    return task.model_copy(
        update={
            "loss": call(VALUE_LOSS),
            "metrics": usual_scores("regression"),
            "dummy": {"mean_target": call("paribus.data.dummy:mean_target")},
        }
    )
