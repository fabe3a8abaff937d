"""Variance by source of a suite: train runs in which one source is drawn anew, and take their parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from paribus.analysis.results import Result
from paribus.analysis.variance import VarianceBySource, by_source
from paribus.execution.cases import selected
from paribus.execution.orchestrate import refuse_broken, train_all
from paribus.execution.progress import ProgressBar
from paribus.execution.redraws import Redraws
from paribus.execution.session import Session
from paribus.execution.settings import Settings
from paribus.experiment.comparison import Comparison
from paribus.experiment.suite import Suite

DRAWS = 10


def variance_by_source(
    suite: Suite,
    settings: Settings,
    draws: int = DRAWS,
    progress: ProgressBar | None = None,
) -> list[VarianceBySource]:
    """Train every comparison of a suite, and return its variance by source, one for each arm.

    Runs are kept as those of any comparison, and are trained together, unless another engine is asked for.

    Args:
        suite: of the comparisons.
        settings: what the user chose; its number of seeds is not used.
        draws: how often each source is drawn anew.
        progress: shows how far it has come.

    Raises:
        ParibusError: it cannot be trained, or something that should be equal was not.
    """
    own, bare = apart(settings, 2 * draws), bare_suite(suite, suite.comparisons)
    redraws = Redraws(draws)
    session = Session(own, [bare], progress, beside=redraws, explores=True)
    cases = selected([bare], own)
    with session.study.store:
        session.prepare(cases)
        train_all(session, cases)
        results = session.study.results(cases)
        for result in results:
            refuse_broken(result)
        return [_parts(result, redraws) for result in results]


def _parts(result: Result, redraws: Redraws) -> VarianceBySource:
    sources = redraws.sources(result.comparison, result.arm, result.baseline.runs[0])
    return by_source(result, redraws.draws, sources)


def apart(settings: Settings, seeds: int | None) -> Settings:
    """Return the settings of runs that no verdict rests on: on one device, together, with this number of seeds."""
    return replace(
        settings,
        seeds=seeds,
        sequential=False,
        cap=None,
        evidence=False,
        device="cpu" if settings.device == "auto" else settings.device,
        engine="stacked" if settings.engine == "auto" else settings.engine,
    )


def bare_suite(suite: Suite, comparisons: Sequence[Comparison]) -> Suite:
    """Return a suite of these comparisons without what is measured, claimed and drawn beside their scores."""
    without: dict[str, object] = {
        "claims": (),
        "diagnostics": (),
        "figures": {},
        "tables": {},
        "frontier": (),
        "target": None,
    }
    kept = tuple(comparison.model_copy(update=without) for comparison in comparisons)
    return Suite(name=suite.name, title=suite.title, system=suite.system, comparisons=kept)
