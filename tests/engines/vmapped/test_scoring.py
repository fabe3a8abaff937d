"""Validation of a cohort: data prepared once where they are few, each function asked once."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from paribus.engines.vmapped import trainer
from paribus.engines.vmapped.batches import Source
from paribus.engines.vmapped.fit import StackedTraining
from paribus.engines.vmapped.scoring import Scoring
from paribus.metrics import log_loss
from paribus.spec import call

ASKED: list[tuple[int, ...]] = []


def noted(outputs: Tensor, target: Tensor) -> Tensor:
    """Return the log loss, and note what it was asked of."""
    ASKED.append(tuple(outputs.shape))
    return log_loss(outputs, target)


def test_a_loss_that_is_a_metric_too_is_asked_once(tiny) -> None:
    task = tiny["table"].task
    (first, *others) = task.metrics
    same = [first.model_copy(update={"function": call(noted)}), *others]
    changed = task.model_copy(update={"loss": call(noted), "metrics": tuple(same)})
    generator = torch.Generator().manual_seed(0)
    outputs, target = torch.randn(3, 7, 2, generator=generator), torch.arange(21).view(3, 7) % 2
    ASKED.clear()
    scores = Scoring(changed)(outputs, (target,))
    assert ASKED == [(7, 2)]
    expected = Scoring(task)(outputs, (target,))
    assert scores.keys() == expected.keys() == {
        "validation/log_loss", "validation/accuracy", "validation/loss"
    }  # fmt: skip
    assert all(torch.equal(scores[name], expected[name]) for name in expected)


class Doubling(nn.Module):
    """Network that doubles its input in place."""

    def __init__(self, inputs: list[int], outputs: int) -> None:
        super().__init__()
        self.layer = nn.Linear(inputs[0], outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.mul_(2))


@pytest.mark.parametrize(("limit", "times"), [(3 * 9 * 4, 1), (3 * 9 * 4 - 1, 2)])
def test_validation_inputs_are_prepared_once_if_they_are_few(
    tiny, monkeypatch: pytest.MonkeyPatch, limit: int, times: int
) -> None:
    """And a network that changes its input in place is given the same ones each time."""
    runs = [tiny["table"].run(call(Doubling), seed=seed) for seed in range(3)]
    training = StackedTraining(runs, [tiny["table"].make_split(seed) for seed in range(3)])
    assert len(training.splits[0].validation) == 9
    monkeypatch.setattr(trainer, "MAX_KEPT", limit)
    picked: list[Any] = []
    original = Source.pick
    inputs = training.samples.inputs[0]

    def pick(source: Source, *args: Any) -> Tensor:
        picked.extend([source] if source is inputs else [])
        return original(source, *args)

    monkeypatch.setattr(Source, "pick", pick)
    first, second = training.validation(), training.validation()
    assert len(picked) == times
    assert all(torch.equal(first[name], second[name]) for name in first)
