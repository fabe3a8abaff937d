"""The small comparison as tests: what is trained and timed by pytest is killed, too."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.soak.suite import SUITE
from paribus.execution.cases import Case, cases
from paribus.frontends.pytest_session import CLOCK

SUITES = [SUITE]


@pytest.mark.parametrize("case", cases(SUITES), ids=lambda case: case.name)
@pytest.mark.benchmark(group="training", timer=CLOCK)
def test_training(case: Case, train_case: Callable[[Case], None]) -> None:
    """Train every seed of one variant."""
    train_case(case)


@pytest.mark.parametrize("case", cases(SUITES), ids=lambda case: case.name)
@pytest.mark.benchmark(group="step", timer=CLOCK)
def test_step(case: Case, time_case: Callable[[Case], None]) -> None:
    """Time a variant's step."""
    time_case(case)
