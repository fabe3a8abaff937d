"""Numbers as a reader wants them: as many digits as their spread deserves."""

from __future__ import annotations

from collections.abc import Iterable
from math import floor, isfinite, isnan, log10

import numpy as np

from paribus.analysis.results import Floats
from paribus.stats import Interval

NOTHING = "—"
MOST_DECIMALS = 6


def number(value: float, digits: int = 3) -> str:
    """A number with so many significant digits; whole numbers keep all of theirs.

    >>> [number(x) for x in (0.012345, -1234.5, 1e-9, 0.0, float("inf"), float("nan"))]
    ['0.0123', '-1234', '1.00e-09', '0', 'infinite', '—']
    """
    if isnan(value):
        return NOTHING
    if not isfinite(value):
        return "infinite" if value > 0 else "-infinite"
    if value == 0:
        return "0"
    size = floor(log10(abs(value)))
    return fixed(value, digits - 1 - size) if -5 < size < 7 else f"{value:.{digits - 1}e}"


def fixed(value: float, decimals: int) -> str:
    """A number with so many decimals, none if negative, and no minus sign before a zero.

    >>> fixed(-0.0001, 3), fixed(1234.5, -2)
    ('0.000', '1234')
    """
    text = f"{value:.{max(0, decimals)}f}"
    return text.removeprefix("-") if not text.strip("-0.") else text


def decimals(scale: float) -> int | None:
    """Decimals that show two significant digits of a scale; None where that is no sensible notation.

    >>> decimals(0.012), decimals(3.4), decimals(0.0)
    (3, 1, None)
    """
    if not isfinite(scale) or scale <= 0 or not 1e-6 <= scale < 1e7:
        return None
    return max(0, 1 - floor(log10(scale)))


def plus_minus(values: Floats) -> str:
    """Mean ± standard deviation over seeds, with the median where it lies over half a deviation from the mean.

    >>> plus_minus(np.array([1.0, 2.0, 3.0])), plus_minus(np.array([2.0, 2.0])), plus_minus(np.array([2.3, 2.3001]))
    ('2.0 ± 1.0', '2.00', '2.30005 ± 0.00007')
    """
    if not values.size:
        return NOTHING
    mean, median = float(values.mean()), float(np.median(values))
    sd = float(values.std(ddof=1)) if values.size > 1 else 0.0
    if sd <= 1e-4 * abs(mean):
        return _narrow(mean, sd) if sd > 1e-12 * abs(mean) else number(mean)
    places = decimals(sd)
    if places is None:
        return f"{number(mean)} ± {number(sd)}"
    text = f"{fixed(mean, places)} ± {fixed(sd, places)}"
    return f"{text} (median {fixed(median, places)})" if abs(mean - median) > sd / 2 else text


def _narrow(mean: float, sd: float) -> str:
    """A mean whose spread is far smaller, in as many decimals as its first digit needs, unless those are too many."""
    places = -floor(log10(sd))
    if 0 <= places <= MOST_DECIMALS:
        return f"{fixed(mean, places)} ± {fixed(sd, places)}"
    return f"{number(mean, 5)} ± {number(sd, 1)}"


def interval(found: Interval) -> str:
    """A mean and its limits, in as many decimals as the half width deserves.

    >>> interval(Interval(-0.0123, -0.0201, -0.0045, 0.95))
    '-0.0123 [-0.0201, -0.0045]'
    """
    if isnan(found.low):
        return number(found.mean)
    limits = (found.mean, found.low, found.high)
    places = decimals(found.high - found.mean)
    mean, low, high = (number(x) if places is None else fixed(x, places) for x in limits)
    return f"{mean} [{low}, {high}]"


def p_value(p: float) -> str:
    """A p-value with three decimals below 0.1 and two above.

    >>> [p_value(p) for p in (0.00001, 0.00195, 0.25, 1.0)]
    ['< 0.001', '0.002', '0.25', '1']
    """
    if p < 0.001:
        return "< 0.001"
    if p >= 0.995:
        return "1"
    return f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def steps(values: Floats) -> str:
    """Median steps to a target, ``never`` where it is infinite, and how many runs got there unless all did.

    >>> steps(np.array([100.0, 200.0, np.inf])), steps(np.array([np.inf, np.inf]))
    ('200 (2 of 3)', 'never (0 of 2)')
    """
    if not values.size:
        return NOTHING
    median, reached = float(np.median(values)), int(np.isfinite(values).sum())
    text = f"{median:.0f}" if isfinite(median) else "never"
    return text if reached == values.size else f"{text} ({reached} of {values.size})"


def ratio(ratios: Iterable[float]) -> str:
    """The median of ratios and their quartiles.

    >>> ratio([1.0, 1.1, 1.2, 1.3, 1.4])
    '1.20 [1.10, 1.30]'
    """
    low, middle, high = np.quantile(list(ratios), (0.25, 0.5, 0.75))
    return f"{middle:.2f} [{low:.2f}, {high:.2f}]"


def span(values: Iterable[float]) -> str:
    """The one value that all have, or the least and the largest.

    >>> span([3, 3]), span([3, 5.5])
    ('3', '3 to 5.5')
    """
    found = sorted(set(values))
    low, high = f"{found[0]:g}", f"{found[-1]:g}"
    return low if low == high else f"{low} to {high}"


def listed(items: Iterable[str], last: str = "and") -> str:
    """Items as a sentence names them.

    >>> listed(["a", "b", "c"]), listed([])
    ('a, b and c', 'none')
    """
    found = list(items)
    if len(found) < 2:
        return found[0] if found else "none"
    return f"{', '.join(found[:-1])} {last} {found[-1]}"
