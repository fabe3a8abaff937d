"""Two of the sweep's sixteen learning rates, which the loop can train in minutes."""

from __future__ import annotations

from benchmarks.engines.sweep import MULTIPLES, suite

PART = (MULTIPLES[5], MULTIPLES[10])
SUITE = suite(PART)
