"""Budget of each variant, the space that was searched for it, and how the tuned arm was tuned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from paribus.analysis.results import Result, Row
from paribus.report.formatting import NOTHING, listed, number, plural, span
from paribus.report.tables import Line, state

# As `paribus.data.splits:random_split` notes it, whose code runs depend on: a name for it there would retire them all.
DECLARED_TEST = "the test part is the declared one and is not redrawn"


TUNED = "[tuned arm](method.md#tuned-arm)"


def budget_lines(result: Result) -> list[Line]:
    """Return what was spent on each variant: trials, seeds, steps, seconds, and what failed."""
    return [_budget_line(row, result) for row in result.rows]


def _budget_line(row: Row, result: Result) -> Line:
    columns = ("trials a seed", "seeds", "steps", "seconds", "failed trials", "failed runs")
    if state(row, result):
        return {"variant": row.variant.name, **dict.fromkeys(columns, NOTHING)}
    spent = [*row.tried, *row.present]
    cells = (
        _trials(row),
        str(len(row.runs)),
        f"{sum(record.steps for record in spent):,}",
        number(sum(record.seconds for record in spent)),
        NOTHING if row.searched is None else f"{row.searched.failures} of {len(row.tried)}",
        f"{len(row.present) - row.count('completed')} of {len(row.runs)}",
    )
    return {"variant": row.variant.name, **dict(zip(columns, cells, strict=True))}


def _trials(row: Row) -> str:
    if row.searched is None:
        return "0"
    search = row.searched.search
    return f"{search.trials}, shared" if search.shared else f"{search.trials}"


def space_lines(result: Result) -> list[Line]:
    """Return each setting that was searched: its range, and where the winners lie in it; none in the default arm."""
    return [
        {
            "variant": row.variant.name,
            "setting": path.removeprefix("recipe."),
            "searched": values.label,
            "declared": _declared(row.searched.search.declared.ranges.get(path), values),
            **_winners([values[path] for values in row.searched.chosen if path in values]),
            "at an edge": "; ".join(
                f"{edge.crowd} of {edge.winners} at the {edge.side} end"
                for edge in row.searched.edges
                if edge.path == path
            )
            or "no",
        }
        for row in result.rows
        if row.searched is not None
        for path, values in row.searched.search.space.ranges.items()
    ]


def _declared(declared: Any, searched: Any) -> str:
    """Name the declared range where a pilot widened it."""
    return "the same" if declared == searched or declared is None else declared.label


def _winners(values: Sequence[Any]) -> Line:
    """Return median and range of what the winners set, or how often each value won."""
    if not values:
        return {"median winner": NOTHING, "winners": NOTHING}
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        median, low, high = (
            f"{x:g}" if float(x).is_integer() else number(x)
            for x in (float(np.median(values)), min(values), max(values))
        )
        return {"median winner": median, "winners": f"{low} to {high}"}
    names = list(dict.fromkeys(map(str, values)))
    counts = listed(f"{name} ({sum(str(v) == name for v in values)})" for name in names)
    return {"median winner": NOTHING, "winners": counts}


def search_facts(result: Result) -> list[tuple[str, str]]:
    """Return how an arm was tuned: a name, linked to the method, and a value each; nothing in the default arm."""
    if result.arm == "default":
        return []
    tuning = result.comparison.tuning
    assert tuning is not None, "only what is tuned has a tuned arm"
    counts = [row.searched.search.trials for row in result.rows if row.searched]
    # A command that was stopped has pages before any search has ended.
    trials = f"{span(counts)} trials a variant" if counts else "no search has ended; of its trials"
    paths = listed(path.removeprefix("recipe.") for path in tuning.paths)
    metric = result.comparison.task.primary.name
    search = (
        f"{trials}, the first at its stated settings and the others at random over {paths}, chosen by "
        f"the best validation {metric}"
    )
    scope = (
        "one search for all seeds; speaks of these configurations"
        if tuning.shared
        else "each seed its own"
    )
    return [
        (TUNED, f"{search}; {scope}"),
        *_overlap(result),
        *_spaces(result),
        *([("trials", "**unequal between variants, as was asked for**")] if result.unequal else []),
    ]


def untuned(results: Sequence[Result]) -> list[tuple[str, str]]:
    """Return why one comparison has no tuned arm, where it has none."""
    if any(result.arm == "tuned" for result in results):
        return []
    tuning, budget = results[0].comparison.tuning, results[0].budget
    if tuning is None:
        reason = "none declared"
    else:
        reason = "not asked for" if budget in tuning.trials else f"not run at the budget `{budget}`"
    return [(TUNED, reason)]


def _overlap(result: Result) -> list[tuple[str, str]]:
    """Return a warning where a shared search chose by samples on which its winners are tested."""
    tuning = result.comparison.tuning
    if tuning is None or not tuning.shared or not any(map(saw_test_parts, result.rows)):
        return []
    return [
        (
            "shared search",
            "**saw samples of the test parts**: tuned scores may look better than they are",
        )
    ]


def saw_test_parts(row: Row) -> bool:
    """Return whether a search on another seed drew its split from data on which the runs are tested."""
    task = row.variant.task
    if task.redrawn and not task.from_file:
        return False
    if all(DECLARED_TEST in record.notes for record in row.present):
        return False
    return len({str(record.hashes.get("split")) for record in (*row.present, *row.tried)}) > 1


def _spaces(result: Result) -> list[tuple[str, str]]:
    tuning, pilot = result.comparison.tuning, result.pilot
    if tuning is None or pilot is None:
        return []
    if not tuning.widen:
        return [("search spaces", "as declared")]
    rounds = f"widened in {plural(pilot.rounds, 'round')}" if pilot.rounds else "no end was crowded"
    return [
        ("search spaces", f"{rounds}; pilot on {plural(tuning.pilot, 'seed')} that are not counted")
    ]
