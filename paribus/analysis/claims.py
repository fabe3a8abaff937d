"""Claims, stated before the run and answered after it: `supported`, `refuted` or `undecided`.

A claim on the primary metric against the baseline is answered by the family's own verdict, adjusted as it is. A fact is
read off its numbers. Any other claim is one test at 5 %: the page counts how many such tests it makes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from paribus import stats
from paribus.analysis.facts import read_off, short
from paribus.analysis.hypothesis_tests import (
    ALPHA,
    DIFFERENCES,
    RELATIONS,
    Answer,
    Inference,
    p_phrase,
    seen_phrase,
)
from paribus.analysis.results import Result, Row, penalised, penalised_beside
from paribus.analysis.target_steps import median_steps, target_steps
from paribus.analysis.verdict import Contrast, Decision, Reason, Size
from paribus.experiment.claim import Claim
from paribus.experiment.comparison import Comparison

# Relations whose margin is none of the metric's.
OWN_MARGIN = ("identical", "above", "below", "within")
STEPS = "steps_to_target"
# Reasons that keep a verdict open and are evidence by themselves: such a look is one.
WEAK_EVIDENCE = {Reason.failures, Reason.no_margin, Reason.mean_within}
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ClaimResult:
    """Claim with its answer and the evidence in a phrase.

    Attributes:
        single: whether it rests on a test of its own at 5 %, outside the family.
        refuting_p: p of the opposite, where that was tested.
        units: what was counted, and how many, such as ``29 seeds``; nothing for a fact.
        untested: whether this look could answer nothing, whatever the runs show: withheld, too few seeds, a later look.
    """

    claim: Claim
    answer: Answer
    evidence: str
    single: bool = False
    untested: bool = False
    refuting_p: float = 1.0
    units: str = ""


def answer_all(result: Result) -> tuple[ClaimResult, ...]:
    """Answer every claim on the arm of a result."""
    claims = (claim for claim in result.comparison.claims if claim.arm == result.arm)
    return tuple(answer(claim, result) for claim in claims)


def answer_suite(results: Sequence[Result]) -> tuple[ClaimResult, ...]:
    """Answer every claim of a suite over all its comparisons, from one arm of each on one device."""
    suite, arm = results[0].suite, results[0].arm
    missing = len(results) < len(suite.comparisons)
    return tuple(
        ClaimResult(claim, Answer.undecided, "not run", untested=True)
        if missing
        else answer(claim, *results)
        for claim in suite.claims
        if claim.arm == arm
    )


@lru_cache(maxsize=1024)
def answer(claim: Claim, *results: Result) -> ClaimResult:
    """Answer one claim: of one comparison, or of every comparison of a suite."""
    reason = next(filter(None, (_reason_untested(claim, result) for result in results)), "")
    if claim.unit == "seed" and len({result.seeds for result in results}) > 1:
        reason = reason or "withheld: its comparisons have different seeds"
    if reason:
        return ClaimResult(claim, Answer.undecided, reason, untested=True)
    result = results[0]
    if _asks_the_family(claim, result):
        return _by_verdict(claim, result)
    if claim.metric == STEPS:
        variant, reference = (result.row(name) for name in _named(claim, result))
        return _by_steps(claim, result.comparison, variant, reference)
    return _by_values(claim, results)


def _asks_the_family(claim: Claim, result: Result) -> bool:
    """Return whether a verdict of the family answers a claim: on the primary metric, against the baseline."""
    primary = claim.metric in (None, result.comparison.primary.name)
    against = claim.reference in (None, result.baseline.variant.name)
    asked = claim.relation in ("better", "worse", "equivalent")
    if not (claim.measure is None and against and primary and asked):
        return False
    contrast = result.contrasts.get(claim.variant)
    return contrast is None or contrast.decision is not Decision.unjudged


def _named(claim: Claim, result: Result) -> tuple[str, ...]:
    """Return the variants that a claim names, its own first."""
    if claim.alone:
        return (claim.variant,)
    return (claim.variant, claim.reference or result.baseline.variant.name)


def _needed(claim: Claim, result: Result) -> tuple[Row, ...]:
    """Return the rows that must be complete: of the variants named; a measure may read any, and pairs their seeds."""
    if claim.measure is not None:
        return result.rows
    return tuple(result.row(name) for name in _named(claim, result))


def _reason_untested(claim: Claim, result: Result) -> str:
    """Return the reason why a claim is not looked at in a result, or an empty string."""
    if result.control.broken:
        return "withheld, because control broke"
    if result.skipped or not all(row.complete for row in _needed(claim, result)):
        return "not run"
    if claim.budget not in (None, result.budget):
        return f"stated for the budget {claim.budget!r}"
    if result.cap is not None and not (claim.fact or _asks_the_family(claim, result)):
        return "withheld: in a sequence of seeds only verdicts answer claims"
    return _withheld(claim, result)


def _withheld(claim: Claim, result: Result) -> str:
    """Return the reason why a claim is withheld: that of the verdicts it rests on, if there is one."""
    if claim.relation == "identical" or claim.fact:
        return ""
    if claim.metric == STEPS and result.comparison.corrected:
        return "withheld: shares of seeds do not speak of new data"
    named = _named(claim, result)
    contrasts = [result.contrasts[name] for name in named if name in result.contrasts]
    reasons = {reason for contrast in contrasts for reason in contrast.reasons}
    compared = claim.measure is None and not claim.alone
    primary = compared and claim.metric in (None, result.comparison.primary.name)
    for reason in (Reason.exhausted, Reason.skipped, Reason.undefined):
        if reason in reasons and (primary or reason is not Reason.undefined):
            return f"withheld: {reason}"
    floored = bool(contrasts) and all(Reason.floor in contrast.reasons for contrast in contrasts)
    if primary and (floored or _learn_nothing(named, result)):
        return f"withheld: {Reason.floor}"
    return "a later look" if Reason.exploratory in reasons or result.exploratory else ""


def _learn_nothing(names: Sequence[str], result: Result) -> bool:
    """Return whether none of these beats the dummy score by the margin on average, failures penalised.

    A contrast with the baseline tells it of the baseline's pairs alone.
    """
    primary = result.comparison.primary
    sign = primary.sign
    rows = [result.row(name) for name in names]
    gains = [sign * (_penalised(result, row, row) - row.dummy).mean() for row in rows]
    return all(gain <= (primary.margin or 0.0) for gain in gains)


def _by_verdict(claim: Claim, result: Result) -> ClaimResult:
    contrast = result.contrasts[claim.variant]
    mean, p = contrast.difference.mean + 0.0, contrast.p_holm  # no minus sign before a zero
    seen_as = f", {seen_phrase(contrast.detectable)}" if contrast.detectable else ""
    evidence = (
        f"verdict {contrast.label}, mean difference {mean:.3g}, {p_phrase(p)} (Holm), "
        f"n = {contrast.n} seeds{seen_as}"
    )
    units = f"{contrast.n} seeds"
    silent = {*contrast.reasons} - WEAK_EVIDENCE
    look = contrast.decision is Decision.identical and contrast.n < contrast.min_seeds
    if silent or look:
        return ClaimResult(claim, Answer.undecided, evidence, untested=True)
    shown = _shown(claim.relation, contrast)
    against = contrast.p_holm if claim.relation != "equivalent" else 1.0
    if contrast.size is Size.beyond:
        against = min(against, _beyond_p(contrast))
    refuting = against if shown is Answer.refuted else 1.0
    return ClaimResult(claim, shown, evidence, refuting_p=refuting, units=units)


def _beyond_p(contrast: Contrast) -> float:
    """Return the p by which the family's interval lies beyond the margin: two-sided, Bonferroni.

    In a sequence it is alpha, which is all that limits told at every look say: t is of one look.
    """
    family, d = contrast.family, np.array(contrast.differences)
    if contrast.sequential:
        return family.alpha
    by = Inference(family.ratio if family.new_data else None)
    assert family.margin is not None, "a size is told of a margin"
    return min(1.0, 2 * family.size * by.beyond(np.sign(d.mean()) * d, family.margin))


def _shown(relation: str, contrast: Contrast) -> Answer:
    """Return what a verdict says of a claim: one of a direction is refuted by the opposite one alone."""
    if relation == "equivalent":
        sizes = {Size.within: Answer.supported, Size.beyond: Answer.refuted}
        return sizes.get(contrast.size, Answer.undecided)
    ways = {relation: Answer.supported, OPPOSITE[relation]: Answer.refuted}
    return ways.get(_DIRECTIONS.get(contrast.decision, ""), Answer.undecided)


OPPOSITE = {"better": "worse", "worse": "better"}
_DIRECTIONS = {
    Decision.better: "better",
    Decision.wins_more: "better",
    Decision.worse: "worse",
    Decision.wins_less: "worse",
}


def _direction(claim: Claim, comparison: Comparison) -> bool:
    """Return whether more of the claim's score is better."""
    if claim.higher_is_better is not None:
        return claim.higher_is_better
    metrics = {m.name: m for m in (*comparison.task.metrics, comparison.primary)}
    metric = metrics.get(claim.metric or comparison.primary.name)
    return metric is None or metric.higher_is_better  # without one only identity is claimed


