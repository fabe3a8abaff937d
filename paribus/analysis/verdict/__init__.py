"""From paired scores to verdicts, by a rule fixed beforehand: is there a difference, and does it matter?

One family is the contrasts of all variants against one baseline, on one metric, in one arm, with the
interactions that were declared of a crossing. Of each contrast, `p` is its sign-flip p, Holm over the family; `q` its
TOST p against the margin, Holm over the family; and L to U the family's simultaneous interval (Bonferroni t) of the
mean difference, positive where the variant is better. The first row that holds:

| condition | direction | size | printed |
|---|---|---|---|
| no seed differs by more than rounding | none | within | identical |
| L > margin (U < -margin) | better (worse) | beyond | clearly better (clearly worse) |
| p and q at most alpha | by the sign of the mean | within | slightly better (slightly worse) |
| p at most alpha | by the sign of the mean | open | better (worse) |
| q at most alpha | none | within | equivalent |
| none | none | open | undecided |

A direction takes as many seeds that differ as the sign-flip test needs to reach alpha in the family, `equivalent` as
many seeds. Withheld altogether: where neither side beats the dummy score by the margin (`floor`), a clock stopped a
run, or a score is undefined on any seed. `equivalent` and `slightly` are withheld where any run of the pair failed. A
direction that one seed can take away, whose mean and median disagree in sign, or that neither the interval nor a sign
test shows, is printed as `fragile`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy.typing as npt

from paribus import stats
from paribus.analysis.verdict.contrast import (
    Contrast,
    Decision,
    MarginCurve,
    Reason,
    Size,
)
from paribus.analysis.verdict.family import Family
from paribus.analysis.verdict.margin_curve import margin_curves
from paribus.analysis.verdict.pairs import Crossing, Pair, Scale
from paribus.analysis.verdict.runs import OUTCOMES, ScoreTable
from paribus.analysis.verdict.sequential import decide_sequentially
from paribus.errors import ParibusError

RULE = 3
"""Edition of the rule: a part of what is sealed before the first run."""

__all__ = [
    "OUTCOMES",
    "RULE",
    "Contrast",
    "Crossing",
    "Decision",
    "Family",
    "MarginCurve",
    "Reason",
    "Scale",
    "Size",
    "decide",
    "decide_sequentially",
]


def decide(
    scores: Mapping[str, npt.ArrayLike],
    *,
    baseline: str,
    higher_is_better: bool,
    margin: float | None,
    failure_score: npt.ArrayLike,
    dummy: npt.ArrayLike | None = None,
    family_size: int | None = None,
    outcomes: Mapping[str, Sequence[str]] | None = None,
    correction: float = 0.0,
    new_data: bool = False,
    exploratory: Collection[str] = (),
    alpha: float = 0.05,
    metric: str = "",
    interactions: Mapping[str, Crossing] | None = None,
    scale: Scale = "score",
    rounding: float = stats.SCORE_ROUNDING,
) -> tuple[Contrast, ...]:
    """Judge every variant against the baseline, by the rule at the top of this file.

    A failed run scores the worse of `failure_score` and its own pair's other score; where both failed they are equal.
    A pair with a skipped or exhausted run, or with an undefined score, is left out, and an
    exhausted or undefined one withholds the verdict too. A contrast at its floor, with an
    undefined score, with exhausted or skipped runs only, or of identical scores, counts as p = 1 in both Holm
    families, so that it lends nothing to the others.

    Args:
        scores: for each variant `(seed,)`, the same seeds in the same order; NaN where a run has
            no score.
        baseline: key of the baseline in `scores`.
        higher_is_better: direction of the metric.
        margin: largest difference that does not matter, in the units of the score, or None.
        failure_score: what a failed run scores, one number, `(seed,)` or `(variant, seed)`; where it is NaN, the worst
            that is known of its pair.
        dummy: score of the dummy baseline, likewise; without it there is no floor.
        family_size: contrasts declared, interactions among them; default those given. Contrasts not given count as
            p = 1.
        outcomes: for each variant one of `OUTCOMES` a seed; default `diverged` where the score is
            NaN, `completed` elsewhere.
        correction: test size over training size, in force where `new_data` is set. Zero is right
            for generated tasks, whose data are drawn anew.
        new_data: speak of new data: p, TOST and intervals from the Nadeau-Bengio corrected t.
        exploratory: variants of which this is a later look at a growing set of seeds, so that their verdicts are
            marked as such: the error rate is that of one look, and this is not the first.
        alpha: chance of any false verdict of one kind in the family.
        metric: name of the metric, for the page.
        interactions: of a crossing, by name, the variants with both levels changed, the first alone, the
            second alone, and neither; judged in the same family. Any of the four at its floor withholds it.
        scale: what interactions are differences of differences of; the margin holds for scores alone.
        rounding: relative difference up to which scores are equal, such as 8 machine epsilons of the runs' precision.

    Returns:
        One contrast a variant, in the order of `scores`, without the baseline; then one an interaction.

    Raises:
        ParibusError: an argument is out of its range, a name is missing, lengths differ, or an
            outcome contradicts its score.

    >>> scores = {"sgd": [0.70, 0.72, 0.69, 0.71, 0.73, 0.70], "adam": [0.80, 0.81, 0.78, 0.83,
    ...     0.82, 0.79]}
    >>> rule = dict(baseline="sgd", higher_is_better=True, margin=0.01, failure_score=0.5)
    >>> [contrast.label for contrast in decide(scores, **rule)]
    ['clearly better (fragile)']
    """
    runs = ScoreTable.read(scores, outcomes, failure_score, dummy, baseline, higher_is_better)
    crossed = interactions or {}
    family = Family(
        baseline=baseline,
        higher_is_better=higher_is_better,
        size=_size(family_size, len(runs.names) - 1 + len(crossed)),
        margin=margin,
        alpha=alpha,
        correction=correction,
        new_data=new_data,
        metric=metric,
    )
    pairs = [Pair.of(runs, name, family, rounding) for name in runs.names if name != baseline]
    pairs += [
        Pair.crossing(runs, name, four, family, scale, rounding) for name, four in crossed.items()
    ]
    testable = [pair.tested for pair in pairs]
    p = [pair.p for pair in pairs]
    p_holm = _holm(p, testable, family)
    p_equivalent = [pair.p_equivalent for pair in pairs]
    p_equivalent_holm = _holm(p_equivalent, testable, family)
    curves = margin_curves(pairs, family)
    return tuple(
        pair.contrast(
            p_holm[i],
            p_equivalent_holm[i] if pair.family.margin is not None else None,
            pair.variant in exploratory,
            curves[i],
        )
        for i, pair in enumerate(pairs)
    )


def _holm(p: Sequence[float], testable: Sequence[bool], family: Family) -> list[float]:
    """Return Holm's adjusted p-values over the whole family; a pair whose verdict is withheld counts as 1."""
    tested_p = [value if tested else 1.0 for value, tested in zip(p, testable, strict=True)]
    return [float(value) for value in stats.holm(tested_p, family.size)]


def _size(declared: int | None, given: int) -> int:
    """Return the family's size; one where there is no contrast at all."""
    size = given if declared is None else declared
    if size < given:
        raise ParibusError(
            "family_size",
            got=size,
            expected=f"{given} or more, the contrasts given",
            fix="Declare the whole family before the run.",
        )
    return max(size, 1)
