"""Common parts of tasks whose data are generated anew for every seed."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from paribus import Dataset, Metric, ParibusError, Task, call


def refuse_file(path: str, target: str | None = None, *, task: str) -> Dataset:  # noqa: ARG001 - a reader's arguments
    """Refuse a file: this task has none to read.

    Args:
        path: what was given.
        target: not used.
        task: the task's name.

    Raises:
        ParibusError: always.
    """
    raise ParibusError(
        f"data for task {task!r}",
        got=path,
        expected="no file: its data are generated anew for every seed",
        fix="Leave the file out, or give it to a task that reads one, such as series.",
    )


def in_turn(train: int, validation: int, test: int) -> Tensor:
    """Return the part that each sample is in, ``(sample,)``: training (0) first, then validation (1), test (2) last."""
    return torch.arange(3).repeat_interleave(torch.tensor((train, validation, test)))


def regression(source: Callable[..., Dataset], metric: Metric) -> Task:
    """Numbers to predict by least squares, in parts that the source declares; answering the mean learns nothing.

    Args:
        source: draws the data of a seed; the task has its name.
        metric: what is scored.
    """
    name = source.__name__
    return Task(
        name=name,
        source=call(source),
        reader=call(refuse_file, task=name),
        split=call("paribus.data.splits:declared_split"),
        loss=call("paribus.metrics:squared_error"),
        metrics=(metric,),
        dummy={"mean_target": call("paribus.data.dummy:mean_target")},
        redrawn=True,
    )
