"""Optimizer steps for many replicates against `torch.optim`, one replicate at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from paribus.engines.vmapped.optimizers import refusal, shape_of, stacked_update
from paribus.spec import Call, call

STEPS, PARAMETERS = 30, 17

# Each a cohort: what every replicate's optimizer is told, none and all of it among them.
COHORTS: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "sgd": ("SGD", [{"lr": 0.1}, {"lr": 1e-4}, {"lr": 3.0}, {}]),
    "momentum": (
        "SGD",
        [
            {"lr": 0.1, "momentum": 0.95},
            {"lr": 0.01},
            {"lr": 0.02, "momentum": 0.5, "weight_decay": 0.1},
            {"lr": 0.02, "momentum": 0.9, "dampening": 0.3},
            {"lr": 0.02, "dampening": 0.3},
        ],
    ),
    "nesterov": (
        "SGD",
        [
            {"lr": 0.1, "momentum": 0.95, "nesterov": True},
            {"lr": 0.2, "momentum": 0.3, "nesterov": True, "weight_decay": 0.01},
        ],
    ),
    "decay without momentum": ("SGD", [{"weight_decay": 0.5}, {"lr": 0.1}, {"weight_decay": 1e-4}]),
    "adagrad": (
        "Adagrad",
        [
            {"lr": 0.01},
            {"lr": 1.0, "lr_decay": 0.1},
            {"weight_decay": 0.1},
            {"initial_accumulator_value": 0.5},
            {"eps": 1e-2},
        ],
    ),
    "rmsprop": (
        "RMSprop",
        [{"lr": 0.01}, {"lr": 1.0, "alpha": 0.5}, {"weight_decay": 0.1}, {"eps": 1e-2}, {"alpha": 0.0}],
    ),
    "rmsprop with momentum": ("RMSprop", [{"momentum": 0.9}, {}, {"momentum": 0.5, "alpha": 0.9}]),
    "adam": (
        "Adam",
        [
            {"lr": 0.001},
            {"lr": 1.0, "betas": [0.5, 0.9]},
            {"weight_decay": 0.1},
            {"eps": 1e-2, "betas": [0.0, 0.999]},
            {},
        ],
    ),
    "adamw": (
        "AdamW",
        [{"lr": 0.001}, {"lr": 0.5, "betas": [0.5, 0.9]}, {"weight_decay": 1.0}, {"weight_decay": 0.0}],
    ),
}  # fmt: skip


def calls(cohort: str) -> list[Call]:
    kind, settings = COHORTS[cohort]
    return [call(f"torch.optim:{kind}", **each) for each in settings]


def gradients(replicates: int, dtype: torch.dtype) -> Tensor:
    """Return gradients ``(step, replicate, parameter)``: of both signs, between 1e-6 and 1, some zero."""
    generator = torch.Generator().manual_seed(0)
    shape = (STEPS, replicates, PARAMETERS)
    sizes = 10.0 ** torch.linspace(-6, 0, PARAMETERS, dtype=torch.float64)
    drawn = torch.randn(shape, generator=generator, dtype=torch.float64) * sizes
    drawn[3::7] = 0.0
    return drawn.to(dtype)


def starts(replicates: int, dtype: torch.dtype) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(replicates, PARAMETERS, generator=generator, dtype=torch.float64).to(dtype)


def stacked(optimizers: Sequence[Call], dtype: torch.dtype = torch.float64) -> Tensor:
    """Weights after each step, ``(step, replicate, parameter)``."""
    weights = starts(len(optimizers), dtype).requires_grad_()
    update = stacked_update(optimizers, weights)
    path = []
    for gradient in gradients(len(optimizers), dtype):
        update(weights, gradient)
        path.append(weights.detach().clone())
    return torch.stack(path)


def one_by_one(optimizers: Sequence[Call], dtype: torch.dtype = torch.float64) -> Tensor:
    """Compute the same by torch's own optimizers, each in its plain single-tensor form."""
    paths = []
    trajectory = gradients(len(optimizers), dtype)
    for i, start in enumerate(starts(len(optimizers), dtype)):
        weight = start.clone().requires_grad_()
        optimizer, path = optimizers[i]([weight], foreach=False), []
        for gradient in trajectory[:, i]:
            weight.grad = gradient.clone()
            optimizer.step()
            path.append(weight.detach().clone())
        paths.append(torch.stack(path))
    return torch.stack(paths, 1)


