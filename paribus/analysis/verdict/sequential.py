"""Verdicts where seeds are added until the evidence is there: the rule of `paribus.stats.sequential`.

For each contrast of the family, seed by seed: the wealth of a bet on the signs of its non-zero differences. Where it
reaches `family / alpha` the contrast stops and `wins more often` or `less often`; until then it is open. That speaks of
the share of seeds won and of no mean: eleven small wins outvote one large loss. Nothing is called `better` or
`equivalent` and no mean has an interval, since the seeds stopped because of what they said.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import inf, nan

import numpy.typing as npt

from paribus import stats
from paribus.analysis.verdict.contrast import Contrast, Decision, Reason, Size
from paribus.analysis.verdict.family import Family
from paribus.analysis.verdict.pairs import Crossing, Pair, Scale
from paribus.analysis.verdict.runs import ScoreTable
from paribus.stats import Followed, Interval, WinShare


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
) -> tuple[Contrast, ...]:
    """Follow every contrast over its seeds, in their order.

    Arguments and errors are those of `paribus.analysis.verdict.decide`. A seed that a variant was not given,
    because it had stopped before, is `skipped` there. The margin serves the floor alone.

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
    return tuple(_contrast(pair, pair.variant in exploratory) for pair in pairs)


def _contrast(pair: Pair, exploratory: bool) -> Contrast:
    """Return the contrast of a pair after the seeds up to where it stopped."""
    family = pair.family
    followed = stats.follow(pair.differences, family.size, family.alpha)
    decision, reason = _verdict(pair, followed)
    if exploratory and decision is not Decision.undecided:
        reason = Reason.exploratory
    seen = pair.differences[: followed.n]
    a, b = (int(side[: followed.n].sum()) for side in pair.failed)
    return Contrast(
        variant=pair.variant,
        baseline=family.baseline,
        n=followed.n,
        zero=followed.ties,
        difference=Interval(float(seen.mean()) if seen.size else nan, nan, nan, 1 - family.alpha),
        wins=_share(followed, 1 - family.alpha),
        p=followed.p,
        p_holm=min(1.0, family.size * followed.p),
        p_equivalent=None,
        p_equivalent_holm=None,
        tost=None,
        lower=-inf,
        family=family,
        differences=tuple(seen.tolist()),
        decision=decision,
        size=Size.open,
        reasons=() if reason is None else (reason,),
        min_seeds=family.min_seeds,
        failures=(a, b),
        failures_p=None,
        finished=None,
        sequential=True,
        open=not followed.stopped and not pair.undefined,
        undefined=pair.undefined,
    )


def _verdict(pair: Pair, followed: Followed) -> tuple[Decision, Reason | None]:
    """Return the verdict by the decision rule."""
    if pair.withheld_reason is not None:
        return Decision.undecided, pair.withheld_reason
    if not followed.stopped:
        return Decision.undecided, Reason.open
    return (Decision.wins_more if followed.wins > followed.losses else Decision.wins_less), None


def _share(followed: Followed, level: float) -> WinShare:
    """Return the share of wins with its confidence sequence."""
    decided = followed.wins + followed.losses
    share = followed.wins / decided if decided else nan
    return WinShare(
        share, followed.low, followed.high, followed.wins, followed.losses, followed.ties, level
    )
