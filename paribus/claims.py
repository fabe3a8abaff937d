"""Claims, stated before the run and answered after it: `supported`, `refuted` or `undecided`.

A claim on the primary metric against the baseline is answered by the family's own verdict, adjusted as it is. Any
other is one test at 5 %: the page counts how many such tests it makes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from paribus import stats
from paribus.comparison import Claim, Comparison
from paribus.results import Result, Row, steps_to_target
from paribus.run import Record
from paribus.verdict import Decision

ALPHA = 0.05
STEPS = "steps_to_target"
Floats = npt.NDArray[np.float64]


class Answer(StrEnum):
    """What the runs say of a claim; ``refuted`` means the opposite or equivalence was shown."""

    supported = "supported"
    refuted = "refuted"
    undecided = "undecided"


@dataclass(frozen=True)
class Answered:
    """A claim with its answer and the evidence in a phrase.

    Attributes:
        single: whether it rests on a test of its own at 5 %, outside the family.
    """

    claim: Claim
    answer: Answer
    evidence: str
    single: bool = False


def answer_all(result: Result) -> tuple[Answered, ...]:
    """Every claim on the arm of a result, answered from what is known."""
    claims = (claim for claim in result.comparison.claims if claim.arm == result.arm)
    return tuple(answer(claim, result) for claim in claims)


def answer(claim: Claim, result: Result) -> Answered:
    """One claim, answered from what is known."""
    variant = result.row(claim.variant)
    reference = result.baseline if claim.reference is None else result.row(claim.reference)
    if result.control.broken:
        return Answered(claim, Answer.undecided, "withheld, because control broke")
    if result.skipped or not (variant.complete and reference.complete):
        return Answered(claim, Answer.undecided, "not run")
    if reason := _withheld(claim, result):
        return Answered(claim, Answer.undecided, reason)
    if claim.relation in ("better", "worse", "equivalent") and _is_family_contrast(claim, result):
        return _by_verdict(claim, result)
    if claim.metric == STEPS:
        return _by_steps(claim, result.comparison, variant, reference)
    return _by_values(claim, result, variant, reference)


def _withheld(claim: Claim, result: Result) -> str:
    """Why a claim is not looked at: what withholds the verdicts it leans on withholds it too."""
    if claim.relation == "identical":
        return ""
    if claim.metric == STEPS and result.comparison.corrected:
        return "withheld: shares of seeds do not speak of new data"
    named = (claim.variant, claim.reference or result.baseline.variant.name)
    reasons = [result.contrasts[name].reason for name in named if name in result.contrasts]
    primary = claim.metric in (None, result.comparison.primary.name)
    for reason in ("exhausted", "skipped"):
        if reason in reasons:
            return f"withheld: {reason}"
    if primary and reasons and all(reason == "floor" for reason in reasons):
        return "withheld: floor"
    if primary and reasons == ["ceiling"]:
        return "withheld: ceiling"
    return "a later look" if "exploratory" in reasons or result.exploratory else ""


def _is_family_contrast(claim: Claim, result: Result) -> bool:
    primary = claim.metric in (None, result.comparison.primary.name)
    return primary and claim.reference in (None, result.baseline.variant.name)


def _by_verdict(claim: Claim, result: Result) -> Answered:
    contrast = result.contrasts[claim.variant]
    mean, p = contrast.difference.mean, contrast.p_holm
    evidence = f"verdict {contrast.label}, mean difference {mean:.3g}, p = {p:.3g} (Holm)"
    if contrast.reason:
        return Answered(claim, Answer.undecided, evidence)
    if contrast.decision == claim.relation:
        return Answered(claim, Answer.supported, evidence)
    refuted = contrast.decision is not Decision.undecided
    return Answered(claim, Answer.refuted if refuted else Answer.undecided, evidence)


def _direction(claim: Claim, comparison: Comparison) -> bool:
    """Whether more of the claim's score is better."""
    if claim.higher_is_better is not None:
        return claim.higher_is_better
    known = {m.name: m for m in (*comparison.task.metrics, comparison.primary)}
    metric = known.get(claim.metric or comparison.primary.name)
    return metric is None or metric.higher_is_better  # without one only identity is claimed


def _by_values(claim: Claim, result: Result, variant: Row, reference: Row) -> Answered:
    """One paired test on a recorded score, by the corrected t where the page speaks of new data."""
    comparison = result.comparison
    name = claim.metric or comparison.primary.name
    primary = name == comparison.primary.name
    a, b = (row.scores if primary else row.values(name) for row in (variant, reference))
    known = np.isfinite(a) & np.isfinite(b)
    sign = 1.0 if _direction(claim, comparison) else -1.0
    d: Floats = sign * (a - b)[known]
    shown = f"{name} {np.median(a[known]):.3g} against {np.median(b[known]):.3g}" if d.size else ""
    if not known.all() or d.size < stats.least_seeds(1):
        few = f"few seeds: {len(a)} of {stats.least_seeds(1)} needed"
        why = few if known.all() else f"{d.size} of {len(a)} pairs have the score"
        return Answered(claim, Answer.undecided, f"{shown}, {why}".removeprefix(", "))
    single = claim.relation != "identical"
    found, how = RELATIONS[claim.relation](d, _margin(claim, comparison), _inference(result))
    return Answered(claim, found, f"{shown} (medians), {how}, n = {d.size}", single)


