"""Runs of a comparison as its folder of results lists them, and their contrasts: what a plan starts from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from paribus.analysis.results import Floats, rule_of
from paribus.analysis.verdict import Contrast, decide
from paribus.errors import ParibusError
from paribus.experiment.comparison import Comparison
from paribus.experiment.suite import Suite
from paribus.experiment.variant import Variant

if TYPE_CHECKING:
    from pandas import DataFrame

PLACE = ["comparison", "arm", "device"]
NOT_RUN = ("skipped", "failed", "not run")


@dataclass(frozen=True)
class PilotArm:
    """One arm of a comparison on one device, as it was run.

    Attributes:
        title: comparison and arm, for a heading.
        contrasts: each variant that is complete against the baseline.
        seeds: of its runs.
        seconds: of training one seed, by variant: the median over seeds; none in the tuned arm, whose trials the folder
            does not list.
    """

    title: str
    seeds: int
    contrasts: tuple[Contrast, ...]
    seconds: dict[str, float]


def pilot_arms(suite: Suite, folder: Path) -> Iterator[PilotArm]:
    """Yield every arm of a suite's comparisons that a folder of results holds.

    Verdicts are about the same data: a correction for new data needs sizes of parts that the folder does not list.

    Raises:
        ParibusError: there are no runs of the suite in the folder, or none with its primary score.
    """
    import pandas as pd

    path = folder / f"{suite.name}.csv"
    if not path.is_file():
        raise ParibusError(
            f"pilot of suite {suite.name!r}",
            got=f"no {path.name} in {folder}",
            expected="the folder of pages of a run",
            fix=f"Run paribus run {suite.name} --seeds 6 first, or name its folder with --pilot.",
        )
    runs = pd.read_csv(path, dtype={"variant": str, "comparison": str}, keep_default_na=True)
    declared = {comparison.name: comparison for comparison in suite.comparisons}
    for (name, arm, device), rows in runs.groupby(PLACE, sort=False):
        if name in declared and not rows["outcome"].isin(NOT_RUN).all():
            place = " on cuda" if device == "cuda" else ""
            within = "" if name == suite.name else f"{suite.name}, "
            title = f"{within}{name}{', tuned' if arm == 'tuned' else ''}{place}"
            yield _arm(title, declared[name], rows, path)


def _arm(title: str, comparison: Comparison, rows: DataFrame, path: Path) -> PilotArm:
    metric = comparison.primary.name
    if metric not in rows or rows[metric].isna().all():
        raise ParibusError(
            f"pilot of {title}",
            got=f"no {metric} in {path}",
            expected="the score that the suite declares",
            fix=f"For other data or scores plan from the table itself: --pilot {path} --score COLUMN --baseline NAME.",
        )
    seeds = sorted(rows["seed"].unique())
    tables = {name: table.set_index("seed") for name, table in rows.groupby("variant", sort=False)}
    complete = [v for v in comparison.variants() if _complete(tables.get(v.name), seeds)]
    if not complete or complete[0].name != comparison.variants()[0].name:
        return PilotArm(title, len(seeds), (), {})
    kept = [tables[v.name].loc[seeds] for v in complete]
    scores = np.stack([table[metric].to_numpy(float) for table in kept])
    ended = np.stack([table["outcome"].to_numpy(str) for table in kept])
    outcomes = np.where((ended == "completed") & ~np.isfinite(scores), "undefined", ended)
    dummy = np.stack([_dummy(v, table) for v, table in zip(complete, kept, strict=True)])
    contrasts = decide(
        dict(zip([v.name for v in complete], scores, strict=True)),
        **rule_of(comparison, complete, outcomes, scores, dummy),
    )
    seconds = {v.name: float(t["seconds"].median()) for v, t in zip(complete, kept, strict=True)}
    return PilotArm(title, len(seeds), contrasts, seconds)


def _complete(table: DataFrame | None, seeds: list[int]) -> bool:
    """Return whether a variant has a run of every seed."""
    if table is None or table["outcome"].isin(NOT_RUN).any():
        return False
    return sorted(table.index) == seeds


def _dummy(variant: Variant, table: DataFrame) -> Floats:
    """Return the scores of the first dummy predictor, NaN where they are not listed."""
    column = f"dummy/{next(iter(variant.task.dummy))}/{variant.metric.name}"
    if column not in table:
        return np.full(len(table), np.nan)
    scores: Floats = table[column].to_numpy(float)
    return scores
