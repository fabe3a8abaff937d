"""Margin of a comparison in words: its reason, how large it is beside the scores, and what holds at other margins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from paribus import stats
from paribus.analysis.results import Result
from paribus.analysis.verdict import Decision, MarginCurve, Size
from paribus.experiment.task import Metric
from paribus.report.formatting import NOTHING, listed, number, percent
from paribus.report.tables import Line, mean_scores

MAX_SHARE = 0.25
"""Share of the head-room, or of the way from the dummy predictor, above which a margin is warned of."""


class MarginShares(NamedTuple):
    """Size of a margin beside the baseline's mean score, None where that is not known or not positive.

    Attributes:
        score: of the baseline's score.
        way: of the way from the first predictor that learns nothing to the baseline.
        headroom: of what the baseline leaves to a perfect score.
    """

    score: float | None
    way: float | None
    headroom: float | None


def margin_shares(
    metric: Metric, score: float | None, dummy: float | None = None
) -> MarginShares | None:
    """Return the size of a metric's margin beside a baseline's mean score and the dummy predictor's.

    >>> from paribus import metric
    >>> margin_shares(metric("log_loss", margin=0.05), 0.2, 2.2)
    MarginShares(score=0.25, way=0.025, headroom=0.25)
    """
    margin = metric.margin
    if margin is None or score is None:
        return None
    perfect = metric.best_possible
    way = None if dummy is None else metric.sign * (score - dummy)
    room = None if perfect is None else metric.sign * (perfect - score)
    whole = (score, way, room)
    return MarginShares(*(None if x is None or x <= 0 else margin / x for x in whole))


def _scores(result: Result) -> tuple[float | None, float | None]:
    """Return the mean scores of baseline and dummy predictor, each None where it is not known."""
    dummy = result.baseline.dummy
    known = dummy[np.isfinite(dummy)]
    score = mean_scores(result).get(result.baseline.variant.name)
    return score, float(known.mean()) if known.size else None


def margin_lines(arms: Sequence[Result]) -> list[str]:
    """Return the margin, why it is what it is, and how large it is beside the baseline's score; and a warning."""
    result = arms[0]
    if result.cap is not None:
        return []
    metric, name = result.comparison.primary, result.baseline.variant.name
    if metric.margin is None:
        return [
            "No margin was declared, so nothing is called clear, slight or equivalent; the details say at which "
            "margins it would be."
        ]
    score, dummy = _scores(result)
    shares = margin_shares(metric, score, dummy)
    first = next(iter(result.comparison.task.dummy))
    sizes = [] if shares is None else _sizes(shares, metric, name, score, (f"`{first}`", dummy))
    told = f" It is {_joined(sizes)}." if sizes else ""
    return [f"{_reason(result)}{told}", *_warnings(arms)]


def _joined(sizes: Sequence[str]) -> str:
    """Join sizes, with a comma before the last where one of them has an "and" of its own."""
    return ", and ".join(sizes) if len(sizes) < 3 and " and " in sizes[0] else listed(sizes)


def _reason(result: Result) -> str:
    metric, task = result.comparison.primary, result.comparison.task
    size = margin_text(metric)
    if not metric.margin_reason:
        return (
            f"A difference of less than {size} does not matter by the margin that was given; no reason was stated "
            "with it."
        )
    if task.from_file:
        return (
            f"A difference of less than {size} does not matter by the margin of task {task.name}, which was chosen for "
            f"other data: {metric.margin_reason}."
        )
    return f"A difference of less than {size} does not matter here: {metric.margin_reason}."


def margin_text(metric: Metric) -> str:
    """Return the margin with its unit."""
    return f"{metric.margin:g} {metric.unit}".rstrip()


