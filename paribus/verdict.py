"""From paired scores to `better`, `worse`, `equivalent` or `undecided`, by a rule fixed beforehand.

One family is the contrasts of all variants against one baseline, on one metric, in one arm. The
rule, in its order, for each contrast:

1. Neither side beats the naive score by the margin: `undecided (floor)`. Every difference is zero:
   `undecided (ceiling)`. A run that a clock stopped: `undecided` as well.
2. TOST p-values, Holm over the family; at most alpha, on enough seeds: `equivalent`. "All inside
   the margin" is read contrast by contrast, each with its own adjusted p.
3. Sign-flip p-values, Holm over the family; at most alpha, on enough seeds that differ: `better` or
   `worse`, by the sign of the mean.
4. Otherwise `undecided`, beside the smallest effect that could have been seen.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from math import inf, nan

import numpy as np
import numpy.typing as npt

from paribus import stats
from paribus.errors import ParibusError
from paribus.stats import Floats, Interval, WinShare

OUTCOMES = ("completed", "diverged", "exhausted", "skipped")


class Decision(StrEnum):
    """What a contrast says; everything that is not shown is `undecided`."""

    better = "better"
    worse = "worse"
    equivalent = "equivalent"
    undecided = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What is declared before anything runs.

    Args:
        baseline: the variant that all others are compared with.
        higher_is_better: direction of the metric.
        size: number of contrasts declared, whether or not all of them were run.
        margin: largest difference that does not matter, in the units of the score; without one
            nothing is ever `equivalent`.
        alpha: chance of any false verdict of one kind in the family.
        correction: test size over training size; counts only where `new_data` is set.
        new_data: whether the verdict speaks of new data, by the corrected t, or of this dataset.
        metric: its name, for the page.
    """

    baseline: str
    higher_is_better: bool
    size: int
    margin: float | None = None
    alpha: float = 0.05
    correction: float = 0.0
    new_data: bool = False
    metric: str = ""

    def __post_init__(self) -> None:
        """Refuse what could only fail later, on the first contrast with two pairs."""
        stats.least_seeds(self.size, self.alpha)
        stats.check_correction(self.correction)
        if self.margin is not None:
            stats.check_margin(self.margin)

    @property
    def least(self) -> int:
        """Seeds without which no contrast of the family can reach a verdict."""
        return stats.least_seeds(self.size, self.alpha)

    @property
    def ratio(self) -> float:
        """The correction in force: zero when speaking of this dataset."""
        return self.correction if self.new_data else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """One variant against the baseline; differences are positive where the variant is better.

    Args:
        n: seeds on which both were run to an end, failed ones included.
        zero: how many of these differ by nothing.
        difference: mean and Bonferroni t interval, failures penalised; infinite limits below n = 2.
        wins: share of seeds won, among those that somebody won, with its Bonferroni interval.
        p: sign-flip p, or the corrected t where the page speaks of new data.
        p_holm: adjusted for the family; 1 where the contrast has nothing to say.
        p_equivalent: TOST p, None without a margin.
        p_equivalent_holm: adjusted for the family, None without a margin.
        reason: why it is undecided, empty where the evidence is merely too weak; or `exploratory`, where a verdict
            comes from a later look.
        detectable: smallest mean difference seen with 80 % power, beside every `undecided`; None
            where there is no spread to compute it from.
        failures: failed runs of variant and baseline among the n.
        failures_p: exact McNemar p of the two counts, not adjusted; None where n is 0.
        finished: mean and interval among the seeds where neither failed; None below two of them.
    """

    variant: str
    baseline: str
    n: int
    zero: int
    difference: Interval
    wins: WinShare
    p: float
    p_holm: float
    p_equivalent: float | None
    p_equivalent_holm: float | None
    decision: Decision
    reason: str
    detectable: float | None
    failures: tuple[int, int]
    failures_p: float | None
    finished: Interval | None

    @property
    def label(self) -> str:
        """The verdict as it is printed, such as `better` or `undecided (floor)`."""
        return f"{self.decision} ({self.reason})" if self.reason else str(self.decision)


