"""Train every suite x variant x device: seconds to pytest-benchmark, scores to the store, pages to results/latest."""

from __future__ import annotations

import pytest

from paribus.door import CLOCK
from paribus.session import Cell, cells
from suites import SUITES


@pytest.mark.parametrize("cell", cells(SUITES), ids=lambda cell: cell.name)
@pytest.mark.benchmark(group="training, seconds of all seeds added up", timer=CLOCK)
def test_training(cell: Cell, train_cell) -> None:
    """Every seed of one variant; its seconds are those of its runs, trained now or found in the store."""
    train_cell(cell)
