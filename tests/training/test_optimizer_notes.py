"""Remarks on weights that a training was to change and did not."""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor, nn

from paribus import call
from paribus.engines.vmapped.fit import train_together
from paribus.training.loop import train


class Detached(nn.Module):
    """Cuts its first layer off from the loss."""

    def __init__(self, inputs: tuple[int, ...], outputs: int, cut: bool = True) -> None:
        super().__init__()
        self.first, self.last, self.cut = nn.Linear(inputs[0], 3), nn.Linear(3, outputs), cut

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.first(x)
        return self.last(hidden.detach() if self.cut else hidden)


WHY = (
    "where they started in all 6 steps: no gradient of any size reaches them, as a bias before a batch norm has none, "
    "or the rate is too small"
)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("model", "optimizer", "told"),
    [
        ({"cut": False}, {"lr": 0.1}, ""),
        ({}, {"lr": 0.1}, f"SGD left 2 of 4 weights {WHY}: first.weight, first.bias"),
        ({}, {"lr": 0.1, "weight_decay": 0.1}, "SGD left 2 of 4 weights"),
        (
            {"cut": False},
            {"lr": 0.0},
            f"SGD left 4 of 4 weights {WHY}: first.weight, first.bias, last.weight, last.bias",
        ),
    ],
)
def test_weights_that_never_move_are_told(
    tiny, model: dict[str, Any], optimizer: dict[str, Any], told: str, dtype: str
) -> None:
    """By both engines. Torch decays no weight that has no gradient."""
    case = tiny["table"]
    run = case.pair(call(Detached, **model), call("torch.optim:SGD", **optimizer), dtype=dtype)
    records = [train(*run)]
    if "weight_decay" not in optimizer:  # which a stacked step takes of every weight
        records += train_together(*([part] for part in run))
    for record in records:
        notes = [note for note in record.notes if "where they started" in note]
        assert len(notes) == bool(told)
        assert " ".join(notes).startswith(told)
