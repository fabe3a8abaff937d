"""Reading a random walk off the clock: a task that nobody can do for the future, drawn anew for every seed."""

from __future__ import annotations

from itertools import accumulate

import torch
from torch import Tensor

from paribus import Dataset, ParibusError, Split, Task, call
from paribus.data.dataset import digest_tensors
from paribus.seeding import Streams
from paribus.suites.tasks.metrics import mse


def random_walk(seed: int, length: int = 500, memory: float = 1.0) -> Dataset:
    """Return a series of which the input is the time and the target the value at that time.

    ``x[t] = memory * x[t - 1] + noise``, with normal noise of unit variance. With a memory of one it is a random walk,
    of which the past says nothing but where it stands; with a memory of zero it is white noise. Inputs are
    ``(length, 1)``, in steps, targets ``(length, 1)``.

    Args:
        seed: names the draw.
        length: how many steps the series has.
        memory: share of the last value that is kept, 0 to 1.

    Raises:
        ParibusError: the memory is no share.
    """
    if not 0 <= memory <= 1:
        raise ParibusError(
            "memory of a series",
            got=memory,
            expected="a share from 0, white noise, to 1, a random walk",
            fix="Give a number between 0 and 1.",
        )
    generator = Streams(seed).generator("split", "walk")
    noise = torch.randn(length, dtype=torch.float64, generator=generator).tolist()
    values = torch.tensor([*accumulate(noise, lambda now, new: memory * now + new)])
    inputs, targets = torch.arange(length).float()[:, None], values.float()[:, None]
    return Dataset(
        name="walk",
        origin=f"a random walk of {length} steps, drawn anew for every seed"
        if memory == 1
        else f"an autoregressive series of {length} steps and memory {memory:g}, drawn anew for every seed",
        inputs=(inputs,),
        targets=(targets,),
        standardise_targets=True,
        features=("time",),
        digest=digest_tensors((inputs, targets)),
    )


def nearest(split: Split) -> Tensor:
    """Return the target of the training sample that is nearest in time, ``(sample, 1)``; of two, the earlier one."""
    times = split.dataset.inputs[0][:, 0]
    apart = (times[split.test][:, None] - times[split.train]).abs()
    return split.part("train").targets[0][apart.argmin(1)]


RANDOM_WALK = Task(
    name="random_walk",
    source=call(random_walk),
    reader=call("paribus.suites.tasks.generated:refuse_file", task="random_walk"),
    split=call("paribus.data.splits:time_split"),
    loss=call("paribus.metrics:squared_error"),
    metrics=(
        mse(
            0.05,
            reason="it is a twentieth of the variance of the walk, and what leaks is worth many times that",
        ),
    ),
    dummy={"mean_target": call("paribus.data.dummy:mean_target"), "nearest": call(nearest)},
    redrawn=True,
)
