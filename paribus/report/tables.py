"""Main table of a comparison, scores with verdicts, and what every table is made with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from paribus.analysis import results
from paribus.analysis.results import Floats, Result, Row
from paribus.analysis.verdict import Contrast, Decision
from paribus.experiment.task import Metric
from paribus.report.formatting import (
    NOTHING,
    interval,
    listed,
    moments,
    number,
    over_seeds,
    p_value,
    pathless,
    percent,
    plus_minus,
    shared_decimals,
    skewed_median,
    table_cell,
)
from paribus.stats import Interval

if TYPE_CHECKING:
    from pandas import DataFrame

Line = Mapping[str, str]
"""A row of a table: the text of each cell by its column."""

OPTIONAL = (
    "median",
    "relative",
    "ties",
    "share of wins",
    "visible",
    "step ratio",
    "reached",
    "trials",
)
"""Columns that are left out where no row has an entry."""


def frame(lines: Sequence[Line]) -> DataFrame:
    """Return lines as a table; a column that a line lacks is empty there, and optional columns without entries go."""
    import pandas

    table = pandas.DataFrame(list(lines)).fillna("")
    unused = [name for name in OPTIONAL if name in table and table[name].isin(("", NOTHING)).all()]
    return table.drop(columns=unused)


def markdown(lines: Sequence[Line]) -> str:
    """Return lines as a table of a page."""
    table = frame(lines).map(table_cell).rename(columns=table_cell)
    return str(table.to_markdown(index=False, disable_numparse=True))


def by_comparison(results: Sequence[Result]) -> list[list[Result]]:
    """Group the arms of each comparison on each device, in order."""
    groups: list[list[Result]] = []
    for result in results:
        last = groups[-1] if groups else []
        if (
            last
            and result.arm not in [arm.arm for arm in last]
            and _place(last[0]) == _place(result)
        ):
            last.append(result)
        else:
            groups.append([result])
    return groups


def _place(result: Result) -> tuple[str, str, str]:
    return (result.suite.name, result.comparison.name, result.device)


def of_arms(arms: Sequence[Result], lines: Callable[[Result], Sequence[Line]]) -> list[Line]:
    """Return the lines of every arm, each with its arm beside its variant where any is tuned."""
    named = [(result.arm, line) for result in arms for line in lines(result)]
    if all(arm == "default" for arm, _ in named):
        return [line for _, line in named]
    return [
        {
            "variant": line["variant"],
            "arm": arm,
            **{k: v for k, v in line.items() if k != "variant"},
        }
        for arm, line in named
    ]


def state(row: Row, result: Result) -> str:
    """Return why a row has no numbers, or nothing."""
    if result.skipped:
        return f"skipped: {result.skipped}"
    if row.failed:
        return f"failed: {pathless(row.failed)}"
    if row.complete:
        return ""
    return f"not run ({len(row.present)} of {len(row.runs)} seeds)" if row.present else "not run"


def penalised(result: Result) -> dict[str, Floats]:
    """Return the primary scores that count, ``(run,)`` by complete variant, failed runs at their penalty."""
    rows, table, counted = results.penalised(result)
    return {row.variant.name: table[i][counted[i]] for i, row in enumerate(rows)}


def mean_scores(result: Result) -> dict[str, float]:
    """Return the mean primary score of each complete variant, failed runs at their penalty; none where all failed."""
    failed = {row.variant.name for row in result.rows if none_finished(row)}
    return {
        name: float(scores.mean())
        for name, scores in penalised(result).items()
        if scores.size and name not in failed
    }


def heading(metric: Metric) -> str:
    """Name a metric with its unit and direction."""
    direction = "higher is better" if metric.higher_is_better else "lower is better"
    return f"{metric.name} ({', '.join(filter(None, (metric.unit, direction)))})"


def sign(result: Result) -> str:
    """Name the difference, which is turned so that positive is better."""
    base = result.baseline.variant.name
    if result.comparison.primary.higher_is_better:
        return f"variant minus {base}"
    return f"{base} minus variant"


def adjusted_p(contrast: Contrast) -> str:
    """Format the adjusted p, or a dash where none is looked at: it counts as one, which was not computed."""
    return p_value(contrast.p_holm) if contrast.tests else NOTHING


def wins(contrast: Contrast) -> Line:
    """Return seeds won of those that were paired, ties, and in a sequence the limits of the share of wins."""
    count = contrast.wins
    share = f"{count.low:.2f} to {count.high:.2f}" if contrast.sequential else NOTHING
    return {
        "wins": f"{count.wins} of {contrast.n}",
        "ties": str(count.ties) if count.ties else NOTHING,
        "share of wins": share,
    }


def detectable(contrast: Contrast | None) -> str:
    """Format the mean difference that would have been seen, beside every `undecided` whose evidence was looked at."""
    if contrast is None or contrast.detectable is None:
        return NOTHING
    return number(contrast.detectable, 2) if isfinite(contrast.detectable) else "none"


def difference_places(contrasts: Iterable[Contrast]) -> int | None:
    """Return the decimals of a column of differences."""
    shown = (c.difference for c in contrasts if c.decision is not Decision.identical)
    return shared_decimals((d.mean, d.high - d.mean) for d in shown)


def _difference(contrast: Contrast, places: int | None) -> str:
    """Format mean and limits, and beside an equivalence those of its test, which lie within the margin."""
    if contrast.decision is Decision.identical:
        return "0"
    shown = interval(contrast.difference, places)
    if contrast.decision is not Decision.equivalent or contrast.tost is None:
        return shown
    return f"{shown}; {_level(contrast.tost)}: {interval(contrast.tost, places).partition(' ')[2]}"


def _relative(contrast: Contrast, base: float | None) -> str:
    """Format the difference as a share of the baseline's mean score, where that is above zero."""
    if base is None or not base > 0 or contrast.decision is Decision.identical:
        return NOTHING
    share = contrast.difference.mean / base
    if abs(share) < 0.001:
        return "0 %"
    if abs(share) > 10:
        return "> +1000 %" if share > 0 else "< -1000 %"
    return f"{'+' if share > 0 else '-'}{percent(abs(share))}"


