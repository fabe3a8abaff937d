"""Range that a score has for certain, where it has one: what a confidence sequence of its mean rests on."""

from __future__ import annotations

import math

from paribus.metrics.named import NAMES, SCORE
from paribus.spec import Call

SHARES = ("accuracy", "output_accuracy", "label_accuracy")
CLIPPED = ("log_loss", "output_log_loss", "label_log_loss")
CORRELATIONS = ("mcc", "cohen_kappa", "concordance", "kendall", "pearson", "spearman")
UNBOUNDED = ("hinge_loss",)  # of the scores of classes
OWN = "paribus.metrics:"


def score_range(function: Call) -> tuple[float, float] | None:
    """Return the lowest and the highest value that a score can have, or None where it has no bound.

    A function of one's own may say it in an attribute: ``share_found.score_range = (0.0, 1.0)``.

    >>> score_range(Call(target="paribus.metrics:accuracy"))
    (0.0, 1.0)
    >>> clipped = score_range(Call(target="paribus.metrics:log_loss", kwargs={"clip": 1e-4}))
    >>> [round(limit, 4) for limit in clipped]
    [0.0, 9.2103]
    """
    if function.target == SCORE:
        return _of_named(str(function.kwargs.get("name")))
    if not function.target.startswith(OWN):
        declared: tuple[float, float] | None = getattr(function.resolve(), "score_range", None)
        return declared
    name = function.target.removeprefix(OWN)
    if name in SHARES:
        return 0.0, 1.0
    if name == "brier":
        return 0.0, 2.0
    clip = function.kwargs.get("clip")
    if name in CLIPPED and isinstance(clip, float) and clip > 0:
        return 0.0, -math.log(clip)
    return None


def _of_named(name: str) -> tuple[float, float] | None:
    if name in CORRELATIONS:
        return -1.0, 1.0
    bounded = name in NAMES and NAMES[name].of == "classes" and name not in UNBOUNDED
    return (0.0, 1.0) if bounded else None
