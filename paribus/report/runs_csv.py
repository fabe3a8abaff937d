"""Runs of a suite as a CSV file, one row a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from paribus.analysis.claims import STEPS
from paribus.analysis.results import Result, Row, score_of, steps_to_target
from paribus.experiment.tuning import stated
from paribus.report.formatting import pathless, setting
from paribus.report.page_file import plain_cell
from paribus.report.tables import state
from paribus.runs.run import Run, RunResult
from paribus.spec import digest, to_plain

if TYPE_CHECKING:
    from pandas import DataFrame

LEADING = ("suite", "comparison", "variant", "arm", "device", "seed", "outcome", "reason")
TRAILING = (
    *("steps", "best_step", "seconds", "step_seconds", "parameters", "key"),
    *("hash_data", "hash_split", "hash_order", "hash_init", "torch", "commit"),
)


def runs(results: Sequence[Result]) -> DataFrame:
    """Return every run of some results; a row that failed or was not run has an outcome and no numbers."""
    import pandas

    lines = [line for r in results for row in r.rows for line in _lines(r, row)]
    scores = sorted({name for line in lines for name in line} - {*LEADING, *TRAILING})
    return pandas.DataFrame(lines, columns=[*LEADING, *scores, *TRAILING], dtype=object)


def without_formulas(table: DataFrame) -> DataFrame:
    """Return a table in which no text is one that a spreadsheet program would run as a formula."""
    import pandas

    cells = [[plain_cell(x) for x in row] for row in table.itertuples(index=False, name=None)]
    return pandas.DataFrame(cells, columns=[plain_cell(x) for x in table.columns], dtype=object)


def _lines(result: Result, row: Row) -> Iterator[dict[str, Any]]:
    withheld = "skipped" if result.skipped else "failed" if row.failed else ""
    why = state(row, result).removeprefix(f"{withheld}: ") if withheld else ""
    for i, (run, record) in enumerate(zip(row.runs, row.records, strict=True)):
        named = {
            "suite": result.suite.name,
            "comparison": result.comparison.name,
            "variant": row.variant.name,
            "arm": result.arm,
            "device": result.device,
            "seed": run.seed,
        }
        if record is None or withheld:
            yield {**named, "outcome": withheld or "not run", "reason": why}
        else:
            numbers = {**_line(result, record), **_primary(result, float(row.scores[i]))}
            yield {**named, **_tuned(run, row), **numbers}


def _tuned(run: Run, row: Row) -> dict[str, Any]:
    """Return what the winner of the run's search set, as ``tuned/`` and the path."""
    found = stated(run.recipe, row.searched.search.space) if row.searched else {}
    return {f"tuned/{path.removeprefix('recipe.')}": _plainly(x) for path, x in found.items()}


def _plainly(value: object) -> object:
    return value if isinstance(value, int | float | str) else setting(to_plain(value))


def _primary(result: Result, score: float) -> dict[str, float]:
    """Return the score on which verdicts rest, where it is no score that the run recorded."""
    return {} if result.comparison.metric is None else {result.comparison.primary.name: score}


def _line(result: Result, record: RunResult) -> dict[str, Any]:
    hashes = {f"hash_{name}": _hash(value) for name, value in record.hashes.items()}
    return {
        "outcome": record.outcome.value,
        "reason": pathless(record.reason),
        **record.scores,
        **{f"other/{name}": value for name, value in record.other_scores.items()},
        **{f"error/{name}": value for name, value in record.standard_errors.items()},
        **{
            f"dummy/{predictor}/{name}": value
            for predictor, scores in record.dummy.items()
            for name, value in scores.items()
        },
        **{name: value for name, value in _claimed(result, record).items() if np.isfinite(value)},
        "steps": record.steps,
        "best_step": record.best_step,
        "seconds": record.seconds,
        "step_seconds": record.step_seconds,
        "parameters": record.parameters,
        "key": record.key,
        **{name: value for name, value in hashes.items() if name in TRAILING},
        "torch": record.provenance.get("torch", ""),
        "commit": record.provenance.get("commit", ""),
    }


def _hash(value: object) -> str:
    return value if isinstance(value, str) else digest(value)


def _claimed(result: Result, record: RunResult) -> dict[str, float]:
    """Return scores that claims name and that are no plain score of the record, and the steps to the target."""
    comparison = result.comparison
    names = [c.metric for c in comparison.claims if c.metric and "@" in c.metric]
    scores = {name: score_of(record, name) for name in names}
    if comparison.target is not None:
        metric = comparison.task.primary
        scores[STEPS] = steps_to_target(
            record, metric.name, comparison.target, metric.higher_is_better
        )
    return scores
