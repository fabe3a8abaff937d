"""Every suite x variant x device: train it, then time one of its steps; pages go to results/latest."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from paribus.execution.cases import Case, cells
from paribus.frontends.pytest_session import CLOCK
from paribus.suites import SUITES

CELLS = cells(SUITES)
# A tuned variant's step is its default's with other numbers.
STEPS = [cell for cell in CELLS if cell.arm == "default"]


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
@pytest.mark.benchmark(group="training, seconds of all seeds added up", timer=CLOCK)
def test_training(cell: Case, train_cell: Callable[[Case], None]) -> None:
    """Every seed of one variant; its seconds are those of its runs, trained now or found in the store."""
    train_cell(cell)


@pytest.mark.parametrize("cell", STEPS, ids=lambda cell: cell.name)
@pytest.mark.benchmark(group="one training step, median", timer=CLOCK)
def test_step(cell: Case, time_cell: Callable[[Case], None]) -> None:
    """A variant's step and its baseline's take turns on one pinned core."""
    time_cell(cell)