def _sizes(
    shares: MarginShares,
    metric: Metric,
    name: str,
    score: float | None,
    dummy: tuple[str, float | None],
) -> list[str]:
    """Tell the shares; where a perfect score is 0 the first and the last are one."""
    of_score, way, headroom = shares
    at = "" if score is None else f" ({number(score)})"
    perfect = metric.best_possible
    same = perfect == 0 and of_score is not None
    sizes = []
    if of_score is not None:
        also = " and of its head-room to a perfect 0" if same else ""
        sizes.append(f"{percent(of_score)} of {name}'s score{at}{also}")
    if way is not None and dummy[1] is not None:
        sizes.append(f"{percent(way)} of the way from {dummy[0]} ({number(dummy[1])}) to {name}")
    if headroom is not None and perfect is not None and not same:
        sizes.append(f"{percent(headroom)} of the head-room of {name} to a perfect {perfect:g}")
    return sizes


def _warnings(arms: Sequence[Result]) -> list[str]:
    """Warn of a margin that is large beside what the baseline of an arm gained, or leaves to a perfect score."""
    found = []
    for result in arms:
        shares = margin_shares(result.comparison.primary, *_scores(result))
        name = f"{'tuned ' * (result.arm == 'tuned')}{result.baseline.variant.name}"
        if shares is None:
            continue
        if shares.headroom is not None and shares.headroom > MAX_SHARE:
            found.append(f"{percent(shares.headroom)} of what {name} leaves to a perfect score")
        if shares.way is not None and shares.way > MAX_SHARE:
            dummy = next(iter(result.comparison.task.dummy))
            found.append(f"{percent(shares.way)} of what {name} gains over `{dummy}`")
    if not found:
        return []
    return [
        f"**The margin is large: {listed(found)}. What is called slight or equivalent may matter to you; the details "
        "say what holds at smaller margins.**"
    ]


def margin_phrase(result: Result) -> str:
    """Return the margin and its three shares for the index; nothing where there is none."""
    metric = result.comparison.primary
    if result.skipped or metric.margin is None or result.cap is not None:
        return ""
    shares = margin_shares(metric, *_scores(result))
    named = zip(("score", "way from naive", "head-room"), shares or (), strict=False)
    sizes = ", ".join(f"{percent(share)} of the {of}" for of, share in named if share is not None)
    return f" Margin {margin_text(metric)}{f': {sizes}' if sizes else ''}."


def curve_text(curve: MarginCurve | None) -> str:
    """Return what holds at other margins, in a few words.

    >>> curve_text(MarginCurve(0.0158, 0.0512)), curve_text(MarginCurve(None, 0.02))
    ('clear below 0.0158, within from 0.0512', 'within from 0.0200')
    """
    if curve is None:
        return NOTHING
    parts = [] if curve.clear is None else [f"clear below {number(curve.clear)}"]
    parts += [] if curve.within is None else [f"within from {number(curve.within)}"]
    return ", ".join(parts) or "neither at any margin"


def curve_lines(result: Result) -> list[Line]:
    """Return for each contrast the margins at which it would be clear, and those at which it would be within."""
    contrasts = {**result.contrasts, **result.interactions}
    return [
        {
            "variant": name,
            "clearly better or worse at margins below": number_or_dash(contrast.margin_curve.clear),
            "slight or equivalent at margins from": number_or_dash(contrast.margin_curve.within),
        }
        for name, contrast in contrasts.items()
        if contrast.margin_curve is not None
    ]


def number_or_dash(margin: float | None) -> str:
    """Format a margin, or a dash where there is none."""
    return NOTHING if margin is None else number(margin)


def failure_limit_lines(arms: Sequence[Result]) -> list[str]:
    """Say what failure rate is left open where something is called slight or equivalent: it speaks of runs that end.

    Such a verdict is withheld where any run of the pair failed, so that none did.
    """
    small = [c for arm in arms for c in arm.contrasts.values() if c.size is Size.within and c.n]
    small = [c for c in small if c.decision is not Decision.identical]
    if not small:
        return []
    n = min(contrast.n for contrast in small)
    limit = percent(stats.failure_limit(0, n))
    return [
        f"Where a difference is called slight or equivalent no run of the pair failed: with {n} seeds that leaves "
        f"failure rates of up to {limit} open (95 % limit)."
    ]
