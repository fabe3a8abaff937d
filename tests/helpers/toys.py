"""Toy task of 60 points, and networks that fail in every way there is.

They live in a module of their own, so that worker processes and other pytest runs can import them by name.
"""

from __future__ import annotations

import os
import secrets
import signal
import sys
import time
from pathlib import Path

import torch
from torch import Tensor, nn

from paribus import Budget, Comparison, Dataset, Factor, Metric, Recipe, Suite, Task, call
from paribus.data.dataset import digest_tensors
from paribus.metrics import predicted_class
from paribus.runs.run import Run

# Seeds with which the data were read in this process.
reads: list[int] = []


def points(seed: int = 0, apart: float = 1.0) -> Dataset:
    """Make sixty points in the plane, of which one half lies higher."""
    reads.append(seed)
    inputs = torch.randn(60, 2, generator=torch.Generator().manual_seed(seed))
    targets = torch.arange(60) % 2
    inputs[:, 1] += apart * targets
    return Dataset(
        name="points",
        origin="made for a test",
        inputs=(inputs,),
        targets=(targets,),
        classes=("low", "high"),
        digest=digest_tensors((inputs, targets)),
    )


def share_right(outputs: Tensor, target: Tensor, classes: list[str], *, power: int = 1) -> float:
    """Score stored predictions: the share of right ones, to a power."""
    assert classes == ["low", "high"]
    right = predicted_class(torch.as_tensor(outputs)) == torch.as_tensor(target)
    return float(right.float().mean()) ** power


class Small(nn.Sequential):
    """Network that trains as it should."""

    def __init__(self, *, inputs: tuple[int, ...], outputs: int, hidden: int = 4) -> None:
        layers = (nn.Linear(inputs[0], hidden), nn.Tanh(), nn.Linear(hidden, outputs))
        super().__init__(*layers)


class Raises(Small):
    """Network that raises in its third training step, which a trial pass does not reach."""

    calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += self.training
        if self.calls > 2:
            raise RuntimeError("the third step is one too many")
        return super().forward(x)


class Deadly(Small):
    """Network that kills its process; once, if it is given a file that marks it."""

    def __init__(self, *, inputs: tuple[int, ...], outputs: int, marker: str | None = None) -> None:
        if marker is None or _made(Path(marker)):
            os.kill(os.getpid(), signal.SIGKILL)
        super().__init__(inputs=inputs, outputs=outputs)


def _made(marker: Path) -> bool:
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


class Fatal(Small):
    """Network that is the end of its process in its third training step, which a trial pass does not reach."""

    calls = 0

    def __init__(self, *, inputs: tuple[int, ...], outputs: int, way: str) -> None:
        super().__init__(inputs=inputs, outputs=outputs)
        self.way = way

    def forward(self, x: Tensor) -> Tensor:
        self.calls += self.training
        if self.calls > 2:
            WAYS[self.way]()
        return super().forward(x)


def _allocate() -> None:
    """Ask for more memory than this process may have."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    held = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (held + 2**26, before[1]))
    try:
        torch.zeros(2**27)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


WAYS = {
    "allocate": _allocate,
    "exit": lambda: os._exit(3),
    "crash": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "memory": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "hang": lambda: time.sleep(1000),
    "quit": lambda: sys.exit("enough"),
}


class Unpaired(Small):
    """Draws a weight from outside the named streams, so that no two of them start alike."""

    def __init__(self, *, inputs: tuple[int, ...], outputs: int) -> None:
        super().__init__(inputs=inputs, outputs=outputs)
        self.bias = nn.Parameter(torch.tensor(secrets.randbelow(2**20) / 2**20))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + self.bias


class Slow(Small):
    """Sleeps in each training step, so that there is time to interrupt it."""

    def forward(self, x: Tensor) -> Tensor:
        time.sleep(0.02 * self.training)
        return super().forward(x)


class Misfit(nn.Module):
    """Takes three numbers a sample, whatever the data have."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 1)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] != 3:
            raise ValueError(f"wants three numbers a sample, not {x.shape[-1]}")
        return self.layer(x)


class Watch:
    """Stands in for the module ``time``: time passes when the test moves it."""

    now = 100.0

    def perf_counter(self) -> float:
        return self.now


SGD, ADAM = call("torch.optim:SGD", lr=0.1), call("torch.optim:Adam", lr=0.01)

TASK = Task(
    name="toy",
    source=call(points),
    reader=call("paribus.data.readers.table:read_table"),
    split=call("paribus.data.splits:random_split"),
    loss=call("paribus.metrics:log_loss"),
    metrics=(
        Metric(
            name="log_loss",
            function=call("paribus.metrics:log_loss"),
            higher_is_better=False,
            margin=0.02,
        ),
        Metric(name="accuracy", function=call("paribus.metrics:accuracy"), higher_is_better=True),
    ),
    dummy={"prior": call("paribus.data.dummy:prior")},
)
REDRAWN = TASK.model_copy(update={"redrawn": True})
RECIPE = Recipe(model=call(Small), optimizer=SGD, batch_size=8, steps=6, evaluate_every=3)


def a_run(seed: int = 0, model: object = None, task: Task = TASK, **settings: object) -> Run:
    """Make a run of the toy task; settings are those of the recipe."""
    recipe = RECIPE.model_copy(update={"model": model or RECIPE.model, **settings})
    return Run(task=task, recipe=recipe, seed=seed, data_digest="toy")


def comparison(
    path: str = "recipe.optimizer",
    levels: dict[str, object] | None = None,
    *,
    name: str = "toys",
    **settings: object,
) -> Comparison:
    """Compare SGD with Adam, or other levels, at two seeds and six steps; the first level is the baseline."""
    levels = levels or {"sgd": SGD, "adam": ADAM}
    fields = {
        "question": "Which toy is best?",
        "task": TASK,
        "recipe": RECIPE,
        "factors": (Factor(path, levels),),
        "baseline": (next(iter(levels)),),
        "budgets": {"quick": Budget(2, 6, 4)},
    }
    return Comparison(name=name, **{**fields, **settings})


def suite(*comparisons: Comparison, name: str = "toys") -> Suite:
    """Return the comparisons as a suite."""
    return Suite(
        name=name, title="Toys", system="S0", comparisons=comparisons or (comparison(name=name),)
    )


def score(power: int = 1) -> Metric:
    """Return a metric of stored predictions, in place of the task's."""
    function = call(share_right, power=power)
    return Metric(name="right", function=function, higher_is_better=True, margin=0.1)
