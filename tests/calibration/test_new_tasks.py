"""What is said of a new task comes true as often as it is said, in worlds whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from paribus.calibration import new_tasks
from paribus.calibration.new_tasks import DRAWN, World, brier, draw, predictions
from paribus.calibration.simulated_scores import generators
from paribus.calibration.simulations import PARTS

FEW = 150


def test_of_events_called_so_probable_about_as_many_come_true() -> None:
    """Each range of 150 repeats within its 99 % band; all of them are seeded."""
    rates = new_tasks.reliability(FEW)
    assert all(rate.passed for rate in rates)
    assert sum(rate.trials for rate in rates) == 3 * FEW


def test_probabilities_say_more_than_a_coin_and_less_where_tasks_differ_more() -> None:
    scores = [brier(*predictions(World(8, between), FEW)) for between in (0.0, 3.0)]
    assert scores[0] < 0.06 < scores[1] < 0.25


def test_the_mean_over_tasks_is_no_probability_of_a_new_one() -> None:
    wrong = new_tasks.pooled_as_one(FEW)
    assert wrong.planted
    assert wrong.rate < wrong.expected - 0.03


def test_a_world_draws_tasks_around_their_mean() -> None:
    """Without a deviation between tasks all effects are one, but for the noise of ten seeds."""
    (generator,) = generators("one", 1)
    seen, true = draw(World(8, 0.0), generator)
    assert len(seen.tasks) == 8
    assert np.abs(seen.effects - true).max() < 5 * seen.errors.max()


@pytest.mark.parametrize(
    ("said", "came", "score"), [([1.0, 0.0], [True, False], 0.0), ([0.5, 0.5], [True, False], 0.25)]
)
def test_briers_score_by_hand(said, came, score) -> None:
    assert brier(np.array(said), np.array(came)) == score


def test_it_is_a_part_of_the_calibration() -> None:
    assert PARTS["new tasks"] is new_tasks.new_tasks
    assert DRAWN.name == "12 tasks, deviation between them drawn"
