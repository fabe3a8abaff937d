"""Image beside a row of a table: the upper half of a handwritten digit, and measurements of the lower half."""

from __future__ import annotations

import torch
from torch import Tensor

from paribus.data.dataset import Dataset, digest_tensors
from paribus.spec import call
from paribus.suites.tasks.images import IMAGES, digits

COLUMNS = ("ink", "centre, left to right", "centre, top to bottom", "spread")


def halves_of_digits() -> Dataset:
    """Each digit's four upper lines of pixels as an image, and four numbers measured on the lines below.

    Inputs are ``(1797, 1, 4, 8)`` of grey levels from 0 to 16 and ``(1797, 4)``: the sum of the grey levels, their
    centre in pixels along both axes, and their root mean squared distance from it.
    """
    whole = digits()
    images = whole.inputs[0]
    inputs = (images[:, :, :4].contiguous(), measured(images[:, 0, 4:].float()))
    return Dataset(
        name="halves of digits",
        origin="the upper halves of scikit-learn's handwritten digits, the lower halves measured",
        inputs=inputs,
        targets=whole.targets,
        feature_axes=(1, 1),
        classes=whole.classes,
        features=("grey", *COLUMNS),
        digest=digest_tensors((*inputs, *whole.targets)),
    )


def measured(images: Tensor) -> Tensor:
    """Ink, its centre along both axes, and its spread, of images ``(sample, height, width)``; ``(sample, 4)``."""
    ink = images.sum((1, 2))
    shares = images / ink.clamp(min=1)[:, None, None]
    y, x = (torch.arange(n, dtype=torch.float32) for n in images.shape[1:])
    across, down = shares.sum(1) @ x, shares.sum(2) @ y
    away = (x - across[:, None]).square()[:, None, :] + (y - down[:, None]).square()[:, :, None]
    spread = (shares * away).sum((1, 2)).sqrt()
    return torch.stack((ink, across, down, spread), 1)


IMAGE_AND_TABLE = IMAGES.model_copy(
    update={
        "name": "image_and_table",
        "source": call(halves_of_digits),
        "reader": call("paribus.data.readers.image_table:read_image_table"),
    }
)
"""Upper half as an image, the lower half as numbers; which digit is it?"""
