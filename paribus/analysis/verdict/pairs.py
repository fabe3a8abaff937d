"""Contrast before it is judged: its differences, its p-values, and the reason to withhold its verdict."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import inf, nan
from typing import Literal

import numpy as np
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
from paribus.analysis.verdict.runs import ScoreSubset, ScoreTable
from paribus.stats import Floats, Interval

Scale = Literal["score", "log"]
"""On what interactions are taken: differences of scores, or of their logarithms, which are ratios."""

Crossing = tuple[str, str, str, str]
"""Four variants of a crossing: both levels changed, the first alone, the second alone, neither."""


@dataclass(frozen=True)
class Pair:
    """Variant and baseline, or a crossing of four, on the seeds that all were run on; arrays are `(seed,)`.

    `withheld_reason` is the reason why the pair has nothing to say, or None. `floor` is the margin from which on nobody
    beats the dummy score by more, and `reason_besides` the reason at margins below it. A margin means nothing where
    differences are not those of scores (`on_score`).
    """

    variant: str
    family: Family
    differences: Floats
    failed: tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]
    withheld_reason: Reason | None
    crossed: bool = False
    undefined: int = 0
    floor: float = inf
    reason_besides: Reason | None = None
    on_score: bool = True

    @classmethod
    def of(cls, runs: ScoreTable, variant: str, family: Family, rounding: float) -> Pair:
        """Pair by seed, leaving out seeds on which either run was skipped or exhausted, or its score is undefined."""
        cells = runs.cells((variant, family.baseline))
        mine, theirs = cells.scores
        differences = stats.paired_differences(mine, theirs, rounding)
        floor = float(cells.gains.max())
        withheld_reason = _reason_to_withhold(cells, differences, floor <= (family.margin or 0.0))
        return cls(
            variant,
            family,
            differences,
            (cells.failed[0], cells.failed[1]),
            withheld_reason,
            undefined=cells.undefined,
            floor=floor,
            reason_besides=_reason_to_withhold(cells, differences, floored=False),
        )

    @classmethod
    def crossing(
        cls,
        runs: ScoreTable,
        name: str,
        four: Crossing,
        family: Family,
        scale: Scale,
        rounding: float,
    ) -> Pair:
        """Return the pair of each seed's difference of differences: what both changes do beyond the sum of each.

        A cell at its floor could fall no further, which makes an interaction or hides one, so any of them
        withholds it; the margin holds on the scale of the scores alone.
        """
        cells = runs.cells(four)
        values, why = scaled(cells, scale)
        both, first, second, neither = values
        differences = stats.interaction(both, first, second, neither, rounding)
        floor = float(cells.gains.min())
        floored = floor <= (family.margin or 0.0)
        withheld_reason = why or _reason_to_withhold(cells, differences, floored)
        family = family if scale == "score" else family.without_margin()
        failed: npt.NDArray[np.bool_] = np.any(cells.failed, axis=0)
        return cls(
            name,
            family,
            differences,
            (failed, np.zeros_like(failed)),
            withheld_reason,
            crossed=True,
            undefined=cells.undefined,
            floor=floor,
            reason_besides=why or _reason_to_withhold(cells, differences, floored=False),
            on_score=scale == "score",
        )

    @property
    def n(self) -> int:
        """Number of pairs."""
        return self.differences.size

    @cached_property
    def p(self) -> float:
        """Raw p of no difference; 1 where there is too little to test."""
        if not self.family.new_data:
            return stats.sign_flip_p(self.differences)
        return stats.t_p(self.differences, self.family.ratio) if self.n >= 2 else 1.0

    @cached_property
    def p_equivalent(self) -> float:
        """Raw TOST p; 1 without a margin, with fewer than two pairs, or where a run of the pair failed.

        A failure that is rare shows in few of the pairs: variants that fail in one of twenty runs pass for equivalent.
        """
        return 1.0 if self.any_failed else self._p_within

    @cached_property
    def _p_within(self) -> float:
        if self.family.margin is None or self.n < 2:
            return 1.0
        return stats.tost_p(self.differences, self.family.margin, self.family.ratio)

    @property
    def any_failed(self) -> bool:
        """True where any run of the pair failed."""
        return bool(self.failed[0].any() or self.failed[1].any())

    @property
    def identical(self) -> bool:
        """True where no seed differs by more than rounding, nor in failing: an identity, of which nothing is tested."""
        alike = bool((self.failed[0] == self.failed[1]).all())
        return self.withheld_reason is None and self.n > 0 and alike and not self.differences.any()

    @property
    def tested(self) -> bool:
        """True where its p-values count in the family's adjustment."""
        return self.withheld_reason is None and not self.identical

    def interval(self, differences: Floats, level: float | None = None, size: int = 0) -> Interval:
        """Return an interval, the family's unless level and size say otherwise; infinite limits below two pairs."""
        f = self.family
        level = 1 - f.alpha if level is None else level
        if differences.size >= 2:
            return stats.paired_t_interval(differences, level, size or f.size, f.ratio)
        mean = float(differences[0]) if differences.size else nan
        return Interval(mean, -inf, inf, level)

    @property
    def withheld(self) -> Reason | None:
        """Reason why no p-value is looked at, or None."""
        if self.withheld_reason is not None:
            return self.withheld_reason
        return Reason.few_seeds if self.n < self.family.min_seeds else None

    def verdict(
        self, p_holm: float, p_equivalent_holm: float | None
    ) -> tuple[Decision, Size, Reason | None]:
        """Return direction, size and remark by the decision rule, on adjusted p-values."""
        f = self.family
        if self.identical:
            return Decision.identical, Size.within, None
        if reason := self.withheld:
            return Decision.undecided, Size.open, reason
        within = p_equivalent_holm is not None and p_equivalent_holm <= f.alpha
        differ = int((self.differences != 0).sum()) >= f.min_seeds
        ends = self.interval(self.differences)
        direction = Decision.better if self.differences.mean() > 0 else Decision.worse
        if differ and f.margin is not None and (ends.low > f.margin or ends.high < -f.margin):
            return direction, Size.beyond, None
        if differ and p_holm <= f.alpha:
            return direction, Size.within if within else Size.open, None
        if within:
            return Decision.equivalent, Size.within, None
        return Decision.undecided, Size.open, self._why_undecided(differ)

    def _why_undecided(self, differ: bool) -> Reason | None:
        """Return what keeps the pair from a verdict besides weak evidence."""
        if self.any_failed and self._p_within <= self.family.alpha:
            return Reason.failures
        if not differ:
            return Reason.few_seeds_differ
        return Reason.no_margin if self.family.margin is None else None

    def contrast(
        self,
        p_holm: float,
        p_equivalent_holm: float | None,
        exploratory: bool,
        margin_curve: MarginCurve | None = None,
    ) -> Contrast:
        """Return everything that is shown of the pair."""
        decision, size, reason = self.verdict(p_holm, p_equivalent_holm)
        if exploratory and decision is not Decision.undecided:
            reason = Reason.exploratory
        a, b = self.failed
        finished = self.differences[~a & ~b]
        f = self.family
        level = 1 - f.alpha
        one_sided = 1 - 2 * f.alpha  # of two sides, as one of them has alpha
        return Contrast(
            variant=self.variant,
            baseline=self.family.baseline,
            n=self.n,
            zero=int((self.differences == 0).sum()),
            difference=self.interval(self.differences),
            wins=stats.win_share(self.differences, level, f.size),
            p=self.p,
            p_holm=p_holm,
            p_equivalent=None if f.margin is None else self.p_equivalent,
            p_equivalent_holm=p_equivalent_holm,
            tost=None if f.margin is None else self.interval(self.differences, one_sided, 1),
            lower=self.interval(self.differences, one_sided).low,
            family=f,
            differences=tuple(self.differences.tolist()),
            decision=decision,
            size=size,
            reasons=() if reason is None else (reason,),
            min_seeds=f.min_seeds,
            failures=(int(a.sum()), int(b.sum())),
            failures_p=stats.mcnemar_exact_p(a, b) if self.n and not self.crossed else None,
            finished=self.interval(finished) if finished.size >= 2 else None,
            undefined=self.undefined,
            margin_curve=margin_curve,
        )


def scaled(cells: ScoreSubset, scale: Scale) -> tuple[Floats, Reason | None]:
    """Return the scores on the declared scale, `(4, seed)`, and the reason why they have none."""
    if scale == "score":
        return cells.scores, None
    scores = cells.sign * cells.scores
    if (scores <= 0).any():
        return np.zeros_like(scores), Reason.no_logarithm
    return cells.sign * np.log(scores), None


def _reason_to_withhold(cells: ScoreSubset, differences: Floats, floored: bool) -> Reason | None:
    """Return the reason to withhold a verdict: undefined, floor, exhausted or skipped, in that order; or None.

    Where every run failed, nobody beat anything, dummy score or not: that is the floor and no identity.
    """
    if cells.undefined:
        return Reason.undefined
    if differences.size and (cells.failed.all() or floored):
        return Reason.floor
    if (cells.states == "exhausted").any():
        return Reason.exhausted
    if not differences.size and (cells.states == "skipped").any():
        return Reason.skipped
    return None
