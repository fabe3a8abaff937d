"""Multiverse of a suite: train its comparisons under every combination of other choices, and take their verdicts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from paribus.analysis.multiverse import Multiverse, over_grid
from paribus.errors import ParibusError
from paribus.execution.cases import selected
from paribus.execution.orchestrate import refuse_broken, train_all
from paribus.execution.progress import ProgressBar
from paribus.execution.session import Session
from paribus.execution.settings import Settings
from paribus.execution.variance import apart, bare_suite
from paribus.experiment.comparison import Comparison
from paribus.experiment.grid import MAX_SETTINGS, Grid
from paribus.experiment.multiverse import settings_of
from paribus.experiment.suite import Suite
from paribus.report.formatting import setting
from paribus.spec import lookup
from paribus.stats import min_seeds

SEEDS = 10
SPARE = 2
"""Paired seeds of each setting, so many more than a verdict takes: without these, any one seed could take it away."""


def multiverse(
    suite: Suite,
    settings: Settings,
    over: Grid | None = None,
    max_settings: int = MAX_SETTINGS,
    progress: ProgressBar | None = None,
) -> list[Multiverse]:
    """Train every comparison of a suite under every combination of a grid's values, and return their verdicts.

    Runs are kept as those of any comparison; settings that differ in numbers of the optimizer are trained together.

    Args:
        suite: of the comparisons.
        settings: what the user chose; without a number of seeds there are as many as its verdicts need.
        over: values by path; None takes the grid that each comparison declares.
        max_settings: how many combinations there may be.
        progress: shows how far it has come.

    Raises:
        ParibusError: there is no grid, a path or a value cannot be used, or something cannot be trained.
    """
    grids = {c.name: over or c.multiverse for c in suite.comparisons}
    asked = [c for c in suite.comparisons if grids[c.name]]
    if not asked:
        raise ParibusError(
            f"multiverse of suite {suite.name!r}",
            got="no --paribus-over, and no grid that it declares",
            expected="choices to vary",
            fix="Write --paribus-over recipe.steps=250,1000, or name other paths.",
        )
    budget = settings.budget
    made = {c.name: settings_of(c, grids[c.name], budget, max_settings) for c in asked}
    everything = [at for settings_ in made.values() for at in settings_]
    bare = bare_suite(suite, everything)
    seeds = settings.seeds or max(SEEDS, *(min_seeds(c.family) + SPARE for c in asked))
    own = replace(apart(settings, seeds), arm="default")
    session = Session(own, [bare], progress, explores=True)
    cases = selected([bare], own)
    with session.study.store:
        session.prepare(cases)
        train_all(session, cases)
        results = session.study.results(cases)
    for result in results:
        refuse_broken(result)
    by_name = {result.comparison.name: result for result in results}
    return [
        over_grid(
            [by_name[at.name] for at in made[c.name]],
            c.name,
            grids[c.name],
            unlike(c, grids[c.name]),
        )
        for c in asked
    ]


def unlike(comparison: Comparison, paths: Iterable[str]) -> dict[str, str]:
    """Return what variants declare at paths at which they do not all declare the same."""
    found = {}
    for path in paths:
        declared = {}
        for variant in comparison.variants():
            parent, _, name = path.rpartition(".")
            holder = lookup(variant, parent)
            there = getattr(holder, "kwargs", None) or dict(holder)
            declared[variant.name] = setting(there.get(name))
        if len(set(declared.values())) > 1:
            found[path] = ", ".join(f"{name} {value}" for name, value in declared.items())
    return found
