"""Check of a variant's scores before anything is trained: each is taken once, of what the dummy predictors say."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from paribus.data.dataset import Dataset
from paribus.errors import ParibusError, error_context
from paribus.execution.executor import dataset_of
from paribus.experiment.task import Metric
from paribus.experiment.variant import Variant
from paribus.metrics.named import SCORE, depends_on_zero
from paribus.metrics.outputs import as_tuple
from paribus.seeding import Streams
from paribus.spec import digest
from paribus.training.evaluate import dummy_outputs

OF_CLASSES, OF_VALUES = ("log_loss", "accuracy", "brier"), ("squared_error",)
GIVES = "one number a sample, (sample,), or one number for the whole part"


def check_scores(variant: Variant, tried: set[str]) -> None:
    """Take every score of a variant once, unless the same ones were tried before.

    Args:
        variant: whose task is scored.
        tried: digests of what was tried, to which this one is added.

    Raises:
        ParibusError: a score raises an error, is not of a form that can be averaged, or says nothing of these targets.
    """
    name = digest((variant.task, variant.metric))
    if name in tried:
        return
    tried.add(name)
    dataset = dataset_of(variant.task, 0)
    split = variant.task.make_split(dataset, Streams(0))
    outputs, targets = (
        next(iter(dummy_outputs(variant.task, split).values())),
        split.part("test").targets,
    )
    for metric in variant.task.metrics:
        what = f"metric {metric.name!r} of task {variant.task.name!r}"
        _refuse_shifted(what, metric, dataset)
        _refuse_other_targets(what, metric, targets[0])
        with error_context(what, expected=GIVES, fix="Mend the function, or choose another score."):
            found = metric.function(outputs, *targets)
        _refuse_odd(what, found, len(split.test))
    if variant.metric not in variant.task.metrics:
        _check_of_predictions(variant, as_tuple(outputs)[0], targets[0], dataset)


def _refuse_odd(what: str, found: object, samples: int) -> None:
    """Refuse what is neither one number nor one a sample: a mean over it would be another number than meant."""
    shape = tuple(found.shape) if isinstance(found, Tensor) else None
    if shape not in ((), (samples,)) and not isinstance(found, int | float | np.number):
        raise ParibusError(
            what,
            got=f"shape {shape} for {samples} samples" if shape else type(found).__name__,
            expected=GIVES,
            fix="Average over the other axes, or return a float.",
        )


def _refuse_shifted(what: str, metric: Metric, dataset: Dataset) -> None:
    """Refuse a score that depends on where the target's zero is, where targets are standardised."""
    if dataset.standardise_targets and metric.function.target == SCORE:
        arguments = {
            k: v for k, v in metric.function.kwargs.items() if k not in ("output", "target")
        }
        if depends_on_zero(**arguments):
            raise ParibusError(
                what,
                got="a score that depends on the target's zero, of standardised targets",
                expected="one that a shift of targets and outputs leaves as it is, such as mae, rmse or r2",
                fix="Choose one of these, or give standardise=False where the data are given in Python.",
            )


def _refuse_other_targets(what: str, metric: Metric, target: Tensor) -> None:
    """Refuse one of paribus's own scores of classes where there are values to predict, and the other way round."""
    module, _, name = metric.function.target.partition(":")
    wants = {**dict.fromkeys(OF_CLASSES, "classes"), **dict.fromkeys(OF_VALUES, "values")}.get(name)
    given = "values" if target.is_floating_point() else "classes"
    if module.startswith("paribus.metrics") and wants not in (None, given):
        raise ParibusError(
            what,
            got=f"a score of {wants}, and {given} to predict",
            expected=f"a score of {given}, such as {'mse' if given == 'values' else 'accuracy'}",
            fix="Choose another score, or say task= where the data are given in Python.",
        )


def _check_of_predictions(
    variant: Variant, outputs: Tensor, target: Tensor, dataset: Dataset
) -> None:
    """Take the comparison's own score of stored predictions once."""
    what = f"metric {variant.metric.name!r} of variant {variant.name!r}"
    with error_context(
        what, expected="one number of the stored predictions", fix="Mend the function."
    ):
        found = variant.metric.function(outputs.numpy(), target.numpy(), list(dataset.classes))
        float(found)
