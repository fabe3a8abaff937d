"""The fairness ledger: what was spent on each variant of each arm, and where its winners lie in the space searched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from paribus.analysis.results import Result, Row
from paribus.report.formatting import NOTHING, listed, number, span
from paribus.report.provenance_tables import parameters
from paribus.report.tables import Line, state
from paribus.runs.trials import TrialResults

# As `paribus.data.splits:random_split` notes it, whose code runs depend on: a name for it there would retire them all.
DECLARED_TEST = "the test part is the declared one and is not redrawn"
NOTE = (
    "What each variant was given. Steps and seconds are those of all its runs and trials together; a failed trial "
    "loses its search. An edge is named where over a quarter of the winners lie in the outer tenth of a range: there "
    "more might be found beyond it."
)


def lines(result: Result) -> list[Line]:
    """A line a variant."""
    return [_line(row, result) for row in result.rows]


def _line(row: Row, result: Result) -> Line:
    if state(row, result):
        shown = dict.fromkeys(
            ("trials", "seeds", "steps", "seconds", "parameters", "failed"), NOTHING
        )
    else:
        spent = [*row.tried, *row.known]
        shown = {
            "trials": _trials(row.searched),
            "seeds": str(len(row.runs)),
            "steps": f"{sum(record.steps for record in spent):,}",
            "seconds": number(sum(record.seconds for record in spent)),
            "parameters": parameters(row),
            "failed": _failed(row),
        }
    return {"variant": row.variant.name, **shown, **_space(row.searched, result)}


def _trials(searched: TrialResults | None) -> str:
    if searched is None:
        return "none"
    search = searched.search
    return f"{search.trials}, shared by all seeds" if search.shared else f"{search.trials} a seed"


def _failed(row: Row) -> str:
    runs = f"{len(row.known) - row.count('completed')} of {len(row.runs)} runs"
    if row.searched is None:
        return runs
    return f"{row.searched.failures} of {len(row.tried)} trials, {runs}"


def _space(searched: TrialResults | None, result: Result) -> Line:
    """The space, what won in it, and the edges; nothing in the default arm."""
    if result.arm == "default":
        return {}
    if searched is None:
        return dict.fromkeys(("space", "winners", "at an edge"), NOTHING)
    found, declared = searched.search.space, searched.search.declared
    wider = "" if found == declared else f" (widened; declared {declared.label})"
    return {
        "space": f"{found.label}{wider}",
        "winners": _winners(searched),
        "at an edge": "; ".join(edge.label for edge in searched.edges) or "no",
    }


def _winners(searched: TrialResults) -> str:
    """Median and range of what the winners set, or how often each value won."""
    told = []
    for path in searched.search.space.ranges:
        values = [chosen[path] for chosen in searched.chosen]
        told.append(f"{path.removeprefix('recipe.')} {_values(values)}")
    return "; ".join(told) or NOTHING


def _values(values: Sequence[Any]) -> str:
    if not values:
        return NOTHING
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        middle = float(np.median(values))
        told = [
            f"{x:g}" if float(x).is_integer() else number(x)
            for x in (middle, min(values), max(values))
        ]
        return f"{told[0]} ({told[1]} to {told[2]})"
    names = list(dict.fromkeys(map(str, values)))
    return listed(f"{name} ({sum(str(v) == name for v in values)})" for name in names)


def edge_notes(result: Result) -> list[str]:
    """A sentence for every variant whose winners crowd an edge."""
    return [
        f"**{row.variant.name}**: {edge.label}."
        for row in result.rows
        if row.searched is not None
        for edge in row.searched.edges
    ]


def without_tuning(results: Sequence[Result]) -> list[str]:
    """What is not said where the default arm stands alone."""
    if any(result.arm == "tuned" for result in results):
        return []
    tuning, budget = results[0].comparison.tuning, results[0].budget
    stated = "Every variant stands at its stated settings."
    if tuning is None:
        return [f"{stated} There is no tuned arm, so nothing is said of tuned variants."]
    why = "was not asked for" if budget in tuning.trials else f"is not run at the budget `{budget}`"
    return [f"{stated} A tuned arm {why}, so nothing is said of tuned variants."]


def search_sentences(result: Result) -> list[str]:
    """How the tuned arm was tuned, a sentence or two a point; nothing in the default arm."""
    if result.arm == "default":
        return []
    return [_procedure(result), *_overlap(result), *_widening(result), *_unequal(result)]


def _procedure(result: Result) -> str:
    tuning, metric = result.comparison.tuning, result.comparison.task.primary.name
    assert tuning is not None, "only what is tuned has a tuned arm"
    trials = span(row.searched.search.trials for row in result.rows if row.searched)
    paths = listed(path.removeprefix("recipe.") for path in tuning.paths)
    if tuning.shared:
        return (
            f"**Tuned arm, shared search**: one random search of {trials} trials a variant over {paths}, on a seed "
            f"that is not counted, chose the best by validation {metric}; its winner was trained with every seed. The "
            "luck of that one search is in every pair, so these verdicts speak of **these configurations**, not of "
            "tuning."
        )
    return (
        f"**Tuned arm**: every seed ran a random search of its own, {trials} trials a variant over {paths}; the best "
        f"by validation {metric} was trained afresh, with new initial weights, order and noise, and scored once on the "
        "test part. So the differences hold the luck of the search, and the verdicts, a family of their own, speak of "
        "tuning under this budget."
    )


def _overlap(result: Result) -> list[str]:
    """A warning where a shared search chose by samples on which its winners are tested."""
    tuning = result.comparison.tuning
    if tuning is None or not tuning.shared or not any(map(saw_test_parts, result.rows)):
        return []
    return [
        "**The shared search saw samples of the test parts**: its split and those of the counted seeds are drawn from "
        "one data set and overlap, so settings were tried and chosen on samples that their winners are tested on, and "
        "tuned scores may look better than they are."
    ]


def saw_test_parts(row: Row) -> bool:
    """Whether a search on another seed drew its split from data on which the runs are tested."""
    task = row.variant.task
    if task.redrawn and not task.from_file:
        return False
    if all(DECLARED_TEST in record.notes for record in row.known):
        return False
    return len({str(record.hashes.get("split")) for record in (*row.known, *row.tried)}) > 1


def _widening(result: Result) -> list[str]:
    tuning, pilot = result.comparison.tuning, result.pilot
    if tuning is None or pilot is None:
        return []
    if not tuning.widen:
        return ["The spaces stand as they were declared; none was widened."]
    how = (
        "no end was crowded, and the spaces stand as declared"
        if not pilot.rounds
        else f"crowded ends were widened tenfold, for all variants alike, {_times(pilot.rounds)}"
    )
    return [
        f"A pilot searched on {tuning.pilot} seeds that are not counted: {how}. The spaces were frozen before anything "
        "counted."
    ]


def _unequal(result: Result) -> list[str]:
    if not result.unequal:
        return []
    return [
        "**Variants were given unequal numbers of trials, as was asked for**: whoever tries more looks better, and "
        "every verdict says so."
    ]


def _times(rounds: int) -> str:
    return "once" if rounds == 1 else "twice"
