"""The tables of a comparison: scores with verdicts, time told twice, failures, claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from paribus.analysis import results
from paribus.analysis.claims import ClaimResult, target_steps
from paribus.analysis.results import Floats, Result, Row
from paribus.analysis.verdict import Contrast
from paribus.experiment.task import Metric
from paribus.report.formatting import NOTHING, interval, number, p_value, plus_minus, ratio, steps
from paribus.report.text import cell, pathless

if TYPE_CHECKING:
    from pandas import DataFrame

Line = Mapping[str, str]


def frame(lines: Sequence[Line]) -> DataFrame:
    """Lines as a table; a column that a line lacks is empty there."""
    import pandas

    return pandas.DataFrame(list(lines)).fillna("")


def markdown(lines: Sequence[Line]) -> str:
    """Lines as a table of a page."""
    return str(frame(lines).map(cell).to_markdown(index=False, disable_numparse=True))


def by_comparison(results: Sequence[Result]) -> list[list[Result]]:
    """The arms of each comparison on each device, in order."""
    found: list[list[Result]] = []
    for result in results:
        last = found[-1] if found else []
        if (
            last
            and result.arm not in [arm.arm for arm in last]
            and _place(last[0]) == _place(result)
        ):
            last.append(result)
        else:
            found.append([result])
    return found


def _place(result: Result) -> tuple[str, str, str]:
    return (result.suite.name, result.comparison.name, result.device)


def of_arms(arms: Sequence[Result], lines: Callable[[Result], Sequence[Line]]) -> list[Line]:
    """The lines of every arm, each with its arm beside its variant where any is tuned."""
    found = [(result.arm, line) for result in arms for line in lines(result)]
    if all(arm == "default" for arm, _ in found):
        return [line for _, line in found]
    return [
        {
            "variant": line["variant"],
            "arm": arm,
            **{k: v for k, v in line.items() if k != "variant"},
        }
        for arm, line in found
    ]


def state(row: Row, result: Result) -> str:
    """Why a row has no numbers, or nothing."""
    if result.skipped:
        return f"skipped: {result.skipped}"
    if row.failed:
        return f"failed: {pathless(row.failed)}"
    if row.complete:
        return ""
    return f"not run ({len(row.known)} of {len(row.runs)} seeds)" if row.known else "not run"


def penalised(result: Result) -> dict[str, Floats]:
    """The primary score of each run that counts, ``(run,)`` a complete variant, failed runs at their penalty."""
    rows, table, counted = results.penalised(result)
    return {row.variant.name: table[i][counted[i]] for i, row in enumerate(rows)}


def heading(metric: Metric) -> str:
    """A metric's name with its unit and direction."""
    direction = "higher is better" if metric.higher_is_better else "lower is better"
    return f"{metric.name} ({', '.join(filter(None, (metric.unit, direction)))})"


def verdict(contrast: Contrast) -> str:
    """A verdict, with the smallest effect that would have been seen beside every `undecided`."""
    if contrast.detectable is None:
        return contrast.label
    return f"{contrast.label}; {number(contrast.detectable, 2)} would have been seen"


WITHHELD = ("floor", "exhausted", "skipped", "few seeds: a look")


def looked_at(contrast: Contrast) -> str:
    """The adjusted p, or a dash where none is looked at: it counts as one, which is not what was found."""
    return NOTHING if contrast.reason.startswith(WITHHELD) else p_value(contrast.p_holm)


def wins(contrast: Contrast) -> str:
    """Seeds won of those that were paired, and ties if there are any."""
    found = contrast.wins
    ties = f", {found.ties} ties" if found.ties else ""
    share = f", share {found.low:.2f} to {found.high:.2f}" if contrast.sequential else ""
    return f"{found.wins} of {contrast.n}{ties}{share}"


