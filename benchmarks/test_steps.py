"""Time one training step of every variant, taking turns with its baseline."""

from __future__ import annotations

import pytest

from paribus.door import CLOCK
from paribus.session import Cell, cells
from suites import SUITES


@pytest.mark.parametrize("cell", cells(SUITES), ids=lambda cell: cell.name)
@pytest.mark.benchmark(group="one training step, median", timer=CLOCK)
def test_step(cell: Cell, time_cell) -> None:
    """A variant's step and its baseline's take turns on one pinned core."""
    time_cell(cell)