@pytest.mark.parametrize("cohort", COHORTS)
def test_thirty_steps_are_those_of_torch(cohort: str) -> None:
    """At every one of them, to fifty units in the last place of weights of order one."""
    expected = one_by_one(calls(cohort))
    torch.testing.assert_close(stacked(calls(cohort)), expected, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("cohort", COHORTS)
def test_in_float32_they_are_torchs_to_round_off(cohort: str) -> None:
    """To fifty units in the last place again: torch knows learning rates and averages' shares in float64."""
    expected = one_by_one(calls(cohort), torch.float32)
    actual = stacked(calls(cohort), torch.float32)
    torch.testing.assert_close(actual, expected, rtol=6e-6, atol=6e-6)


@pytest.mark.parametrize("cohort", COHORTS)
def test_no_replicate_moves_another(cohort: str) -> None:
    """Bit by bit: with gradients that are not finite beside it, and with other numbers beside it."""
    optimizers = calls(cohort)
    expected = stacked(optimizers)
    for i in range(len(optimizers)):
        weights = starts(len(optimizers), torch.float64)
        update = stacked_update(optimizers, weights)
        for gradient in gradients(len(optimizers), torch.float64):
            gradient[i] = torch.nan
            update(weights, gradient)
        others = [j for j in range(len(optimizers)) if j != i]
        assert torch.equal(weights[others], expected[-1][others])
        assert weights[i].isnan().all()


def test_gradients_are_left_as_they_were() -> None:
    for cohort in COHORTS:
        optimizers = calls(cohort)
        weights = starts(len(optimizers), torch.float64)
        update, trajectory = (
            stacked_update(optimizers, weights),
            gradients(len(optimizers), torch.float64),
        )
        for gradient in trajectory:
            update(weights, gradient)
        assert torch.equal(trajectory, gradients(len(optimizers), torch.float64))


# What has no stacked form.


@pytest.mark.parametrize(
    ("optimizer", "reason"),
    [
        (call("torch.optim:SGD"), ""),
        (call("torch.optim:SGD", lr=0.1, momentum=0.9, dampening=0.1, weight_decay=0.1), ""),
        (call("torch.optim:SGD", lr=0.1, momentum=0.9, nesterov=True), ""),
        (call("torch.optim:Adagrad", lr=0.1, lr_decay=0.1, eps=1e-8), ""),
        (call("torch.optim:RMSprop", alpha=0.9, momentum=0.9), ""),
        (call("torch.optim:Adam", betas=[0.9, 0.99]), ""),
        (call("torch.optim.adamw:AdamW", weight_decay=0.1), ""),
        (call("torch.optim:LBFGS"), "no stacked form of the optimizer torch.optim:LBFGS"),
        (call("torch.optim:Adadelta"), "no stacked form of the optimizer torch.optim:Adadelta"),
        (call("my.optim:SGD"), "no stacked form of the optimizer my.optim:SGD"),
        (call("torch.optim:Adam", amsgrad=True), "no stacked form of Adam's amsgrad"),
        (call("torch.optim:RMSprop", centered=True), "no stacked form of RMSprop's centered"),
        (
            call("torch.optim:SGD", maximize=True, foreach=True),
            "no stacked form of SGD's foreach, maximize",
        ),
    ],
    ids=lambda value: value.label if isinstance(value, Call) else value or "stacked",
)
def test_an_optimizer_is_stacked_or_refused_by_name(optimizer: Call, reason: str) -> None:
    assert refusal(optimizer) == reason


@pytest.mark.parametrize("cohort", COHORTS)
def test_a_cohort_is_of_one_shape(cohort: str) -> None:
    """Settings that may differ within a cohort leave the shape alone; others do not."""
    shapes = {shape_of(optimizer) for optimizer in calls(cohort)}
    assert len(shapes) == 1
    assert shapes != {shape_of(call("torch.optim:SGD", momentum=0.9, nesterov=False))}


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
@pytest.mark.parametrize("cohort", COHORTS)
def test_cuda_takes_the_same_steps(cohort: str) -> None:
    optimizers = calls(cohort)
    weights = starts(len(optimizers), torch.float64).cuda()
    update = stacked_update(optimizers, weights)
    for gradient in gradients(len(optimizers), torch.float64):
        update(weights, gradient.cuda())
    torch.testing.assert_close(weights.cpu(), stacked(optimizers)[-1], rtol=1e-12, atol=1e-12)
