"""Tables below the main one: interactions, dummy scores, other scores and times, failures, claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from paribus import stats
from paribus.analysis.claims import ClaimResult
from paribus.analysis.results import Floats, Result, Row
from paribus.analysis.target_steps import median_steps, target_steps
from paribus.analysis.tuning_gain import tuning_gains
from paribus.analysis.verdict import Contrast, Decision
from paribus.experiment.task import Metric
from paribus.metrics.named import NAMES, SCORE
from paribus.report.formatting import (
    NOTHING,
    in_prose,
    interval,
    listed,
    moments,
    number,
    over_seeds,
    p_value,
    pathless,
    percent,
    plus_minus,
    ratio,
    shared_decimals,
)
from paribus.report.tables import (
    Line,
    adjusted_p,
    detectable,
    difference_places,
    heading,
    penalised,
    places_of,
    state,
    wins,
)

SIGNS = {
    Decision.better: "positive",
    Decision.worse: "negative",
    Decision.wins_more: "more often positive",
    Decision.wins_less: "more often negative",
    Decision.equivalent: "none beyond the margin",
    Decision.identical: "none",
    Decision.unjudged: "not judged",
}


def fragility_lines(result: Result) -> list[Line]:
    """Return a line for each variant of which a direction was shown: what is left of it by other ways of looking."""
    found = [(name, contrast.fragility) for name, contrast in result.contrasts.items()]
    return [
        {
            "variant": name,
            "shown without any one seed": f"{f.kept} of {f.seeds}",
            "median difference": number(f.median),
            "mean without the outer tenths": number(f.trimmed),
            "its p": p_value(f.trimmed_p),
            "sign test p": p_value(f.sign_p),
            "Wilcoxon p": p_value(f.wilcoxon_p),
        }
        for name, f in found
        if f is not None
    ]


def tuning_gain_lines(arms: Sequence[Result]) -> list[Line]:
    """Return a line for each variant with both arms: its tuned runs against those at its stated settings."""
    return [
        {
            "variant": name,
            "stated minus tuned" if not _higher(arms[0]) else "tuned minus stated": interval(
                contrast.difference
            ),
            **{key: text for key, text in wins(contrast).items() if key != "share of wins"},
            "p": adjusted_p(contrast),
            "verdict": contrast.label,
        }
        for name, contrast in tuning_gains(arms).items()
    ]


def _higher(result: Result) -> bool:
    return result.comparison.primary.higher_is_better


def interaction_lines(result: Result) -> list[Line]:
    """Return differences of differences of a crossing: what two changes do together beyond what each does alone."""
    places = difference_places(result.interactions.values())
    return [_interaction_line(name, c, places) for name, c in result.interactions.items()]


def _interaction_line(name: str, contrast: Contrast, places: int | None) -> Line:
    counts = wins(contrast)
    return {
        "interaction": name,
        "difference of differences": interval(contrast.difference, places),
        "seeds above zero": counts["wins"],
        "ties": counts["ties"],
        "share of wins": counts["share of wins"],
        "p": adjusted_p(contrast),
        "verdict": interaction_label(contrast),
        "visible": detectable(contrast),
    }


def interaction_label(contrast: Contrast) -> str:
    """Return the verdict on an interaction, which is positive or negative, and neither better nor worse."""
    sign = SIGNS.get(contrast.decision, contrast.decision)
    return contrast.label.replace(contrast.decision, sign, 1)


def dummy_scores(result: Result) -> dict[str, str]:
    """Format the primary score of each dummy predictor, over the baseline's seeds, as far as it is known.

    Where variants are scored or split differently they have a score of their own for each of them: smallest to largest.
    """
    first = next(iter(result.comparison.task.dummy))
    means = [float(np.nanmean(row.dummy)) for row in result.rows if _has_dummy(row)]
    if len(set(means)) > 1:
        tables = [_further_dummy(row, result) for row in result.rows]
        return {first: _by_variant(means)} | {
            dummy: _by_variant([float(t[dummy].mean()) for t in tables if dummy in t])
            for dummy in dict.fromkeys(name for t in tables for name in t)
        }
    of_first = result.baseline.dummy
    known = {first: of_first} if np.isfinite(of_first).any() else {}
    scores = known | _further_dummy(result.baseline, result)
    return {dummy: over_seeds(values) for dummy, values in scores.items() if values.size}


def positive_class(result: Result) -> str:
    """Return the class of two that the primary score counts as positive, or nothing where it has none."""
    function = result.comparison.primary.function
    known = NAMES.get(function.kwargs.get("name", "")) if function.target == SCORE else None
    symmetric = known is None or not known.one_positive or "average" in function.kwargs
    if symmetric or len(result.classes) != 2 or function.kwargs.get("target"):
        return ""
    return f"class `{result.classes[int(function.kwargs.get('positive', 1))]}`"


def _by_variant(means: Sequence[float]) -> str:
    return f"{number(min(means))} to {number(max(means))}, by variant"


def _further_dummy(row: Row, result: Result) -> dict[str, Floats]:
    """Return primary scores of further dummy predictors, ``(seed,)``; none where the comparison has its own score."""
    if result.comparison.metric is not None:
        return {}
    first, name = next(iter(result.comparison.task.dummy)), result.comparison.primary.name
    others = dict.fromkeys(n for r in row.present for n in r.dummy if n != first)
    return {n: np.array([r.dummy[n][name] for r in row.present if n in r.dummy]) for n in others}


def second_metric(arms: Sequence[Result]) -> list[str]:
    """Return a sentence an arm with each variant's mean of the metric that stands beside the primary one.

    A loss says how sure a network is, and says little to a reader without how often it is right. Means are over the
    runs that did not diverge and have the score.
    """
    return [line for result in arms if (line := _second_metric(result))]


def _second_metric(result: Result) -> str:
    metrics = _others_than_primary(result)
    rows = [row for row in result.rows if not state(row, result)]
    if not metrics:
        return ""
    scores = {row.variant.name: _of_completed(row, metrics[0].name) for row in rows}
    finite = {name: x[np.isfinite(x)] for name, x in scores.items() if np.isfinite(x).any()}
    if not finite:
        return ""
    tuned = ", tuned" if result.arm == "tuned" else ""
    shown = listed(f"{in_prose(name)} {number(float(x.mean()))}" for name, x in finite.items())
    return f"Beside it{tuned}, means of {heading(metrics[0])}: {shown}."


def _others_than_primary(result: Result) -> list[Metric]:
    comparison = result.comparison
    return [m for m in comparison.task.metrics if m.name != comparison.primary.name]


def other_lines(result: Result) -> list[Line]:
    """Return secondary metrics, steps to the target, step time, seconds of training."""
    metrics = _others_than_primary(result)
    places = {
        m.name: shared_decimals(moments(_of_completed(row, m.name)) for row in result.rows)
        for m in metrics
    }
    return [_other_line(row, result, metrics, places) for row in result.rows]


def _other_line(
    row: Row, result: Result, metrics: Sequence[Metric], places: Mapping[str, int | None]
) -> Line:
    comparison = result.comparison
    shown: dict[str, str] = {
        heading(m): over_seeds(_of_completed(row, m.name), places[m.name]) for m in metrics
    }
    if comparison.target is not None:
        steps = target_steps(comparison, row)
        shown[target_title(result)] = median_steps(steps, row) if steps.size else NOTHING
        shown["reached"] = f"{int(np.isfinite(steps).sum())} of {steps.size}"
    shown |= {
        "step, µs": NOTHING if row.timing is None else number(1e6 * _median(row.timing.variant)),
        "step, ratio to baseline": NOTHING if row.timing is None else ratio(row.timing.ratios),
        "training, seconds a run": number(_median([r.seconds for r in row.present])),
    }
    if state(row, result):
        shown = dict.fromkeys(shown, NOTHING)
    return {"variant": row.variant.name, **shown}


def target_title(result: Result) -> str:
    """Name the column of steps to the target."""
    metric = result.comparison.task.primary
    relation = "≥" if metric.higher_is_better else "≤"
    return f"steps to validation {metric.name} {relation} {result.comparison.target:g}"


def _of_completed(row: Row, name: str) -> Floats:
    """Return a score of the runs that did not fail, ``(run,)``."""
    ended = np.array([r is not None and r.outcome != "diverged" for r in row.records], dtype=bool)
    values = row.values(name)
    return values[ended | np.isfinite(values)]


def _median(values: Sequence[float]) -> float:
    return float(np.median(values)) if values else float("nan")


def failure_lines(result: Result) -> list[Line]:
    """Return variants with runs that did not complete: how many, and both scores."""
    scores, places = penalised(result), places_of([result]).scores
    return [
        _failure_line(row, result, scores[row.variant.name], places)
        for row in result.rows
        if not state(row, result) and row.count("completed") < len(row.runs)
    ]


def _failure_line(row: Row, result: Result, scores: Floats, places: int | None) -> Line:
    contrast = result.contrasts.get(row.variant.name)
    counts = [
        f"{row.count(outcome)} of {len(row.runs)} {outcome}"
        for outcome in ("diverged", "exhausted", "skipped")
        if row.count(outcome)
    ]
    completed = np.array(row.outcomes) == "completed"
    p = None if contrast is None else contrast.failures_p
    finished = None if contrast is None else contrast.finished
    return {
        "variant": row.variant.name,
        "failed": ", ".join(counts),
        "failure rate at most (95 %)": percent(
            stats.failure_limit(row.count("diverged"), len(row.runs))
        ),
        "p against baseline's failures (McNemar)": NOTHING if p is None else p_value(p),
        "score, failures penalised": plus_minus(scores, places),
        "score of those that finished": over_seeds(row.scores[completed], places),
        "difference where both finished": NOTHING if finished is None else interval(finished),
    }


def claim_lines(answers: Sequence[ClaimResult]) -> list[Line]:
    """Return claims with their answers and evidence."""
    return [
        {
            "claim": a.claim.name,
            "says": a.claim.text,
            "answer": str(a.answer),
            "evidence": pathless(a.evidence),
        }
        for a in answers
    ]


def has_dummy(result: Result) -> bool:
    """Return whether the dummy predictor's score is known."""
    return _has_dummy(result.baseline)


def _has_dummy(row: Row) -> bool:
    return bool(np.isfinite(row.dummy).any())
