"""The rule solved for the margin: at which margins each contrast of a family would be clear, and at which within."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import numpy as np

from paribus import stats
from paribus.analysis.verdict.contrast import MarginCurve
from paribus.analysis.verdict.family import Family
from paribus.analysis.verdict.pairs import Pair
from paribus.stats import Floats


def margin_curves(pairs: Sequence[Pair], family: Family) -> list[MarginCurve | None]:
    """Return each pair's margins, as if the whole family had been judged at another margin.

    A contrast is clear below the nearer end of its interval, and within from the margin on at which TOST passes under
    Holm; both end where the pair is at its floor, which depends on the margin as well.

    Args:
        pairs: of one family, in any order.
        family: what was declared of them; its own margin has no say.
    """
    within = _within(pairs, family)
    return [
        _curve(pair, float(margin)) if _looked_at(pair) else None
        for pair, margin in zip(pairs, within, strict=True)
    ]


def _looked_at(pair: Pair) -> bool:
    """Return whether some margin would give it a verdict other than an identity."""
    enough = pair.n >= pair.family.min_seeds and bool(pair.differences.any())
    return pair.on_score and pair.reason_besides is None and enough


def _curve(pair: Pair, within: float) -> MarginCurve:
    ends = pair.interval(pair.differences)
    differ = int((pair.differences != 0).sum()) >= pair.family.min_seeds
    clear = min(max(ends.low, -ends.high), pair.floor)
    return MarginCurve(
        clear=clear if differ and clear > 0 else None, within=within if within < inf else None
    )


def _within(pairs: Sequence[Pair], family: Family) -> Floats:
    """Return the smallest margin at which each pair is within it, ``(pair,)``; infinite where it never is."""
    levels = family.alpha / np.arange(1, family.size + 1)
    rows = [
        stats.equivalence_margins(pair.differences, levels, family.ratio)
        if _tested(pair)
        else np.full(family.size, inf)
        for pair in pairs
    ]
    if not rows:
        return np.empty(0)
    return stats.holm_margins(np.array(rows), [pair.floor for pair in pairs])


def _tested(pair: Pair) -> bool:
    """Return whether its TOST counts in the family at margins below its floor."""
    there = pair.reason_besides is None and not pair.any_failed and pair.n >= 2
    return pair.on_score and there and bool(pair.differences.any())
