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
from paribus.execution.engine_choice import EngineChoice, resolve
from paribus.execution.executor import execute, split_of
from paribus.experiment.recipe import Recipe
from paribus.runs.run import Run, RunResult
from paribus.spec import Call, call
from paribus.suites.tasks.generated_digits import GENERATED_DIGITS
from paribus.training.loop import Training, train

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


class Penalised(nn.Module):
    """Critic and generator of a Wasserstein GAN; the critic's slope between true and made samples is held near one."""

    def __init__(self, *, inputs: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        width = math.prod(inputs)
        self.critic = nn.Sequential(nn.Linear(width, 4), nn.Tanh(), nn.Linear(4, 1))
        self.generator, self.answer = nn.Linear(2, width), nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.answer(x.flatten(1))

    def alternating_updates(self):
        return [
            ([*self.critic.parameters()], self.criticise),
            ([*self.generator.parameters()], self.generate),
            ([*self.answer.parameters()], self.respond),
        ]

    def made(self, x: Tensor, generator: torch.Generator) -> Tensor:
        return self.generator(torch.randn(len(x), 2, generator=generator).to(x))

    def slopes(self, x: Tensor) -> Tensor:
        x = x.requires_grad_()
        (slopes,) = torch.autograd.grad(self.critic(x).sum(), x, create_graph=True)
        return slopes

    def criticise(self, inputs, _targets, generator) -> Tensor:
        x = inputs[0].flatten(1)
        made = self.made(x, generator).detach()
        share = torch.rand(len(x), 1, generator=generator).to(x)
        slopes = self.slopes(share * x + (1 - share) * made)
        penalty = (slopes.norm(dim=1) - 1).square().mean()
        return self.critic(made).mean() - self.critic(x).mean() + 10 * penalty

    def generate(self, inputs, _targets, generator) -> Tensor:
        return -self.critic(self.made(inputs[0].flatten(1), generator)).mean()

    def respond(self, inputs, targets, _generator) -> Tensor:
        return (self(inputs[0]) - targets[0]).square().mean()


class PenalisedByTransform(Penalised):
    """The same slopes by a transform of functions."""

    def slopes(self, x: Tensor) -> Tensor:
        return torch.func.grad(lambda y: self.critic(y).sum())(x)


class PenalisedByBackward(Penalised):
    """The same slopes as a tensor that holds its gradient."""

    def slopes(self, x: Tensor) -> Tensor:
        x = x.requires_grad_()
        self.critic(x).sum().backward(create_graph=True, inputs=[x])
        return x.grad


class Unpenalised(Penalised):
    """No gradient is taken, though some are stopped."""

    def slopes(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            scale = self.critic(x).abs()
        return self.critic(x) * scale.detach()


class Unused(Trio):
    """Its second and its last loss do not reach all weights of their updates."""

    def __init__(self, *, inputs: tuple[int, ...], outputs: int) -> None:
        super().__init__(inputs=inputs, outputs=outputs)
        self.spare = nn.Linear(3, 2)

    def alternating_updates(self):
        (first, lead), (second, _), (third, close) = super().alternating_updates()
        # What the second one's loss does not reach is reached by the first.
        second = [self.spare.weight, *second, *self.first.parameters()]
        return [(first, lead), (second, self.pull), ([*third, *self.spare.parameters()], close)]

    def pull(self, inputs, targets, _generator) -> Tensor:
        return (self(inputs[0]) - targets[0]).square().mean()


class Unreached(Trio):
    """The loss of one update is that of another one's weights."""

    def follow(self, inputs, targets, generator) -> Tensor:
        return super().lead(inputs, targets, generator)


def hidden(*, inputs: tuple[int, ...], outputs: int) -> Trio:
    """Return the network from a function, which does not show its class."""
    return Trio(inputs=inputs, outputs=outputs)


TRIO, PENALISED, UNUSED = call(Trio), call(Penalised), call(Unused)
GRADIENT = "a loss of its alternating updates contains a gradient"


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
        (call(Penalised), GRADIENT),
        (call(PenalisedByTransform), GRADIENT),
        (call(PenalisedByBackward), GRADIENT),
        (call(Unreached), "a loss of its alternating updates reaches none of the weights"),
    ],
    ids=["a function", "filling", "dropout", "restless", "grad", "func", "backward", "unreached"],
)
def test_what_cannot_be_stacked_is_left_to_the_loop_with_its_reason(
    tiny, model: Call, reason: str
) -> None:
    found = self_check(*tiny["series"].pair(model))
    assert reason in found
    assert "vmap" not in found


@pytest.mark.parametrize("engine", ["auto", "stacked"])
def test_a_gradient_penalty_is_trained_by_the_loop_whatever_is_asked_for(tiny, engine: str) -> None:
    run, split = tiny["series"].pair(PENALISED, ADAM, steps=100_000)
    chosen = resolve(engine, run, 64)
    assert chosen == EngineChoice("loop", GRADIENT)
    short = replace(run, recipe=run.recipe.model_copy(update={"steps": 6}), engine=chosen.engine)
    kept: list[RunResult] = []
    assert execute([short], jobs=1, keep=lambda _, record: kept.append(record)) == {}
    (record,), expected = kept, train(short, split)
    assert (record.scores, record.curves) == (expected.scores, expected.curves)


def test_a_network_without_a_penalty_is_stacked_though_it_stops_gradients(tiny) -> None:
    pairs = [tiny["series"].pair(call(Unpenalised), ADAM, seed=seed) for seed in (0, 1)]
    assert self_check(*pairs[0]) == ""
    assert_equal_to_the_loop(*zip(*pairs, strict=True), steps=6)


@pytest.mark.parametrize("total", [STEPS, 400], ids=["by vmap", "recorded"])
@pytest.mark.parametrize(
    "optimizer",
    [
        call("torch.optim:SGD", lr=0.05, momentum=0.9, weight_decay=0.1),
        call("torch.optim:Adam", lr=0.02, weight_decay=0.1),
        call("torch.optim:AdamW", lr=0.02, weight_decay=0.5),
    ],
    ids=["sgd", "adam", "adamw"],
)
def test_weights_that_a_loss_does_not_reach_are_left_as_the_loop_leaves_them(
    tiny, optimizer: Call, total: int
) -> None:
    """Neither decayed nor carried on by momentum: their update has no gradient of them, which is not one of zero."""
    pairs = [tiny["series"].pair(UNUSED, optimizer, seed=s, steps=total) for s in (0, 1)]
    assert self_check(*pairs[0]) == ""
    assert_equal_to_the_loop(*zip(*pairs, strict=True))
    together = StackedTraining(*zip(*pairs, strict=True))
    spare = together.stack.parameters(together.stack.weights.detach().clone())["spare.weight"]
    together.advance(3)
    left = together.stack.parameters(together.stack.weights.detach())["spare.weight"]
    assert torch.equal(left, spare)


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
