"""Recorded step against the loop and against `vmap`, and what is not recorded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from paribus.engines.rnn import only
from paribus.engines.vmapped import tracing, trainer
from paribus.engines.vmapped.fit import StackedTraining, train_together
from paribus.engines.vmapped.tracing import TracedGradient
from paribus.runs.run import Run
from paribus.spec import Call, call
from paribus.training.loop import train

NETWORKS = {
    "mlp": ("table", call("paribus.models.mlp:MLP", hidden=[6, 5])),
    "norm": ("table", call("paribus.models.mlp:MLP", hidden=[6, 5], norm="batch")),
    "norm and dropout": (
        "images",
        call("paribus.models.mlp:MLP", hidden=[6], norm="batch", dropout=0.3),
    ),
    "values": ("series", call("paribus.models.mlp:MLP", hidden=[6, 5], activation="ELU")),
    "cnn": ("images", call("paribus.models.cnn:CNN", channels=[2, 3], norm="batch")),
    **{
        f"{cell}, two layers": (
            "series",
            call("paribus.models.recurrent:Recurrent", cell=cell, hidden=5, layers=2),
        )
        for cell in ("RNN", "LSTM", "GRU")
    },
}


@pytest.fixture
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Record even a training of a few steps."""
    monkeypatch.setattr(trainer, "WORTH_TRACING", 0)


def cohort(tiny: Any, kind: str, model: Call, **settings: Any) -> tuple[list[Run], list[Any]]:
    """Two seeds, the second one twice."""
    seeds = (0, 1, 1)
    runs = [tiny[kind].run(model, seed=s, **settings) for s in seeds]
    return runs, [tiny[kind].make_split(s) for s in seeds]


@pytest.mark.usefixtures("_short")
@pytest.mark.parametrize("clip_norm", [None, 0.05])
@pytest.mark.parametrize("network", NETWORKS)
def test_recorded_steps_are_those_of_the_loop(tiny, network: str, clip_norm: float | None) -> None:
    """Two epochs in float64: curves, which hold losses of batches and of running statistics, and predictions."""
    kind, model = NETWORKS[network]
    adam = call("torch.optim:Adam", lr=0.01)
    runs, splits = cohort(tiny, kind, model, optimizer=adam, clip_norm=clip_norm)
    training = StackedTraining(runs, splits)
    training.advance(1)
    assert isinstance(training.gradient, TracedGradient)
    for record, run, split in zip(train_together(runs, splits), runs, splits, strict=True):
        wanted = train(run, split)
        assert record.curves.keys() == wanted.curves.keys()
        for name, curve in wanted.curves.items():
            np.testing.assert_allclose(record.curves[name], curve, rtol=1e-10, err_msg=name)
        outputs = record.predictions.outputs
        np.testing.assert_allclose(outputs, wanted.predictions.outputs, rtol=1e-10)


@pytest.mark.usefixtures("_short")
def test_recording_moves_nothing(tiny) -> None:
    """Weights, running statistics and what comes next are those of a training that was not recorded."""
    runs, splits = cohort(tiny, *NETWORKS["norm and dropout"])
    recorded, plain = StackedTraining(runs, splits), StackedTraining(runs, splits)
    plain.gradient = lambda x, y: plain.stack.gradient(plain.loss, x, y)
    torch.testing.assert_close(recorded.advance(3), plain.advance(3), rtol=1e-12, atol=0)
    torch.testing.assert_close(recorded.stack.weights, plain.stack.weights, rtol=1e-12, atol=1e-15)
    for name, buffer in plain.stack.buffers.items():
        torch.testing.assert_close(recorded.stack.buffers[name], buffer, rtol=1e-12, atol=1e-15)


