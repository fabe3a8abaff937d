"""Summaries of what was read of users' own data, kept in the store so that pages can be made from it alone."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from paribus.data.summary import DataSummary
from paribus.errors import ParibusError
from paribus.execution.executor import dataset_of
from paribus.experiment.task import Task
from paribus.seeding import Streams

if TYPE_CHECKING:
    from paribus.execution.cases import Case
    from paribus.execution.study import Study

IN_MEMORY = "memory:"  # with which sources of data that were given as objects begin


def note_what_was_read(study: Study, cases: Sequence[Case]) -> None:
    """Keep a summary of each of a user's own data sets, with the split of seed 0."""
    arms = {case.arm_key: study.arm(case) for case in cases}.values()
    for task in dict.fromkeys(variant.task for arm in arms for variant in arm.variants):
        if users_own(task):
            dataset = dataset_of(task, 0)
            summary = DataSummary.of(task.name, dataset, task.make_split(dataset, Streams(0)))
            study.store.freeze(summary.key, summary.to_plain())


def summarise_file(
    path: Path, target: str | None, kind: str
) -> tuple[DataSummary, ParibusError | None]:
    """Read a user's file or folder, and split it as seed 0 does.

    Args:
        path: the file or folder.
        target: the column to predict, or None.
        kind: name of the task that reads it, such as ``tabular``.

    Returns:
        What was read, and why it cannot be split, if it cannot.

    Raises:
        ParibusError: it cannot be read.
    """
    module = importlib.import_module(f"paribus.suites.tasks.{kind}")
    task: Task = getattr(module, kind.upper())
    task = task.model_copy(update={"path": str(path), "target": target})
    dataset = task.read(0)
    try:
        return DataSummary.of(kind, dataset, task.make_split(dataset, Streams(0))), None
    except ParibusError as problem:
        return DataSummary.of(kind, dataset, None), problem


def users_own(task: Task) -> bool:
    """Return whether a task reads a user's file, folder or objects."""
    return task.from_file or task.source.target.startswith(IN_MEMORY)
