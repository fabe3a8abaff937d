"""Plan of seeds from a result or judgement that is there, for Python."""

from __future__ import annotations

from math import nan
from statistics import median

from paribus.analysis.planning import SeedPlan, plan_contrasts
from paribus.report.judgement import Judgement
from paribus.report.result import Result


def plan(
    pilot: Result | Judgement, *, effect: float | None = None, margin: float | None = None
) -> SeedPlan:
    """Say how many seeds, and how many seconds, a comparison needs, from the spread of one that is there.

    Args:
        pilot: of one comparison, such as one of six seeds; its tuned arm is planned from the command line.
        effect: mean difference whose direction is to be told, in units of the score; None is the margin.
        margin: largest difference that does not matter; None is the declared one.

    Raises:
        ParibusError: there is no contrast with a spread, or neither effect nor margin.

    >>> import pandas as pd
    >>> import paribus as pb
    >>> scores = [0.70, 0.72, 0.69, 0.71, 0.73, 0.70, 0.69, 0.74, 0.68, 0.73, 0.72, 0.70]
    >>> table = pd.DataFrame({"variant": ["old"] * 6 + ["new"] * 6, "seed": [*range(6)] * 2})
    >>> table["score"] = scores
    >>> pb.plan(pb.judge(table, "old"), effect=0.02).to_frame()["seeds to tell"].tolist()
    [9]
    """
    contrasts = [*pilot.contrasts.values()]
    if isinstance(pilot, Judgement):
        seeds = len(pilot.sheet.seeds)
        title = f"{pilot.name}: how many seeds? From the spreads of {seeds}."
        return plan_contrasts(contrasts, title=title, effect=effect, margin=margin)
    rows = pilot.results[0].rows
    title = f"{pilot.results[0].comparison.question} How many seeds? From the spreads of {len(rows[0].runs)}."
    seconds = {row.variant.name: median([r.seconds for r in row.present] or [nan]) for row in rows}
    return plan_contrasts(contrasts, title=title, effect=effect, margin=margin, seconds=seconds)