@pytest.fixture
def recordings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Provide a list with one entry for each recording that was made."""
    made: list[int] = []
    record = tracing._record

    def counted(*args: Any) -> Any:
        made.append(1)
        return record(*args)

    monkeypatch.setattr(tracing, "_record", counted)
    monkeypatch.setattr(tracing, "_recorded", {})
    return made


@pytest.mark.usefixtures("_short")
def test_a_cohort_that_comes_in_chunks_is_recorded_once(tiny, recordings: list[int]) -> None:
    """The same numbers from a recording that another chunk left."""
    for _ in range(2):
        runs, splits = cohort(tiny, *NETWORKS["norm and dropout"])
        training = StackedTraining(runs, splits)
        losses = training.advance(3)
        assert isinstance(training.gradient, TracedGradient)
        plain = StackedTraining(runs, splits)
        plain.gradient = lambda x, y, p=plain: p.stack.gradient(p.loss, x, y)
        torch.testing.assert_close(losses, plain.advance(3), rtol=1e-12, atol=0)
    assert len(recordings) == 1
    StackedTraining(*cohort(tiny, *NETWORKS["mlp"])).advance(1)
    assert len(recordings) == 2


class Constant(nn.Linear):
    """Linear layer whose output is multiplied by a tensor of its own, neither parameter nor buffer."""

    factor = 1.0

    def __init__(self, *, inputs: list[int], outputs: int) -> None:
        super().__init__(*inputs, outputs)
        self.scale = torch.tensor(Constant.factor, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * self.scale


@pytest.mark.usefixtures("_short")
def test_a_recording_of_another_constant_is_found_out(
    tiny, recordings: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for factor in (1.0, 2.0):
        monkeypatch.setattr(Constant, "factor", factor)
        runs, splits = cohort(tiny, "table", call(Constant))
        training, plain = StackedTraining(runs, splits), StackedTraining(runs, splits)
        plain.gradient = lambda x, y, p=plain: p.stack.gradient(p.loss, x, y)
        torch.testing.assert_close(training.advance(3), plain.advance(3), rtol=1e-12, atol=0)
    assert len(recordings) == 2


@pytest.mark.usefixtures("_short")
def test_only_the_last_recordings_are_kept(
    tiny, recordings: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "KEPT", 1)
    for network in ("mlp", "cnn", "mlp"):
        StackedTraining(*cohort(tiny, *NETWORKS[network])).advance(1)
    assert (len(recordings), len(tracing._recorded)) == (3, 1)


class Counts(nn.Linear):
    """Puts out more each time that it is called: what is recorded once is another function the next time."""

    def __init__(self, *, inputs: tuple[int, ...], outputs: int) -> None:
        super().__init__(inputs[0], outputs)
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return super().forward(x) * self.calls


RNN = call("paribus.models.recurrent:Recurrent", cell="RNN", hidden=3)


@pytest.mark.usefixtures("_short")
def test_a_network_that_changes_by_itself_is_not_recorded(tiny) -> None:
    training = StackedTraining(*cohort(tiny, "table", call(Counts)))
    training.advance(1)
    assert not isinstance(training.gradient, TracedGradient)


def test_a_short_training_is_not_recorded(tiny) -> None:
    training = StackedTraining(*cohort(tiny, *NETWORKS["mlp"]))
    training.advance(1)
    assert not isinstance(training.gradient, TracedGradient)


@pytest.mark.usefixtures("_short")
def test_recurrent_networks_without_the_kernel_are_not_recorded(tiny) -> None:
    """Every time of a sequence would be recorded by itself."""
    training = StackedTraining(*cohort(tiny, "series", RNN))
    with only("torch"):
        training.advance(1)
    assert not isinstance(training.gradient, TracedGradient)


@pytest.mark.usefixtures("_short")
def test_a_recurrent_layer_is_one_operation_of_a_recording(tiny) -> None:
    nodes = targets_of(StackedTraining(*cohort(tiny, "series", RNN)))
    ours = [node.target for node in nodes if "paribus" in str(node.target)]
    ops = torch.ops.paribus
    assert ours == [ops.recurrent.default, ops.recurrent_backward.default]


def test_a_recording_notes_all_layouts_under_one_mode() -> None:
    """Each mode keeps a stack trace of its own, which took half of the time."""
    graph = tracing.recorded(lambda x: (x + 1).sum() * x, torch.zeros(3, 2)).graph
    noted = [node.meta["val"] for node in graph.nodes if "val" in node.meta]
    assert [tuple(value.shape) for value in noted] == [(3, 2), (3, 2), (), (3, 2)]
    assert len({id(value.fake_mode) for value in noted}) == 1


# What is rewritten.


def targets_of(training: StackedTraining) -> list[Any]:
    training.advance(1)
    assert isinstance(training.gradient, TracedGradient)
    return [*training.gradient.graph.graph.nodes]


@pytest.mark.usefixtures("_short")
def test_gradients_of_weights_come_in_the_layout_of_the_weights(tiny) -> None:
    """No product is transposed and copied after it was taken."""
    nodes = targets_of(StackedTraining(*cohort(tiny, *NETWORKS["mlp"])))
    aten = torch.ops.aten
    of_products = [n for n in nodes if n.args and getattr(n.args[0], "target", None) in PRODUCTS]
    assert of_products
    assert not {aten.transpose.int, aten.clone.default} & {n.target for n in of_products}


PRODUCTS = (torch.ops.aten.bmm.default, torch.ops.aten.baddbmm.default)


@pytest.mark.usefixtures("_short")
@pytest.mark.parametrize("pool", ["MaxPool2d", "AvgPool2d"])
def test_gradients_of_pools_come_in_the_layout_of_the_images(tiny, pool: str) -> None:
    """So that torch does not copy the images' gradient."""
    model = call(pooled, kind=pool)
    runs, splits = cohort(tiny, "images", model)
    training = StackedTraining(runs, splits)
    last = {"memory_format": torch.channels_last}
    backward = [
        n
        for n in targets_of(training)
        if "pool2d" in str(n.target) and "_backward" in str(n.target)
    ]
    assert [n.args[0].kwargs for n in backward] == [last]
    for record, run, split in zip(train_together(runs, splits), runs, splits, strict=True):
        wanted = train(run, split)
        for name, curve in wanted.curves.items():
            np.testing.assert_allclose(record.curves[name], curve, rtol=1e-10, err_msg=name)


def pooled(*, inputs: Any, outputs: int, kind: str) -> nn.Module:
    pool = getattr(nn, kind)(2)
    return nn.Sequential(
        nn.Conv2d(inputs[0], 2, 3), pool, nn.ELU(), nn.Flatten(), nn.LazyLinear(outputs)
    )


def test_layouts_of_many_recordings_do_not_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._subclasses import FakeTensorMode

    monkeypatch.setattr(tracing, "MAX_LAYOUTS", 8)
    sizes = []
    for width in range(2, 14):
        graph = tracing.recorded(lambda x: (x * 2).exp().sum(), torch.ones(width))
        sizes.append(FakeTensorMode.cache_info().size)
        assert graph.forward(torch.zeros(width)).item() == width
    assert max(sizes) <= 8