def against(row: Row, result: Result) -> Line:
    """What a row's line says of its contrast with the baseline."""
    contrast = result.contrasts.get(row.variant.name)
    if row is result.baseline:
        found = {"verdict": "baseline"}
    elif contrast is None:
        broken = "withheld: control broke" if result.control.broken else "none: no baseline"
        found = {"verdict": broken}
    else:
        found = {
            "difference": interval(contrast.difference),
            "wins": wins(contrast),
            "p": looked_at(contrast),
            "verdict": verdict(contrast),
        }
    return {name: found.get(name, NOTHING) for name in ("difference", "wins", "p", "verdict")}


def score_lines(result: Result) -> list[Line]:
    """The main table: each variant's score, and its difference from the baseline with a verdict."""
    return [_score_line(row, result, penalised(result)) for row in result.rows]


def _score_line(row: Row, result: Result, scores: Mapping[str, Floats]) -> Line:
    name, title = row.variant.name, heading(result.comparison.primary)
    columns = ("difference", "wins", "p")
    if reason := state(row, result):
        return {
            "variant": name,
            title: NOTHING,
            **dict.fromkeys(columns, NOTHING),
            "verdict": reason,
        }
    return {"variant": name, title: plus_minus(scores[name]), **against(row, result)}


SIGNS = {"better": "positive", "worse": "negative", "equivalent": "none beyond the margin"}


def interaction_lines(result: Result) -> list[Line]:
    """Differences of differences of a crossing: what two changes do together beyond what each does alone."""
    return [_interaction_line(name, contrast) for name, contrast in result.interactions.items()]


def _interaction_line(name: str, contrast: Contrast) -> Line:
    decided = verdict(contrast)
    for decision, sign in SIGNS.items():
        decided = decided.replace(decision, sign) if decided.startswith(decision) else decided
    return {
        "interaction": name,
        "difference of differences": interval(contrast.difference),
        "seeds above zero": wins(contrast),
        "p": looked_at(contrast),
        "verdict": decided,
    }


def dummy_scores(result: Result) -> dict[str, str]:
    """Primary score of each predictor that learns nothing, over the baseline's seeds, as far as it is known.

    Where variants are scored or split differently they have a score of their own for each of them: least to largest.
    """
    first = next(iter(result.comparison.task.dummy))
    means = [float(np.nanmean(row.dummy)) for row in result.rows if _known(row)]
    if len(set(means)) > 1:
        tables = [_further_dummy(row, result) for row in result.rows]
        return {first: _by_variant(means)} | {
            dummy: _by_variant([float(found[dummy].mean()) for found in tables if dummy in found])
            for dummy in dict.fromkeys(name for found in tables for name in found)
        }
    of_first = result.baseline.dummy
    known = {first: of_first[np.isfinite(of_first)]} | _further_dummy(result.baseline, result)
    return {dummy: plus_minus(scores) for dummy, scores in known.items() if scores.size}


def _by_variant(means: Sequence[float]) -> str:
    return f"{number(min(means))} to {number(max(means))}, by variant"


def _further_dummy(row: Row, result: Result) -> dict[str, Floats]:
    """Primary scores of all dummy predictors but the first over a row's seeds, ``(seed,)``; none of an own score."""
    if result.comparison.metric is not None:
        return {}
    first, name = next(iter(result.comparison.task.dummy)), result.comparison.primary.name
    others = dict.fromkeys(n for r in row.known for n in r.dummy if n != first)
    return {n: np.array([r.dummy[n][name] for r in row.known if n in r.dummy]) for n in others}


def verdict_table(*arms: Result) -> DataFrame:
    """A table narrow enough for a terminal: score, difference from the baseline, verdict, step ratio.

    The column ``visible`` is the smallest difference that would have been seen, beside every `undecided`; it and the
    step ratio are left out where no row has one.
    """
    table = frame(of_arms(arms, _narrow_lines))
    empty = [name for name in ("visible", "step ratio") if (table[name] == NOTHING).all()]
    return table.drop(columns=empty)


