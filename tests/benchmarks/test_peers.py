"""Benchmark of whole comparisons by other libraries: what they share and what its page says; no time is asserted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.peers import measure, page, problem, textbook
from paribus.suites import SUITES

MEANS = dict.fromkeys(problem.OPTIMIZERS, 0.125)


def measured(cold: float, warm: float | None = None) -> dict[str, Any]:
    return {
        "cold": cold,
        "warm": cold if warm is None else warm,
        "end": cold + 1.5,
        "rounds": 1,
        "means": MEANS,
        "version": "1.2",
        "step": 0.0011,
        "where": {"machine": "a machine", "date": "2026-01-02"},
    }


def test_it_is_the_comparison_of_the_suite() -> None:
    (comparison,) = next(suite for suite in SUITES if suite.name == "optimizers").comparisons
    ours = {v.name: v.recipe.optimizer for v in comparison.variants()}
    theirs = {
        name: (made.__name__, dict(settings))
        for name, (made, settings) in problem.OPTIMIZERS.items()
    }
    assert {k: (v.target.split(":")[1], dict(v.kwargs)) for k, v in ours.items()} == theirs
    assert comparison.budgets["quick"].seeds == problem.SEEDS
    assert comparison.budgets["quick"].steps == problem.STEPS
    assert list(comparison.recipe.model.kwargs["hidden"]) == list(problem.WIDTHS[1:-1])


def test_parts_are_standardised_by_the_training_part_and_differ_by_seed() -> None:
    first, other = problem.parts(0), problem.parts(1)
    assert (len(first.x), len(first.test_x)) == (341, 114)
    assert first.x.mean(0) == pytest.approx(0.0, abs=1e-5)
    assert first.x.std(0) == pytest.approx(1.0, abs=1e-4)
    assert not np.array_equal(first.x, other.x)


def test_the_textbook_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = problem.parts(0).test_y
    untrained = problem.log_loss(np.zeros((len(labels), 2), np.float32), labels)
    monkeypatch.setattr(textbook, "STEPS", 60)
    assert untrained == pytest.approx(np.log(2))
    assert problem.log_loss(textbook.train("adagrad", 0), labels) < untrained / 2


def test_the_table_ends_with_the_means(capsys: pytest.CaptureFixture[str]) -> None:
    """Wilcoxon's least p of three pairs is a quarter, by Holm for two comparisons a half."""
    problem.show({"sgd": [1.0, 2.0, 3.0], "adam": [0.0, 0.5, 1.0], "rmsprop": [2.0, 3.5, 5.0]})
    *table, last = capsys.readouterr().out.splitlines()
    assert json.loads(last) == {"sgd": 2.0, "adam": 0.5, "rmsprop": 3.5}
    assert table[3].split() == [
        "adam",
        "0.5000",
        "±",
        "0.5000",
        "1.5000",
        "[0.2579,",
        "2.7421]",
        "0.5000",
    ]


def test_a_command_that_fails_is_no_measurement(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="ended with status 1"):
        measure.run_once(measure.Peer("not_there", (), ""), tmp_path, "first")


def test_seconds_are_those_until_the_last_line_of_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "import time; print('a table', flush=True); print('{}', flush=True); time.sleep(0.3)"
    (tmp_path / "slow.py").write_text(script, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(measure, "PACKAGE", "")
    once = measure.run_once(measure.Peer("slow", (), ""), tmp_path, "first")
    assert once.means == {}
    assert once.end - once.table >= 0.3


def test_a_library_that_is_not_there_is_named() -> None:
    assert measure.missing(measure.Peer("", ("json", "no_such"), "")) == "no_such is not installed"
    assert measure.missing(measure.PEERS["paribus"]) == ""


def test_the_page_says_how_far_ahead_and_where_the_bars_are_missed(tmp_path: Path) -> None:
    page.write_page(tmp_path, "paribus", measured(8.0, 4.0))
    page.write_page(tmp_path, "textbook", measured(240.0))
    page.write_page(tmp_path, "JAX", measured(16.0, 12.0))
    text = (tmp_path / "peers.md").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("| textbook"))
    cells = [cell.strip() for cell in line.split("|")]
    assert "30.0x" in cells
    assert "60.0x" in cells
    assert "242" in cells, "when the process has ended"
    assert "Asked for was 10x from a cold start: not reached against JAX 2.0x." in text
    assert "Asked for was 50x from a warm start: not reached against JAX 4.0x." in text
    assert "A step of the textbook's loop took 1.10 to 1.10 ms" in text
