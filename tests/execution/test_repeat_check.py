"""Trainings whose numbers depend on what ran before them: refused before anything is trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from paribus import Recipe, call
from paribus.execution import repeat_check
from paribus.execution.repeat_check import check_repeats
from paribus.experiment.variant import Variant
from paribus.metrics import log_loss
from tests.helpers.refusals import refused
from tests.helpers.toys import TASK, Small, Unpaired

count = {"steps": 0}


class OfClass(Small):
    """Counts its passes in its class."""

    passes = 0

    def forward(self, x: Tensor) -> Tensor:
        type(self).passes += self.training
        return super().forward(x) + 0.1 * self.passes


class OfItself(Small):
    """Counts its passes in itself."""

    passes = 0

    def forward(self, x: Tensor) -> Tensor:
        self.passes += self.training
        return super().forward(x) + 0.1 * self.passes


class Global(Small):
    """Counts its passes in evaluation alone, in a global."""

    def forward(self, x: Tensor) -> Tensor:
        count["steps"] += not self.training
        return super().forward(x) * (1 if self.training else count["steps"])


class Clocked(Small):
    """Draws noise from a generator that nothing seeds."""

    def forward(self, x: Tensor) -> Tensor:
        rng = np.random.default_rng()
        return super().forward(x + torch.from_numpy(rng.normal(size=x.shape)).to(x.dtype))


class Seeded(Small):
    """Draws noise from a generator that it seeds when it is made, and from the global ones."""

    def __init__(self, inputs: tuple[int, ...], outputs: int) -> None:
        super().__init__(inputs=inputs, outputs=outputs)
        self.rng = np.random.default_rng(1)

    def forward(self, x: Tensor) -> Tensor:
        noise = self.rng.normal(size=x.shape) + np.random.normal(size=x.shape)  # noqa: NPY002
        return super().forward(nn.functional.dropout(x + torch.from_numpy(noise).to(x.dtype)))


class Unset(Small):
    """Has a weight that is whatever memory held, and is never set."""

    def __init__(self, *, inputs: tuple[int, ...], outputs: int) -> None:
        super().__init__(inputs=inputs, outputs=outputs)
        self.factor = nn.Parameter(torch.empty(inputs[0]))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x * self.factor)


class Filled(Unset):
    """Sets the weight after all."""

    def __init__(self, inputs: tuple[int, ...], outputs: int) -> None:
        super().__init__(inputs=inputs, outputs=outputs)
        nn.init.ones_(self.factor)


class Growing(torch.optim.SGD):
    """Takes steps that grow with all that were ever taken."""

    taken = 0

    def step(self, closure: Any = None) -> Any:
        type(self).taken += 1
        self.param_groups[0]["lr"] = 0.1 * self.taken
        return super().step(closure)


def growing(outputs: Tensor, target: Tensor) -> Tensor:
    count["steps"] += 1
    return log_loss(outputs, target) * count["steps"]


def variant(model: Any = Small, optimizer: Any = torch.optim.SGD, loss: Any = log_loss) -> Variant:
    recipe = Recipe(model=call(model), optimizer=call(optimizer, lr=0.1), batch_size=8, steps=6)
    task = TASK.model_copy(update={"loss": call(loss)})
    return Variant(name="v", levels=("v",), task=task, recipe=recipe, metric=TASK.primary)


@pytest.mark.parametrize(
    ("changed", "got"),
    [
        ({"model": OfClass}, "a loss of "),
        ({"model": Clocked}, "a loss of "),
        ({"model": Global}, "other outputs in evaluation after 2 steps"),
        ({"optimizer": Growing}, "a loss of "),
        ({"loss": growing}, "a loss of "),
        ({"model": Unpaired}, "other first weights in Unpaired0.bias()"),
    ],
)
def test_what_outlives_a_training_is_refused(changed: dict[str, Any], got: str) -> None:
    message = refused(check_repeats, variant(**changed), set())
    assert message.startswith(f"a second training of variant 'v' with seed 0: got {got}")


@pytest.mark.parametrize("model", [Small, OfItself, Seeded, Filled])
def test_what_is_made_anew_passes(model: type[nn.Module]) -> None:
    check_repeats(variant(model), set())


def test_weights_that_nothing_sets_are_refused() -> None:
    """Whatever memory holds: it may be zeros."""
    assert refused(check_repeats, variant(Unset), set()).startswith(
        "first weights of variant 'v': got numbers that nothing sets, or NaN, in factor, expected "
    )
    assert not torch.are_deterministic_algorithms_enabled()


def test_starts_that_the_control_finds_are_left_to_it() -> None:
    check_repeats(variant(Unpaired), set(), paired=True)


def test_the_same_code_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = set[str]()
    check_repeats(variant(OfItself), tried)
    monkeypatch.setattr(repeat_check, "_trace", pytest.fail)
    check_repeats(variant(OfItself), tried)
    assert len(tried) == 1


class Masked(Small):
    """Holds a frozen mask of infinities."""

    def __init__(self, inputs: tuple[int, ...], outputs: int) -> None:
        super().__init__(inputs=inputs, outputs=outputs)
        self.mask = nn.Parameter(torch.full((outputs,), -torch.inf), requires_grad=False)


def test_weights_that_are_meant_to_be_infinite_pass() -> None:
    check_repeats(variant(Masked), set())