def _narrow_lines(result: Result) -> list[Line]:
    pairs = zip(result.rows, score_lines(result), strict=True)
    return [_narrow(row, result, line) for row, line in pairs]


def _narrow(row: Row, result: Result, line: Line) -> Line:
    """A line of the main table without what stands below it."""
    contrast = result.contrasts.get(row.variant.name)
    seen = contrast.detectable if contrast else None
    untimed = row.timing is None or bool(state(row, result))
    return {
        **{name.partition(" (")[0]: text for name, text in line.items()},
        "verdict": contrast.label if contrast else line["verdict"],
        "visible": NOTHING if seen is None else number(seen, 2),
        "step ratio": NOTHING if untimed or row.timing is None else f"{row.timing.ratio:.2f}",
    }


def other_lines(result: Result) -> list[Line]:
    """Secondary metrics, steps to the target, step time, seconds of training."""
    return [_other_line(row, result) for row in result.rows]


def _other_line(row: Row, result: Result) -> Line:
    comparison = result.comparison
    metrics = [m for m in comparison.task.metrics if m.name != comparison.primary.name]
    shown: dict[str, str] = {heading(m): _finished(row, m.name) for m in metrics}
    if comparison.target is not None:
        shown[target_title(result)] = steps(target_steps(comparison, row))
    shown |= {
        "step, µs": NOTHING if row.timing is None else number(1e6 * _median(row.timing.variant)),
        "step, ratio to baseline": NOTHING if row.timing is None else ratio(row.timing.ratios),
        "training, seconds a run": number(_median([r.seconds for r in row.known])),
    }
    if state(row, result):
        shown = dict.fromkeys(shown, NOTHING)
    return {"variant": row.variant.name, **shown}


def target_title(result: Result) -> str:
    """The title of the column of steps to the target."""
    metric = result.comparison.task.primary
    sign = "≥" if metric.higher_is_better else "≤"
    return f"steps to validation {metric.name} {sign} {result.comparison.target:g}"


def _finished(row: Row, name: str) -> str:
    values = row.values(name)
    return plus_minus(values[np.isfinite(values)])


def _median(values: Sequence[float]) -> float:
    return float(np.median(values)) if values else float("nan")


def failure_lines(result: Result) -> list[Line]:
    """Variants with runs that did not complete: how many, and both scores."""
    scores = penalised(result)
    return [
        _failure_line(row, result, scores[row.variant.name])
        for row in result.rows
        if not state(row, result) and row.count("completed") < len(row.runs)
    ]


def _failure_line(row: Row, result: Result, scores: Floats) -> Line:
    contrast = result.contrasts.get(row.variant.name)
    counts = [
        f"{row.count(outcome)} of {len(row.runs)} {outcome}"
        for outcome in ("diverged", "exhausted", "skipped")
        if row.count(outcome)
    ]
    known = np.array(row.outcomes) == "completed"
    p = None if contrast is None else contrast.failures_p
    finished = None if contrast is None else contrast.finished
    return {
        "variant": row.variant.name,
        "failed": ", ".join(counts),
        "p against baseline's failures (McNemar)": NOTHING if p is None else p_value(p),
        "score, failures penalised": plus_minus(scores),
        "score of those that finished": plus_minus(row.scores[known]),
        "difference where both finished": NOTHING if finished is None else interval(finished),
    }


def claim_lines(answers: Sequence[ClaimResult]) -> list[Line]:
    """Claims with their answers and evidence."""
    return [
        {
            "claim": a.claim.name,
            "says": a.claim.text,
            "answer": str(a.answer),
            "evidence": pathless(a.evidence),
            "source": a.claim.source,
        }
        for a in answers
    ]


def has_dummy(result: Result) -> bool:
    """Whether the dummy predictor's score is known."""
    return _known(result.baseline)


def _known(row: Row) -> bool:
    return bool(np.isfinite(row.dummy).any())
