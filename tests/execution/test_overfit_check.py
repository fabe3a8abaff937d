"""Overfitting a few samples: what works fits them, a fault does not, and the command says which."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from paribus.execution.overfit_check import Fitted, check, check_all
from paribus.execution.settings import Settings
from paribus.frontends import cli
from paribus.seeding import Streams
from paribus.spec import call
from tests.helpers.optimizers import Annealed
from tests.helpers.toys import RECIPE, TASK, Small, comparison, suite

FAST = call("torch.optim:Adam", lr=0.05)


class Normed(nn.Sequential):
    """Network with batch statistics, which one sample does not have."""

    def __init__(self, *, inputs: tuple[int, ...], outputs: int) -> None:
        super().__init__(
            nn.Linear(inputs[0], 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, outputs)
        )


class Deaf(Small):
    """Puts out the same, whatever the sample is."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(torch.zeros_like(x))


def checked(**settings: Any) -> list[Fitted]:
    made = comparison(recipe=RECIPE.model_copy(update={"optimizer": FAST, **settings}))
    base = made.variants()[0].model_copy(update={"recipe": made.recipe})
    return list(check(base, steps=1000))


@pytest.mark.parametrize("own", [False, True], ids=["a schedule", "an optimizer's own"])
def test_a_schedule_that_is_over_begins_again(own: bool) -> None:
    """Ten steps of a falling rate fit nothing, and a rate of zero from then on nothing more."""
    settings = {"steps": 10, "schedule": call("torch.optim.lr_scheduler:LinearLR", end_factor=0.0)}
    if own:
        settings = {"steps": 10, "optimizer": call(Annealed, lr=1.0)}
    point, batch = checked(model=call(Small, hidden=32), **settings)
    assert point.passed
    assert batch.passed
    assert batch.schedules == -(-batch.steps // 10) > 1
    assert batch.summary.endswith(
        f" after {batch.steps} steps, {batch.schedules} times its schedule"
    )


def test_a_schedule_is_as_long_as_a_run_of_the_first_budget() -> None:
    recipe = RECIPE.model_copy(update={"optimizer": call(Annealed, lr=1.0)})
    made = suite(comparison("recipe.batch_size", {"8": 8, "4": 4}, recipe=recipe))
    (_, point), _ = check_all(made, Settings(), steps=12)
    assert point.schedules == -(-point.steps // 6)


def test_a_loop_that_works_fits_one_point_and_then_one_batch() -> None:
    point, batch = checked(model=call(Small, hidden=32))
    assert (point.samples, batch.samples) == (1, RECIPE.batch_size)
    assert point.passed
    assert batch.passed
    assert batch.after <= 0.01 * batch.before
    assert batch.accuracy == 1.0
    assert 0 < point.steps <= batch.steps < 1000


def test_a_few_samples_are_prepared_as_in_a_whole_training() -> None:
    """By themselves one point would be all zeros, and so would its prepared value."""
    split = TASK.make_split(TASK.read(0), Streams(0))
    few = split.only(split.train[:1])
    for name in ("train", "validation", "test"):
        assert torch.equal(few.part(name).inputs[0], split.part("train", 1).inputs[0])
    assert few.part("train").inputs[0].abs().sum() > 0


@pytest.mark.parametrize(
    "fault",
    [
        {"optimizer": call("torch.optim:SGD", lr=0.0)},
        {"optimizer": call("torch.optim:Adam", lr=50.0)},
        {"model": call(Deaf)},
    ],
    ids=["a rate of zero", "a rate too high", "a network that sees nothing"],
)
def test_a_fault_does_not_fit_a_batch(fault: dict[str, Any]) -> None:
    _, batch = checked(**fault)
    assert not batch.passed
    assert "NOT FITTED" in batch.summary
    assert batch.steps == 1000


def test_one_point_has_no_batch_statistics() -> None:
    point, batch = checked(model=call(Normed))
    assert point.reason.startswith("Expected more than 1 value per channel")
    assert point.summary.startswith("one point: not tried, Expected more than 1 value")
    assert batch.passed


@pytest.mark.parametrize(
    ("found", "passed"),
    [
        (Fitted(8, 25, 2.0, 0.02, 1.0), True),
        (Fitted(8, 25, 2.0, 0.021, 1.0), False),
        (Fitted(8, 25, 2.0, 0.02, 0.875), False),
        (Fitted(8, 25, 2.0, 0.02), True),
        (Fitted(1, 0, 1e-6, 1e-4), True),
        (Fitted(8, 25, 2.0, float("nan"), 1.0), False),
        (Fitted(8, reason="no"), False),
    ],
)
def test_fitted_is_a_hundredth_of_the_loss_and_every_sample_right(found, passed) -> None:
    assert found.passed is passed


def test_the_baseline_is_checked_or_every_variant() -> None:
    """One point and one batch each."""
    few = [name for name, _ in check_all(suite(), Settings(), steps=25)]
    every = [name for name, _ in check_all(suite(), Settings(), variants=True, steps=25)]
    assert few == ["toys, sgd"] * 2
    assert every == ["toys, sgd"] * 2 + ["toys, adam"] * 2


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Return a function that checks toys of these settings by the command line; it returns status and output."""

    def run(*options: str, **settings: Any) -> tuple[int, str]:
        recipe = RECIPE.model_copy(update={"model": call(Small, hidden=32), **settings})
        made = comparison(recipe=recipe, levels={"a": FAST, "b": call("torch.optim:SGD", lr=0.0)})
        monkeypatch.setattr(cli, "find_suite", lambda _name: suite(made))
        with pytest.raises(SystemExit) as ended:
            cli.main(["check", "toys", "--steps", "500", *options])
        return ended.value.code, capsys.readouterr().out

    return run


def test_the_command_says_what_was_fitted_and_ends_with_zero(command) -> None:
    status, output = command()
    assert status == 0
    assert [line.partition(", loss")[0] for line in output.splitlines()] == [
        "toys, a, one point: fitted",
        "toys, a, one batch of 8: fitted",
    ]


def test_the_command_ends_with_one_where_a_variant_did_not_fit(command) -> None:
    status, output = command("--all")
    assert status == 1
    assert "toys, b, one batch of 8: NOT FITTED" in output
