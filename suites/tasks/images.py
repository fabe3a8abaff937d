"""Image classification: small pictures in classes, such as handwritten digits or photographs of clouds."""

from __future__ import annotations

from dataclasses import replace

import torch

from paribus import Dataset, Task, call
from paribus.data.dataset import digest_tensors
from paribus.suites.tasks.metrics import accuracy, log_loss
from paribus.suites.tasks.shipped import shipped_table


def digits(levels: int = 16) -> Dataset:
    """Return the handwritten digits that scikit-learn ships: 1797 images of 8x8 pixels, ten classes of 174 to 183.

    Inputs are ``(1797, 1, 8, 8)`` of grey levels from 0 to 16, targets ``(1797,)``.

    Args:
        levels: the highest grey level; 255 is what transforms of images take for white.

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998
    (its test part).
    """
    table = torch.from_numpy(shipped_table("digits"))
    grey = table[:, :-1].view(-1, 1, 8, 8) * (levels / 16)
    inputs, targets = grey.round().to(torch.uint8), table[:, -1].long()
    return Dataset(
        name="digits",
        origin="the handwritten digits shipped with scikit-learn",
        inputs=(inputs,),
        targets=(targets,),
        classes=tuple(map(str, range(10))),
        features=("grey",),
        digest=digest_tensors((inputs, targets)),
    )


IMAGES = Task(
    name="images",
    source=call(digits),
    reader=call("paribus.data.readers.image_folder:read_image_folder"),
    split=call("paribus.data.splits:random_split"),
    loss=call("paribus.metrics:log_loss"),
    metrics=(
        log_loss(
            0.03,
            "it is a factor of 1.03 in the probability of the true class",
        ),
        accuracy(0.02, "chance among a few hundred test images changes about as much"),
    ),
    dummy={"prior": call("paribus.data.dummy:prior")},
)


def some_digits(first: int, last: int) -> Dataset:
    """Return the digits from ``first`` to ``last`` alone, as classes of their own."""
    every = digits()
    cached_array = (every.targets[0] >= first) & (every.targets[0] <= last)
    inputs, targets = every.inputs[0][cached_array], every.targets[0][cached_array] - first
    return replace(
        every,
        name=f"digits {first} to {last}",
        inputs=(inputs,),
        targets=(targets,),
        classes=every.classes[first : last + 1],
        digest=digest_tensors((inputs, targets)),
    )