def decide(
    scores: Mapping[str, npt.ArrayLike],
    *,
    baseline: str,
    higher_is_better: bool,
    margin: float | None,
    failure_score: npt.ArrayLike,
    naive: npt.ArrayLike | None = None,
    family_size: int | None = None,
    outcomes: Mapping[str, Sequence[str]] | None = None,
    correction: float = 0.0,
    new_data: bool = False,
    exploratory: Collection[str] = (),
    alpha: float = 0.05,
    metric: str = "",
) -> tuple[Contrast, ...]:
    """Judge every variant against the baseline, by the rule at the top of this file.

    A failed run scores the worse of `failure_score` and the worst finisher of its seed among all
    `scores`. A pair with a skipped or exhausted run is left out, and an exhausted one withholds the
    verdict too. A contrast at its floor or ceiling, or with exhausted or skipped runs only, counts
    as p = 1 in both Holm families, so that it lends nothing to the others.

    Args:
        scores: for each variant `(seed,)`, the same seeds in the same order; NaN where a run has
            no score.
        baseline: key of the baseline in `scores`.
        higher_is_better: direction of the metric.
        margin: largest difference that does not matter, in the units of the score, or None.
        failure_score: what a failed run scores, one number or `(seed,)`.
        naive: score of the naive baseline, one number or `(seed,)`; without it there is no floor.
        family_size: contrasts declared; default those given. Contrasts not given count as p = 1.
        outcomes: for each variant one of `OUTCOMES` a seed; default `diverged` where the score is
            NaN, `completed` elsewhere.
        correction: test size over training size, in force where `new_data` is set. Zero is right
            for generated tasks, whose data are drawn anew.
        new_data: speak of new data: p, TOST and intervals from the Nadeau-Bengio corrected t.
        exploratory: variants of which this is a later look at a growing set of seeds, so that their verdicts are
            marked as such: the error rate is that of one look, and this is not the first.
        alpha: chance of any false verdict of one kind in the family.
        metric: name of the metric, for the page.

    Returns:
        One contrast a variant, in the order of `scores`, without the baseline.

    Raises:
        ParibusError: an argument is out of its range, a name is missing, lengths differ, or an
            outcome contradicts its score.

    >>> scores = {"sgd": [0.70, 0.72, 0.69, 0.71, 0.73, 0.70], "adam": [0.80, 0.81, 0.78, 0.83,
    ...     0.82, 0.79]}
    >>> rule = dict(baseline="sgd", higher_is_better=True, margin=0.01, failure_score=0.5)
    >>> [contrast.label for contrast in decide(scores, **rule)]
    ['better']
    """
    runs = _Runs.read(scores, outcomes, failure_score, naive, baseline, higher_is_better)
    family = Family(
        baseline=baseline,
        higher_is_better=higher_is_better,
        size=_size(family_size, len(runs.names) - 1),
        margin=margin,
        alpha=alpha,
        correction=correction,
        new_data=new_data,
        metric=metric,
    )
    pairs = [_Pair.of(runs, name, family) for name in runs.names if name != baseline]
    voices = [pair.silent is None for pair in pairs]
    p = [pair.p for pair in pairs]
    p_holm = _holm(p, voices, family)
    p_equivalent = [pair.p_equivalent for pair in pairs]
    p_equivalent_holm = _holm(p_equivalent, voices, family)
    return tuple(
        pair.contrast(
            p_holm[i],
            p_equivalent_holm[i] if margin is not None else None,
            pair.variant in exploratory,
        )
        for i, pair in enumerate(pairs)
    )


@dataclass(frozen=True, slots=True)
class _Runs:
    """All runs of a comparison, checked, oriented so that higher is better, failures penalised.

    `scores` and `outcomes` are `(variant, seed)`, `naive` is `(seed,)` or None.
    """

    names: list[str]
    scores: Floats
    outcomes: npt.NDArray[np.str_]
    naive: Floats | None

    @classmethod
    def read(
        cls,
        scores: Mapping[str, npt.ArrayLike],
        outcomes: Mapping[str, Sequence[str]] | None,
        failure_score: npt.ArrayLike,
        naive: npt.ArrayLike | None,
        baseline: str,
        higher_is_better: bool,
    ) -> _Runs:
        """Check, penalise, orient."""
        table = _table(scores, baseline)
        states = _outcomes(scores, outcomes, table)
        table = np.where(states == "completed", table, nan)
        table = stats.penalised(table, failure_score, higher_is_better=higher_is_better)
        sign = 1.0 if higher_is_better else -1.0
        floor = None if naive is None else sign * stats.per_seed("naive", naive, table.shape[1])
        return cls(list(scores), sign * table, states, floor)


