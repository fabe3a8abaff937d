"""Summaries of what was read of users' own data, kept in the store so that pages can be made from it alone."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from paribus.data.summary import DataSummary
from paribus.errors import ParibusError
from paribus.execution.executor import dataset_of
from paribus.execution.own_data import with_own_data
from paribus.experiment.suite import Suite
from paribus.experiment.task import Task
from paribus.seeding import Streams

if TYPE_CHECKING:
    from paribus.execution.cases import Case
    from paribus.execution.settings import Settings
    from paribus.execution.study import Study

SUITES = {"tabular": "optimizers", "images": "images", "series": "recurrent"}
"""Suites whose task of this name reads a user's data."""

IN_MEMORY = "memory:"  # with which sources of data that were given as objects begin


def note_what_was_read(study: Study, cases: Sequence[Case]) -> None:
    """Keep a summary of each of a user's own data sets, with the split of seed 0."""
    arms = {case.arm_key: study.arm(case) for case in cases}.values()
    for task in dict.fromkeys(variant.task for arm in arms for variant in arm.variants):
        if users_own(task):
            dataset = dataset_of(task, 0)
            summary = DataSummary.of(task.name, dataset, task.make_split(dataset, Streams(0)))
            study.store.freeze(summary.key, summary.to_plain())


def summarise_file(kind: str, settings: Settings) -> tuple[DataSummary, ParibusError | None]:
    """Read a user's file or folder as a run would, and split it as seed 0 does.

    Args:
        kind: name of the task that reads it, a key of `SUITES`.
        settings: name it and say how it is read.

    Returns:
        What was read, and why it cannot be split, if it cannot.

    Raises:
        ParibusError: it cannot be read.
    """
    suite: Suite = importlib.import_module(f"paribus.suites.{SUITES[kind]}").SUITE
    comparison = next(c for c in suite.comparisons if c.task.name == kind)
    task = with_own_data(comparison, settings).task
    dataset = dataset_of(task, 0)
    try:
        return DataSummary.of(kind, dataset, task.make_split(dataset, Streams(0))), None
    except ParibusError as problem:
        return DataSummary.of(kind, dataset, None), problem


def users_own(task: Task) -> bool:
    """Return whether a task reads a user's file, folder or objects."""
    return task.from_file or task.source.target.startswith(IN_MEMORY)
