"""Ranges of scores: those that hold for certain, and none elsewhere."""

from __future__ import annotations

import pytest
import torch

from paribus import Metric, call, metric
from paribus.metrics import CLIP, log_loss
from paribus.spec import Call


def share_found(outputs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Score a share."""
    return (outputs[:, 0] > target).float()


share_found.score_range = (0.0, 1.0)


def own(outputs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Score without a range."""
    return outputs[:, 0] - target


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (metric("accuracy").function, (0.0, 1.0)),
        (metric("brier").function, (0.0, 2.0)),
        (metric("f1").function, (0.0, 1.0)),
        (metric("mcc").function, (-1.0, 1.0)),
        (metric("hinge_loss").function, None),
        (metric("mae").function, None),
        (metric("mse").function, None),
        (call("paribus.metrics:log_loss"), None),
        (call(share_found), (0.0, 1.0)),
        (call(own), None),
    ],
    ids=str,
)
def test_a_score_has_the_range_of_its_function(
    function: Call, expected: tuple[float, float] | None
) -> None:
    assert Metric(name="score", function=function, higher_is_better=True).range == expected


def test_the_clipped_log_loss_lies_within_its_range() -> None:
    """The worst and the best prediction are at the ends, up to single precision."""
    bounds = metric("log_loss").range
    assert bounds is not None
    logits = torch.tensor([[100.0, -100.0], [-100.0, 100.0]])
    losses = log_loss(logits, torch.tensor([0, 0]), CLIP).tolist()
    assert losses == pytest.approx([0.0001, 9.2103], abs=1e-4)
    assert bounds[0] <= losses[0] < losses[1] <= bounds[1] * (1 + 1e-6)
