"""Images whose target is an image: to be given back, or to be freed of noise."""

from __future__ import annotations

from dataclasses import replace

from paribus import Dataset, Metric, Task, call
from paribus.data.readers.image_folder import read_image_folder
from paribus.suites.tasks.images import digits
from paribus.suites.tasks.metrics import squared_error


def images_as_targets() -> Dataset:
    """Return the handwritten digits of `paribus.suites.tasks.images`, grey levels from 0 to 1, each its own target."""
    return _own_targets(digits(), 16)


def read_images_as_targets(path: str, target: str | None = None, size: int = 16) -> Dataset:
    """Return the images of a folder of class folders, resized, from 0 to 1, each its own target, without classes.

    Raises:
        ParibusError: as `paribus.data.readers.image_folder.read_image_folder`.
    """
    return _own_targets(read_image_folder(path, target, size), 255)


def _own_targets(dataset: Dataset, peak: float) -> Dataset:
    images = dataset.inputs[0].float() / peak
    return replace(dataset, inputs=(images,), targets=(images,), classes=(), feature_axes=(None,))


def _metrics(first: str) -> tuple[Metric, ...]:
    known = {
        "psnr": Metric(
            name="psnr",
            function=call("paribus.metrics:psnr"),
            higher_is_better=True,
            margin=0.2,
            margin_reason="it is 5 % of the squared error, less than half of the 0.5 dB that is commonly held to be "
            "visible",
            unit="dB",
        ),
        "squared_error": squared_error(
            "squared_error",
            0.002,
            "squared grey level",
            "it is the square of 0.045, less than one of the sixteen steps that the images have from black to white",
        ),
    }
    return tuple(sorted(known.values(), key=lambda m: m.name != first))


AUTOENCODING = Task(
    name="autoencoding",
    source=call(images_as_targets),
    reader=call(read_images_as_targets),
    split=call("paribus.data.splits:random_split", max_evaluated=200),
    loss=call("paribus.metrics:squared_error"),
    metrics=_metrics("squared_error"),
    dummy={
        "mean_image": call("paribus.data.dummy:mean_target"),
        "pca": call("paribus.data.dummy:principal_components", components=2),
    },
)
"""Image through two numbers and back."""

DENOISING = AUTOENCODING.model_copy(
    update={
        "name": "denoising",
        "perturb": call("paribus.data.perturbations:add_noise", sigma=0.2),
        "metrics": _metrics("psnr"),
        "dummy": {
            "noisy_image": call("paribus.data.dummy:identity"),
            "pca": call("paribus.data.dummy:principal_components"),
        },
    }
)
"""Noisy image; what was it before?"""