def _level(limits: Interval) -> str:
    return f"{100 * limits.level:.0f} %"


CONTRAST = ("difference", "relative", "wins", "ties", "share of wins", "p", "verdict", "visible")
"""Columns of a contrast with the baseline."""


def against(row: Row, result: Result, base: float | None, places: int | None) -> Line:
    """Return what a row's line says of its contrast with the baseline, whose mean score is given."""
    contrast = result.contrasts.get(row.variant.name)
    if row is result.baseline or contrast is not None:
        return contrast_cells(contrast, base, places)
    broken = "withheld: control broke" if result.control.broken else "none: no baseline"
    return {**dict.fromkeys(CONTRAST, NOTHING), "verdict": broken}


def contrast_cells(
    contrast: Contrast | None, base: float | None = None, places: int | None = None
) -> Line:
    """Return the cells of a contrast with the baseline; None is the baseline itself.

    Args:
        contrast: what the cells are of.
        base: the baseline's mean score, of which the difference is told as a share.
        places: decimals of the column of differences.
    """
    if contrast is None:
        return {**dict.fromkeys(CONTRAST, NOTHING), "verdict": "baseline"}
    return {
        "difference": _difference(contrast, places),
        "relative": _relative(contrast, base),
        **wins(contrast),
        "p": adjusted_p(contrast),
        "verdict": contrast.label,
        "visible": detectable(contrast),
    }


def contrast_numbers(contrast: Contrast) -> dict[str, float | str | None]:
    """Return a contrast as the columns of a row of numbers.

    Below the margin ``clear_below`` it would be clear, from ``within_from`` on slight or equivalent.
    """
    curve = contrast.margin_curve
    return {
        "difference": contrast.difference.mean,
        "low": contrast.difference.low,
        "high": contrast.difference.high,
        "p": contrast.p_holm,
        "verdict": contrast.word,
        "decision": str(contrast.decision),
        "size": str(contrast.size),
        "reason": contrast.reason,
        "clear_below": None if curve is None else curve.clear,
        "within_from": None if curve is None else curve.within,
    }


class Places(NamedTuple):
    """Decimals of a main table's columns: scores, and differences."""

    scores: int | None
    differences: int | None


def places_of(arms: Sequence[Result]) -> Places:
    """Return the decimals of the main table of these arms, None where each number is written in its own."""
    scores = [x for arm in arms for x in penalised(arm).values()]
    contrasts = [contrast for arm in arms for contrast in arm.contrasts.values()]
    return Places(shared_decimals(map(moments, scores)), difference_places(contrasts))


