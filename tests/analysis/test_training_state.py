"""State of a training at its last step, on curves written by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from paribus.analysis.training_state import State, TrainingState, training_state
from paribus.runs.store import Store
from tests.helpers.handmade import Bench, around, comparison

STEPS = [0, 25, 50, 75, 100]


def state_of(path: Path, curve: list[float], steps: list[int] = STEPS) -> TrainingState | None:
    """Return the state of a variant whose runs all have this validation curve; the margin is 0.02 nats."""
    bench = Bench(Store(path / "runs.sqlite"), comparison())
    for name in ("sgd", "adam", "rmsprop"):
        bench.put(name, around(0.4), curves={"step": steps, "validation/log_loss": curve})
    result = bench.result()
    return training_state(result, result.row("adam"))


@pytest.mark.parametrize(
    ("curve", "state", "gain", "lost"),
    [
        ([0.7, 0.5, 0.4, 0.35, 0.30], State.improving, 0.05, 0.0),
        ([0.7, 0.5, 0.4, 0.31, 0.30], State.best, 0.01, 0.0),
        ([0.7, 0.3, 0.30, 0.31, 0.315], State.best, -0.005, 0.015),
        ([0.7, 0.3, 0.35, 0.40, 0.50], State.past, -0.10, 0.20),
        (
            [0.7, 0.3, 0.60, 0.55, 0.50],
            State.past,
            0.05,
            0.20,
        ),  # on its way down again, far from it
        ([0.7, 0.3, 0.32, 0.33, 0.30], State.improving, 0.03, 0.0),  # down again, and there
    ],
)
def test_the_state_by_hand(
    tmp_path: Path, curve: list[float], state: State, gain: float, lost: float
) -> None:
    found = state_of(tmp_path, curve)
    assert found is not None
    assert (found.state, found.steps) == (state, 100)
    assert (found.gain, found.lost) == (pytest.approx(gain), pytest.approx(lost))
    assert found.best_step == STEPS[int(np.argmin(curve))]


@pytest.mark.parametrize(
    ("curve", "state"),
    [
        (
            [0.7, 0.5, 0.4, 0.38, 0.30, 0.33],
            State.improving,
        ),  # 0.05 below all of the first three quarters
        ([0.7, 0.5, 0.35, 0.38, 0.30, 0.34], State.past),  # 0.01 below them, less than the margin
    ],
)
def test_of_a_best_in_the_last_quarter_what_stood_before_it_decides(
    tmp_path: Path, curve: list[float], state: State
) -> None:
    """Both gained more than the margin of 0.02 in the last quarter, and lost more than it since their best."""
    found = state_of(tmp_path, curve, [0, 25, 50, 75, 90, 100])
    assert found is not None
    assert (found.state, min(found.gain, found.lost) > 0.02) == (state, True)


def test_weights_that_were_never_trained_are_not_the_best(tmp_path: Path) -> None:
    """They are never kept: where training only harms, it is held against its first evaluation."""
    found = state_of(tmp_path, [0.3, 0.4, 0.41, 0.41, 0.41])
    assert found is not None
    assert (found.state, found.best_step) == (State.best, 25)
    assert found.lost == pytest.approx(0.01)


def test_the_steps_that_are_left_by_hand(tmp_path: Path) -> None:
    """Gains of .16 and .08 in the last two quarters: halved twice more they are at .02, the margin, not above it."""
    found = state_of(tmp_path, [0.9, 0.7, 0.54, 0.38, 0.30])
    assert found is not None
    assert (found.state, found.more_steps) == (State.improving, 50)
    growing = state_of(tmp_path / "growing", [0.9, 0.8, 0.7, 0.6, 0.4])
    assert growing is not None
    assert growing.more_steps is None


def test_curves_that_cannot_tell_have_no_state(tmp_path: Path) -> None:
    assert (
        state_of(tmp_path / "a", [0.7, 0.5, 0.3], [0, 50, 100]) is None
    )  # half of the steps apart
    assert state_of(tmp_path / "b", [0.7, 0.5, 0.4, float("nan"), 0.3]) is None
    bench = Bench(Store(tmp_path / "c.sqlite"), comparison())
    for name in ("sgd", "adam", "rmsprop"):
        bench.put(name, around(0.4), curves={"step": STEPS, "validation/log_loss": [0.5] * 5})
    shorter = {"step": STEPS[:4], "validation/log_loss": [0.5] * 4}
    bench.perturb("adam", 3, curves=shorter)  # stopped early
    result = bench.result()
    assert training_state(result, result.row("adam")) is None
    assert training_state(result, result.row("sgd")) is not None
