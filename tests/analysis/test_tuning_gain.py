"""What tuning bought, on scores written by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from paribus.analysis.results import Result
from paribus.analysis.tuning_gain import tuning_gains
from paribus.analysis.verdict import Decision, Size
from paribus.report.answers import answer
from paribus.report.secondary_tables import tuning_gain_lines
from paribus.runs.store import Store
from tests.helpers.handmade import Bench, around, comparison

STATED = {"sgd": 0.4, "adam": 0.3, "rmsprop": 0.2}
TUNED = {"sgd": 0.3, "adam": 0.4, "rmsprop": 0.2}


def arms(path: Path) -> list[Result]:
    """Return both arms: tuning helps sgd, harms adam, and leaves rmsprop exactly where it is."""
    made = []
    for arm, scores in (("default", STATED), ("tuned", TUNED)):
        bench = Bench(Store(path / f"{arm}.sqlite"), comparison())
        for name, score in scores.items():
            bench.put(name, around(score))
        made.append(replace(bench.result(), arm=arm))
    return made


def test_tuned_against_stated_by_hand(tmp_path: Path) -> None:
    gains = tuning_gains(arms(tmp_path))
    assert [(n, c.decision, c.size) for n, c in gains.items()] == [
        ("sgd", Decision.better, Size.beyond),
        ("adam", Decision.worse, Size.beyond),
        ("rmsprop", Decision.identical, Size.within),
    ]
    assert gains["sgd"].difference.mean == pytest.approx(0.1)
    # Ten wins of ten: 2 / 2^10, times three variants.
    assert gains["sgd"].p_holm == pytest.approx(3 * 2 / 2**10)


def test_it_takes_both_arms(tmp_path: Path) -> None:
    assert tuning_gains(arms(tmp_path)[:1]) == {}
    assert tuning_gains(arms(tmp_path / "again")[1:]) == {}


def test_the_first_line_says_whom_tuning_made_worse(tmp_path: Path) -> None:
    both = arms(tmp_path)
    assert "Tuning made adam worse than its stated settings." in answer(both)
    assert "Tuning made" not in answer(both[:1])
    lines = tuning_gain_lines(both)
    assert [line["variant"] for line in lines] == ["sgd", "adam", "rmsprop"]
    assert [line["verdict"] for line in lines] == ["clearly better", "clearly worse", "identical"]


def test_the_first_line_says_why(tmp_path: Path) -> None:
    stated, tuned = arms(tmp_path)
    searched = SimpleNamespace(search=SimpleNamespace(trials=16))
    tuned = replace(tuned, rows=tuple(replace(row, searched=searched) for row in tuned.rows))
    assert answer([stated, tuned]).endswith(
        "Tuning made adam worse than its stated settings: the best of 16 scores on 12 validation samples is "
        "probably the luckiest, too."
    )
