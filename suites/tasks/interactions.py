"""Regression with interactions, noise, and inputs that say nothing, drawn anew for every seed."""

from __future__ import annotations

import torch

from paribus.data.dataset import Dataset, digest_tensors
from paribus.seeding import Streams
from paribus.suites.tasks.generated import in_turn, regression
from paribus.suites.tasks.metrics import mse

INPUTS = 10


def interactions(seed: int, train: int = 400, validation: int = 200, test: int = 1000) -> Dataset:
    """Return samples of Friedman's first function: ten numbers, of which five matter, two of them only together.

    ``y = 10 sin(pi x1 x2) + 20 (x3 - 1/2)^2 + 10 x4 + 5 x5 + noise``, with ``x`` from U(0, 1) and normal noise of unit
    variance. Inputs are ``(sample, 10)``, targets ``(sample, 1)`` of a variance of about 25, so that no predictor has
    an expected error below about 0.04 variances.

    Source: J. H. Friedman, Multivariate adaptive regression splines, Annals of Statistics 19, 1991, section 4.3.

    Args:
        seed: names the draw.
        train: samples to learn from.
        validation: samples that choose.
        test: samples that judge.
    """
    generator = Streams(seed).generator("split", "interactions")
    count = train + validation + test
    x = torch.rand(count, INPUTS, generator=generator)
    noise = torch.randn(count, generator=generator)
    y = 10 * (torch.pi * x[:, 0] * x[:, 1]).sin() + 20 * (x[:, 2] - 0.5).square()
    y = (y + 10 * x[:, 3] + 5 * x[:, 4] + noise).unsqueeze(1)
    return Dataset(
        name="interactions",
        origin="Friedman's first function of ten numbers, drawn anew for every seed",
        inputs=(x,),
        targets=(y,),
        standardise_targets=True,
        features=tuple(f"x{k}" for k in range(1, INPUTS + 1)),
        declared=in_turn(train, validation, test),
        digest=digest_tensors((x, y)),
    )


INTERACTIONS = regression(
    interactions,
    mse(0.02, reason="it is half the variance of the noise, below which no predictor gets (0.04)"),
)
