"""Steps of optimizers with their own networks, before anything is trained."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.optim import SGD, Muon
from torch.optim import lr_scheduler as rates

from paribus import Recipe, call
from paribus.execution.optimizer_check import bare_optimizers, check_optimizer
from paribus.experiment.variant import Variant
from tests.helpers import optimizers as own
from tests.helpers.refusals import refused
from tests.helpers.toys import TASK, Small

NETWORK, WORDS = call(Small), call(own.Words)
OUT = (
    "expected a step with this network's weights on a batch of its data. Change recipe.optimizer, or give weights "
    "optimizers of their own by patterns of their names: optimizer={'PATTERN': call(...), '*': call(...)}."
)
# What each optimizer of torch needs beside the weights of `Small`, or None where it trains that as it is.
TORCH: dict[str, dict[str, Any] | None] = {
    "ASGD": None,
    "Adadelta": None,
    "Adafactor": None,
    "Adagrad": None,
    "Adam": None,
    "AdamW": None,
    "Adamax": None,
    "LBFGS": None,
    "Muon": {"optimizer": {"*.weight": call(Muon), "*": call(SGD)}},
    "NAdam": None,
    "RAdam": None,
    "RMSprop": None,
    "Rprop": None,
    "SGD": None,
    "SparseAdam": {"model": WORDS},
}
KINDS = [
    name
    for name, kind in vars(torch.optim).items()
    if isinstance(kind, type) and issubclass(kind, torch.optim.Optimizer) and name != "Optimizer"
]


def variant(optimizer: Any = None, model: Any = NETWORK, **settings: Any) -> Variant:
    """Return a variant of the toy task."""
    fields = {"batch_size": 8, "steps": 6} | settings
    recipe = Recipe(model=model, optimizer=optimizer or call(SGD, lr=0.1), **fields)
    return Variant(name="v", levels=("v",), task=TASK, recipe=recipe, metric=TASK.primary)


@pytest.mark.parametrize("name", KINDS)
def test_every_optimizer_of_torch_takes_its_step_or_says_why_not(name: str) -> None:
    """A new one fails here until it is known what it needs; what passes changes the weights of a training."""
    one, needs = call(f"torch.optim:{name}"), TORCH[name]
    if needs is None:
        made = variant(one)
    else:
        assert "of variant 'v': got " in refused(check_optimizer, variant(one))
        made = variant(**({"optimizer": one} | needs))
    check_optimizer(made)


def test_torch_s_optimizers_are_left_as_they_were() -> None:
    kinds = [getattr(torch.optim, name) for name in (*KINDS, "Optimizer")]
    before = [dict(vars(kind)) for kind in kinds]
    check_optimizer(variant(call(SGD, lr=1e9)))
    check_optimizer(variant(call("torch.optim:LBFGS", line_search_fn="strong_wolfe")))
    with bare_optimizers():
        pass
    after = [
        {n: v for n, v in vars(kind).items() if n in b}
        for kind, b in zip(kinds, before, strict=True)
    ]
    changed = {n for a, b in zip(after, before, strict=True) for n in b if a[n] is not b[n]}
    assert changed <= {"step"}  # torch itself hooks it when the first is made


LENGTH = (
    "expected one that goes on for the 6 steps of a run. Change recipe.schedule; arguments for its length may be left "
    "out."
)
REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "optimizer Muon(lr=0.02)": (
        {"optimizer": call(Muon, lr=0.02)},
        "ValueError: Muon only supports 2D parameters whereas we found a parameter with size: torch.Size([4]) "
        "(of that shape: 0.bias)",
        OUT,
    ),
    "optimizers *.weight: SGD(), *: Muon()": (
        {"optimizer": {"*.weight": call(SGD), "*": call(Muon)}},
        "ValueError: Muon only supports 2D parameters whereas we found a parameter with size: torch.Size([4]) "
        "(of that shape: 0.bias)",
        OUT,
    ),
    "optimizer SparseAdam()": (
        {"optimizer": call("torch.optim:SparseAdam")},
        "RuntimeError: SparseAdam does not support dense gradients, please consider Adam instead",
        OUT,
    ),
    "optimizer Adam()": (
        {"optimizer": call("torch.optim:Adam"), "model": WORDS},
        "RuntimeError: Adam does not support sparse gradients, please consider SparseAdam instead",
        OUT,
    ),
    "optimizer SecondOrder(lr=0.1)": (
        {"optimizer": call(own.SecondOrder, lr=0.1)},
        "RuntimeError: call backward() with create_graph=True",
        OUT,
    ),
    "optimizer Silent(lr=0.1)": (
        {"optimizer": call(own.Silent, lr=0.1)},
        "RuntimeError: step(closure) did not call the closure that it asks for",
        OUT,
    ),
    "optimizer Hidden()": (
        {"optimizer": call(own.Hidden)},
        "a step that changes none of the network's weights",
        "expected one that changes the weights that it is given. Hand on the parameters themselves.",
    ),
    "optimizer SGD(lr=-1.0)": (
        {"optimizer": call(SGD, lr=-1.0)},
        "ValueError: Invalid learning rate: -1.0",
        OUT,
    ),
    "optimizer Adam(differentiable=True)": (
        {"optimizer": call("torch.optim:Adam", differentiable=True)},
        "RuntimeError: a leaf Variable that requires grad is being used in an in-place operation.",
        OUT,
    ),
    "optimizer SGD(lr=0.1)": (
        {"model": call(own.Frozen)},
        "none: all 2 are frozen",
        "expected at least one weight that requires a gradient. Leave a weight out of recipe.freeze, or check the "
        "network's requires_grad.",
    ),
    "optimizers first.*: SGD(), *: Muon()": (
        {"model": call(own.Turns), "optimizer": {"first.*": call(SGD), "*": call(Muon)}},
        "ValueError: Muon only supports 2D parameters whereas we found a parameter with size: torch.Size([1]) "
        "(of that shape: first.bias, second.bias)",
        OUT,
    ),
    "schedule OneCycleLR(max_lr=0.5, total_steps=3)": (
        {"schedule": call(rates.OneCycleLR, max_lr=0.5, total_steps=3)},
        "ValueError: Tried to step 4 times. The specified number of total steps is 3",
        LENGTH,
    ),
    "schedule ReduceLROnPlateau(mode=max)": (
        {"schedule": call(rates.ReduceLROnPlateau, mode="max")},
        "mode='max'",
        "expected mode='min': it is shown the validation loss. Leave the mode out.",
    ),
    "schedule StepLR()": (
        {"schedule": call(rates.StepLR)},
        "TypeError: StepLR.__init__() missing 1 required positional argument: 'step_size'",
        LENGTH,
    ),
    "schedule StepLR(step_size=2)": (
        {"schedule": call(rates.StepLR, step_size=2), "optimizer": call(own.WithoutRate)},
        "KeyError: 'lr'",
        LENGTH,
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_takes_no_step_is_refused_by_name(what: str) -> None:
    settings, got, end = REFUSED[what]
    message = refused(check_optimizer, variant(**settings))
    assert message == f"{what} of variant 'v': got {got}, {end}"


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": call(own.both)},
        {"optimizer": call(own.Averaged, lr=0.1)},
        {"optimizer": call(own.Sharp, lr=0.1)},
        {"optimizer": call(own.Annealed, lr=0.1)},
        {"optimizer": call("torch.optim:Adam", foreach=True)},
        {"optimizer": call("torch.optim:AdamW", fused=True)},
        {"optimizer": call("torch.optim:LBFGS"), "schedule": call(rates.CosineAnnealingLR)},
        {"schedule": call(rates.ReduceLROnPlateau)},
        {"schedule": call(own.warm_cosine), "clip_norm": 0.1, "dtype": "float64"},
        {"freeze": ("0.*",)},
        {"model": call(own.Turns), "optimizer": call("torch.optim:LBFGS")},
    ],
    ids=str,
)
def test_what_takes_its_steps_passes(settings: dict[str, Any]) -> None:
    check_optimizer(variant(**settings))
