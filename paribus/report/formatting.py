"""Numbers, names and settings as text: as many digits as their spread deserves, and no folders of the machine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from math import floor, isfinite, isnan, log10
from typing import Any

import numpy as np

from paribus.analysis.results import Floats
from paribus.experiment.recipe import Pretrained
from paribus.spec import Call
from paribus.stats import Interval

NOTHING = "—"
MAX_DECIMALS = 6
MIN_REPEATS = 4  # equal items in a row that are written once, with their count

_FOLDERS = re.compile(r"(?<![\w./~-])(?:~|[A-Za-z]:)?[\\/](?:[^\\/\s'\"|]+[\\/])+")
_PRETRAINED = set(Pretrained.model_fields)


def number(value: float, digits: int = 3) -> str:
    """Format with so many significant digits; whole numbers keep all of theirs.

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
    """Format with so many decimals, none if negative, and no minus sign before a zero.

    >>> fixed(-0.0001, 3), fixed(1234.5, -2)
    ('0.000', '1234')
    """
    text = f"{value:.{max(0, decimals)}f}"
    return text.removeprefix("-") if not text.strip("-0.") else text


def decimals(scale: float) -> int | None:
    """Return the decimals that show two significant digits of a scale; None where that is no sensible notation.

    >>> decimals(0.012), decimals(3.4), decimals(0.0)
    (3, 1, None)
    """
    if not isfinite(scale) or scale <= 0 or not 1e-6 <= scale < 1e7:
        return None
    return max(0, 1 - floor(log10(scale)))


def shared_decimals(numbers: Iterable[tuple[float, float]]) -> int | None:
    """Return the decimals of a column of numbers, each with its spread; None where no fixed number of them will do.

    Each number asks for two significant digits of its spread, but for no more than three of its own.

    >>> shared_decimals([(2.30261, 0.00006), (0.162, 0.045)]), shared_decimals([(1e-9, 1e-10)])
    (3, None)
    """
    asked = [places for x, spread in numbers if (places := _asked(x, spread)) is not None]
    places = max((0, *asked))
    return places if asked and places <= MAX_DECIMALS else None


def _asked(x: float, spread: float) -> int | None:
    digits = [] if x == 0 or not isfinite(x) else [2 - floor(log10(abs(x)))]
    by_spread = decimals(spread)
    return min([*digits, *([] if by_spread is None else [by_spread])], default=None)


def _fitting(places: int, size: float) -> int:
    """Return the decimals of a column, fewer beside a large number."""
    return min(places, max(0, 3 - floor(log10(size)))) if size >= 100 else places