def score_lines(result: Result, places: Places | None = None) -> list[Line]:
    """Return the main table: each variant's score, and its difference from the baseline with a verdict.

    Args:
        result: of one arm.
        places: decimals that it shares with other arms in one table.
    """
    scores, shared = penalised(result), places or places_of([result])
    return [_score_line(row, result, scores, shared) for row in result.rows]


def _score_line(row: Row, result: Result, scores: Mapping[str, Floats], places: Places) -> Line:
    base = mean_scores(result).get(result.baseline.variant.name)
    held = against(row, result, base, places.differences)
    name, title = row.variant.name, heading(result.comparison.primary)
    if reason := state(row, result):
        contrast = {**dict.fromkeys(CONTRAST, NOTHING), "verdict": reason}
        return {"variant": name, title: NOTHING, "median": NOTHING, **contrast}
    if none_finished(row):
        contrast = {**held, "difference": NOTHING, "relative": NOTHING}
        every = f"diverged {row.count('diverged')} of {len(row.runs)}"
        return {"variant": name, title: every, "median": NOTHING, **contrast}
    return {
        "variant": name,
        title: _counted(scores[name], row, places.scores),
        "median": skewed_median(scores[name], places.scores) or NOTHING,
        **held,
    }


def none_finished(row: Row) -> bool:
    """Return whether every run of a variant diverged, so that it has no mean: only what failures score."""
    return bool(row.present) and row.count("diverged") == len(row.present)


def _counted(scores: Floats, row: Row, places: int | None) -> str:
    """Format the scores that count, and how many they are where some runs have none."""
    missing = len(row.undefined())
    if not missing:
        return plus_minus(scores, places)
    return over_seeds(np.append(scores, np.full(missing, np.nan)), places)


def undefined(result: Result) -> list[Line]:
    """Return the scores that runs left undefined though they ended well: each variant's seeds, primary scores first."""
    metrics = (result.comparison.primary, *result.comparison.task.metrics)
    keys = {m.name: None if m is metrics[0] else m.name for m in reversed(metrics)}
    rows = [row for row in result.rows if not state(row, result)]
    found = [
        (name, row, seeds)
        for name, key in reversed(keys.items())
        for row in rows
        if (seeds := row.undefined(key))
    ]
    found += [
        (
            f"validation {row.searched.search.metric.name} of every trial: the first one's settings stand",
            row,
            seeds,
        )
        for row in rows
        if row.searched and (seeds := row.searched.unscored)
    ]
    return [
        {"score": name, "variant": row.variant.name, "seeds": _seeds(s, row)}
        for name, row, s in found
    ]


def _seeds(seeds: Sequence[int], row: Row) -> str:
    """Name seeds, all of several in a phrase."""
    return f"all {len(seeds)}" if len(seeds) == len(row.runs) > 1 else listed(map(str, seeds))


LEFT_OUT = ("median", "relative")
"""Columns that a terminal has no room for."""


def verdict_table(*arms: Result) -> DataFrame:
    """Return a table narrow enough for a terminal: score, difference from the baseline, verdict, step ratio.

    The column ``visible`` is the smallest difference that would have been seen, beside every `undecided`; it and the
    step ratio are left out where no row has one.
    """
    places = places_of(arms)
    return frame(of_arms(arms, lambda result: _narrow_lines(result, places)))


def _narrow_lines(result: Result, places: Places) -> list[Line]:
    pairs = zip(result.rows, score_lines(result, places), strict=True)
    return [_narrow(row, result, line, places) for row, line in pairs]


def _narrow(row: Row, result: Result, line: Line, places: Places) -> Line:
    """Return a line of the main table with a short title of the score and the ratio of step times."""
    untimed = row.timing is None or bool(state(row, result))
    contrast = result.contrasts.get(row.variant.name)
    short = {name.partition(" (")[0]: text for name, text in line.items() if name not in LEFT_OUT}
    if contrast is not None and contrast.decision is Decision.equivalent and contrast.tost:
        limits = interval(contrast.tost, places.differences)
        short["difference"] = f"{limits} {_level(contrast.tost)}"
    return {
        **short,
        "step ratio": NOTHING if untimed or row.timing is None else f"{row.timing.ratio:.2f}",
    }
