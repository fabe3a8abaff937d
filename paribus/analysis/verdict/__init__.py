"""From paired scores to `better`, `worse`, `equivalent` or `undecided`, by a rule fixed beforehand.

One family is the contrasts of all variants against one baseline, on one metric, in one arm, with the
interactions that were declared of a crossing. The rule, in its order, for each contrast:

1. Neither side beats the dummy score by the margin: `undecided (floor)`. Every difference is zero:
   `undecided (ceiling)`. A run that a clock stopped, or a score that is undefined on any seed:
   `undecided` as well.
2. TOST p-values, Holm over the family; at most alpha, on enough seeds: `equivalent`. "All inside
   the margin" is read contrast by contrast, each with its own adjusted p.
3. Sign-flip p-values, Holm over the family; at most alpha, on enough seeds that differ: `better` or
   `worse`, by the sign of the mean.
4. Otherwise `undecided`, beside the smallest effect that could have been seen.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy.typing as npt

from paribus import stats
from paribus.analysis.verdict.contrast import Contrast, Decision, Family, Reason
from paribus.analysis.verdict.pairs import Crossing, Pair, Scale
from paribus.analysis.verdict.runs import OUTCOMES, ScoreTable
from paribus.analysis.verdict.sequential import decide_sequentially
from paribus.errors import ParibusError

__all__ = [
    "OUTCOMES",
    "Contrast",
    "Crossing",
    "Decision",
    "Family",
    "Reason",
    "Scale",
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
) -> tuple[Contrast, ...]:
    """Judge every variant against the baseline, by the rule at the top of this file.

    A failed run scores the worse of `failure_score` and the worst finisher of its seed among all
    `scores`. A pair with a skipped or exhausted run, or with an undefined score, is left out, and an
    exhausted or undefined one withholds the verdict too. A contrast at its floor or ceiling, with
    an undefined score, or with exhausted or skipped runs only, counts as p = 1 in both Holm
    families, so that it lends nothing to the others.

    Args:
        scores: for each variant `(seed,)`, the same seeds in the same order; NaN where a run has
            no score.
        baseline: key of the baseline in `scores`.
        higher_is_better: direction of the metric.
        margin: largest difference that does not matter, in the units of the score, or None.
        failure_score: what a failed run scores, one number, `(seed,)` or `(variant, seed)`.
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

    Returns:
        One contrast a variant, in the order of `scores`, without the baseline; then one an interaction.

    Raises:
        ParibusError: an argument is out of its range, a name is missing, lengths differ, or an
            outcome contradicts its score.

    >>> scores = {"sgd": [0.70, 0.72, 0.69, 0.71, 0.73, 0.70], "adam": [0.80, 0.81, 0.78, 0.83,
    ...     0.82, 0.79]}
    >>> rule = dict(baseline="sgd", higher_is_better=True, margin=0.01, failure_score=0.5)
    >>> [contrast.label for contrast in decide(scores, **rule)]
    ['better']
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
    pairs = [Pair.of(runs, name, family) for name in runs.names if name != baseline]
    pairs += [Pair.crossing(runs, name, four, family, scale) for name, four in crossed.items()]
    testable = [pair.withheld_reason is None for pair in pairs]
    p = [pair.p for pair in pairs]
    p_holm = _holm(p, testable, family)
    p_equivalent = [pair.p_equivalent for pair in pairs]
    p_equivalent_holm = _holm(p_equivalent, testable, family)
    return tuple(
        pair.contrast(
            p_holm[i],
            p_equivalent_holm[i] if pair.family.margin is not None else None,
            pair.variant in exploratory,
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