def _by_values(claim: Claim, results: Sequence[Result]) -> ClaimResult:
    """Return the answer of one test on a number a unit: paired with the reference's, or against the claim's value."""
    result = results[0]
    beside = claim.variant if claim.alone else _named(claim, result)[1]
    a = _numbers(claim, results, claim.variant, beside)
    b: Floats = np.full_like(a, np.nan if claim.value is None else claim.value)
    if not claim.alone:
        b = _numbers(claim, results, beside, claim.variant)
    if not len(a):
        nothing = f"no {_name(claim, result)} was measured"
        return ClaimResult(claim, Answer.undecided, nothing, untested=True)
    finite = np.isfinite(a) & np.isfinite(b)
    up = claim.alone or _direction(claim, result.comparison)
    d: Floats = (1.0 if up else -1.0) * (a - b)[finite]
    if claim.fact and finite.all():
        found = read_off(claim, a, b, d)
        named = f"{_name(claim, result)} {found.evidence}"
        return ClaimResult(claim, found.answer, named, refuting_p=found.refuting_p)
    shown = f"{_name(claim, result)} {_against(claim, a[finite], b[finite])}" if d.size else ""
    if not finite.all() or d.size < stats.min_seeds(1):
        why = _few(claim, a) if finite.all() else f"{d.size} of {len(a)} pairs have the score"
        evidence = f"{shown}, {why}".removeprefix(", ")
        return ClaimResult(claim, Answer.undecided, evidence, untested=bool(finite.all()))
    single = claim.relation != "identical"
    by = Inference() if claim.unit == "task" else _inference(result)
    verdict, test, against = RELATIONS[claim.relation](d, _margin(claim, result.comparison), by)
    sought = claim.relation in DIFFERENCES and verdict is Answer.undecided
    seen = by.visible(d) if sought else ""
    units = f"{d.size} {claim.unit}s"
    evidence = f"{shown} (means), {test}, n = {units}{seen}"
    return ClaimResult(claim, verdict, evidence, single, refuting_p=against, units=units)


