"""Scores that tasks share; each task has a margin of its own, the largest difference that does not matter there.

A reason completes the sentence "A difference of less than the margin does not matter here: ...".
"""

from __future__ import annotations

from paribus import Metric, call
from paribus.metrics import CLIP

VARIANCES = "variances of the training part"


def log_loss(margin: float, reason: str = "") -> Metric:
    """Cross-entropy of the true class, in nats, of probabilities clipped so that no sample can own the mean."""
    return Metric(
        name="log_loss",
        function=call("paribus.metrics:log_loss", clip=CLIP),
        higher_is_better=False,
        margin=margin,
        margin_reason=reason,
        unit="nats",
    )


def accuracy(margin: float, reason: str = "") -> Metric:
    """Share of samples whose class is told."""
    return Metric(
        name="accuracy",
        function=call("paribus.metrics:accuracy"),
        higher_is_better=True,
        margin=margin,
        margin_reason=reason,
        unit="share",
    )


def mse(margin: float, unit: str = VARIANCES, reason: str = "") -> Metric:
    """Mean squared error; where targets are standardised its unit is their variance."""
    return squared_error("mse", margin, unit, reason)


def squared_error(name: str, margin: float, unit: str, reason: str = "") -> Metric:
    """Mean squared error under a name that says what it is of."""
    return Metric(
        name=name,
        function=call("paribus.metrics:squared_error"),
        higher_is_better=False,
        margin=margin,
        margin_reason=reason,
        unit=unit,
    )


def of_output(metric: Metric, place: int, name: str = "") -> Metric:
    """Return the same score of one output of several, against the target in the same place.

    Args:
        metric: `log_loss` or `accuracy`.
        place: of the output and its target, from 0.
        name: of the score; the metric's own if none is given.
    """
    function = call(
        f"paribus.metrics:output_{metric.name}",
        output=place,
        target=place,
        **metric.function.kwargs,
    )
    return metric.model_copy(update={"name": name or metric.name, "function": function})
