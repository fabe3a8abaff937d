"""Smooth function of one number, drawn anew for every seed: what one hidden layer is to approximate."""

from __future__ import annotations

import torch

from paribus.data.dataset import Dataset, digest_tensors
from paribus.seeding import Streams
from paribus.suites.tasks.generated import in_turn, regression
from paribus.suites.tasks.metrics import mse

WAVES = 4


def curve(seed: int, train: int = 256, validation: int = 128, test: int = 512) -> Dataset:
    """Return samples of a smooth function on [-1, 1], without noise.

    ``f(x) = sum over k = 1 ... 4 of a_k / k * sin(pi k x + phi_k)``, with ``a_k`` from N(0, 1) and ``phi_k`` from
    U(0, 2 pi). Inputs are ``(sample, 1)`` from U(-1, 1), targets ``(sample, 1)``.

    Args:
        seed: names the draw.
        train: samples to learn from.
        validation: samples that choose.
        test: samples that judge.
    """
    generator = Streams(seed).generator("split", "curve")
    count = train + validation + test
    x = 2 * torch.rand(count, 1, generator=generator, dtype=torch.float64) - 1
    sizes = torch.randn(WAVES, generator=generator, dtype=torch.float64)
    phases = 2 * torch.pi * torch.rand(WAVES, generator=generator, dtype=torch.float64)
    k = torch.arange(1, WAVES + 1)
    y = (sizes / k * (torch.pi * k * x + phases).sin()).sum(1, keepdim=True)
    inputs, targets = x.float(), y.float()
    return Dataset(
        name="curve",
        origin="a smooth function of one number, drawn anew for every seed",
        inputs=(inputs,),
        targets=(targets,),
        standardise_targets=True,
        features=("x",),
        declared=in_turn(train, validation, test),
        digest=digest_tensors((inputs, targets)),
    )


CURVE = regression(
    curve,
    mse(
        0.01,
        reason="it is the square of a tenth of the curve's standard deviation, hardly seen where both are drawn",
    ),
)
