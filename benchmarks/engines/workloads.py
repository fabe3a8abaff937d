"""Seven trainings that the engines are timed on, their data, and the ratios to reach."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from paribus.data.dataset import Dataset, Split, digest_tensors
from paribus.engines.simd.trainer import COMPILED
from paribus.execution.executor import dataset_of, split_of
from paribus.experiment.recipe import Recipe
from paribus.experiment.task import Metric, Task
from paribus.runs.run import Run, data_digest
from paribus.spec import Call, call

# Stacked engine on a machine without a compiler: recurrent layers in torch, no C++ kernel.
TORCH_ALONE = "stacked, torch alone"
HELD_OUT = 64
WINDOW = 96
SEED = 1


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's generator while the context lasts, and restore its state afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


class Bar(NamedTuple):
    """Ratio to the textbook loop that so many replicates are to reach.

    Attributes:
        ratio: by any engine.
        plain: by an engine that needs no compiler, where that was asked for.
    """

    ratio: float
    plain: float | None = None


class Plain(NamedTuple):
    """Training samples and loss as a textbook has them: no task, no recipe."""

    inputs: Tensor
    targets: Tensor
    criterion: nn.Module


@dataclass(frozen=True)
class Workload:
    """Kind of training.

    Attributes:
        name: unique and short.
        shape: network and batch, in a phrase.
        replicates: numbers of replicates that are trained at once.
        bars: ratios to reach, by number of replicates.
        checked: seeds (an even number, for two devices), and steps of each, whole epochs, after which all engines
            and peers must have the same loss.
        engines: engines of paribus, besides the loop, that train it.
        needs_compiler: the one of them that a machine without a compiler does not have, or nothing.
    """

    name: str
    shape: str
    task: Task
    recipe: Recipe
    replicates: tuple[int, ...]
    bars: dict[int, Bar]
    checked: tuple[int, int]
    engines: tuple[str, ...] = ("stacked", COMPILED)
    needs_compiler: str = COMPILED

    def run(self, seed: int, engine: str = "loop") -> Run:
        """Return one training by an engine of paribus."""
        digest = data_digest(self.task, dataset_of(self.task, 0))
        return Run(self.task, self.recipe, seed, digest, engine=engine)

    @property
    def split(self) -> Split:
        """Data, the same for every seed."""
        return split_of(self.run(0))

    def plain(self) -> Plain:
        """Return training samples, standardised as paribus does, and torch's own loss."""
        part = self.split.part("train")
        inputs, targets = part.inputs[0], part.targets[0]
        if not self.split.dataset.classes:
            return Plain(inputs, targets, nn.MSELoss())
        if self.split.dataset.outputs == 1:
            return Plain(inputs, targets.float().unsqueeze(1), nn.BCEWithLogitsLoss())
        return Plain(inputs, targets, nn.CrossEntropyLoss())

    def loader(self) -> DataLoader[tuple[Tensor, ...]]:
        """Return a loader that shuffles the training samples in each epoch, as torch's tutorials do."""
        inputs, targets, _ = self.plain()
        return DataLoader(
            TensorDataset(inputs, targets), batch_size=self.recipe.batch_size, shuffle=True
        )

    def network(self, seed: int) -> nn.Module:
        """Return the network with weights drawn by torch itself."""
        dataset = self.split.dataset
        with seeded(seed):
            network: nn.Module = self.recipe.model(
                inputs=dataset.input_shapes[0], outputs=dataset.outputs
            )
        return network

    @property
    def lr(self) -> float:
        """Learning rate of Adam."""
        return float(self.recipe.optimizer.kwargs["lr"])

    @property
    def epoch(self) -> int:
        """Steps in an epoch; every batch is full."""
        return len(self.split.train) // self.recipe.batch_size


def table() -> Dataset:
    """Return nine measurements and a label that depends on their sum and one product; 2592 training rows."""
    generator = torch.Generator().manual_seed(SEED)
    x = torch.randn(2592 + 2 * HELD_OUT, 9, generator=generator)
    weights, noise = torch.randn(9, generator=generator), torch.randn(len(x), generator=generator)
    label = (x @ weights + x[:, 0] * x[:, 1] + 0.5 * noise > 0).long()
    return _dataset("table", x, label, classes=("low", "high"), feature_axes=(1,))


def series() -> Dataset:
    """Return windows of 96 steps of a noisy sine, each with its next value; 2048 training windows."""
    generator = torch.Generator().manual_seed(SEED)
    shape = (2048 + 2 * HELD_OUT, WINDOW + 1)
    phase = 2 * torch.pi * torch.rand(shape[0], 1, generator=generator)
    values = (0.15 * torch.arange(shape[1]) + phase).sin() + 0.1 * torch.randn(
        shape, generator=generator
    )
    x, target = values[:, :WINDOW, None].contiguous(), values[:, WINDOW:].contiguous()
    return _dataset("series", x, target, feature_axes=(2,), standardise_targets=True)