def _margin(claim: Claim, comparison: Comparison) -> float | None:
    if claim.margin is not None:
        return claim.margin
    known = {m.name: m.margin for m in (*comparison.task.metrics, comparison.primary)}
    return known.get(claim.metric or comparison.primary.name)


@dataclass(frozen=True)
class Inference:
    """The tests that a page's claims rest on: sign flips and t, or the corrected t for both.

    Attributes:
        correction: test size over training size; None speaks of this data set.
    """

    correction: float | None = None

    def differ(self, d: Floats) -> float:
        """p of no difference."""
        return stats.sign_flip_p(d) if self.correction is None else stats.t_p(d, self.correction)

    def inside(self, d: Floats, margin: float) -> float:
        """p of equivalence."""
        return stats.tost_p(d, margin, self.correction or 0.0)

    def not_below(self, d: Floats, margin: float) -> float:
        """p of "no worse by the margin"."""
        return stats.noninferiority_p(d, margin, self.correction or 0.0)

    def beyond(self, d: Floats, margin: float) -> float:
        """p that the mean is not above the margin: non-inferiority of the differences moved down by two margins."""
        return self.not_below(d - 2 * margin, margin)


def _inference(result: Result) -> Inference:
    return Inference(result.correction if result.comparison.corrected else None)


def _identical(d: Floats, _margin: float | None, _by: Inference) -> tuple[Answer, str]:
    largest = float(np.abs(d).max())
    found = Answer.supported if largest == 0 else Answer.refuted
    return found, f"largest difference {largest:.3g}"


def _better(d: Floats, margin: float | None, by: Inference) -> tuple[Answer, str]:
    p = by.differ(d)
    found = Answer.undecided
    if p <= ALPHA:
        found = Answer.supported if d.mean() > 0 else Answer.refuted
    elif margin is not None and by.inside(d, margin) <= ALPHA:
        found = Answer.refuted
    return found, f"p = {p:.3g}"


def _worse(d: Floats, margin: float | None, by: Inference) -> tuple[Answer, str]:
    return _better(-d, margin, by)


def _equivalent(d: Floats, margin: float | None, by: Inference) -> tuple[Answer, str]:
    if margin is None:
        return Answer.undecided, "no margin"
    p = by.inside(d, margin)
    if p <= ALPHA:
        return Answer.supported, f"equivalence p = {p:.3g}, margin {margin:g}"
    outside = by.beyond(np.sign(d.mean()) * d, margin)
    return (Answer.refuted if outside <= ALPHA else Answer.undecided), f"equivalence p = {p:.3g}"


def _not_worse(d: Floats, margin: float | None, by: Inference) -> tuple[Answer, str]:
    """Non-inferiority within the margin; refuted where the variant is worse by more than it."""
    if margin is None:
        return Answer.undecided, "no margin"
    p = by.not_below(d, margin)
    if p <= ALPHA:
        return Answer.supported, f"non-inferiority p = {p:.3g}, margin {margin:g}"
    found = Answer.refuted if by.beyond(-d, margin) <= ALPHA else Answer.undecided
    return found, f"non-inferiority p = {p:.3g}, margin {margin:g}"


RELATIONS: dict[str, Callable[[Floats, float | None, Inference], tuple[Answer, str]]] = {
    "identical": _identical,
    "better": _better,
    "worse": _worse,
    "equivalent": _equivalent,
    "not_worse": _not_worse,
}


def _by_steps(claim: Claim, comparison: Comparison, variant: Row, reference: Row) -> Answered:
    """Steps to the target, a miss being infinite: by share of wins, because infinities have no mean."""
    a, b = (target_steps(comparison, row) for row in (variant, reference))
    fewer, more = int((a < b).sum()), int((a > b).sum())
    shown = f"{_steps(a)} against {_steps(b)} steps (medians), {fewer} seeds fewer, {more} more"
    wanted, unwanted = (fewer, more) if claim.relation == "better" else (more, fewer)
    p = stats.sign_test_p(fewer, more)
    found = Answer.undecided
    if p <= ALPHA:
        found = Answer.supported if wanted > unwanted else Answer.refuted
    return Answered(claim, found, f"{shown}, sign test p = {p:.3g}", single=True)


def target_steps(comparison: Comparison, row: Row) -> Floats:
    """Steps to the comparison's target of each run, ``(seed,)``, infinite where it was missed."""
    metric, target = comparison.task.primary, comparison.target
    assert target is not None, "a claim on steps to target needs a target"

    def steps(record: Record) -> float:
        return steps_to_target(record, metric.name, target, metric.higher_is_better)

    return np.array([steps(record) for record in row.known])


def _steps(values: Floats) -> str:
    median = float(np.median(values))
    return "never" if np.isinf(median) else f"{median:.0f}"
