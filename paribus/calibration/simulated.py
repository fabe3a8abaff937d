"""All that is simulated: every procedure on drawn scores, through the rule that gives verdicts."""

from __future__ import annotations

from collections.abc import Callable

from paribus.calibration.coverage import coverage
from paribus.calibration.nulls import at_the_margin, broken, rejections
from paribus.calibration.peeking import peeking
from paribus.calibration.power import power
from paribus.calibration.searches import searches
from paribus.rates import Rate

REPEATS = 2000
PARTS: dict[str, Callable[[int], list[Rate]]] = {
    "nulls": rejections,
    "margin": at_the_margin,
    "searches": searches,
    "peeking": peeking,
    "asymmetry": broken,
    "coverage": coverage,
    "power": power,
}
"""What is simulated, by name: each takes the number of comparisons to draw for a rate."""
