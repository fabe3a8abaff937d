"""How far verdicts reach: variance by source, and verdicts over a small grid of choices, of two suites each.

The pages are ``SUITE-variance.md`` and ``SUITE-multiverse.md``; ``paribus variance`` and ``paribus multiverse`` write
the same of every suite.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from paribus.execution.multiverse import multiverse
from paribus.execution.variance import variance_by_source
from paribus.experiment.grid import Grid
from paribus.experiment.suite import Suite
from paribus.frontends.pytest_session import settings_of
from paribus.report.multiverse import MultiverseReport
from paribus.report.variance import VarianceReport
from paribus.suites import activations, classifier, optimizers

VARIED = {"optimizers": optimizers.SUITE, "classifier": classifier.SUITE}
DRAWS = 6
GRIDS: dict[str, tuple[Suite, Grid]] = {
    "optimizers": (
        optimizers.SUITE,
        {"recipe.optimizer.lr": ("x0.1", "x1", "x10"), "recipe.steps": (100, 400)},
    ),
    "activations": (
        activations.SUITE,
        {"recipe.optimizer.lr": ("x0.1", "x1"), "recipe.steps": (55, 110)},
    ),
}


@pytest.mark.parametrize("name", VARIED)
@pytest.mark.benchmark(group="variance by source: seconds")
def test_variance(name: str, pytestconfig: pytest.Config, benchmark: Any) -> None:
    """Train a suite with each source of randomness drawn anew, and write its page."""
    suite, out = VARIED[name], Path(pytestconfig.getoption("--paribus-out"))
    args = (suite, replace(settings_of(pytestconfig), arm="default"), DRAWS)
    parts = benchmark.pedantic(variance_by_source, args=args, rounds=1, iterations=1)
    VarianceReport(suite.title, tuple(parts)).report(out)
    benchmark.extra_info |= {"runs": float(sum(part.runs for part in parts))}
    shares = [c.share.value for part in parts for s in part.spreads for c in s.components.values()]
    assert shares
    assert all(0 <= share <= 1 for share in shares)


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.benchmark(group="multiverse: seconds")
def test_multiverse(name: str, pytestconfig: pytest.Config, benchmark: Any) -> None:
    """Train a suite over its grid, and write its page."""
    (suite, grid), out = GRIDS[name], Path(pytestconfig.getoption("--paribus-out"))
    args = (suite, settings_of(pytestconfig), grid)
    parts = benchmark.pedantic(multiverse, args=args, rounds=1, iterations=1)
    MultiverseReport(suite.title, tuple(parts)).report(out)
    verdicts = [v for part in parts for found in part.contrasts.values() for v in found]
    benchmark.extra_info |= {"runs": float(sum(part.runs for part in parts))}
    assert all(verdict.there for verdict in verdicts)
