"""Plainest regression there is: one positive number in, the same number out."""

from __future__ import annotations

import torch

from paribus import Dataset, Task, call
from paribus.data.dataset import digest_tensors
from paribus.suites.tasks.metrics import mse


def line(samples: int = 100) -> Dataset:
    """Numbers from 0.1 to 1, evenly spaced, as inputs and targets, ``(sample, 1)`` each.

    Nothing is standardised, so that inputs stay positive: a layer without a bias then sees one direction only.
    """
    inputs = torch.linspace(0.1, 1.0, samples).unsqueeze(1)
    return Dataset(
        name="line",
        origin=f"{samples} numbers from 0.1 to 1",
        inputs=(inputs,),
        targets=(inputs.clone(),),
        feature_axes=(None,),
        features=("x",),
        digest=digest_tensors((inputs,)),
    )


LINE = Task(
    name="line",
    source=call(line),
    reader=call("paribus.suites.tasks.generated:refuse_file", task="line"),
    split=call("paribus.data.splits:random_split"),
    loss=call("paribus.metrics:squared_error"),
    metrics=(
        mse(0.01, unit="", reason="it is the square of 0.1, a ninth of the range of the numbers"),
    ),
    dummy={"mean_target": call("paribus.data.dummy:mean_target")},
)
