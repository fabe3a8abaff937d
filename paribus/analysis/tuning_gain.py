"""What tuning bought: each variant's tuned runs against the same variant at its stated settings, paired by seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from paribus import stats
from paribus.analysis.results import Result, Row, rounding
from paribus.analysis.verdict import Contrast, decide

STATED, TUNED = "stated", "tuned"


def tuning_gains(arms: Sequence[Result]) -> dict[str, Contrast]:
    """Return the contrast of tuned against stated, by variant, positive where tuning helped.

    The verdicts are those of the rule, with the task's margin. Their family is the variants: as their baselines differ,
    p is adjusted by Bonferroni, which Holm's steps would sharpen.

    Args:
        arms: of one comparison on one device; empty without both arms, in a sequence, or where control broke.
    """
    by_arm = {result.arm: result for result in arms if not result.skipped}
    stated, tuned = by_arm.get("default"), by_arm.get("tuned")
    if stated is None or tuned is None or stated.cap is not None:
        return {}
    if stated.control.broken or tuned.control.broken or stated.seeds != tuned.seeds:
        return {}
    pairs = [
        (before, after)
        for before, after in zip(stated.rows, tuned.rows, strict=True)
        if before.complete and after.complete
    ]
    return {
        before.variant.name: _gain(stated, tuned, before, after, len(stated.rows))
        for before, after in pairs
    }


def _gain(stated: Result, tuned: Result, before: Row, after: Row, family: int) -> Contrast:
    metric = stated.comparison.primary
    scores = {STATED: before.scores, TUNED: after.scores}
    dummy = np.stack([before.dummy, after.dummy])
    penalty = stats.failure_scores(metric.higher_is_better, dummy, np.stack([*scores.values()]))
    (contrast,) = decide(
        scores,
        baseline=STATED,
        higher_is_better=metric.higher_is_better,
        margin=metric.margin,
        failure_score=penalty,
        dummy=penalty if np.isfinite(dummy).any() else None,
        family_size=family,
        outcomes={STATED: before.states, TUNED: after.states},
        correction=tuned.correction,
        new_data=stated.comparison.corrected,
        exploratory=[TUNED] if tuned.exploratory else [],
        metric=metric.name,
        rounding=rounding(before.variant),
    )
    return contrast
