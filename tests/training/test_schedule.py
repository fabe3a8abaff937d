"""Schedules of the learning rate, to the bit those of loops of plain torch."""

from __future__ import annotations

from typing import Any

import pytest
from torch.optim import SGD, AdamW
from torch.optim import lr_scheduler as rates

from paribus import call
from paribus.training.loop import Training, train
from tests.helpers import optimizers as own
from tests.helpers.optimizers import Turns
from tests.helpers.plain_torch import MLP, STEPS, Plain, same, trained
from tests.helpers.refusals import refused

SCHEDULES = {
    "cosine": (
        call(rates.CosineAnnealingLR),
        lambda o: rates.CosineAnnealingLR(o, T_max=STEPS),
    ),
    "one cycle": (
        call(rates.OneCycleLR, max_lr=0.5),
        lambda o: rates.OneCycleLR(o, max_lr=0.5, total_steps=STEPS),
    ),
    "as long as it is given": (
        call(rates.LinearLR, total_iters=3),
        lambda o: rates.LinearLR(o, total_iters=3),
    ),
    "steps": (call(rates.StepLR, step_size=2), lambda o: rates.StepLR(o, step_size=2)),
    "a function's": (
        call(own.warm_cosine),
        lambda o: own.warm_cosine(o, STEPS),
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_takes_a_step_after_each_of_the_optimizer(tiny, name: str) -> None:
    schedule, by_hand = SCHEDULES[name]
    run, split = tiny["table"].pair(MLP, call(SGD, lr=0.1, momentum=0.9), schedule=schedule)
    training, losses = trained(run, split)
    plain = Plain(run, split)
    optimizer = SGD(plain.network.parameters(), lr=0.1, momentum=0.9)
    theirs, expected = by_hand(optimizer), []
    for batch in plain.batches():
        expected.append(plain.loss(*batch).item())
        optimizer.step()
        theirs.step()
    assert losses.tolist() == expected
    same(training, plain)


def test_a_schedule_goes_for_every_optimizer_and_its_rates_are_kept(tiny) -> None:
    """Rates of steps 1, 4 and of the last, the 6th: half a cosine from each optimizer's own."""
    parts = {"*.weight": call(SGD, lr=1.0), "*": call(AdamW, lr=0.1)}
    schedule = call(rates.CosineAnnealingLR)
    run, split = tiny["table"].pair(MLP, parts, schedule=schedule, evaluate_every=3)
    record = train(run, split)
    assert record.curves["learning_rate/SGD of *.weight"] == pytest.approx([1.0, 0.5, 0.0669873])
    assert record.curves["learning_rate/AdamW of *"] == pytest.approx([0.1, 0.05, 0.00669873])
    assert not [name for name in record.scores if "rate" in name]
    assert record.notes[-1] == "CosineAnnealingLR is told T_max=6, the steps of a run"


def test_optimizers_of_one_kind_have_curves_of_their_own(tiny) -> None:
    schedule = call(rates.StepLR, step_size=9)
    curves = train(*tiny["table"].pair(MLP, call(own.pair), schedule=schedule)).curves
    assert {n: set(c) for n, c in curves.items() if "rate" in n} == {
        "learning_rate/SGD": {0.1},
        "learning_rate/SGD (2)": {0.05},
    }


def test_a_schedule_reaches_the_optimizer_whose_groups_an_object_shows(tiny) -> None:
    schedule = call(rates.StepLR, step_size=1)
    training, _ = trained(*tiny["table"].pair(MLP, call(own.Wrapped), schedule=schedule))
    (group,) = training.optimizers[0].steppers[0].optimizer.param_groups
    assert group["lr"] == pytest.approx(0.1 * 0.1 ** (STEPS - 1))


def test_a_schedule_reaches_the_optimizers_within_one(tiny) -> None:
    run, split = tiny["table"].pair(MLP, call(own.both), schedule=call(rates.StepLR, step_size=1))
    training, _ = trained(run, split)
    inner = training.optimizers[0].steppers[0].optimizer
    assert inner.first.param_groups[0]["lr"] == pytest.approx(0.1 * 0.1 ** (STEPS - 1))
    assert inner.second.param_groups[0]["lr"] == pytest.approx(0.05 * 0.1 ** (STEPS - 1))


def test_a_schedule_that_goes_by_the_loss_is_shown_that_of_validation(tiny) -> None:
    schedule = call(rates.ReduceLROnPlateau, patience=0, threshold=0.5)
    run, split = tiny["table"].pair(MLP, call(SGD, lr=1e-6), schedule=schedule, evaluate_every=2)
    assert train(run, split).curves["learning_rate"] == pytest.approx([1e-6, 1e-6, 1e-7, 1e-8])


def test_a_rate_that_stays_leaves_no_curve(tiny) -> None:
    assert "learning_rate" not in train(*tiny["table"].pair(MLP)).curves


def test_an_optimizer_is_told_the_steps_that_it_asks_for(tiny) -> None:
    told = train(*tiny["table"].pair(MLP, call(own.Annealed, lr=0.1), evaluate_every=3))
    given = train(
        *tiny["table"].pair(MLP, call(own.Annealed, lr=0.1, steps=STEPS), evaluate_every=3)
    )
    assert told.scores == given.scores
    assert told.curves["learning_rate"] == pytest.approx([0.1, 0.075, 0.1 * 0.0669873])
    assert told.notes[-1] == "Annealed is told steps=6, the steps of a run"
    assert given.notes == told.notes[:-1]


@pytest.mark.parametrize(
    "schedule",
    [
        call(rates.OneCycleLR, max_lr=0.5, total_steps=STEPS),
        call(rates.CyclicLR, base_lr=0.01, max_lr=0.1, max_momentum=0.5, step_size_up=9),
    ],
)
def test_a_schedule_of_the_momentum_is_told(tiny, schedule: Any) -> None:
    """The second begins at the momentum that the optimizer has."""
    run = tiny["table"].pair(MLP, call(SGD, lr=0.1, momentum=0.5), schedule=schedule)
    kind = schedule.label.partition("(")[0]
    assert f"{kind} changes the momentum too, besides the rate" in train(*run).notes


def test_a_length_other_than_a_run_s_is_told(tiny) -> None:
    schedule = call(rates.CosineAnnealingLR, T_max=150)
    record = train(*tiny["table"].pair(MLP, schedule=schedule))
    assert record.notes[-1] == "CosineAnnealingLR is given T_max=150, and a run takes 6 steps"


def test_a_schedule_that_changes_nothing_in_a_run_is_told(tiny) -> None:
    """As of one that was written for epochs: a run has six steps."""
    told = "StepLR left the rate as it was in all 6 steps; it counts steps, and not epochs"
    notes = {
        size: train(*tiny["table"].pair(MLP, schedule=call(rates.StepLR, step_size=size))).notes
        for size in (30, 2)
    }
    assert told in notes[30]
    assert told not in notes[2]
    plateau = call(rates.ReduceLROnPlateau)
    assert "left the rate" not in " ".join(train(*tiny["table"].pair(MLP, schedule=plateau)).notes)


@pytest.mark.parametrize(
    ("schedule", "got"),
    [
        (own.of_another, "StepLR of another SGD"),
        (own.no_scheduler, "None"),
    ],
)
def test_a_schedule_of_something_else_is_refused(tiny, schedule: Any, got: str) -> None:
    message = refused(Training, *tiny["table"].pair(MLP, schedule=call(schedule)))
    expected = "expected a scheduler of the optimizer that it is given."
    assert message.startswith(f"recipe.schedule {schedule.__name__}(): got {got}, {expected}")


def test_steps_beyond_a_run_s_leave_the_rate_as_it_is(tiny) -> None:
    """As many as it takes to time one; `OneCycleLR` refuses to go on."""
    schedule = call(rates.OneCycleLR, max_lr=0.5)
    training = Training(*tiny["table"].pair(MLP, schedule=schedule))
    training.advance(STEPS + 3)
    (optimizer,) = training.optimizers[0].schedule.optimizers
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.5 / 25 / 1e4)


def test_alternating_updates_have_the_optimizers_of_their_patterns_and_schedules(tiny) -> None:
    run, split = tiny["images"].pair(
        call(Turns),
        {"first.*": call(SGD, lr=0.5), "*": call(AdamW, lr=0.01)},
        schedule=call(rates.LinearLR, start_factor=0.5),
    )
    training = Training(run, split)
    training.advance(STEPS)
    kinds = [[type(s.optimizer).__name__ for s in o.steppers] for o in training.optimizers]
    assert kinds == [["SGD"], ["AdamW"]]
    last = [o.schedule.optimizers[0].param_groups[0]["lr"] for o in training.optimizers]
    share = 0.5 + 0.5 * (STEPS - 1) / STEPS
    assert last == pytest.approx([0.5 * share, 0.01 * share])
