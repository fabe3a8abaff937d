"""Tiny tasks on which a training takes milliseconds, and a store to keep runs in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from paribus import Dataset, Metric, Recipe, Split, Task, call
from paribus.runs.run import Run, data_digest
from paribus.runs.store import Store
from paribus.seeding import Streams
from paribus.spec import Call


def table() -> Dataset:
    """Make 45 rows of four numbers in two classes."""
    x = _numbers(45, 4)
    return _classified(x, (x @ torch.tensor([1.0, -1.0, 0.5, 0.0]) > 0).long())


def images() -> Dataset:
    """Make 45 images of one channel and 6x6 pixels in three classes."""
    x = _numbers(45, 1, 6, 6)
    return _classified(x, torch.arange(45) % 3)


def series() -> Dataset:
    """Make 45 windows of five steps of two numbers, and a number to predict."""
    x = _numbers(45, 5, 2)
    return Dataset(
        name="series",
        origin="made up",
        inputs=(x,),
        targets=(x[:, :, 0].sum(1, keepdim=True),),
        feature_axes=(2,),
        standardise_targets=True,
        digest="series",
    )


def pairs() -> Dataset:
    """Return the images, each beside a row of three numbers."""
    x = images()
    rows = (_numbers(45, 3) + 2.0) * 3.0
    return replace(x, inputs=(*x.inputs, rows), feature_axes=(1, 1))


def answers() -> Dataset:
    """Return the images, each with a second target: two classes."""
    x = images()
    return replace(x, targets=(*x.targets, torch.arange(45) % 2), further_classes=(("u", "v"),))


def copies() -> Dataset:
    """Return the images, each its own target, as they are."""
    x = images().inputs[0]
    return Dataset(
        name="copies",
        origin="made up",
        inputs=(x,),
        targets=(x,),
        feature_axes=(None,),
        digest="copies",
    )


def _numbers(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def _classified(x: torch.Tensor, target: torch.Tensor) -> Dataset:
    classes = tuple("abc"[: int(target.max()) + 1])
    return Dataset(
        name="tiny",
        origin="made up",
        inputs=(x,),
        targets=(target,),
        classes=classes,
        digest="tiny",
    )


def _metric(name: str, higher_is_better: bool = False) -> Metric:
    names = {"mse": "squared_error"}
    function = call(f"paribus.metrics:{names.get(name, name)}")
    return Metric(name=name, function=function, higher_is_better=higher_is_better)


def _task(source: Callable[..., Dataset]) -> Task:
    metrics = (_metric("log_loss"), _metric("accuracy", higher_is_better=True))
    dummy = "prior"
    if source is series:
        metrics, dummy = (_metric("mse"),), "mean_target"
    if source is copies:
        metrics, dummy = (_metric("mse"), _metric("psnr", higher_is_better=True)), "identity"
    if source is answers:
        return _answering(metrics)
    return Task(
        name=source.__name__,
        source=call(source),
        reader=call(source),
        split=call("paribus.data.splits:random_split"),
        loss=metrics[0].function,
        metrics=metrics,
        dummy={dummy: call(f"paribus.data.dummy:{dummy}")},
        perturb=call("paribus.data.perturbations:add_noise", sigma=0.5)
        if source is copies
        else None,
    )


def _answering(metrics: tuple[Metric, ...]) -> Task:
    """Return the task of two targets: a weighted sum of their losses, and scores of each."""
    scores = tuple(
        Metric(
            name=f"{m.name}_{i}",
            function=call(f"paribus.metrics:output_{m.name}", output=i, target=i),
            higher_is_better=m.higher_is_better,
        )
        for i in (0, 1)
        for m in metrics
    )
    return Task(
        name="answers",
        source=call(answers),
        reader=call(answers),
        split=call("paribus.data.splits:random_split"),
        loss=call("paribus.metrics:weighted_log_loss", weights=[1.0, 0.25]),
        metrics=scores,
        dummy={"priors": call("paribus.data.dummy:priors")},
    )


@dataclass(frozen=True)
class Tiny:
    """Task and its data, read once."""

    task: Task
    dataset: Dataset

    def make_split(self, seed: int = 0) -> Split:
        return self.task.make_split(self.dataset, Streams(seed))

    def run(
        self, model: Call, optimizer: Call | None = None, *, seed: int = 0, **settings: Any
    ) -> Run:
        """Make a run of six steps of eight samples in float64, unless settings differ."""
        diagnostics = settings.pop("diagnostics", ())
        device = settings.pop("device", "cpu")
        defaults = {"batch_size": 8, "steps": 6, "dtype": "float64"}
        recipe = Recipe(
            model=model,
            optimizer=optimizer or call("torch.optim:SGD", lr=0.1),
            **(defaults | settings),
        )
        digest = data_digest(self.task, self.dataset)
        return Run(self.task, recipe, seed, digest, device, diagnostics=diagnostics)

    def pair(self, *args: Any, seed: int = 0, **settings: Any) -> tuple[Run, Split]:
        """Make a run and its split."""
        return self.run(*args, seed=seed, **settings), self.make_split(seed)

    def changed(self, **changes: Any) -> Tiny:
        """Return the same task over data that differ in some fields."""
        return Tiny(self.task, replace(self.dataset, **changes))


@pytest.fixture(scope="session")
def tiny() -> dict[str, Tiny]:
    """Return the tiny tasks by name.

    ``table`` of two classes, ``images`` of three, ``series`` of values, ``pairs`` with two inputs, ``answers`` with two
    targets, ``copies`` with noise in its inputs and clean images as targets.
    """
    sources = (table, images, series, pairs, answers, copies)
    return {source.__name__: Tiny(_task(source), source()) for source in sources}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Open a store without runs."""
    with Store(tmp_path / "runs.sqlite") as opened:
        yield opened
