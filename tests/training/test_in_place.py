"""Networks, losses and scores that change in place what they are given: nobody else sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import paribus as pb
from paribus.engines.vmapped.fit import train_together
from paribus.runs.run import RunResult
from paribus.spec import call
from paribus.training.loop import train
from paribus.training.network import build
from tests.helpers.tiny_tasks import Tiny


class Doubling(nn.Module):
    """Linear map of twice the input, made twice as large in place or not."""

    def __init__(self, inputs: tuple[int, ...], outputs: int, in_place: bool) -> None:
        super().__init__()
        self.layer, self.in_place = nn.Linear(inputs[0], outputs), in_place

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.mul_(2) if self.in_place else x * 2)


def logistic(outputs: Tensor, target: Tensor) -> Tensor:
    wanted = target.to(outputs.dtype)
    return functional.binary_cross_entropy_with_logits(outputs[:, 0], wanted, reduction="none")


def flipping(outputs: Tensor, target: Tensor) -> Tensor:
    """Return the loss of the other class's opposite, which is the same, having turned the targets over."""
    return logistic(-outputs, target.mul_(-1).add_(1))


def right(outputs: Tensor, target: Tensor) -> Tensor:
    return ((outputs[:, 0] > 0) == target.bool()).float()


def spoiling(outputs: Tensor, target: Tensor) -> Tensor:
    """Return the share that is right, having left nothing of what was given."""
    found = right(outputs, target)
    outputs.zero_()
    target.zero_()
    return found


def scores(result: RunResult) -> dict[str, Any]:
    return {"test": result.scores, "curves": result.curves}


def both(case: Tiny, model: pb.spec.Call, **recipe: Any) -> tuple[RunResult, RunResult]:
    run, split = case.pair(model, **recipe)
    return train(run, split), train_together([run], [split])[0]


@pytest.mark.parametrize("optimizer", ["SGD", "LBFGS"])
def test_a_network_that_changes_its_input_is_as_one_that_does_not(
    tiny: dict[str, Tiny], optimizer: str
) -> None:
    """Also where a step evaluates the loss several times."""
    case = tiny["table"]
    settings = {"optimizer": call(f"torch.optim:{optimizer}", lr=0.1), "evaluate_every": 2}
    results = []
    for in_place in (False, True):
        run, split = case.pair(call(Doubling, in_place=in_place), **settings)
        results.append(train(run, split))
    assert scores(results[1]) == scores(results[0])


def test_building_a_network_leaves_the_data_as_they_are(tiny: dict[str, Tiny]) -> None:
    case = tiny["table"]
    before = case.dataset.inputs[0].clone()
    run, _ = case.pair(call(Doubling, in_place=True))
    build(run.recipe, case.dataset, run.streams)
    assert torch.equal(case.dataset.inputs[0], before)


@pytest.mark.parametrize("engine", [0, 1], ids=["loop", "stacked"])
@pytest.mark.parametrize(("careless", "careful"), [(flipping, logistic), (spoiling, right)])
def test_a_loss_or_score_that_changes_what_it_is_given_is_as_one_that_does_not(
    tiny: dict[str, Tiny],
    engine: int,
    careless: Callable[..., Tensor],
    careful: Callable[..., Tensor],
) -> None:
    case, found = tiny["table"], []
    for function in (careful, careless):
        if careful is logistic:
            task = case.task.model_copy(update={"loss": call(function)})
        else:
            own = pb.Metric(name="own", function=call(function), higher_is_better=True)
            task = case.task.with_metric(own)
        model = call("paribus.models.mlp:MLP", hidden=[6])
        found.append(scores(both(Tiny(task, case.dataset), model)[engine]))
    assert found[1]["test"] == pytest.approx(found[0]["test"], abs=1e-6)
    for name, curve in found[0]["curves"].items():
        assert found[1]["curves"][name] == pytest.approx(curve, abs=1e-6, nan_ok=True), name
