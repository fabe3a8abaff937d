"""How the seconds of a comparison grow with seeds, variants and steps; the page is results/latest/growth.md.

``pytest benchmarks`` leaves this file out, because it takes minutes and needs a quiet machine. Name it to run it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.growth.measure import GROWTH, measure_growth
from benchmarks.growth.page import write_page


@pytest.mark.benchmark(group="whole comparisons of growing size: seconds of all")
def test_growth(pytestconfig: pytest.Config, benchmark: Any) -> None:
    """Every size once, in a process of its own."""
    measured = benchmark.pedantic(measure_growth, rounds=1, iterations=1)
    write_page(Path(pytestconfig.getoption("--paribus-out")), measured)
    benchmark.extra_info |= {
        f"{what} {number}": seconds
        for what, numbers in GROWTH.items()
        for number, seconds in zip(numbers, measured["seconds"][what], strict=True)
    }
