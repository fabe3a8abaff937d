"""Result set of a folder of results, made from these: what `paribus compare` reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite

import numpy as np

from paribus import stats
from paribus.analysis.result_set import ORIGIN, ComparisonRuns, ResultSet, VariantRuns
from paribus.analysis.results import Result, Row
from paribus.report.formatting import setting
from paribus.report.tables import state
from paribus.runs.run import RunResult
from paribus.spec import digest, to_plain


def result_set(results: Iterable[Result]) -> ResultSet:
    """Return the result set of some results; devices on which nothing ran are left out."""
    return ResultSet(comparisons=tuple(_comparison(r) for r in results if not r.skipped))


def _comparison(result: Result) -> ComparisonRuns:
    metric = result.comparison.primary
    present = [record for row in result.rows for record in row.present]
    precision = {row.variant.recipe.dtype for row in result.rows}
    return ComparisonRuns(
        suite=result.suite.name,
        comparison=result.comparison.name,
        arm=result.arm,
        device=result.device,
        metric=metric.name,
        unit=metric.unit,
        higher_is_better=metric.higher_is_better,
        margin=metric.margin,
        rounding=8 * max(float(np.finfo(name).eps) for name in precision),
        seeds=result.seeds,
        steps=max((record.steps for record in present), default=0),
        origin={name: _values(name, present) for name in ORIGIN},
        dates=result.dates,
        variants=tuple(_variant(row, result) for row in result.rows),
    )


def _values(name: str, records: Sequence[RunResult]) -> tuple[str, ...]:
    """Return the distinct values of a fact of provenance; a commit with uncommitted changes says so."""
    found = set()
    for origin in (record.provenance for record in records):
        changed = name == "commit" and bool(origin.get("dirty"))
        if name in origin:
            found.add(setting(origin[name]) + " with uncommitted changes" * changed)
    return tuple(sorted(found))


def _variant(row: Row, result: Result) -> VariantRuns:
    if missing := state(row, result):
        return VariantRuns(name=row.variant.name, missing=missing)
    higher = result.comparison.primary.higher_is_better
    contrast = result.contrasts.get(row.variant.name)
    records = row.present
    return VariantRuns(
        name=row.variant.name,
        scores=tuple(x if isfinite(x) else None for x in row.scores.tolist()),
        outcomes=tuple(row.states),
        failure=tuple(stats.failure_scores(higher, row.dummy, row.scores).tolist()),
        verdict=contrast.label if contrast else "baseline" * (row is result.baseline),
        word=contrast.word if contrast else "",
        size=str(contrast.size) if contrast else "",
        data=digest([record.hashes.get("data") for record in records]),
        split=digest([record.hashes.get("split") for record in records]),
        start=digest([record.hashes.get("init") for record in records]),
        settings=digest([to_plain(row.variant.recipe), to_plain(row.variant.metric)]),
        step_seconds=tuple(r.step_seconds / r.steps for r in records if r.steps),
        timed=tuple(row.timing.variant) if row.timing else (),
    )
