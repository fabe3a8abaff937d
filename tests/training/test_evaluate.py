"""Scores of a part: against scikit-learn, whatever the chunks, summed and divided once."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn import metrics as sk
from torch import nn

from paribus.data.dataset import Subset
from paribus.experiment.task import Metric
from paribus.metrics.outputs import as_tuple
from paribus.spec import call
from paribus.training import evaluate
from paribus.training.evaluate import dummy_outputs, outputs_of, scores_of

LOG_LOSS = Metric(
    name="log_loss", function=call("paribus.metrics:log_loss"), higher_is_better=False
)
ACCURACY = Metric(name="accuracy", function=call("paribus.metrics:accuracy"), higher_is_better=True)
MSE = Metric(name="mse", function=call("paribus.metrics:squared_error"), higher_is_better=False)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def part(count: int, classes: int = 3) -> Subset:
    x = torch.randn(count, 4, generator=generator(), dtype=torch.float64)
    return Subset((x,), (torch.arange(count) % classes,))


def network(outputs: int) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Dropout(0.5), nn.Linear(5, outputs)
    ).double()


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_scores_are_those_of_scikit_learn(classes: int) -> None:
    """In float64 to 1e-12; two classes have one logit."""
    count = 101
    logits = torch.randn(
        count, 1 if classes == 2 else classes, generator=generator(), dtype=torch.float64
    )
    target = torch.randint(classes, (count,), generator=generator())
    shares = logits.sigmoid() if classes == 2 else logits.softmax(1)
    if classes == 2:
        shares = torch.cat((1 - shares, shares), 1)
    scores = scores_of(logits, (target,), (LOG_LOSS, ACCURACY))
    labels = list(range(classes))
    assert scores["log_loss"] == pytest.approx(
        sk.log_loss(target.numpy(), shares.numpy(), labels=labels), abs=1e-12
    )
    assert scores["accuracy"] == pytest.approx(
        sk.accuracy_score(target.numpy(), shares.argmax(1).numpy()), abs=1e-12
    )


def test_squared_errors_are_those_of_scikit_learn() -> None:
    outputs, target = torch.randn(2, 33, 3, generator=generator(), dtype=torch.float64)
    expected = sk.mean_squared_error(target.numpy(), outputs.numpy())
    assert scores_of(outputs, (target,), (MSE,))["mse"] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("chunk", [1, 7, 16, 50, 51, 2048])
def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    """Neither outputs nor scores, though the last chunk of 50 samples has another size; to the last bits."""
    net, data = network(3), part(50)
    monkeypatch.setattr(evaluate, "CHUNK", 50)
    whole = outputs_of(net, data)
    monkeypatch.setattr(evaluate, "CHUNK", chunk)
    chunked = outputs_of(net, data)
    torch.testing.assert_close(chunked, whole, rtol=0, atol=1e-15)
    expected = scores_of(whole, data.targets, (LOG_LOSS, ACCURACY))
    actual = scores_of(chunked, data.targets, (LOG_LOSS, ACCURACY))
    assert actual == pytest.approx(expected, abs=1e-15)


class _Counting(nn.Module):
    """Network that notes how many samples it is given at once."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[int] = []

    def forward(self, x: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
        self.seen.append(len(x))
        return x.flatten(1)[:, :1]


@pytest.mark.parametrize(
    ("inputs", "seen"),
    [
        ([(3000, 4)], [2048, 952]),  # a table
        ([(700, 1, 28, 28)], [334, 334, 32]),  # by hand: 2**18 / 784 = 334.4
        ([(300, 2, 28, 28), (300, 480)], [128, 128, 44]),  # 2**18 / (1568 + 480) = 128
        ([(130, 100_000)], [64, 64, 2]),
        ([(3, 1)], [3]),
        ([(0, 4)], [0]),
    ],
)
def test_few_samples_are_passed_at_once_where_they_are_large(
    inputs: list[tuple[int, ...]], seen: list[int]
) -> None:
    network, tensors = _Counting(), tuple(torch.zeros(shape) for shape in inputs)
    outputs_of(network, Subset(tensors, (torch.zeros(len(tensors[0]), 1),)))
    assert network.seen == seen


def test_sums_divide_once_and_are_no_mean_of_means(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of chunks of 4 and 1 samples with errors 0 and 1 the mean is 1/5, and not 1/2."""
    monkeypatch.setattr(evaluate, "CHUNK", 4)
    data = Subset((torch.tensor([[0.0]] * 4 + [[1.0]]),), (torch.zeros(5, 1),))
    outputs = outputs_of(nn.Identity(), data)
    assert scores_of(outputs, data.targets, (MSE,))["mse"] == pytest.approx(0.2, abs=1e-15)


def test_sums_of_many_float32_scores_are_taken_in_float64() -> None:
    """A million times .1: float32 sums one by one would be off in the third digit."""
    outputs = torch.full((1_000_000, 1), 0.1).sqrt()
    error = scores_of(outputs, (torch.zeros_like(outputs),), (MSE,))["mse"]
    assert error == pytest.approx(outputs[0].square().double().item(), rel=1e-14)


def test_outputs_are_taken_in_evaluation_and_training_goes_on_after_it() -> None:
    net, data = network(3), part(20)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    first, again = outputs_of(net, data), outputs_of(net, data)
    assert torch.equal(first, again)
    assert not first.requires_grad
    assert all(module.training for module in net.modules())
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


def test_networks_of_several_inputs_get_them_all() -> None:
    x = torch.arange(6.0)[:, None]
    data = Subset((x, 10 * x), (torch.zeros(6, 1),))

    class Sum(nn.Module):
        def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
            return a + b

    assert outputs_of(Sum(), data).squeeze(1).tolist() == [0, 11, 22, 33, 44, 55]


def test_dummy_outputs_are_in_the_shape_of_a_networks(tiny) -> None:
    for name, case in tiny.items():
        split = case.make_split()
        (dummy,) = dummy_outputs(case.task, split).values()
        sizes = zip(case.dataset.targets, case.dataset.output_sizes, strict=True)
        images = [target.shape[1:] if target.ndim > 2 else (size,) for target, size in sizes]
        shapes = [(len(split.test), *shape) for shape in images]
        assert [tuple(said.shape) for said in as_tuple(dummy)] == shapes, name
        assert all(np.isfinite(said.numpy()).all() for said in as_tuple(dummy))
