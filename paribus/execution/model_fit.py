"""Refusal of networks that do not fit a task of one input and one target, before anything is trained."""

from __future__ import annotations

import inspect

import torch

from paribus.errors import ParibusError
from paribus.execution.executor import dataset_of
from paribus.execution.pool import one_thread
from paribus.execution.preflight import misfit_error_context
from paribus.experiment.comparison import Comparison
from paribus.experiment.variant import Variant
from paribus.seeding import Streams
from paribus.spec import Call
from paribus.training.network import build

SHAPES = ("inputs", "outputs")


def refuse_misfits(comparison: Comparison) -> None:
    """Refuse a network whose arguments are not given, or whose output is of another shape than the task's.

    Raises:
        ParibusError: names the variant.
    """
    tried: set[Call] = set()
    for variant in comparison.variants():
        if variant.recipe.model not in tried:
            tried.add(variant.recipe.model)
            _refuse_missing_arguments(variant)
            _refuse_misfit(variant)


def _refuse_missing_arguments(variant: Variant) -> None:
    model = variant.recipe.model
    parameters = inspect.signature(model.resolve()).parameters.values()
    required = [
        p.name
        for p in parameters
        if p.default is p.empty
        and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY, p.POSITIONAL_ONLY)
    ]
    missing = [name for name in required if name not in SHAPES and name not in model.kwargs]
    if missing:
        dataset = dataset_of(variant.task, 0)
        label = model.label.partition("(")[0]
        raise ParibusError(
            f"model {label}",
            got=f"no value for {', '.join(missing)}",
            expected=f"arguments inputs (given {dataset.input_shapes[0]}, the shape of a sample) and outputs (given "
            f"{dataset.outputs}), or none without a default",
            fix=f"Rename them, or give them: model=call({label}, {missing[0]}=...).",
        )


def _refuse_misfit(variant: Variant) -> None:
    dataset = dataset_of(variant.task, 0)
    split = variant.task.make_split(dataset, Streams(0))
    part = split.part("train", 4)
    with one_thread(), torch.no_grad(), misfit_error_context(variant, dataset):
        network = build(variant.recipe, dataset, Streams(0))
        outputs = network(*part.inputs)
    wanted: list[tuple[int, ...]] = [tuple(part.targets[0].shape)]
    if dataset.classes:  # of two, one logit or one for each
        wanted = [(len(part), n) for n in dict.fromkeys((dataset.outputs, len(dataset.classes)))]
    shape = tuple(outputs.shape) if isinstance(outputs, torch.Tensor) else type(outputs).__name__
    if shape not in wanted:
        raise ParibusError(
            f"output of variant {variant.name!r}",
            got=f"shape {shape} for {len(part)} samples",
            expected=" or ".join(map(str, wanted)),
            fix="Have the last layer put out as many numbers a sample, as the argument outputs says.",
        )