def images(side: int, training: int) -> Dataset:
    """Return noise with one bright row or column, whose place is the class; ten classes."""
    generator = torch.Generator().manual_seed(SEED)
    x = torch.randn(training + 2 * HELD_OUT, 1, side, side, generator=generator).clamp(min=0)
    label = torch.arange(len(x)) % 10
    place = (label % 5 + 1) * side // 8
    each = torch.arange(len(x))
    rows, columns = each[label < 5], each[label >= 5]
    x[rows, 0, place[rows], :] += 1.0
    x[columns, 0, :, place[columns]] += 1.0
    return _dataset("images", x, label, classes=tuple(map(str, range(10))), feature_axes=(1,))


def _dataset(name: str, x: Tensor, target: Tensor, **rest: object) -> Dataset:
    declared = torch.zeros(len(x), dtype=torch.long)
    declared[-2 * HELD_OUT : -HELD_OUT] = 1
    declared[-HELD_OUT:] = 2
    return Dataset(
        name=name,
        origin="generated",
        inputs=(x,),
        targets=(target,),
        declared=declared,
        digest=digest_tensors((x, target)),
        **rest,
    )


def _task(source: Callable[..., Dataset], loss: str, dummy: str, **settings: object) -> Task:
    function = call(f"paribus.metrics:{loss}")
    return Task(
        name=f"{source.__name__}{settings.get('side', '')}",
        source=call(source, **settings),
        reader=call("paribus.data.readers.table:read_table"),
        split=call("paribus.data.splits:declared_split"),
        loss=function,
        metrics=(Metric(name=loss, function=function, higher_is_better=False),),
        dummy={dummy: call(f"paribus.data.dummy:{dummy}")},
    )


def _recipe(model: Call, lr: float, batch_size: int = 32) -> Recipe:
    return Recipe(
        model=model,
        optimizer=call("torch.optim:Adam", lr=lr),
        batch_size=batch_size,
        steps=2000,
        evaluate_every=500,
    )


TABLE = _task(table, "log_loss", "prior")
SERIES = _task(series, "squared_error", "mean_target")
MLP_SIZES = (1, 8, 32, 128, 512)


def _recurrent(cell: str, bar: Bar) -> Workload:
    return Workload(
        name=cell,
        shape=f"{cell}, hidden 32, 2 layers, 96 steps of time, batch 32",
        task=SERIES,
        recipe=_recipe(
            call("paribus.models.recurrent:Recurrent", cell=cell, hidden=32, layers=2), 0.005
        ),
        replicates=(8, 32),
        bars={32: bar},
        checked=(6, 64),
        engines=("stacked", TORCH_ALONE),
        needs_compiler="stacked",
    )


def _convolutional(side: int, training: int, bar: Bar) -> Workload:
    return Workload(
        name=f"CNN {side}x{side}",
        shape=f"CNN 32-64, {side}x{side} images, batch 64",
        task=_task(images, "log_loss", "prior", side=side, training=training),
        recipe=_recipe(call("paribus.models.cnn:CNN", channels=[32, 64]), 0.001, batch_size=64),
        replicates=(8,),
        bars={8: bar},
        checked=(6, 2 * training // 64),
        engines=("stacked",),
        needs_compiler="",
    )


WORKLOADS = (
    Workload(
        name="MLP",
        shape="MLP 9-16-8-1, batch 32",
        task=TABLE,
        recipe=_recipe(call("paribus.models.mlp:MLP", hidden=[16, 8]), 0.005),
        replicates=MLP_SIZES,
        bars={32: Bar(90, 22), 128: Bar(200, 58), 512: Bar(290, 120)},
        checked=(8, 405),
    ),
    Workload(
        name="MLP, batch norm",
        shape="MLP 9-16-8-1 with two BatchNorm1d, batch 32",
        task=TABLE,
        recipe=_recipe(call("paribus.models.mlp:MLP", hidden=[16, 8], norm="batch"), 0.005),
        replicates=MLP_SIZES,
        bars={128: Bar(140), 512: Bar(180)},
        checked=(8, 405),
    ),
    _recurrent("RNN", Bar(12, 6)),
    _recurrent("GRU", Bar(10, 4.7)),
    _recurrent("LSTM", Bar(5)),
    _convolutional(8, 1792, Bar(4)),
    _convolutional(28, 2048, Bar(2.4)),
)
NAMED = {workload.name: workload for workload in WORKLOADS}
