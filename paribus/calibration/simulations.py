"""Simulations: every procedure on drawn scores, through the rule that gives verdicts."""

from __future__ import annotations

from collections.abc import Callable

from paribus.calibration.coverage import coverage
from paribus.calibration.new_tasks import new_tasks
from paribus.calibration.null_rejections import at_the_margin, broken, rejections
from paribus.calibration.optional_stopping import peeking
from paribus.calibration.power import power
from paribus.calibration.printed_labels import labels
from paribus.calibration.rates import Rate
from paribus.calibration.tuning_nulls import searches

REPEATS = 2000
PARTS: dict[str, Callable[[int], list[Rate]]] = {
    "nulls": rejections,
    "margin": at_the_margin,
    "searches": searches,
    "peeking": peeking,
    "asymmetry": broken,
    "coverage": coverage,
    "power": power,
    "new tasks": new_tasks,
    "labels": labels,
}
"""What is simulated, by name: each takes the number of comparisons to draw for a rate."""
