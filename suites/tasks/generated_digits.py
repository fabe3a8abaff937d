"""Images that a generator is to make like real ones: digits beside latents to make them from."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from paribus import Dataset, Metric, Split, Task, call
from paribus.data.dataset import digest_tensors
from paribus.metrics.outputs import Outputs, as_tuple
from paribus.suites.tasks.generated import refuse_file
from paribus.suites.tasks.images import digits

LATENT = 100
MODES = 10


def digits_and_latents() -> Dataset:
    """Return the handwritten digits, from -1 to 1, each beside a normal latent of 100 numbers, always the same.

    Inputs are images ``(1797, 1, 8, 8)`` and latents ``(1797, 100)``; targets are the images, and their classes.
    """
    real = digits()
    images = real.inputs[0].float() / 8 - 1
    latents = torch.randn(len(images), LATENT, generator=torch.Generator().manual_seed(100))
    return Dataset(
        name="digits and latents",
        origin=f"{real.origin}, beside fixed normal latents",
        inputs=(images, latents),
        targets=(images, real.targets[0]),
        further_classes=(real.classes,),
        feature_axes=(None, None),
        digest=digest_tensors((images, latents)),
    )


def discrimination(outputs: Outputs, *_targets: Tensor) -> Tensor:
    """Return the discriminator's cross-entropy of real and made images, summed over both, in nats, ``(sample,)``."""
    _, real, fake = as_tuple(outputs)
    return (functional.softplus(-real) + functional.softplus(fake)).squeeze(1)


def said_real(outputs: Outputs, *_targets: Tensor, of: int) -> Tensor:
    """Return the discriminator's probability of real, ``(sample,)``: for real images (output 1) or made ones (2)."""
    return as_tuple(outputs)[of].squeeze(1).sigmoid()


def told_apart(outputs: Outputs, *_targets: Tensor) -> Tensor:
    """Return the discriminator's accuracy on a real and a made image, ``(sample,)``: 0, one half or 1."""
    _, real, fake = as_tuple(outputs)
    return ((real > 0).to(real.dtype) + (fake <= 0).to(real.dtype)).squeeze(1) / 2


def energy_distance(outputs: Outputs, images: Tensor, *_further: Tensor) -> Tensor:
    """Each made image's part of the energy distance to real ones, ``(sample,)``; the mean is the distance.

    ``2 E|x - y| - E|x - x'| - E|y - y'|`` of made ``x`` and real ``y``, flattened, without pairs of one image with
    itself; zero on average where both are drawn alike, so that it may be a little below (Székely and Rizzo 2013).
    """
    x, y = as_tuple(outputs)[0].flatten(1), images.flatten(1)
    pairs = len(x) - 1
    return 2 * _apart(x, y).mean(1) - _apart(x, x).sum(1) / pairs - _apart(y, y).sum(1) / pairs


def _apart(x: Tensor, y: Tensor) -> Tensor:
    """Euclidean distances of each of ``x`` to each of ``y``, ``(sample, sample)``."""
    square = (x[:, None] - y[None]).square().sum(-1)
    return square.sqrt()


def modes_covered(outputs: Outputs, images: Tensor, classes: Tensor, least: float = 0.02) -> Tensor:
    """Share of the ten classes that made images fall into, the same for every sample, ``(sample,)``.

    A made image is of the class of the nearest real one; a class counts with at least a share ``least`` of them.
    """
    made = as_tuple(outputs)[0].flatten(1)
    nearest = classes[_apart(made, images.flatten(1)).argmin(1)]
    shares = functional.one_hot(nearest, MODES).to(made.dtype).mean(0)
    return (shares >= least).to(made.dtype).mean().expand(len(made))


def noise_images(split: Split) -> tuple[Tensor, Tensor, Tensor]:
    """Uniform noise between -1 and 1 in place of made images, and a discriminator that does not know."""
    count = len(split.test)
    generator = torch.Generator().manual_seed(0)
    shape = (count, *split.dataset.input_shapes[0])
    unsure = torch.zeros(count, 1)
    return 2 * torch.rand(shape, generator=generator) - 1, unsure, unsure


def real_images(split: Split) -> tuple[Tensor, Tensor, Tensor]:
    """Real training images in place of made ones, evenly spaced: the floor of the distance."""
    train = split.part("train").inputs[0]
    chosen = torch.linspace(0, len(train) - 1, len(split.test)).round().long()
    unsure = torch.zeros(len(split.test), 1)
    return train[chosen], unsure, unsure


def _metric(
    name: str,
    function: str,
    margin: float,
    unit: str,
    higher: bool,
    reason: str = "",
    **settings: int,
) -> Metric:
    return Metric(
        name=name,
        function=call(f"paribus.suites.tasks.generated_digits:{function}", **settings),
        higher_is_better=higher,
        margin=margin,
        margin_reason=reason,
        perfect=None if higher else 0.0,
        unit=unit,
    )


METRICS: Sequence[Metric] = (
    _metric(
        "distance",
        "energy_distance",
        0.1,
        "energy distance",
        False,
        "it is less than a thirtieth of the distance of noise from digits, which is 3.8",
    ),
    _metric("d_accuracy", "told_apart", 0.05, "share", False),
    _metric("d_real", "said_real", 0.05, "probability", False, of=1),
    _metric("d_fake", "said_real", 0.05, "probability", True, of=2),
    _metric("modes", "modes_covered", 0.1, "share of classes", True),
)
GENERATED_DIGITS = Task(
    name="generated_digits",
    source=call(digits_and_latents),
    reader=call(refuse_file, task="generated_digits"),
    split=call("paribus.data.splits:random_split", max_evaluated=200, stratify=False),
    loss=call(discrimination),
    metrics=tuple(METRICS),
    dummy={"noise": call(noise_images), "real": call(real_images)},
)
"""Make images that a discriminator takes for digits."""
