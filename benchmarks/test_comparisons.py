"""Training of every suite x variant x device, then timing of a step; pages go to results/latest."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from paribus.execution.cases import Case, cases
from paribus.frontends.pytest_session import CLOCK
from paribus.suites import SUITES

CASES = cases(SUITES)
# A tuned variant's step is its default's with other numbers.
STEPS = [case for case in CASES if case.arm == "default"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.benchmark(group="training, seconds of all seeds added up", timer=CLOCK)
def test_training(case: Case, train_case: Callable[[Case], None]) -> None:
    """Train every seed of one variant; its seconds are those of its runs, trained now or stored."""
    train_case(case)


@pytest.mark.parametrize("case", STEPS, ids=lambda case: case.name)
@pytest.mark.benchmark(group="one training step, median", timer=CLOCK)
def test_step(case: Case, time_case: Callable[[Case], None]) -> None:
    """Time a variant's step and its baseline's in turn on one pinned core."""
    time_case(case)
