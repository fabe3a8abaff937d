"""Verdicts where seeds are added until the evidence is there: the rules of `paribus.stats.sequential` and of means.

For each contrast of the family, seed by seed:

- the wealth of a bet on the signs of its non-zero differences. Where it reaches `family / alpha` the contrast stops and
  `wins more often` or `less often`. That speaks of the share of seeds won and of no mean: eleven small wins outvote one
  large loss. Where the mean has the other sign, or does not exceed the margin, it says that too;
- where the score has a known range, a confidence sequence of the mean difference. Where it lies beyond the margin the
  contrast stops and is `clearly better` or `clearly worse`, where it lies within, `equivalent`.

Whichever stops first is printed. Either errs in at most alpha of families. Without a known range no mean has an
interval, since the seeds stopped because of what they said, and nothing is called `better` or `equivalent`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isnan, nan

import numpy as np
import numpy.typing as npt

from paribus import stats
from paribus.analysis.verdict.contrast import Contrast, Decision, Reason, Size
from paribus.analysis.verdict.family import Family
from paribus.analysis.verdict.pairs import Crossing, Pair, Scale
from paribus.analysis.verdict.runs import ScoreTable
from paribus.stats import Floats, Followed, Interval, WinShare

ROUNDING = 1e-6  # relative: scores are means in single precision


def decide_sequentially(
    scores: Mapping[str, npt.ArrayLike],
    *,
    baseline: str,
    higher_is_better: bool,
    failure_score: npt.ArrayLike,
    family_size: int,
    margin: float | None = None,
    dummy: npt.ArrayLike | None = None,
    outcomes: Mapping[str, Sequence[str]] | None = None,
    exploratory: Collection[str] = (),
    alpha: float = 0.05,
    metric: str = "",
    interactions: Mapping[str, Crossing] | None = None,
    scale: Scale = "score",
    rounding: float = stats.SCORE_ROUNDING,
    score_range: tuple[float, float] | None = None,
) -> tuple[Contrast, ...]:
    """Follow every contrast over its seeds, in their order.

    Arguments and errors are those of `paribus.analysis.verdict.decide`. A seed that a variant was not given,
    because it had stopped before, is `skipped` there. `score_range` is between what every score lies for certain; None
    where it has no bound, and then nothing is said of the mean.

    >>> scores = {"sgd": [0.7] * 8, "adam": [0.8] * 8}
    >>> rule = dict(baseline="sgd", higher_is_better=True, failure_score=0.5, family_size=1)
    >>> [contrast.label for contrast in decide_sequentially(scores, **rule)]
    ['wins more often']
    """
    runs = ScoreTable.read(scores, outcomes, failure_score, dummy, baseline, higher_is_better)
    family = Family(
        baseline=baseline,
        higher_is_better=higher_is_better,
        size=family_size,
        margin=margin,
        alpha=alpha,
        metric=metric,
    )
    pairs = [Pair.of(runs, name, family, rounding) for name in runs.names if name != baseline]
    pairs += [
        Pair.crossing(runs, name, four, family, scale, rounding)
        for name, four in (interactions or {}).items()
    ]
    width = None if score_range is None else score_range[1] - score_range[0]
    return tuple(
        _contrast(pair, pair.variant in exploratory, _reach(pair, width, scale)) for pair in pairs
    )


def _reach(pair: Pair, width: float | None, scale: Scale) -> float | None:
    """Return the largest difference that a pair can have, or None where it has no bound."""
    if width is None or (pair.crossed and scale != "score"):
        return None
    return (2 if pair.crossed else 1) * width * (1 + ROUNDING)


def _contrast(pair: Pair, exploratory: bool, reach: float | None) -> Contrast:
    """Return the contrast of a pair after the seeds up to where it stopped."""
    family = pair.family
    mean = _Mean.follow(pair, reach)
    until = pair.differences if mean.n is None else pair.differences[: mean.n]
    followed = stats.follow(until, family.size, family.alpha)
    seen = pair.differences[: followed.n]
    decision, size, reason = _verdict(pair, followed, mean, seen)
    if exploratory and decision is not Decision.undecided:
        reason = Reason.exploratory
    a, b = (int(side[: followed.n].sum()) for side in pair.failed)
    limits = mean.limits(followed.n)
    return Contrast(
        variant=pair.variant,
        baseline=family.baseline,
        n=followed.n,
        zero=followed.ties,
        difference=Interval(
            float(seen.mean()) if seen.size else nan, *limits, level=1 - family.alpha
        ),
        wins=_share(followed, 1 - family.alpha),
        p=followed.p,
        p_holm=min(1.0, family.size * followed.p),
        p_equivalent=None,
        p_equivalent_holm=None,
        tost=None,
        lower=-inf if isnan(limits[0]) else limits[0],
        family=family,
        differences=tuple(seen.tolist()),
        decision=decision,
        size=size,
        reasons=() if reason is None else (reason,),
        min_seeds=family.min_seeds,
        failures=(a, b),
        failures_p=None,
        finished=None,
        sequential=True,
        open=not (followed.stopped or mean.n == followed.n or pair.undefined),
        undefined=pair.undefined,
    )


@dataclass(frozen=True)
class _Mean:
    """Confidence sequence of a pair's mean difference.

    Attributes:
        low, high: limits after each seed, ``(seed,)``; NaN where the score has no known range.
        n: seeds after which it first lies beyond the margin or within, None if it never does.
        decision, size: what it shows there.
    """

    low: Floats
    high: Floats
    n: int | None = None
    decision: Decision = Decision.undecided
    size: Size = Size.open

    @classmethod
    def follow(cls, pair: Pair, reach: float | None) -> _Mean:
        d, margin = pair.differences, pair.family.margin
        if reach is None:
            return cls(*np.full((2, d.size), nan))
        low, high = stats.mean_sequence(d, -reach, reach, pair.family.alpha, pair.family.size)
        if margin is None or pair.withheld_reason is not None:
            return cls(low, high)
        failed = np.logical_or.accumulate(pair.failed[0] | pair.failed[1])
        shown = {
            (Decision.better, Size.beyond): low > margin,
            (Decision.worse, Size.beyond): high < -margin,
            (Decision.equivalent, Size.within): (-margin < low) & (high < margin) & ~failed,
        }
        first = {what: int(found.argmax()) + 1 for what, found in shown.items() if found.any()}
        if not first:
            return cls(low, high)
        what = min(first, key=lambda each: first[each])
        return cls(low, high, first[what], *what)

    def limits(self, n: int) -> tuple[float, float]:
        """Return the limits after so many seeds."""
        return (float(self.low[n - 1]), float(self.high[n - 1])) if n else (nan, nan)


def _verdict(
    pair: Pair, followed: Followed, mean: _Mean, seen: Floats
) -> tuple[Decision, Size, Reason | None]:
    """Return direction, size and remark by the decision rule."""
    if pair.withheld_reason is not None:
        return Decision.undecided, Size.open, pair.withheld_reason
    if pair.identical:
        return Decision.identical, Size.within, None
    if mean.n is not None and followed.n == mean.n:
        return mean.decision, mean.size, None
    if not followed.stopped:
        return Decision.undecided, Size.open, Reason.open
    more = followed.wins > followed.losses
    average = float(seen.mean()) * (1 if more else -1)
    remark = Reason.mean_opposite if average < 0 else None
    if remark is None and pair.family.margin is not None and average <= pair.family.margin:
        remark = Reason.mean_within
    return (Decision.wins_more if more else Decision.wins_less), Size.open, remark


def _share(followed: Followed, level: float) -> WinShare:
    """Return the share of wins with its confidence sequence."""
    decided = followed.wins + followed.losses
    share = followed.wins / decided if decided else nan
    return WinShare(
        share, followed.low, followed.high, followed.wins, followed.losses, followed.ties, level
    )
