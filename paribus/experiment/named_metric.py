"""Scores by name: those of this package, and any of torchmetrics with its arguments."""

from __future__ import annotations

import sys
from numbers import Real
from typing import Any

from paribus.errors import ParibusError
from paribus.experiment.task import Metric
from paribus.metrics.named import PER_SAMPLE, SCORE, find
from paribus.metrics.per_sample import CLIP
from paribus.spec import call

CLIPPED = {"log_loss": {"clip": CLIP}}
UNITS = {"accuracy": "share", "log_loss": "nats"}


def metric(
    score: str,
    /,
    *,
    name: str | None = None,
    margin: float | None = None,
    margin_reason: str = "",
    higher_is_better: bool | None = None,
    unit: str = "",
    **arguments: Any,
) -> Metric:
    """Return a score by its name, taken once over all samples of a part.

    Args:
        score: such as ``f1``, ``auroc``, ``balanced_accuracy``, ``r2`` or ``mae`` (see `paribus.metrics.named.NAMES`),
            or the import path of a torchmetrics class.
        name: on pages and in files; the score's own if none is given.
        margin: the largest difference that does not matter; without one nothing is called equivalent.
        margin_reason: why a difference of that size does not matter, for pages.
        higher_is_better: the direction, where torchmetrics does not say it.
        unit: what it is counted in.
        arguments: of the torchmetrics class, such as ``average="macro"``; the number of classes is taken from the data.
            Of ``log_loss`` ``clip``: its probabilities are clipped to ``[1e-4, 1 - 1e-4]`` where none is given.
            ``output`` and ``target`` choose among several, ``positive=0`` counts the first of two classes as positive.

    Raises:
        ParibusError: there is no such score, it has no direction, or its margin is not positive.

    >>> metric("f1", average="macro").function.label
    'score(name=f1, average=macro)'
    """
    refuse_margin(f"margin of metric {score!r}", margin)
    if score in PER_SAMPLE:
        target, known, _ = PER_SAMPLE[score]
        function = call(target, **{**CLIPPED.get(score, {}), **arguments})
    else:
        known = find(score).higher_is_better
        function = call(SCORE, name=score, **arguments)
    direction = known if higher_is_better is None else higher_is_better
    if direction is None:
        raise ParibusError(
            f"metric {score!r}",
            got="no direction, which torchmetrics does not state for it",
            expected="higher_is_better=True or False",
            fix="Say which direction is better.",
        )
    return Metric(
        name=name or score.replace(":", ".").rpartition(".")[2],
        function=function,
        higher_is_better=direction,
        margin=margin,
        margin_reason=margin_reason,
        unit=unit or UNITS.get(score, ""),
    )


def refuse_margin(what: str, margin: Any) -> None:
    """Refuse a margin that is no positive number.

    Raises:
        ParibusError: it is none; None is no margin, and refused by nobody.
    """
    number = isinstance(margin, Real) and not isinstance(margin, bool)
    if margin is None or (number and 0 < margin < sys.float_info.max):
        return
    raise ParibusError(
        what,
        got=margin,
        expected="a positive number in the units of the score",
        fix="Leave it out to have nothing called equivalent.",
    )
