"""What stands below a failed assertion of a verdict: the contrast in numbers, and the next step that fits it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from paribus.analysis.verdict import Contrast, decide, decide_sequentially
from paribus.report.failed_assertion import next_step, numbers, verdicts
from paribus.runs.store import Store
from tests.helpers.handmade import filled

STEP = np.array([1, -1, 2, -2, 1, -1, 2, -2, 1, -1]) / 100


def judged(differences: Any, margin: float | None = 0.02, **given: Any) -> Contrast:
    """Return the contrast of a variant that differs so from its baseline, where higher is better."""
    d = np.array(differences, dtype=float)
    base = np.full(d.size, 0.5)
    rule: dict[str, Any] = {
        "baseline": "sgd",
        "higher_is_better": True,
        "margin": margin,
        "failure_score": 0.0,
    }
    (contrast,) = decide({"sgd": base, "adam": base + d}, **(rule | given))
    return contrast


def test_numbers_of_a_contrast() -> None:
    assert numbers(judged(STEP + 0.1)) == (
        "adam against sgd: clearly better; difference 0.100 [0.089, 0.111] (95 %); p = 0.002; margin 0.02, shown to be "
        "no worse by it; 10 seeds"
    )
    assert numbers(judged(STEP, margin=None, family_size=2)) == (
        "adam against sgd: undecided (no margin); difference 0.000 [-0.013, 0.013] (95 % for all 2 contrasts at once); "
        "p = 1; no margin; 10 seeds"
    )


def test_a_contrast_is_short_where_pytest_shows_it() -> None:
    """Pytest cuts a representation at 240 characters; the limits are 0.1 ± t(9) sqrt(22 / 90) / 100."""
    assert repr(judged(STEP + 0.1)) == (
        "Contrast(adam against sgd: clearly better; difference 0.1 [0.0888, 0.111], 10 seeds)"
    )
    scores = {"sgd": np.full(10, 0.5), "adam": STEP + 0.6}
    rule: dict[str, Any] = {"higher_is_better": True, "margin": None, "failure_score": 0.0}
    rule["family_size"] = 1
    (sequence,) = decide_sequentially(scores, baseline="sgd", **rule)
    assert repr(sequence) == (
        "Contrast(adam against sgd: wins more often; difference 0.1, 8 seeds)"
    )


@pytest.mark.parametrize("bounds", [None, (0.0, 1.0)])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_next_step_after_a_sequence_that_stopped(sign: int, bounds: Any) -> None:
    """Its mean has no interval to plan with, or one of another kind."""
    scores = {"sgd": np.full(10, 0.5), "adam": 0.5 + sign * (STEP + 0.1)}
    rule: dict[str, Any] = {"higher_is_better": True, "margin": 0.02, "failure_score": 0.0}
    rule |= {"family_size": 1, "score_range": bounds}
    (sequence,) = decide_sequentially(scores, baseline="sgd", **rule)
    assert next_step(sequence).startswith("Next: the share of seeds won is told")


@pytest.mark.parametrize(
    ("contrast", "expected"),
    [
        (judged([0.1, 0.2, 0.3]), "6 seeds are the fewest that can decide: compare(..., seeds=6)."),
        (judged(STEP + 0.1), "the direction is shown, and more seeds will hardly turn it: change "),
        (
            judged(STEP, margin=0.1),
            "more seeds will hardly show a difference; assert not_worse, or ",
        ),
        (judged(np.zeros(10)), "more seeds will hardly show a difference; assert not_worse, or "),
        (
            judged(STEP, dummy=0.9),
            "neither beats the predictor that learns nothing, so more seeds ",
        ),
        (judged([0.1, *[0.0] * 9]), "nearly all seeds tie: score by a finer metric, or run more "),
        (judged(STEP + 0.02), "whether it is more than the margin is open; over 1000 seeds would "),
    ],
    ids=["few", "shown", "equivalent", "identical", "floor", "ties", "open size"],
)
def test_the_next_step_fits_the_verdict(contrast: Contrast, expected: str) -> None:
    assert next_step(contrast).startswith(f"Next: {expected}")


def test_seeds_that_would_tell_by_the_square_root_law() -> None:
    """Half of what was visible takes four times the seeds."""
    contrast = judged(STEP + 0.005, margin=0.009)
    visible = contrast.detectable
    assert visible is not None
    seen, margin = (int(np.ceil(10 * (visible / effect) ** 2)) for effect in (0.005, 0.009))
    assert next_step(contrast) == (
        f"Next: a difference of {visible:.2g} would have been seen in 80 % of such comparisons; to see it in as many "
        f"takes about {seen} seeds for one as large as was seen, about {margin} seeds for one of the margin."
    )


def test_verdicts_are_the_table_and_a_line_and_a_step_for_each(tmp_path: Path) -> None:
    with Store(tmp_path / "runs.sqlite") as store:
        text = verdicts([filled(store).result()])
    lines = text.splitlines()
    assert lines[0] == "hand on cpu, 10 seeds: Which optimizer is best?"
    assert [line.partition(":")[0] for line in lines[-4:]] == [
        "adam against sgd",
        "Next",
        "rmsprop against sgd",
        "Next",
    ]
