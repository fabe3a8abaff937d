"""Lines below a table: which weights were scored, how training ended, and what the test part leaves open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from paribus.analysis.results import Result, Row
from paribus.analysis.training_state import State, TrainingState, training_state
from paribus.report.formatting import in_prose, listed, number, span
from paribus.report.tables import state

MAX_NAMED = 6  # variants that a line names one by one


def states(result: Result) -> dict[str, TrainingState]:
    """Return the state in which each complete variant's training ended, where its curves tell and it is of interest."""
    if _best_is_the_question(result):
        return {}
    found = {
        row.variant.name: training_state(result, row)
        for row in result.rows
        if not state(row, result)
    }
    return {name: each for name, each in found.items() if each is not None}


def _best_is_the_question(result: Result) -> bool:
    return result.comparison.recipe.keep == "best" and bool(result.comparison.keep_reason)


def improving(result: Result) -> dict[str, TrainingState]:
    """Return the variants that were still improving at their last step."""
    return {name: s for name, s in states(result).items() if s.state is State.improving}


def lines(result: Result) -> list[str]:
    """Return the lines, each a sentence or two; none for scores that are taken of stored predictions."""
    rows = [row for row in result.rows if not state(row, result)]
    if result.comparison.metric is not None or not rows:
        return []
    found = (_scored(result, rows), _others(result, rows), _ended(result), _sampling(result, rows))
    return [line for line in found if line]


def _scored(result: Result, rows: list[Row]) -> str:
    """Tell which weights were scored, and when the best were seen."""
    name, reason = result.comparison.primary.name, result.comparison.keep_reason
    why = f": {reason}" if reason else ""
    if _keep_varies(rows):
        best = listed(in_prose(r.variant.name) for r in rows if r.variant.recipe.keep == "best")
        return f"Scored are the weights with the best validation score of {best}, of the others those at the end{why}."
    if rows[0].variant.recipe.keep == "last":
        return f"Scored are the weights at the end{why}."
    if reason:
        return f"Scored is the best validation {name} of all steps{why}."
    steps = [np.median([r.best_step for r in row.present]) for row in rows]
    return (
        f"Scored are each run's weights with the best validation {name}, seen in the median at step "
        f"{span(float(s) for s in steps)} of {span(max(r.steps for r in row.present) for row in rows)}"
        f"{', by variant' if len(set(steps)) > 1 else ''}."
    )


def _keep_varies(rows: Sequence[Row]) -> bool:
    """Return whether some variants score the best weights and others the last ones."""
    return len({row.variant.recipe.keep for row in rows}) > 1


def _others(result: Result, rows: list[Row]) -> str:
    """Tell the scores of the weights that were not kept, where they differ by more than the margin.

    Where variants differ in which they keep, only those that score their last weights are told.
    """
    if _best_is_the_question(result):
        return ""
    metric = result.comparison.primary
    varied = _keep_varies(rows)
    told = [row for row in rows if row.variant.recipe.keep == "last"] if varied else rows
    pairs = {row.variant.name: _both_means(row, metric.name) for row in told}
    means = {n: kept for n, (kept, _) in pairs.items()}
    known = {n: other for n, (_, other) in pairs.items() if np.isfinite(other)}
    if not known:
        return ""
    margin = metric.margin or 0.0
    apart = {n: x for n, x in known.items() if abs(x - means[n]) > margin}
    last = told[0].variant.recipe.keep == "last"
    place = "With the weights of the best validation score" if last else "At the end of training"
    if not apart:
        within_margin = "the same scores" if not margin else "scores within the margin of these"
        every = "all variants" if len(known) == len(rows) else listed(map(in_prose, known))
        return (
            f"{place} {every} {'has' if len(known) == 1 < len(rows) else 'have'} {within_margin}."
        )
    shown = listed(
        f"{in_prose(n)} {number(x)} (scored: {number(means[n])})" for n, x in _few(apart).items()
    )
    unnamed = len(apart) - MAX_NAMED
    more = f", and {unnamed} more {'differs' if unnamed == 1 else 'differ'}" if unnamed > 0 else ""
    near = [n for n in known if n not in apart] if margin else []
    others = listed(map(in_prose, near)) if varied else "the others"
    stay = "stays" if varied and len(near) == 1 else "stay"
    rest = f"; {others} {stay} within the margin" if near else ""
    return f"{place} instead: {shown}{more}{rest}."


def _few(named: Mapping[str, float]) -> dict[str, float]:
    return dict(list(named.items())[:MAX_NAMED])


def _both_means(row: Row, name: str) -> tuple[float, float]:
    """Return the mean score of the kept weights and of the others, over the runs that ended and have both."""
    found = [
        (kept, other)
        for kept, r in zip(row.scores, row.records, strict=True)
        if r is not None
        and r.completed
        and np.isfinite([kept, other := r.other_scores.get(name, np.nan)]).all()
    ]
    kept, others = np.mean(found, axis=0) if found else (np.nan, np.nan)
    return float(kept), float(others)


def _ended(result: Result) -> str:
    """Tell how training ended: who was still improving, who past its best."""
    found = states(result)
    if not found:
        return ""
    still, past = (
        [n for n, s in found.items() if s.state is which] for which in (State.improving, State.past)
    )
    if not still and not past:
        return "At the last step every variant was at its best, by the margin."
    parts = [f"{listed(_gains(result))} still improving"] if still else []
    parts += (
        [f"{listed(map(in_prose, past))} past {'its' if len(past) == 1 else 'their'} best"]
        if past
        else []
    )
    others = [n for n in found if n not in (*still, *past)]
    named = listed(map(in_prose, others)) if len(others) <= MAX_NAMED else "the others"
    rest = f"; {named} at {'its' if len(others) == 1 else 'their'} best" if others else ""
    more = [s.more_steps for s in improving(result).values()]
    ahead = ""
    if more:
        known = [m for m in more if m is not None]
        ahead = (
            f" Which is best in the end takes more steps to tell: about {max(known):,} more, if gains go on to shrink "
            "as they did."
            if len(known) == len(more)
            else " Which is best in the end takes more steps to tell; gains do not shrink yet, so how many is open."
        )
    return f"At the last step, by the validation curve and the margin: {'; '.join(parts)}{rest}.{ahead}"


def _gains(result: Result) -> Iterator[str]:
    """Yield those that still improve, each with its gain in the last quarter."""
    for name, each in improving(result).items():
        yield f"{in_prose(name)} (by {number(each.gain, 2)} in the last quarter)"


def _sampling(result: Result, rows: list[Row]) -> str:
    """Tell the standard error that the test part leaves by its size, where seeds share the data."""
    task = result.comparison.task
    if (
        task.redrawn and not task.from_file
    ):  # each seed has new samples, so that more seeds make it smaller
        return ""
    name = result.comparison.primary.name
    errors = [
        float(np.mean(values))
        for row in rows
        if (
            values := [
                e for r in row.present if np.isfinite(e := r.standard_errors.get(name, np.nan))
            ]
        )
    ]
    sizes = {r.data.get("test") for row in rows for r in row.present}
    if not errors or len(sizes) != 1:
        return ""
    low, high = (number(x, 2) for x in (min(errors), max(errors)))
    shown = low if low == high else f"{low} to {high}"
    return (
        f"For new data, each seed's score has besides a standard error of {shown} from its {sizes.pop()} test samples, "
        "taken as independent; more seeds on the same data do not replace more samples."
    )