@dataclass(frozen=True)
class _Pair:
    """One variant and the baseline on the seeds that both were run on; all arrays are `(seed,)`.

    `silent` is the reason why the pair has nothing to say, or None.
    """

    variant: str
    family: Family
    differences: Floats
    failed: tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]
    silent: str | None

    @classmethod
    def of(cls, runs: _Runs, variant: str, family: Family) -> _Pair:
        """Pair by seed, leaving out seeds on which either run was skipped or exhausted."""
        rows = [runs.names.index(variant), runs.names.index(family.baseline)]
        states = runs.outcomes[rows]
        kept = np.isin(states, ("completed", "diverged")).all(axis=0)
        both = runs.scores[rows][:, kept]
        failed = states[:, kept] == "diverged"
        naive = None if runs.naive is None else runs.naive[kept]
        differences = both[0] - both[1]
        silent = _silence(both, differences, naive, failed, states, family.margin)
        return cls(variant, family, differences, (failed[0], failed[1]), silent)

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
        """Raw TOST p; 1 without a margin or with fewer than two pairs."""
        if self.family.margin is None or self.n < 2:
            return 1.0
        return stats.tost_p(self.differences, self.family.margin, self.family.ratio)

    @property
    def detectable(self) -> float | None:
        """Smallest effect seen with 80 % power; None without spread, where it is not known."""
        spread = stats.deviation(self.differences) if self.n >= 2 else 0.0
        if spread == 0:
            return None
        f = self.family
        return stats.detectable_effect(spread, self.n, f.size, alpha=f.alpha, correction=f.ratio)

    def interval(self, differences: Floats) -> Interval:
        """The family's interval, with infinite limits below two pairs."""
        f = self.family
        if differences.size >= 2:
            return stats.paired_t_interval(differences, 1 - f.alpha, f.size, f.ratio)
        mean = float(differences[0]) if differences.size else nan
        return Interval(mean, -inf, inf, 1 - f.alpha)

    @property
    def withheld(self) -> str:
        """Why no p-value is looked at, or nothing."""
        if self.silent is not None:
            return self.silent
        least = self.family.least
        return f"few seeds: a look, {self.n} of {least} needed" if self.n < least else ""

    def verdict(self, p_holm: float, p_equivalent_holm: float | None) -> tuple[Decision, str]:
        """The rule itself, on adjusted p-values."""
        f, changed = self.family, int((self.differences != 0).sum())
        if reason := self.withheld:
            return Decision.undecided, reason
        if p_equivalent_holm is not None and p_equivalent_holm <= f.alpha:
            return Decision.equivalent, ""
        if changed < f.least:
            return Decision.undecided, f"few seeds differ: a look, {changed} of {f.least} needed"
        if p_holm <= f.alpha:
            return (Decision.better if self.differences.mean() > 0 else Decision.worse), ""
        return Decision.undecided, "" if f.margin is not None else "no margin"

    def contrast(
        self, p_holm: float, p_equivalent_holm: float | None, exploratory: bool
    ) -> Contrast:
        """Everything that is shown of the pair."""
        decision, reason = self.verdict(p_holm, p_equivalent_holm)
        if exploratory and decision is not Decision.undecided:
            reason = "exploratory"
        a, b = self.failed
        finished = self.differences[~a & ~b]
        level = 1 - self.family.alpha
        return Contrast(
            variant=self.variant,
            baseline=self.family.baseline,
            n=self.n,
            zero=int((self.differences == 0).sum()),
            difference=self.interval(self.differences),
            wins=stats.win_share(self.differences, level, self.family.size),
            p=self.p,
            p_holm=p_holm,
            p_equivalent=None if self.family.margin is None else self.p_equivalent,
            p_equivalent_holm=p_equivalent_holm,
            decision=decision,
            reason=reason,
            detectable=self.detectable if decision is Decision.undecided else None,
            failures=(int(a.sum()), int(b.sum())),
            failures_p=stats.mcnemar_exact_p(a, b) if self.n else None,
            finished=self.interval(finished) if finished.size >= 2 else None,
        )