def moments(values: Floats) -> tuple[float, float]:
    """Return mean and standard deviation of what is finite; NaN and zero of nothing."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return float("nan"), 0.0
    return float(finite.mean()), float(finite.std(ddof=1)) if finite.size > 1 else 0.0


def plus_minus(values: Floats, places: int | None = None) -> str:
    """Format mean ± standard deviation over seeds.

    Args:
        values: one a seed.
        places: decimals of its column; by default as many as the deviation deserves.

    >>> plus_minus(np.array([1.0, 2.0, 3.0])), plus_minus(np.array([2.0, 2.0])), plus_minus(np.array([2.3, 2.3001]))
    ('2.0 ± 1.0', '2.00 ± 0', '2.30005 ± 0.00007')
    >>> plus_minus(np.array([2.3, 2.3001]), 3), plus_minus(np.array([500.0, 3000.0]), 3)
    ('2.300 ± 0.000', '1750 ± 1768')
    """
    if not values.size:
        return NOTHING
    mean, sd = moments(values)
    if places is not None:
        fitting = _fitting(places, max(abs(mean), sd))
        return f"{fixed(mean, fitting)} ± {fixed(sd, fitting) if sd > 1e-12 * abs(mean) else '0'}"
    if sd <= 1e-4 * abs(mean):
        return _narrow(mean, sd) if sd > 1e-12 * abs(mean) else f"{number(mean)} ± 0"
    places = decimals(sd)
    if places is None:
        return f"{number(mean)} ± {number(sd)}"
    return f"{fixed(mean, places)} ± {fixed(sd, places)}"


def over_seeds(values: Floats, places: int | None = None) -> str:
    """Format mean ± standard deviation of the seeds that have a finite value, and how many these are if not all.

    Arguments are those of `plus_minus`.

    >>> over_seeds(np.array([1.0, 2.0, 3.0])), over_seeds(np.array([1.0, np.nan, 3.0])), over_seeds(np.array([np.nan]))
    ('2.0 ± 1.0', '2.0 ± 1.4 (2 of 3 seeds)', 'undefined')
    """
    finite = values[np.isfinite(values)]
    if finite.size == values.size:
        return plus_minus(values, places)
    return (
        f"{plus_minus(finite, places)} ({finite.size} of {values.size} seeds)"
        if finite.size
        else "undefined"
    )


def _narrow(mean: float, sd: float) -> str:
    """Format a mean with a far smaller spread, in as many decimals as that needs, unless those are too many."""
    places = -floor(log10(sd))
    if 0 <= places <= MAX_DECIMALS:
        return f"{fixed(mean, places)} ± {fixed(sd, places)}"
    return f"{number(mean, 5)} ± {number(sd, 1)}"


def skewed_median(values: Floats, places: int | None = None) -> str:
    """Format the median where it lies over half a standard deviation from the mean, else nothing.

    Arguments are those of `plus_minus`.

    >>> skewed_median(np.array([1.0, 2.0, 3.0])), skewed_median(np.array([0.0] * 6 + [10.0] * 4))
    ('', '0.0')
    """
    sd = float(values.std(ddof=1)) if values.size > 1 else 0.0
    if not sd:
        return ""
    mean, median = float(values.mean()), float(np.median(values))
    places = decimals(sd) if places is None else _fitting(places, max(abs(mean), sd))
    shown = number(median) if places is None else fixed(median, places)
    return shown if abs(mean - median) > sd / 2 else ""


def interval(mean_and_limits: Interval, places: int | None = None) -> str:
    """Format a mean and its limits, in the decimals of its column, or as many as the half width deserves.

    >>> interval(Interval(-0.0123, -0.0201, -0.0045, 0.95))
    '-0.0123 [-0.0201, -0.0045]'
    """
    mean, low, high = mean_and_limits.mean, mean_and_limits.low, mean_and_limits.high
    if isnan(low):
        return number(mean)
    if places is not None and isfinite(high):
        places = _fitting(places, max(abs(mean), high - mean))
    else:
        places = decimals(high - mean)
    shown = [number(x) if places is None else fixed(x, places) for x in (mean, low, high)]
    return f"{shown[0]} [{shown[1]}, {shown[2]}]"


def p_value(p: float) -> str:
    """Format a p-value with three decimals below 0.1 and two above.

    >>> [p_value(p) for p in (0.00001, 0.00195, 0.25, 1.0)]
    ['< 0.001', '0.002', '0.25', '1']
    """
    if p < 0.001:
        return "< 0.001"
    if p >= 0.995:
        return "1"
    return f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def p_equals(p: float) -> str:
    """Format a p-value as a sentence names it.

    >>> p_equals(0.00001), p_equals(0.25)
    ('p < 0.001', 'p = 0.25')
    """
    text = p_value(p)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def percent(share: float) -> str:
    """Format a share as a percentage with two digits.

    >>> [percent(x) for x in (0.2535, 0.0238, 0.00001, 1.4, 45.0)]
    ['25 %', '2.4 %', 'less than 0.1 %', '140 %', 'over 1000 %']
    """
    if abs(share) > 10:
        return "over 1000 %"
    if abs(share) < 0.001:
        return "less than 0.1 %"
    return f"{100 * share:.0f} %" if abs(share) >= 0.0995 else f"{100 * share:.1f} %"


def ratio(ratios: Iterable[float]) -> str:
    """Format the median of ratios and their quartiles.

    >>> ratio([1.0, 1.1, 1.2, 1.3, 1.4])
    '1.20 [1.10, 1.30]'
    """
    low, middle, high = np.quantile(list(ratios), (0.25, 0.5, 0.75))
    return f"{middle:.2f} [{low:.2f}, {high:.2f}]"


def span(values: Iterable[float]) -> str:
    """Format the one value that all have, or the smallest and the largest.

    >>> span([3, 3]), span([3, 5.5])
    ('3', '3 to 5.5')
    """
    distinct = sorted(set(values))
    low, high = (f"{x + 0.0:g}" for x in (distinct[0], distinct[-1]))  # no minus sign before a zero
    return low if low == high else f"{low} to {high}"


def in_prose(name: str) -> str:
    """Return a variant's name as a sentence holds it, in quotation marks where it would read as a count.

    >>> in_prose("adam"), in_prose("1 to 3"), in_prose("all three"), in_prose("allpass")
    ('adam', '"1 to 3"', '"all three"', 'allpass')
    """
    return f'"{name}"' if re.match(r"\d|all\b", name, re.IGNORECASE) else name


def listed(items: Iterable[str], last: str = "and") -> str:
    """Join items as a sentence names them.

    >>> listed(["a", "b", "c"]), listed([])
    ('a, b and c', 'none')
    """
    names = list(items)
    if len(names) < 2:
        return names[0] if names else "none"
    return f"{', '.join(names[:-1])} {last} {names[-1]}"


def bullets(items: Iterable[str]) -> str:
    """Return items as a list."""
    return "\n".join(f"- {item}" for item in items)


def plural(count: int, noun: str) -> str:
    """Format a count with its noun.

    >>> plural(1, "seed"), plural(3, "seed")
    ('1 seed', '3 seeds')
    """
    return f"{count} {noun}{'s' * (count != 1)}"


def table_cell(text: object) -> str:
    r"""Escape text for a cell of a table.

    >>> print(table_cell("a|b"))
    a\|b
    """
    # A bar after a backslash would part cells all the same.
    return " ".join(str(text).replace("\\|", "\\&#124;").replace("|", "\\|").split())


def pathless(text: str) -> str:
    """Join text to one line, each absolute path cut to its last name.

    >>> pathless("cannot read /home/me/data/patients.csv: empty")
    'cannot read patients.csv: empty'
    """
    return _FOLDERS.sub("", " ".join(text.split()))


def slug(title: str) -> str:
    """Turn a title into part of a file's name.

    >>> slug("Confusion of classes")
    'confusion-of-classes'
    """
    return "-".join(re.findall(r"[a-z0-9]+", title.lower()))


def setting(value: object) -> str:
    """Format the value of a setting.

    >>> setting(None), setting(True), setting({"target": "torch.nn:ReLU", "kwargs": {}}), setting(0.1)
    ('none', 'yes', 'ReLU()', '0.1')
    >>> setting([["*.weight", {"target": "torch.optim:Muon", "kwargs": {"lr": 0.1}}]])
    '`*.weight`: Muon(lr=0.1)'
    >>> setting([64] * 20 + [10]), setting([32, 32, 32])
    ('64 (20 times), 10', '32, 32, 32')
    """
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, dict) and value.keys() == {"target", "kwargs"}:
        return Call(target=value["target"], kwargs=value["kwargs"]).label
    if isinstance(value, dict):
        named = (f"{name}={setting(item)}" for name, item in value.items())
        return _pretrained(value) if value.keys() == _PRETRAINED else ", ".join(named) or "none"
    if isinstance(value, list | tuple):
        return (
            "; ".join(_by_pattern(value))
            or ", ".join(_repeats_counted(map(setting, value)))
            or "none"
        )
    return pathless(str(value)) or "none"


def _by_pattern(value: Sequence[Any]) -> list[str]:
    """Return each pattern with its call, of optimizers over parts of a network; nothing of any other list."""
    pairs = [item for item in value if isinstance(item, list) and len(item) == 2]
    named = [pair for pair in pairs if isinstance(pair[1], dict) and "target" in pair[1]]
    if len(named) < len(value):
        return []
    return [f"`{pattern}`: {setting(call)}" for pattern, call in named]


def _repeats_counted(items: Iterable[str]) -> Iterator[str]:
    """Yield items in order, many equal ones in a row as one of them with its count."""
    for item, equal in groupby(items):
        times = len(list(equal))
        yield from [f"{item} ({times} times)"] if times >= MIN_REPEATS else [item] * times


def _pretrained(value: dict[str, Any]) -> str:
    """Describe another training in a phrase: its network, steps and data, and which weights are taken over."""
    network, data = setting(value["recipe"]["model"]), setting(value["task"]["source"])
    steps = value["recipe"]["steps"]
    return f"{setting(value['load'])} of {network} after {steps} steps on {data}"
