"""Tests that answer claims about numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from paribus import stats
from paribus.analysis.verdict.family import Family
from paribus.analysis.verdict.power import visible_effect

ALPHA = 0.05
Floats = npt.NDArray[np.float64]


class Answer(StrEnum):
    """Answer of the runs to a claim; ``refuted`` means the opposite or equivalence was shown."""

    supported = "supported"
    refuted = "refuted"
    undecided = "undecided"


def p_phrase(p: float) -> str:
    """Return a p-value in a phrase; very small ones are bounded, since they rest on tails that nobody can check.

    >>> p_phrase(0.0123456), p_phrase(2e-14)
    ('p = 0.0123', 'p < 0.0001')
    """
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.3g}"


def seen_phrase(effect: float) -> str:
    """Return in a phrase what could have been seen; an infinite effect is none.

    >>> seen_phrase(0.0523), seen_phrase(float("inf"))
    ('0.052 would have been seen', 'too many seeds tie to see any difference')
    """
    return (
        f"{effect:.2g} would have been seen"
        if isfinite(effect)
        else "too many seeds tie to see any difference"
    )


@dataclass(frozen=True)
class Inference:
    """Tests that a page's claims rest on: sign flips and t, or the corrected t for both.

    Attributes:
        correction: test size over training size; None speaks of this data set.
    """

    correction: float | None = None

    def differ(self, d: Floats) -> float:
        """Return the p of no difference."""
        return stats.sign_flip_p(d) if self.correction is None else stats.t_p(d, self.correction)

    def inside(self, d: Floats, margin: float) -> float:
        """Return the p of equivalence."""
        return stats.tost_p(d, margin, self.correction or 0.0)

    def not_below(self, d: Floats, margin: float) -> float:
        """Return the p of "no worse by the margin"."""
        return stats.noninferiority_p(d, margin, self.correction or 0.0)

    def beyond(self, d: Floats, margin: float) -> float:
        """Return the p of "above the margin", one-sided: non-inferiority of differences less two margins."""
        return self.not_below(d - 2 * margin, margin)

    def visible(self, d: Floats) -> str:
        """Return the mean difference that would have been detected in 80 % of such comparisons, in a phrase."""
        family = Family(
            baseline="",
            higher_is_better=True,
            size=1,
            correction=self.correction or 0.0,
            new_data=self.correction is not None,
        )
        seen = visible_effect(tuple(d.tolist()), family)
        return f"; {seen_phrase(seen)}" if seen else ""


class Tested(NamedTuple):
    """Answer of one test.

    Attributes:
        answer: to the claim.
        evidence: in a phrase.
        refuting_p: p of the opposite, by which a claim of several parts is refuted after Holm; 1 where nothing refutes.
    """

    answer: Answer
    evidence: str
    refuting_p: float = 1.0


def _identical(d: Floats, margin: float | None, _by: Inference) -> Tested:
    largest = float(np.abs(d).max())
    evidence = f"largest difference {largest:.3g}"
    if largest <= (margin or 0.0):
        return Tested(Answer.supported, evidence)
    return Tested(Answer.refuted, evidence, 0.0)


def _better(d: Floats, margin: float | None, by: Inference) -> Tested:
    """Test a difference in the direction; only the opposite direction refutes it, however small the difference is."""
    p = by.differ(d)
    inside = 1.0 if margin is None else by.inside(d, margin)
    size = f", smaller than {margin:g} (p = {inside:.2g})" if inside <= ALPHA else ""
    evidence = f"{p_phrase(p)}{size}"
    if p > ALPHA:
        return Tested(Answer.undecided, evidence)
    if d.mean() > 0:
        return Tested(Answer.supported, evidence)
    return Tested(Answer.refuted, evidence, p)


def _worse(d: Floats, margin: float | None, by: Inference) -> Tested:
    return _better(-d, margin, by)


def _better_by(d: Floats, margin: float | None, by: Inference) -> Tested:
    """Test a size, both ways at 2.5 %: supported where the 95 % interval lies above the margin, refuted where below."""
    if margin is None:
        return Tested(Answer.undecided, "no margin")
    above, below = (min(1.0, 2 * p) for p in (by.beyond(d, margin), by.not_below(-d, margin)))
    if below < above:
        evidence = f"less than {margin:g}, {p_phrase(below)}"
        return Tested(Answer.refuted if below <= ALPHA else Answer.undecided, evidence, below)
    evidence = f"more than {margin:g}, {p_phrase(above)}"
    return Tested(Answer.supported if above <= ALPHA else Answer.undecided, evidence)


def _equivalent(d: Floats, margin: float | None, by: Inference) -> Tested:
    if margin is None:
        return Tested(Answer.undecided, "no margin")
    p = by.inside(d, margin)
    evidence = f"equivalence {p_phrase(p)}, margin {margin:g}"
    if p <= ALPHA:
        return Tested(Answer.supported, evidence)
    # The side is chosen by the mean, so both count.
    return _unless_refuted(evidence, min(1.0, 2 * by.beyond(np.sign(d.mean()) * d, margin)))


def _not_worse(d: Floats, margin: float | None, by: Inference) -> Tested:
    """Test non-inferiority within the margin; refuted where the variant is worse by more than it."""
    if margin is None:
        return Tested(Answer.undecided, "no margin")
    p = by.not_below(d, margin)
    evidence = f"non-inferiority {p_phrase(p)}, margin {margin:g}"
    if p <= ALPHA:
        return Tested(Answer.supported, evidence)
    return _unless_refuted(evidence, by.beyond(-d, margin))


def _unless_refuted(evidence: str, p: float) -> Tested:
    return Tested(Answer.refuted if p <= ALPHA else Answer.undecided, evidence, p)


# Relations that test for a difference; the detectable difference says nothing of the others.
DIFFERENCES = ("better", "worse", "above", "below")
RELATIONS: dict[str, Callable[[Floats, float | None, Inference], Tested]] = {
    "identical": _identical,
    "better": _better,
    "better_by": _better_by,
    "worse": _worse,
    "equivalent": _equivalent,
    "not_worse": _not_worse,
    "above": _better,
    "below": _worse,
    "within": _equivalent,
}