def _silence(
    both: Floats,
    differences: Floats,
    naive: Floats | None,
    failed: npt.NDArray[np.bool_],
    states: npt.NDArray[np.str_],
    margin: float | None,
) -> str | None:
    """Why a pair has nothing to say: floor, ceiling, exhausted or skipped, in that order; or None.

    `both` and `failed` are `(2, kept seed)`, `states` is `(2, seed)`. Where every run of both
    failed, neither beat anything, naive score or not: that is the floor and not the ceiling.
    """
    if differences.size and (failed.all() or _at_floor(both, naive, margin)):
        return "floor"
    if differences.size and not differences.any():
        return "ceiling"
    for outcome in ("exhausted", "skipped") if not differences.size else ("exhausted",):
        if (states == outcome).any():
            return outcome
    return None


def _at_floor(both: Floats, naive: Floats | None, margin: float | None) -> bool:
    """Whether neither side's mean beats the naive score by more than the margin (0 without one)."""
    if naive is None:
        return False
    return bool(((both - naive).mean(axis=1) <= (margin or 0.0)).all())


def _holm(p: Sequence[float], voices: Sequence[bool], family: Family) -> list[float]:
    """Holm over the whole family; a pair with nothing to say counts as 1."""
    heard = [value if voice else 1.0 for value, voice in zip(p, voices, strict=True)]
    return [float(value) for value in stats.holm(heard, family.size)]


def _size(declared: int | None, given: int) -> int:
    """The family's size; one where there is no contrast at all."""
    size = given if declared is None else declared
    if size < given:
        raise ParibusError(
            "family_size",
            got=size,
            expected=f"{given} or more, the contrasts given",
            fix="Declare the whole family before the run.",
        )
    return max(size, 1)


def _table(scores: Mapping[str, npt.ArrayLike], baseline: str) -> Floats:
    """The scores as `(variant, seed)`."""
    if baseline not in scores:
        raise ParibusError(
            "baseline",
            got=repr(baseline),
            expected=f"one of {', '.join(scores) or 'the variants, but there are none'}",
            fix="Name a variant that was run.",
        )
    rows = {name: np.asarray(values, dtype=np.float64) for name, values in scores.items()}
    for name, row in rows.items():
        if row.ndim != 1 or row.size != rows[baseline].size:
            raise ParibusError(
                f"scores[{name!r}]",
                got=f"shape {row.shape}",
                expected=f"({rows[baseline].size},) as the baseline's",
                fix="Pass one score a seed, NaN where a run has none.",
            )
    return np.stack(list(rows.values()))


def _outcomes(
    scores: Mapping[str, npt.ArrayLike],
    outcomes: Mapping[str, Sequence[str]] | None,
    table: Floats,
) -> npt.NDArray[np.str_]:
    """The outcomes as `(variant, seed)`, checked against the scores."""
    if outcomes is None:
        states = np.where(np.isnan(table), "diverged", "completed")
    else:
        rows = [_row(name, outcomes, table.shape[1]) for name in scores]
        states = np.array(rows, dtype=np.str_).reshape(table.shape)
    for name, row, state in zip(scores, table, states, strict=True):
        wrong = int(((state == "completed") & ~np.isfinite(row)).sum())
        if wrong:
            raise ParibusError(
                f"scores[{name!r}]",
                got=f"{wrong} completed runs without a finite score",
                expected="a finite score for every completed run",
                fix="Record a run whose score is not finite as diverged.",
            )
    return states


def _row(name: str, outcomes: Mapping[str, Sequence[str]], n: int) -> list[str]:
    """One variant's outcomes."""
    row = [str(state) for state in outcomes.get(name, ())]
    unknown = sorted(set(row) - set(OUTCOMES))
    if len(row) != n or unknown:
        raise ParibusError(
            f"outcomes[{name!r}]",
            got=", ".join(unknown) if unknown else f"{len(row)} outcomes",
            expected=f"{n} of {', '.join(OUTCOMES)}",
            fix="Pass one outcome a seed.",
        )
    return row
