"""Alternating updates of a cohort against the loop: the same weights, running statistics and losses in float64."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from paribus.engines.vmapped.equivalence import self_check
from paribus.engines.vmapped.fit import StackedTraining, why_not
from paribus.execution.executor import split_of
from paribus.experiment.recipe import Recipe
from paribus.runs.run import Run
from paribus.spec import Call, call
from paribus.suites.tasks.generated_digits import GENERATED_DIGITS
from paribus.training.loop import Training

STEPS = 30
ADAM = call("torch.optim:Adam", lr=0.02, betas=[0.5, 0.999])


class Trio(nn.Module):
    """Three maps and three updates: the second and the third share the middle map; a norm keeps statistics."""

    def __init__(self, *, inputs: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        width = math.prod(inputs)
        self.first, self.middle = nn.Linear(width, outputs), nn.Linear(width, width, bias=False)
        self.norm, self.last = nn.BatchNorm1d(width), nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.norm(self.middle(x.flatten(1))))

    def alternating_updates(self):
        return [
            ([*self.first.parameters()], self.lead),
            ([*self.middle.parameters(), *self.norm.parameters()], self.follow),
            ([*self.last.parameters(), *self.middle.parameters()], self.close),
        ]

    def lead(self, inputs, targets, _generator) -> Tensor:
        return (self.first(inputs[0].flatten(1)) - targets[0]).square().mean()

    def follow(self, inputs, _targets, generator) -> Tensor:
        x = inputs[0].flatten(1)
        noise = torch.randn(len(x), 1, generator=generator).to(x)
        shift = torch.rand(1, generator=generator).to(x)
        return (self(x) - self.first(x) - noise + shift).square().mean()

    def close(self, inputs, targets, generator) -> Tensor:
        x = inputs[0].flatten(1)
        kept = torch.randint(2, x.shape, generator=generator).to(x)
        return (self(x * kept) - targets[0]).abs().mean() + self(x).square().mean()


class Filling(Trio):
    """Its draws fill a tensor that is there before."""

    def lead(self, inputs, targets, generator) -> Tensor:
        noise = torch.empty(1).normal_(generator=generator)
        return super().lead(inputs, targets, generator) + noise.to(inputs[0]).sum()


class Dropping(Trio):
    """One of its losses passes through a dropout."""

    def __init__(self, *, inputs: tuple[int, ...], outputs: int) -> None:
        super().__init__(inputs=inputs, outputs=outputs)
        self.drop = nn.Dropout(0.5)

    def lead(self, inputs, targets, _generator) -> Tensor:
        return (self.first(self.drop(inputs[0].flatten(1))) - targets[0]).square().mean()


class Restless(Trio):
    """It draws another way at each call."""

    calls = 0

    def lead(self, inputs, targets, generator) -> Tensor:
        self.calls += 1
        noise = torch.randn(self.calls, generator=generator).mean()
        return (
            super().lead(inputs, targets, generator) + noise.to(inputs[0]) * self.first.bias.sum()
        )


def hidden(*, inputs: tuple[int, ...], outputs: int) -> Trio:
    """Return the network from a function, which does not show its class."""
    return Trio(inputs=inputs, outputs=outputs)


TRIO = call(Trio)


def assert_equal_to_the_loop(runs: Sequence[Run], splits, steps: int = STEPS) -> None:
    together = StackedTraining(runs, splits)
    losses = together.advance(steps)
    for i, (run, split) in enumerate(zip(runs, splits, strict=True)):
        alone = Training(run, split)
        expected = alone.advance(steps)
        torch.testing.assert_close(losses[:, i], expected, rtol=1e-9, atol=1e-10)
        network = Training(run, split).network
        together.stack.load(network, i)
        for name, value in alone.network.state_dict().items():
            found = network.state_dict()[name]
            torch.testing.assert_close(found, value, rtol=1e-8, atol=1e-9, msg=name)


@pytest.mark.parametrize("total", [STEPS, 400], ids=["by vmap", "recorded"])
@pytest.mark.parametrize(
    ("optimizer", "settings"),
    [
        (ADAM, {}),
        (call("torch.optim:SGD", lr=0.05, momentum=0.9), {"clip_norm": 0.1}),
    ],
    ids=["adam", "sgd, clipped"],
)
def test_three_updates_of_shared_parameters_are_those_of_the_loop(
    tiny, optimizer: Call, settings: dict, total: int
) -> None:
    pairs = [
        tiny["series"].pair(TRIO, optimizer, seed=seed, dtype="float64", steps=total, **settings)
        for seed in (0, 1, 2)
    ]
    # Replicates of one seed with numbers of their own have the same draws.
    slower = call(optimizer.target, **{**optimizer.kwargs, "lr": 0.001})
    run, split = pairs[0]
    recipe = run.recipe.model_copy(update={"optimizer": slower})
    pairs.append((replace(run, recipe=recipe), split))
    assert_equal_to_the_loop(*zip(*pairs, strict=True))


def test_such_a_network_passes_the_check_of_stacked_training(tiny) -> None:
    run, split = tiny["series"].pair(TRIO)
    assert why_not(run) == ""
    assert self_check(run, split) == ""


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (call(hidden), "alternating updates of a network that no class makes"),
        (call(Filling), "draws by normal_ into or from a tensor"),
        (call(Dropping), "its alternating updates have dropout"),
        (call(Restless), "a loss of its alternating updates draws otherwise than before"),
    ],
    ids=["a function", "filling", "dropout", "restless"],
)
def test_what_cannot_be_stacked_is_left_to_the_loop_with_its_reason(
    tiny, model: Call, reason: str
) -> None:
    assert reason in self_check(*tiny["series"].pair(model))


def test_a_schedule_and_diagnostics_are_left_to_the_loop(tiny) -> None:
    run = tiny["series"].run(TRIO)
    watched = replace(run, diagnostics=(call("paribus.metrics.diagnostics:gradient_norms"),))
    assert why_not(watched) == "its updates alternate, and diagnostics are taken"
    schedule = call("torch.optim.lr_scheduler:StepLR", step_size=10)
    scheduled = replace(run, recipe=run.recipe.model_copy(update={"schedule": schedule}))
    assert why_not(scheduled) == "no stacked form of a schedule of the learning rate"


@pytest.mark.parametrize("total", [STEPS, 400], ids=["by vmap", "recorded"])
@pytest.mark.parametrize(
    "init", [None, call("paribus.models.initialise:dcgan_normal")], ids=["default", "normal"]
)
def test_an_adversarial_network_is_that_of_the_loop(init: Call | None, total: int) -> None:
    """With both kinds of initial weights, and the numbers of all its running statistics."""
    recipe = Recipe(
        model=call("paribus.models.gan:DCGAN", channels=8),
        optimizer=call("torch.optim:Adam", lr=0.001, betas=[0.5, 0.999]),
        init=init,
        keep="last",
        batch_size=16,
        steps=total,
        dtype="float64",
    )
    runs = [Run(GENERATED_DIGITS, recipe, seed, "digits", "cpu") for seed in (0, 1)]
    assert why_not(runs[0]) == ""
    assert_equal_to_the_loop(runs, [split_of(run) for run in runs])
