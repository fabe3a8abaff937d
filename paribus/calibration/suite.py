"""Calibration of a suite: the baseline of each of its comparisons against itself, with the user's data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from paribus.calibration.a_a_tests import Repeats, calibrate
from paribus.calibration.page import rate_line, write_calibration
from paribus.calibration.rates import Rate
from paribus.execution.progress import ProgressBar
from paribus.execution.settings import Settings
from paribus.experiment.comparison import Comparison
from paribus.experiment.suite import Suite


def calibrate_suite(
    suite: Suite, settings: Settings, plan: Repeats, progress: ProgressBar | None = None
) -> Iterator[Rate]:
    """Calibrate each comparison of a suite and put it on the page; yields its rates.

    Raises:
        ParibusError: a comparison cannot be trained, or what should be held equal was not.
    """
    for comparison in suite.comparisons:
        rates = calibrate(_of(comparison, settings), comparison, plan, progress)
        about = (
            f"{suite.name}, {comparison.name}: {plan.repeats} comparisons of {plan.seeds} paired seeds, each of the "
            f"baseline with itself, at the budget `{settings.budget}`."
        )
        write_calibration(f"{suite.name} {comparison.name}", rates, about, settings.out)
        yield from rates


def _of(comparison: Comparison, settings: Settings) -> Settings:
    """Return the settings with the data of this comparison's task alone."""
    task = comparison.task.name
    data = {name: path for name, path in settings.data.items() if name == task}
    return replace(
        settings, data=data, targets={n: t for n, t in settings.targets.items() if n in data}
    )


def lines(rates: list[Rate], out: Path) -> str:
    """Return a terminal's lines: one a rate, and the page's path."""
    return "\n".join([*map(rate_line, rates), f"page: {out / 'calibration.md'}"])
