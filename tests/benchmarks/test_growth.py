"""Benchmark of how cost grows: what is run and what its page says; no time is asserted."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.growth import measure, page
from paribus.analysis.result_set import read_set


def test_one_number_grows_at_a_time() -> None:
    for what, sizes in measure.sizes_of_growth():
        assert [size[what] for size in sizes] == list(measure.GROWTH[what])
        assert all({**size, what: measure.START[what]} == measure.START for size in sizes)


@pytest.mark.slow
def test_a_comparison_has_the_seeds_variants_and_steps_that_were_asked_for(tmp_path: Path) -> None:
    measure.run_here(3, 2, 20, tmp_path)
    (runs,) = read_set(tmp_path).comparisons
    assert (len(runs.seeds), len(runs.variants), runs.steps) == (3, 2, 20)


def test_the_page_has_every_second_and_slope(tmp_path: Path) -> None:
    seconds = {
        "seeds": [4.0, 4.0, 8.0, 32.0, 128.0],
        "variants": [4.0, 4.0, 4.0, 8.0],
        "steps": [4.0, 4.0, 16.0, 64.0],
    }
    where = {"machine": "a machine", "date": "2026-01-02"}
    page.write_page(tmp_path, {"seconds": seconds, "where": where, "step": 0.0011})
    text = (tmp_path / "growth.md").read_text(encoding="utf-8")
    rows = [[c.strip() for c in x.split("|")[1:-1]] for x in text.splitlines() if "|" in x]
    assert ["512", "128", "1.00"] in rows
    assert ["32", "8.00", "0.50"] in rows
    assert ["16", "8.00", "1.00"] in rows
    assert ["250", "4.00", "—"] in rows
    assert (tmp_path / "growth.png").stat().st_size > 10_000