def _few(claim: Claim, numbers: Floats) -> str:
    return f"few {claim.unit}s: {len(numbers)} of {stats.min_seeds(1)} needed"


def _numbers(claim: Claim, results: Sequence[Result], variant: str, beside: str) -> Floats:
    """Return the numbers that a claim is about, one a seed; NaN where there is none.

    Failed runs are penalised in the pair that the claim names: with the variant that stands ``beside``.
    """
    if claim.measure is not None:
        return np.asarray(claim.measure(results, variant), dtype=float)
    (result,) = results
    name, primary = _name(claim, result), result.comparison.primary.name
    row = result.row(variant)
    return _penalised(result, row, result.row(beside)) if name == primary else row.values(name)


def _penalised(result: Result, row: Row, other: Row) -> Floats:
    """Return each run's primary score, a failed one at its penalty; NaN where a run neither ended nor failed.

    The table of a sequence is as wide as its longest row, what is given here as long as the row's own runs.
    """
    rows, _, counted = penalised(result)
    place = next(i for i, each in enumerate(rows) if each is row)
    scores = penalised_beside(result, rows, row, other)
    return np.where(counted[place], scores, np.nan)[: len(row.runs)]


def _name(claim: Claim, result: Result) -> str:
    """Return the name of the claim's number."""
    if claim.measure is not None:
        given = claim.measure.kwargs.values()
        of = [", ".join(v) if isinstance(v, list | tuple) else str(v) for v in given]
        name = claim.measure.target.partition(":")[2].replace("_", " ")
        return f"{name} ({', '.join(of)})" if of else name
    return claim.metric or result.comparison.primary.name


def _against(claim: Claim, a: Floats, b: Floats) -> str:
    if claim.alone:
        return f"{short(np.mean(a))} against the value {claim.value:g}"
    return f"{short(np.mean(a))} against {short(np.mean(b))}"


def _margin(claim: Claim, comparison: Comparison) -> float | None:
    if claim.margin is not None or claim.measure is not None or claim.relation in OWN_MARGIN:
        return claim.margin
    margins = {m.name: m.margin for m in (*comparison.task.metrics, comparison.primary)}
    return margins.get(claim.metric or comparison.primary.name)


def _inference(result: Result) -> Inference:
    return Inference(result.correction if result.comparison.corrected else None)


def _by_steps(claim: Claim, comparison: Comparison, variant: Row, reference: Row) -> ClaimResult:
    """Compare steps to the target, a miss being infinite, by share of wins, because infinities have no mean."""
    a, b = (target_steps(comparison, row) for row in (variant, reference))
    fewer, more = int((a < b).sum()), int((a > b).sum())
    medians = _steps([median_steps(steps, row) for steps, row in ((a, variant), (b, reference))])
    shown = f"{medians} (medians), {fewer} seeds fewer, {more} more"
    wanted, unwanted = (fewer, more) if claim.relation == "better" else (more, fewer)
    p = stats.sign_test_p(fewer, more)
    verdict = Answer.undecided
    if p <= ALPHA:
        verdict = Answer.supported if wanted > unwanted else Answer.refuted
    shown = f"{shown}, sign test {p_phrase(p)}"
    if a.size < stats.min_seeds(1):
        return ClaimResult(claim, Answer.undecided, f"{shown}, {_few(claim, a)}", untested=True)
    against = p if verdict is Answer.refuted else 1.0
    units = f"{a.size} seeds"
    return ClaimResult(claim, verdict, shown, single=True, refuting_p=against, units=units)


def _steps(texts: list[str]) -> str:
    """Join the median steps of two variants, the unit once, with the last that has one."""
    last = max((i for i, text in enumerate(texts) if text != "never"), default=None)
    if last is not None:
        texts[last] += " steps"
    return " against ".join(texts)
