"""Shapes of outputs, targets and losses are checked before training, with batches of every size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import paribus as pb
from paribus.data.dataset import Dataset
from paribus.execution.preflight import try_once
from paribus.experiment.variant import Variant
from tests.helpers.refusals import refused
from tests.helpers.toys import RECIPE, TASK, Small, comparison

IN = "for 32 samples in training"


def three_classes() -> Dataset:
    """Make 90 points of three classes, sorted by class, so that the first rows are of one alone."""
    inputs = torch.randn(90, 2, generator=torch.Generator().manual_seed(0))
    targets = torch.arange(3).repeat_interleave(30)
    return Dataset("three", "made", (inputs,), (targets,), classes=("a", "b", "c"))


def values() -> Dataset:
    """Make 90 points with a value each."""
    inputs = torch.randn(90, 2, generator=torch.Generator().manual_seed(0))
    return Dataset(
        "values", "made", (inputs,), (inputs.sum(1, keepdim=True),), standardise_targets=True
    )


THREE = TASK.model_copy(update={"name": "three", "source": pb.call(three_classes)})


def regression(loss: Any = "paribus.metrics:squared_error") -> pb.Task:
    return pb.Task(
        name="values",
        source=pb.call(values),
        reader=TASK.reader,
        split=TASK.split,
        loss=pb.call(loss),
        metrics=(
            pb.Metric(
                name="mse",
                function=pb.call("paribus.metrics:squared_error"),
                higher_is_better=False,
            ),
        ),
        dummy={"mean": pb.call("paribus.data.dummy:mean_target")},
    )


class Bent(Small):
    """Network whose outputs are bent in one of many ways."""

    def __init__(
        self, *, inputs: tuple[int, ...], outputs: int, how: str, put_out: int = 0
    ) -> None:
        super().__init__(inputs=inputs, outputs=put_out or outputs)
        self.how = how

    def forward(self, x: Tensor) -> Any:
        y = super().forward(x)
        ways: dict[str, Callable[[], Any]] = {
            "as it is": lambda: y,
            "flat": lambda: y.squeeze(-1),
            "squeezed": lambda: torch.squeeze(y),
            "cubic": lambda: y.unsqueeze(-1),
            "turned": lambda: y.T,
            "a scalar": lambda: torch.mean(y),
            "a tuple": lambda: (y, None),
            "a tuple of one": lambda: (y,),
            "a list": lambda: [y],
            "a dictionary": lambda: {"logits": y},
            "none": lambda: None,
            "flat in evaluation": lambda: y if self.training else y.squeeze(-1),
        }
        return ways[self.how]()


def variant(task: pb.Task, **settings: Any) -> Variant:
    model = settings.pop("model", None) or pb.call(Bent, **{"how": "as it is", **settings})
    recipe = RECIPE.model_copy(update={"model": model, "batch_size": 32})
    made = comparison().variants()[0]
    return made.model_copy(update={"name": "v", "task": task, "recipe": recipe})


ONE = "Have the last layer put out as many numbers a sample as the target has, as the argument outputs says."
PART = "Have forward return the first part alone, as out[0]; a recurrent layer returns its state beside it."
AXIS = "Keep the first axis: squeeze(-1), flatten(1) and mean(dim=1) leave it, squeeze() may not."
REFUSED = {
    "flat": f"shape (32,) {IN}, expected (32, 1). {ONE}",
    "squeezed": f"shape (32,) {IN}, expected (32, 1). {ONE}",
    "cubic": f"shape (32, 1, 1) {IN}, expected (32, 1). {ONE}",
    "turned": f"shape (1, 32) {IN}, expected (32, ...), an entry a sample. {AXIS}",
    "a scalar": f"shape () {IN}, expected (32, ...), an entry a sample. {AXIS}",
    "a tuple": f"a tuple of a tensor of shape (32, 1) and None in training, expected one tensor for 32 samples. {PART}",
    "a tuple of one": f"a tuple of a tensor of shape (32, 1) in training, expected one tensor for 32 samples. {PART}",
    "a list": f"a list of a tensor of shape (32, 1) in training, expected one tensor for 32 samples. {PART}",
    "a dictionary": "a dictionary with 'logits' in training, expected one tensor for 32 samples. "
    "Have forward return one of them, such as out['logits'].",
    "none": "None in training, expected one tensor for 32 samples. Have forward return the tensor of outputs.",
    "flat in evaluation": f"shape (32,) for 32 samples in evaluation, expected (32, 1). {ONE}",
}


@pytest.mark.parametrize("how", REFUSED)
def test_an_output_of_another_shape_is_refused(how: str) -> None:
    message = refused(try_once, variant(regression(), how=how))
    assert message == f"output of variant 'v': got {REFUSED[how]}"


@pytest.mark.parametrize("put_out", [1, 2, 5])
def test_three_classes_want_three_outputs(put_out: int) -> None:
    """One output would be scored by a loss of two classes, whose value has no lower bound for a third."""
    assert refused(try_once, variant(THREE, put_out=put_out)) == (
        f"output of variant 'v': got shape (32, {put_out}) {IN}, expected (32, 3). "
        "Have the last layer put out a number a class (a, b, c), as the argument outputs says."
    )


def test_what_fits_is_let_through() -> None:
    for task, put_out in ((THREE, 3), (TASK, 1), (TASK, 2), (regression(), 1)):
        try_once(variant(task, put_out=put_out))


class Normed(nn.Sequential):
    """Network with batch norm."""

    def __init__(self, *, inputs: tuple[int, ...], outputs: int) -> None:
        super().__init__(nn.Linear(inputs[0], 4), nn.BatchNorm1d(4), nn.Linear(4, outputs))


def test_batch_norm_and_batches_of_one_do_not_go_together() -> None:
    made = variant(TASK, model=pb.call(Normed))
    try_once(made)
    single = made.model_copy(update={"recipe": made.recipe.model_copy(update={"batch_size": 1})})
    assert refused(try_once, single) == (
        "batches of variant 'v': got 1 sample a batch, and BatchNorm1d in the network, expected at least 2 samples, "
        "because batch norm takes mean and variance over a batch. "
        "Set recipe.batch_size to 2 or more, or use a norm over features, such as LayerNorm."
    )


def outer(outputs: Tensor, target: Tensor) -> Tensor:
    """Broadcast ``(sample,)`` against ``(sample, 1)``."""
    return (outputs.squeeze(-1) - target).square().mean(1)


def averaged(outputs: Tensor, target: Tensor) -> Tensor:
    """Average over the batch."""
    return functional.mse_loss(outputs, target)


def test_a_loss_of_ones_own_that_broadcasts_is_refused() -> None:
    assert refused(try_once, variant(regression(outer))).endswith(
        "of variant 'v': got shapes (32,) and (32, 1) in sub, expected equal shapes: these are broadcast, and each "
        "sample is held against every other. Give outputs and targets one shape, such as by output.squeeze(-1) or "
        "target.unsqueeze(-1)."
    )


def test_a_loss_of_ones_own_that_averages_is_refused() -> None:
    assert refused(try_once, variant(regression(averaged))).endswith(
        "got shape () for 32 samples, expected (32,), a number a sample, which is averaged later. Return the loss of "
        "each sample, as reduction='none' does, and average over further axes."
    )
