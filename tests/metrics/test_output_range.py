"""Outputs that look like probabilities, or are bounded where nothing is, are told; logits are not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from paribus.metrics.output_range import range_doubt
from paribus.spec import call
from paribus.training.loop import train

LOGITS = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
LOSS = "paribus.metrics:log_loss"
SQUASHED = (
    "outputs look like probabilities ({}), while the loss takes logits and squashes them once more: leave the softmax "
    "or sigmoid out of the network"
)


@pytest.mark.parametrize(
    ("outputs", "last", "told"),
    [
        (LOGITS, "Linear1", ""),
        (LOGITS.softmax(1), "Linear1", SQUASHED.format("within 0 and 1; rows sum to one")),
        (LOGITS.softmax(1), "Softmax0", SQUASHED.format("the last layer is Softmax0")),
        (LOGITS.log_softmax(1), "LogSoftmax0", ""),
        ((4 * LOGITS[:, :1]).sigmoid(), "Linear1", SQUASHED.format("within 0 and 1")),
        (0.4 + 0.01 * LOGITS[:, :1], "Linear1", ""),
        (
            LOGITS.relu(),
            "ReLU3",
            "logits are bounded by the last layer ReLU3: end with a linear layer",
        ),
    ],
)
def test_probabilities_where_logits_are_expected(outputs: Tensor, last: str, told: str) -> None:
    assert range_doubt(LOSS, outputs, last, standardised=False) == told


def test_values_that_cannot_be_reached() -> None:
    loss = "paribus.metrics:squared_error"
    assert range_doubt(loss, LOGITS.relu(), "ReLU0", standardised=True) == (
        "outputs are bounded by the last layer ReLU0, while the values to predict are standardised and lie on both "
        "sides of zero: end with a linear layer"
    )
    assert range_doubt(loss, LOGITS.relu(), "ReLU0", standardised=False) == ""
    assert range_doubt(loss, LOGITS, "Linear0", standardised=True) == ""
    assert range_doubt("mine:loss", LOGITS.softmax(1), "Softmax0", standardised=True) == ""


class Squashed(nn.Sequential):
    """Network that ends with a sigmoid."""

    def __init__(self, *, inputs: tuple[int, ...], outputs: int) -> None:
        super().__init__(nn.Linear(inputs[0], outputs), nn.Sigmoid())


def test_the_record_of_a_run_says_so(tiny: Any) -> None:
    run, split = tiny["table"].pair(call(Squashed))
    wanted = SQUASHED.format("the last layer is Sigmoid0")
    assert wanted in train(run, split).notes
